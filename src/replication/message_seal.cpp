#include "replication/message_seal.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/error.h"

namespace echodb {
namespace {

constexpr std::size_t kCodeDigits = 64;

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  throw Error(ErrorCode::ProtocolViolation, "the key in _echodb.message_key is not hexadecimal");
}

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
    bytes.push_back(static_cast<char>(hex_value(digits[at]) * 16 + hex_value(digits[at + 1])));
  }
  return bytes;
}

}  // namespace

MessageSeal MessageSeal::load(PostgresConnection& source) {
  QueryResult found = source.query("SELECT encode(key, 'hex'), unsealed_until FROM _echodb.message_key");
  if (found.rows() != 1) {
    throw Error(ErrorCode::SourceRejected, "the source has no key in _echodb.message_key", "run `echodb setup`");
  }
  std::optional<Lsn> until;
  if (!found.is_null(0, 1)) until = parse_lsn(found.text(0, 1));
  return MessageSeal(from_hex(found.text(0, 0)), until);
}

std::string MessageSeal::code(std::string_view text, Xid xid) const {
  std::string sealed = fmt::format("{} {}", xid, text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(sealed.data()), sealed.size(), digest.data(), &length) == nullptr) {
    throw Error(ErrorCode::SystemFailure, "HMAC-SHA256 is not available");
  }
  std::string digits;
  for (unsigned int at = 0; at < length; ++at) digits += fmt::format("{:02x}", digest.at(at));
  return digits;
}

std::optional<std::string_view> MessageSeal::open(std::string_view content, Xid xid, Lsn lsn) const {
  // Messages of an earlier version are bare JSON objects.
  if (unsealed_until_ && lsn < *unsealed_until_ && content.starts_with('{')) return content;
  if (content.size() <= kCodeDigits || content[kCodeDigits] != ' ') return std::nullopt;
  std::string_view text = content.substr(kCodeDigits + 1);
  std::string expected = code(text, xid);
  if (CRYPTO_memcmp(expected.data(), content.data(), kCodeDigits) != 0) return std::nullopt;
  return text;
}

}  // namespace echodb
