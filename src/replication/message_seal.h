#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "postgres/connection.h"
#include "postgres/lsn.h"

namespace echodb {

/// Tells messages of our triggers from everybody else's: pg_logical_emit_message may be called by any role, with any
/// prefix. A message of ours is `<code> <text>`, in which the code is HMAC-SHA256 in hexadecimal digits, under the key
/// in `_echodb.message_key`, of `<transaction id> <text>` (postgres/ddl_messages.sql, `_echodb.seal`). Immutable.
class MessageSeal {
 public:
  /// Up to `unsealed_until` the log may hold messages of an earlier version, which had no code.
  explicit MessageSeal(std::string key, std::optional<Lsn> unsealed_until = std::nullopt)
      : key_(std::move(key)), unsealed_until_(unsealed_until) {}
  /// Reads the key. Throws Error(SourceRejected) where setup has not made one.
  static MessageSeal load(PostgresConnection& source);

  /// The text of a message that this transaction's triggers wrote at this position; nullopt: somebody else did.
  [[nodiscard]] std::optional<std::string_view> open(std::string_view content, Xid xid, Lsn lsn) const;
  /// The code of a text.
  [[nodiscard]] std::string code(std::string_view text, Xid xid) const;

 private:
  std::string key_;
  std::optional<Lsn> unsealed_until_;
};

}  // namespace echodb
