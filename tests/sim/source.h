#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "postgres/pgoutput.h"
#include "postgres/table_schema.h"
#include "postgres/tuple_value.h"
#include "replication/ddl_message.h"

namespace echodb::sim {

/// By attnum, in the form that pgoutput sends; nullopt is NULL.
using SourceRow = std::map<std::int16_t, std::optional<std::string>>;

/// One place of a heap. A place is never used again; an UPDATE leaves it and takes a new one at the end.
struct HeapPlace {
  Xid born = 0;
  Xid died = 0;  ///< 0: it has not
  SourceRow row;
};

struct SourceTable {
  std::shared_ptr<const TableSchema> schema;
  std::vector<HeapPlace> heap = {};
  std::int16_t last_attnum = 3;  ///< never used again, not even that of a column that is gone
};

/// What the log has of one change.
struct LoggedChange {
  enum class Kind { Insert, Update, Delete, Truncate, Message };
  Lsn lsn;
  Kind kind = Kind::Insert;
  std::shared_ptr<const TableSchema> schema;  ///< of the rows
  std::optional<SourceRow> old;
  SourceRow row;
  Oid table = 0;                      ///< Truncate
  std::optional<DdlMessage> message;  ///< Message
};

struct LoggedTransaction {
  Xid xid = 0;
  Lsn commit;
  Lsn end;
  std::vector<LoggedChange> changes;
};

/// What a snapshot sees: everything that was committed, but for some of the last transactions.
struct Snapshot {
  Xid next = 0;
  std::set<Xid> in_progress;
  [[nodiscard]] bool sees(Xid xid) const { return xid < next && !in_progress.contains(xid); }
  /// As pg_current_snapshot() prints it.
  [[nodiscard]] std::string text() const;
};

/// A PostgreSQL of a few tables: its rows, its log, one slot, and the event triggers that put schema changes into the
/// log. Transactions come one after the other; the log has each before everybody sees it.
class Source {
 public:
  Source();

  // A transaction. REQUIRES: begin() before the first of them, commit() after the last.
  void begin();
  /// `dated`: its last column is a date.
  Oid create_table(const std::string& name, bool keyed, bool dated);
  void insert(Oid table, SourceRow row);
  void update(Oid table, std::size_t place, SourceRow row);
  void remove(Oid table, std::size_t place);
  void truncate(Oid table);
  void drop_table(Oid table);
  void rename_table(Oid table, const std::string& name);
  void add_column(Oid table, const std::string& name, Oid type);
  void drop_column(Oid table, std::int16_t attnum);
  void rename_column(Oid table, std::int16_t attnum, const std::string& name);
  /// ALTER COLUMN … TYPE text USING …: every row gets another value. `dropped`: and DROP COLUMN, by the same command.
  void rewrite(Oid table, std::int16_t attnum, const std::string& value, std::optional<std::int16_t> dropped);
  void commit();
  /// What has been committed becomes visible to everybody.
  void settle() { invisible_.clear(); }
  /// The last transaction is in the log, and for a while nobody sees it.
  void hide_last() { invisible_.insert(next_xid_ - 1); }

  /// `_echodb.describe`.
  void describe(Oid table, const std::string& tag);

  [[nodiscard]] const std::map<Oid, SourceTable>& tables() const { return tables_; }
  [[nodiscard]] SourceTable* find(Oid table);
  /// Places with a row.
  [[nodiscard]] std::vector<std::size_t> live(Oid table) const;
  [[nodiscard]] Snapshot snapshot() const { return {next_xid_, invisible_}; }
  [[nodiscard]] const std::deque<LoggedTransaction>& log() const { return log_; }
  [[nodiscard]] Lsn end_of_log() const { return Lsn{lsn_}; }

  Lsn confirmed;  ///< the slot's

 private:
  LoggedChange& write(LoggedChange::Kind kind, Oid table);
  void say(DdlMessage message);
  void alter(Oid table, const std::string& tag, const TableSchema& schema);
  TableSchema schema_of(Oid table) { return *tables_.at(table).schema; }

  std::map<Oid, SourceTable> tables_;
  std::deque<LoggedTransaction> log_;
  std::optional<LoggedTransaction> open_;
  std::set<Xid> invisible_;
  std::uint64_t lsn_ = 1'000;
  Xid next_xid_ = 700;
  Oid next_oid_ = 20'000;
};

/// A value as pgoutput and COPY in binary have it. Borrows the text.
TupleValue as_tuple_value(const std::optional<std::string>& cell);

constexpr Oid kBigint = 20;
constexpr Oid kText = 25;
constexpr Oid kDate = 1082;
/// A bigint as pgoutput sends it.
std::string bigint_bytes(std::int64_t value);
/// A date as pgoutput sends it: one of so many days after 2000-01-01, or infinity, which only a text has a place for.
std::string date_bytes(std::int32_t days);
constexpr std::int32_t kInfinity = std::numeric_limits<std::int32_t>::max();
/// What ::text makes of it.
std::string date_text(const std::string& bytes);

}  // namespace echodb::sim
