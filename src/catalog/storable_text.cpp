#include "catalog/storable_text.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace echodb {
namespace {

constexpr std::size_t kBytesMax = 4;  // of a character

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// The C library's name of an encoding of PostgreSQL's: LATIN1, CP1252, EUC-JP, KOI8-R.
std::string library_name(std::string_view encoding) {
  std::string name(encoding);
  if (name == "UTF8" || name == "SQL_ASCII") return "UTF-8";  // the latter takes any bytes
  if (name.starts_with("WIN")) return "CP" + name.substr(3);
  if (name.starts_with("KOI8")) return "KOI8-" + name.substr(4);
  std::ranges::replace(name, '_', '-');
  return name;
}

/// How many bytes begin the text that may be one character.
std::size_t first_length(std::string_view text) {
  std::size_t length = 1;
  while (length < std::min(text.size(), kBytesMax) && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U)
    ++length;
  return length;
}

/// PostgreSQL and the C library do not agree about every sign of an encoding of several bytes, and do about letters:
/// kana, Han, Hangul, as far as the former's EUC_TW is not meant.
bool agrees(std::string_view encoding, std::string_view character) {
  if (!encoding.starts_with("EUC_")) return true;
  if (encoding == "EUC_TW" || character.size() != 3) return false;
  const auto byte = [&](std::size_t at) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(character[at]));
  };
  const std::uint32_t code = ((byte(0) & 0x0fU) << 12U) | ((byte(1) & 0x3fU) << 6U) | (byte(2) & 0x3fU);
  return (code >= 0x3041 && code <= 0x30fa) || (code >= 0x4e00 && code <= 0x9fff) || (code >= 0xac00 && code <= 0xd7a3);
}

class Encoding {
 public:
  explicit Encoding(std::string_view name)
      : converter_(iconv_open(library_name(name).c_str(), "UTF-8")),
        has_several_bytes_(name == "UTF8" || name == "SQL_ASCII" || name.starts_with("EUC_")) {}
  ~Encoding() {
    if (is_known()) iconv_close(converter_);
  }
  Encoding(const Encoding&) = delete;
  Encoding& operator=(const Encoding&) = delete;

  bool has(std::string_view character) {
    if (!is_known()) return false;
    std::array<char, 16> room{};
    std::string bytes(character);
    char* in = bytes.data();
    char* out = room.data();
    std::size_t in_left = bytes.size();
    std::size_t out_left = room.size();
    iconv(converter_, nullptr, nullptr, nullptr, nullptr);
    if (iconv(converter_, &in, &in_left, &out, &out_left) != 0 || in_left > 0) return false;
    return has_several_bytes_ || room.size() - out_left == 1;
  }

 private:
  /// iconv_open()'s answer for an encoding that it does not know is all ones.
  [[nodiscard]] bool is_known() const { return std::bit_cast<std::intptr_t>(converter_) != -1; }

  iconv_t converter_;
  bool has_several_bytes_;  ///< else two of them are a letter of WIN1258 and its mark, which PostgreSQL does not write
};

}  // namespace

std::string storable_text(std::string_view text, std::string_view encoding) {
  if (std::ranges::all_of(text, is_ascii)) return std::string(text);
  Encoding target(encoding);
  std::string stored;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, is_ascii(text.front()) ? 1 : first_length(text));
    text.remove_prefix(character.size());
    if ((character.size() == 1 && is_ascii(character.front())) ||
        (agrees(encoding, character) && target.has(character))) {
      stored += character;
    } else {
      stored += character == "…" ? "..." : "?";
    }
  }
  return stored;
}

}  // namespace echodb
