#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace echodb {

/// Writes a message as PostgreSQL would: big-endian integers, text with its zero. `WireBytes('B').i64(1).i32(2)`.
class WireBytes {
 public:
  WireBytes() = default;
  explicit WireBytes(char kind) : bytes_(1, kind) {}

  WireBytes& i8(std::int64_t value) { return append(value, 1); }
  WireBytes& i16(std::int64_t value) { return append(value, 2); }
  WireBytes& i32(std::int64_t value) { return append(value, 4); }
  WireBytes& i64(std::int64_t value) { return append(value, 8); }
  WireBytes& letter(char value) { return raw({&value, 1}); }
  WireBytes& raw(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  WireBytes& cstring(std::string_view text) { return raw(text).i8(0); }
  /// An int32 length and the text.
  WireBytes& counted(std::string_view text) { return i32(static_cast<std::int64_t>(text.size())).raw(text); }

  [[nodiscard]] const std::string& text() const { return bytes_; }
  [[nodiscard]] Bytes bytes() const { return as_bytes(bytes_); }

 private:
  WireBytes& append(std::int64_t value, int count) {
    for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
      bytes_ += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xFF);
    }
    return *this;
  }

  std::string bytes_;
};

}  // namespace echodb
