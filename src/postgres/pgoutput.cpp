// The pgoutput protocol: what the walsender's output plugin says about each transaction, in commit order.
// Format: PostgreSQL documentation, "Logical Replication Message Formats"; written by
// src/backend/replication/logical/proto.c. All integers are big-endian.
//
//   stream   := { Begin [Origin] { Type | Relation | Insert | Update | Delete | Truncate | Message } Commit | Message }
//   Begin    := 'B' final_lsn:int64 commit_time:int64 xid:int32
//   Commit   := 'C' flags:int8(0) commit_lsn:int64 end_lsn:int64 commit_time:int64
//   Origin   := 'O' commit_lsn:int64 name:cstring
//   Relation := 'R' oid:int32 schema:cstring name:cstring identity:char('d'|'n'|'f'|'i') count:int16
//               { flags:int8(1: key) name:cstring type_oid:int32 typmod:int32 }      schema "" is pg_catalog
//   Type     := 'Y' oid:int32 schema:cstring name:cstring
//   Insert   := 'I' relation:int32 'N' Row
//   Update   := 'U' relation:int32 [ ('K' | 'O') Row ] 'N' Row
//   Delete   := 'D' relation:int32 ('K' | 'O') Row
//   Truncate := 'T' count:int32 flags:int8(1: cascade, 2: restart identity) { relation:int32 }
//   Message  := 'M' flags:int8(1: transactional) lsn:int64 prefix:cstring length:int32 content
//   Row      := count:int16 { 'n' | 'u' | ('t' | 'b') length:int32 value }
//
// Worked example: INSERT INTO t VALUES (7, NULL, 'hi') with binary 'true', t having oid 16385:
//   49 00004001 4E 0003  62 00000004 00000007  6E  62 00000002 6869
//   'I' 16385   'N' 3    'b' 4       7         'n' 'b' 2       "hi"
//
// This decoder asks for protocol version 1, so a large transaction arrives whole, after its commit, and a change
// carries no xid. Versions 2 to 4 add streamed ('S' 'E' 'c' 'A'), prepared ('b' 'P' 'K' 'r') and streamed prepared
// ('p') transactions: without our asking they cannot come, so they are refused by name.

#include "postgres/pgoutput.h"

#include <fmt/format.h>

#include <string>

namespace echodb {
namespace {

[[noreturn]] void fail(std::string why) { throw Error(ErrorCode::ProtocolViolation, std::move(why)); }

/// Names a byte without trusting it to be printable.
std::string named(char byte) {
  return byte >= 0x20 && byte < 0x7F ? fmt::format("'{}'", byte)
                                     : fmt::format("0x{:02X}", static_cast<unsigned char>(byte));
}

std::uint8_t read_flags(ByteReader& reader, std::uint8_t known) {
  auto flags = reader.read<std::uint8_t>();
  if ((flags & ~known) != 0) fail(fmt::format("flags 0x{:02X} are unknown", flags));
  return flags;
}

std::size_t read_length(ByteReader& reader) {
  auto length = reader.read<std::int32_t>();
  if (length < 0) fail(fmt::format("a length is {}", length));
  return static_cast<std::size_t>(length);
}

Lsn read_lsn(ByteReader& reader) { return Lsn{reader.read<std::uint64_t>()}; }

std::chrono::microseconds read_time(ByteReader& reader) {
  return std::chrono::microseconds(reader.read<std::int64_t>());
}

std::string_view read_schema(ByteReader& reader) {
  std::string_view schema = reader.read_c_string();
  return schema.empty() ? "pg_catalog" : schema;
}

TupleValue read_value(ByteReader& reader) {
  char kind = reader.read<char>();
  switch (kind) {
    case 'n': return {TupleValue::Kind::Null, {}};
    case 'u': return {TupleValue::Kind::Unchanged, {}};
    case 't': return {TupleValue::Kind::Text, reader.read_bytes(read_length(reader))};
    case 'b': return {TupleValue::Kind::Binary, reader.read_bytes(read_length(reader))};
    default: fail(fmt::format("a value of unknown kind {}", named(kind)));
  }
}

std::span<const TupleValue> read_row(ByteReader& reader, std::vector<TupleValue>& row) {
  auto count = reader.read<std::int16_t>();
  if (count < 0) fail(fmt::format("a row of {} columns", count));
  row.resize(static_cast<std::size_t>(count));
  for (TupleValue& value : row) value = read_value(reader);
  return row;
}

void expect_new_row(char marker) {
  if (marker != 'N') fail(fmt::format("{} where 'N' and the new row belong", named(marker)));
}

ReplicaIdentity read_identity(ByteReader& reader) {
  char identity = reader.read<char>();
  switch (identity) {
    case 'd': return ReplicaIdentity::Default;
    case 'n': return ReplicaIdentity::Nothing;
    case 'f': return ReplicaIdentity::Full;
    case 'i': return ReplicaIdentity::Index;
    default: fail(fmt::format("replica identity {} is unknown", named(identity)));
  }
}

BeginMessage read_begin(ByteReader& reader) {
  BeginMessage begin{read_lsn(reader), read_time(reader), reader.read<Xid>()};
  if (!begin.final_lsn) fail("a transaction without a final LSN");
  return begin;
}

CommitMessage read_commit(ByteReader& reader) {
  read_flags(reader, 0);
  CommitMessage commit{read_lsn(reader), read_lsn(reader), read_time(reader)};
  if (!commit.commit_lsn || commit.end_lsn < commit.commit_lsn) fail("a commit that ends before it begins");
  return commit;
}

OriginMessage read_origin(ByteReader& reader) { return {read_lsn(reader), reader.read_c_string()}; }

TypeMessage read_type(ByteReader& reader) { return {reader.read<Oid>(), read_schema(reader), reader.read_c_string()}; }

LogicalMessage read_logical_message(ByteReader& reader) {
  std::uint8_t flags = read_flags(reader, 1);
  return {flags == 1, read_lsn(reader), reader.read_c_string(), reader.read_bytes(read_length(reader))};
}

[[noreturn]] void refuse_version(std::string_view name) {
  fail(fmt::format("a {} message, which protocol version 1 does not have", name));
}

[[noreturn]] void refuse_kind(char kind) {
  switch (kind) {
    case 'S': refuse_version("Stream Start");
    case 'E': refuse_version("Stream Stop");
    case 'c': refuse_version("Stream Commit");
    case 'A': refuse_version("Stream Abort");
    case 'b': refuse_version("Begin Prepare");
    case 'P': refuse_version("Prepare");
    case 'K': refuse_version("Commit Prepared");
    case 'r': refuse_version("Rollback Prepared");
    case 'p': refuse_version("Stream Prepare");
    default: fail(fmt::format("a message of unknown kind {}", named(kind)));
  }
}

/// Reads a message's body to its last byte. What is wrong with it is told with its name and place.
template <typename Read>
auto read_whole(std::string_view name, Bytes message, Read read) {
  ByteReader reader(message.subspan(1));
  try {
    auto body = read(reader);
    reader.expect_end();
    return body;
  } catch (Error& error) {
    error.with("message", name).with("offset", std::to_string(message.size() - reader.remaining()));
    throw;
  }
}

}  // namespace

RelationMessage PgoutputDecoder::read_relation(ByteReader& reader) {
  RelationMessage relation{reader.read<Oid>(), read_schema(reader), reader.read_c_string(), read_identity(reader), {}};
  auto count = reader.read<std::int16_t>();
  if (count < 0) fail(fmt::format("a relation of {} columns", count));
  columns_.resize(static_cast<std::size_t>(count));
  for (RelationColumn& column : columns_) {
    std::uint8_t flags = read_flags(reader, 1);
    column = {flags == 1, reader.read_c_string(), reader.read<Oid>(), reader.read<std::int32_t>()};
  }
  relation.columns = columns_;
  return relation;
}

InsertMessage PgoutputDecoder::read_insert(ByteReader& reader) {
  auto relation = reader.read<Oid>();
  expect_new_row(reader.read<char>());
  return {relation, read_row(reader, row_)};
}

UpdateMessage PgoutputDecoder::read_update(ByteReader& reader) {
  UpdateMessage update{reader.read<Oid>(), OldRow::None, {}, {}};
  char marker = reader.read<char>();
  if (marker == 'K' || marker == 'O') {
    update.old_kind = OldRow{marker};
    update.old = read_row(reader, old_);
    marker = reader.read<char>();
  }
  expect_new_row(marker);
  update.row = read_row(reader, row_);
  return update;
}

DeleteMessage PgoutputDecoder::read_delete(ByteReader& reader) {
  auto relation = reader.read<Oid>();
  char marker = reader.read<char>();
  if (marker != 'K' && marker != 'O') fail(fmt::format("{} where 'K' or 'O' and the old row belong", named(marker)));
  return {relation, OldRow{marker}, read_row(reader, old_)};
}

TruncateMessage PgoutputDecoder::read_truncate(ByteReader& reader) {
  std::size_t count = read_length(reader);
  std::uint8_t flags = read_flags(reader, 3);
  // Checked before the memory is asked for: the count is only as good as the bytes behind it.
  if (count != reader.remaining() / sizeof(Oid)) fail(fmt::format("{} relations announced", count));
  relations_.resize(count);
  for (Oid& relation : relations_) relation = reader.read<Oid>();
  return {(flags & 1) != 0, (flags & 2) != 0, relations_};
}

void PgoutputDecoder::decode(Bytes message, PgoutputHandler& handler) {
  if (message.empty()) fail("an empty message");
  switch (char kind = static_cast<char>(message.front())) {
    case 'B': return handler.on_begin(read_whole("Begin", message, read_begin));
    case 'C': return handler.on_commit(read_whole("Commit", message, read_commit));
    case 'O': return handler.on_origin(read_whole("Origin", message, read_origin));
    case 'R':
      return handler.on_relation(read_whole("Relation", message, [&](auto& reader) { return read_relation(reader); }));
    case 'Y': return handler.on_type(read_whole("Type", message, read_type));
    case 'I':
      return handler.on_insert(read_whole("Insert", message, [&](auto& reader) { return read_insert(reader); }));
    case 'U':
      return handler.on_update(read_whole("Update", message, [&](auto& reader) { return read_update(reader); }));
    case 'D':
      return handler.on_delete(read_whole("Delete", message, [&](auto& reader) { return read_delete(reader); }));
    case 'T':
      return handler.on_truncate(read_whole("Truncate", message, [&](auto& reader) { return read_truncate(reader); }));
    case 'M': return handler.on_logical_message(read_whole("Message", message, read_logical_message));
    default: refuse_kind(kind);
  }
}

}  // namespace echodb
