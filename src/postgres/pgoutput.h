#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "postgres/lsn.h"
#include "postgres/table_schema.h"
#include "postgres/tuple_value.h"

namespace echodb {

/// The instant that commit times count from.
inline constexpr std::chrono::sys_seconds kPostgresEpoch = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};

// The messages of pgoutput, one struct each. Views and spans borrow the message and the decoder: they are valid
// during the handler's call only.

struct BeginMessage {
  Lsn final_lsn;  ///< LSN of the transaction's commit record, the same as CommitMessage::commit_lsn
  std::chrono::microseconds commit_time;  ///< since kPostgresEpoch
  Xid xid = 0;
};

struct CommitMessage {
  Lsn commit_lsn;
  Lsn end_lsn;                            ///< one past the commit record: what is confirmed to the slot
  std::chrono::microseconds commit_time;  ///< since kPostgresEpoch
};

/// The changes up to the commit were first made on another server.
struct OriginMessage {
  Lsn commit_lsn;  ///< on that server
  std::string_view name;
};

struct RelationColumn {
  bool is_key = false;  ///< part of the replica identity
  std::string_view name;
  Oid type_oid = 0;
  std::int32_t typmod = -1;
};

/// Precedes the first change of a relation in a session, and the first after its schema changed.
struct RelationMessage {
  Oid oid = 0;
  std::string_view schema;
  std::string_view name;
  ReplicaIdentity replica_identity = ReplicaIdentity::Default;
  std::span<const RelationColumn> columns;  ///< the published ones, in attnum order
};

/// Precedes the Relation message of a table with a column of a type that is not built in.
struct TypeMessage {
  Oid oid = 0;
  std::string_view schema;
  std::string_view name;
};

struct InsertMessage {
  Oid relation = 0;
  std::span<const TupleValue> row;
};

/// What is known of the row before the change. A Key row has Null in every column outside the replica identity.
enum class OldRow : char { None = 0, Key = 'K', Full = 'O' };

struct UpdateMessage {
  Oid relation = 0;
  OldRow old_kind = OldRow::None;   ///< Key only when the key changed or is toasted; Full with REPLICA IDENTITY FULL
  std::span<const TupleValue> old;  ///< empty for None
  std::span<const TupleValue> row;
};

struct DeleteMessage {
  Oid relation = 0;
  OldRow old_kind = OldRow::Key;  ///< Key or Full
  std::span<const TupleValue> old;
};

struct TruncateMessage {
  bool cascade = false;
  bool restart_identity = false;
  std::span<const Oid> relations;
};

/// pg_logical_emit_message. One that is not transactional arrives outside Begin and Commit.
struct LogicalMessage {
  bool transactional = false;
  Lsn lsn;
  std::string_view prefix;
  Bytes content;
};

/// Receives the messages, one call each, on the thread that calls `decode`. What it throws passes through.
class PgoutputHandler {
 public:
  virtual ~PgoutputHandler() = default;

  virtual void on_begin(const BeginMessage& message) = 0;
  virtual void on_commit(const CommitMessage& message) = 0;
  virtual void on_origin(const OriginMessage& message) = 0;
  virtual void on_relation(const RelationMessage& message) = 0;
  virtual void on_type(const TypeMessage& message) = 0;
  virtual void on_insert(const InsertMessage& message) = 0;
  virtual void on_update(const UpdateMessage& message) = 0;
  virtual void on_delete(const DeleteMessage& message) = 0;
  virtual void on_truncate(const TruncateMessage& message) = 0;
  virtual void on_logical_message(const LogicalMessage& message) = 0;
};

/// Turns one message of pgoutput, protocol version 1, into one call of the handler. It keeps no state between
/// messages but the memory of its rows, so nothing is allocated per message. One owner at a time.
class PgoutputDecoder {
 public:
  /// Consumes the whole message or throws Error(ProtocolViolation) naming the message and the offset, before any
  /// call. Messages of versions 2 to 4 (streamed and prepared transactions) are refused by name.
  void decode(Bytes message, PgoutputHandler& handler);

 private:
  RelationMessage read_relation(ByteReader& reader);
  InsertMessage read_insert(ByteReader& reader);
  UpdateMessage read_update(ByteReader& reader);
  DeleteMessage read_delete(ByteReader& reader);
  TruncateMessage read_truncate(ByteReader& reader);

  std::vector<TupleValue> old_;
  std::vector<TupleValue> row_;
  std::vector<RelationColumn> columns_;
  std::vector<Oid> relations_;
};

}  // namespace echodb
