// The applier's half that hears pgoutput's messages: transactions, rows and schema messages find their table here.

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "base/log.h"
#include "replication/applier.h"

namespace echodb {
namespace {

/// A partition may have a key where its root has none. It keeps its own replica identity only where PostgreSQL would
/// refuse its updates with another one: _echodb.identities_wanted().
void require_whole(OldRow old) {
  if (old == OldRow::Full) return;
  throw Error(ErrorCode::SchemaMismatch,
              "a partition names its old rows by a key of its own, and the table has none: it has to be copied again",
              "give the partitioned table a key, or take the column list off the publication that has the partition");
}

}  // namespace

void Applier::on_begin(const BeginMessage& message) {
  in_transaction_ = true;
  xid_ = message.xid;
  stamp_ = {.commit = message.final_lsn, .ordinal = 0};
  commit_time_ = kPostgresEpoch + message.commit_time;
  rows_in_transaction_ = 0;
  life_.transaction_began(xid_);
  // They come in the order of their commits.
  watermark_.read_until(message.final_lsn);
}

void Applier::on_commit(const CommitMessage& message) {
  in_transaction_ = false;
  life_.transaction_ended(message.commit_lsn);
  watermark_.transaction_ended(message.end_lsn);
  ++transactions_;
}

/// The table whose change this is, when the change is to be applied.
MirroredTable* Applier::table_for_change(Oid oid) {
  MirroredTable* table = registry_.find(oid);
  const Followed* of = table == nullptr ? nullptr : table->followed();
  if (of == nullptr || of->lost || change_lsn_ <= table->record.floor || !of->left_in_log.empty()) return nullptr;
  // It is read again: the copy waited until everybody saw it, and may have it in another form.
  if (table->record.copy_begun && stamp_.commit < *table->record.copy_begun) return nullptr;
  if (of->gate != nullptr && of->gate->leaves_out(xid_)) return nullptr;
  return table;
}

/// The server decodes a row as the catalog was when the row was written, although a type changed before its transaction
/// was over. Rows of transactions that were over by then are in the copy that the change asks for, also when the log is
/// read again.
bool Applier::shows_as_before(const TableRecord& table) const {
  return table.types_changed && change_lsn_ < *table.types_changed && stamp_.commit > *table.types_changed;
}

/// Counts the change, whether it is applied or not, so that it has the same ordinal when the log is read again.
template <typename Add>
void Applier::change(Oid oid, Add add) {
  ++stamp_.ordinal;
  MirroredTable* table = table_for_change(oid);
  if (table == nullptr) return;
  if (shows_as_before(table->record)) life_.shown_as_before(*table);
  // Its age counts from its first row on, not from when all of it has been read.
  if (rows_in_transaction_++ == 0) lag_.committed(stamp_.commit, commit_time_);
  try {
    LiveVersion& version = registry_.version_at(*table, change_lsn_);
    if (version.positions == nullptr) {
      const std::vector<std::string>* streamed = registry_.streamed_columns(oid);
      if (streamed == nullptr) throw Error(ErrorCode::SchemaMismatch, "a row came before its relation");
      version.positions = std::make_shared<std::vector<std::size_t>>(version.plan->positions(*streamed));
    }
    TableBatch& batch = batcher_.open(*table, version);
    const std::size_t missing_before = batch.missing().size();
    add(batch, *version.positions);
    const std::size_t missing = batch.missing().size() - missing_before;
    if (missing > 0) batch.note_transaction(xid_);
    batcher_.grew(*table, change_bytes_, missing);
  } catch (const Error& error) {
    note_error(error);
    life_.fail(*table, error, change_lsn_);
  }
}

/// Where there are no event triggers, or they were disabled for a while, this message is the first to tell of a schema
/// change: of its names and of the types that are PostgreSQL's own. (Another type may be a domain over the one we know,
/// also one of information_schema's.) What the table is now is asked for then, and it is copied again.
void Applier::check_relation(const MirroredTable& table, const RelationMessage& message) {
  constexpr Oid kFirstUnpinnedOid = 12'000;
  const Followed* of = table.followed();
  if (of == nullptr || of->lost) return;
  auto fits = [&](const LiveVersion& live) {
    std::size_t known = 0;
    for (const Column& column : live.version.schema.columns) {
      if (known == message.columns.size() || message.columns[known].name != column.name) {
        if (column.generated) continue;
        return false;
      }
      Oid type = message.columns[known++].type_oid;
      if (type < kFirstUnpinnedOid && type != column.type.oid) return false;
    }
    return known == message.columns.size();
  };
  if (std::ranges::any_of(table.versions, fits)) return;
  apply(LostMessage{.oid = message.oid,
                    .reason = "its rows have other columns than before, and no event trigger told why",
                    .exclusive = false},
        change_lsn_);
}

/// The message comes once in a session, and again after the source changed the table; a schema that we note for another
/// reason is read by the last one.
void Applier::on_relation(const RelationMessage& message) {
  if (message.schema == kMessageSchema && message.name == kMessageTable) message_table_ = message.oid;
  const MirroredTable* table = registry_.find(message.oid);
  if (table != nullptr) check_relation(*table, message);
  std::vector<std::string> columns;
  for (const RelationColumn& column : message.columns) columns.emplace_back(column.name);
  registry_.note_streamed(message.oid, std::move(columns));
}

void Applier::on_insert(const InsertMessage& message) {
  if (message.relation == message_table_) return apply_message(message.row.front().value, change_lsn_);
  change(message.relation, [&](TableBatch& batch, const std::vector<std::size_t>& positions) {
    batch.add_inserted_row(message.row, positions, stamp_);
  });
}

void Applier::on_update(const UpdateMessage& message) {
  change(message.relation, [&](TableBatch& batch, const std::vector<std::size_t>& positions) {
    if (batch.plan().is_bag()) {
      require_whole(message.old_kind);
      batch.add_bag_delete(message.old, positions, stamp_);
    } else if (message.old_kind != OldRow::None && batch.key_differs(message.old, message.row, positions)) {
      batch.add_tombstone(message.old, positions, stamp_);
    }
    batch.add_updated_row(message.row, message.old, positions, stamp_);
  });
}

void Applier::on_delete(const DeleteMessage& message) {
  change(message.relation, [&](TableBatch& batch, const std::vector<std::size_t>& positions) {
    if (batch.plan().is_bag()) {
      require_whole(message.old_kind);
      batch.add_bag_delete(message.old, positions, stamp_);
    } else {
      batch.add_tombstone(message.old, positions, stamp_);
    }
  });
}

void Applier::on_truncate(const TruncateMessage& message) {
  for (Oid oid : message.relations) {
    MirroredTable* table = registry_.find(oid);
    if (table == nullptr || change_lsn_ <= table->record.floor) continue;
    life_.truncated(*table, change_lsn_);
  }
}

void Applier::on_logical_message(const LogicalMessage& message) {
  if (message.prefix != kDdlMessagePrefix) return;
  if (!message.transactional) return skip_message("it belongs to no transaction", message.lsn);
  apply_message(message.content, message.lsn);
}

/// Anybody may write a message with our prefix, and one of ours may be of a kind that only a later version knows:
/// neither concerns any table but the one it is about, if there is one, and what that is now is found by looking.
void Applier::apply_message(Bytes content, Lsn lsn) {
  std::optional<std::string_view> text = seal_.open(as_text(content), xid_, lsn);
  if (!text) return skip_message("its code is not that of our triggers", lsn);
  std::optional<DdlMessage> message;
  try {
    message = parse_ddl_message(*text);
  } catch (const Error& error) {
    return skip_message(error.what(), lsn);
  }
  apply(*message, lsn);
}

/// Told ever more seldom: whoever floods the log of the source must not flood ours.
void Applier::skip_message(std::string_view why, Lsn lsn) {
  if (std::has_single_bit(++messages_skipped_)) {
    log::warn("a message in the log at {} with our prefix is skipped, the {}. so far: {}", to_string(lsn),
              messages_skipped_, why);
  }
}

}  // namespace echodb
