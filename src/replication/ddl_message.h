#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "postgres/connection.h"
#include "postgres/table_schema.h"

namespace echodb {

/// The prefix of our messages in the log; `_echodb.emit` in ddl_trigger.sql writes them.
inline constexpr std::string_view kDdlMessagePrefix = "echodb";
/// Where the stream has no messages, the source inserts them into this table, and its publication's name ends like
/// this.
inline constexpr std::string_view kMessageSchema = "_echodb";
inline constexpr std::string_view kMessageTable = "messages";
inline constexpr std::string_view kMessagePublicationSuffix = "_messages";

/// Tags of table messages that no command of an application caused: a table that `setup` publishes, a change that could
/// not be recorded when it was made, and the wish for a new copy.
inline constexpr std::string_view kSetupTag = "SETUP";
inline constexpr std::string_view kDescribeTag = "DESCRIBE";
inline constexpr std::string_view kResyncTag = "RESYNC";

// What the event triggers say, one struct per `op`.

/// A watched table was created or changed.
struct TableMessage {
  std::string tag;         ///< the command: "CREATE TABLE", "ALTER TABLE", …
  bool published = false;  ///< this command made it a member of the publication
  bool empty = true;       ///< when it was published; anything but CREATE TABLE leaves it open
  TableSchema schema;
  std::string snapshot;  ///< the JSON of `schema`
};
struct DropMessage {
  Oid oid = 0;
};
/// ALTER TABLE is about to rewrite the rows; the table's own message follows.
struct RewriteMessage {
  Oid oid = 0;
  bool plain = false;  ///< the command has no USING: a new type's values are the casts of the old ones
};
/// No longer watched: renamed or moved out of the watched names.
struct UnwatchMessage {
  Oid oid = 0;
};
/// The trigger could not write down what happened to this table.
struct LostMessage {
  Oid oid = 0;
  std::string reason;
  bool exclusive = false;  ///< nobody else was writing to the table
};

/// What the table's rows are now, no row events tell: a partition was attached, an enum's label renamed.
struct RecopyMessage {
  Oid oid = 0;
  std::string reason;
  /// Rows that were written before this transaction was over and are committed later still show what they showed.
  bool types_changed = false;
};
/// What values of this type show has changed. Tables that have it are told of by messages of their own, but for those
/// of transactions that were open.
struct TypeChangedMessage {
  Oid type = 0;
  bool of_rows = false;  ///< a table's or view's row type
};
/// A table of a watched schema that cannot be followed.
struct RefusedMessage {
  Oid oid = 0;
  std::string table;  ///< schema.name
  std::string reason;
};

using DdlMessage = std::variant<TableMessage, DropMessage, RewriteMessage, UnwatchMessage, LostMessage, RecopyMessage,
                                TypeChangedMessage, RefusedMessage>;

/// The relation that a message is about.
Oid relation_of(const DdlMessage& message);

/// Asks the source to publish a table and to put its present schema into the log, with one of the tags above.
void ask_for_description(PostgresConnection& source, Oid table, std::string_view tag);

/// Throws Error(ProtocolViolation) for anything else.
DdlMessage parse_ddl_message(std::string_view json);

}  // namespace echodb
