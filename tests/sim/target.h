#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/steady_clock.h"
#include "clickhouse/target_client.h"
#include "sim/faults.h"
#include "sim/sql_words.h"

namespace echodb::sim {

/// As Native has it, without the length; nullopt is NULL.
using Cell = std::optional<std::string>;
using TargetRow = std::map<std::string, Cell>;

struct StoredRow {
  TargetRow cells;
  std::uint64_t version = 0;
  bool deleted = false;
};

struct StoredTable {
  std::uint64_t number = 0;                  ///< no two tables ever have the same
  std::vector<std::string> columns;          ///< in order, ours included
  std::map<std::string, std::string> types;  ///< by column
  std::vector<std::string> key;
  std::string comment;
  std::vector<StoredRow> rows;    ///< as they came
  std::int64_t inserts = 0;       ///< that there have been; each has a number
  std::int64_t first_insert = 0;  ///< of those whose rows are there
  std::int64_t last_insert = 0;

  void add(StoredRow row);
  /// What SELECT … FINAL shows.
  [[nodiscard]] std::vector<TargetRow> final_rows() const;
};

/// A ClickHouse that knows the statements that EchoDB sends, and refuses every other one. What has begun to run goes on
/// with the table that it began with; a name is looked up when a statement begins.
class Target {
 public:
  Target(Random& random, std::string database) : random_(random), database_(std::move(database)) {}

  std::string execute(std::string_view sql);
  /// Rows in Native, for what is inserted into now.
  void insert(StoredTable& table, const std::vector<std::string>& columns, Bytes native);
  [[nodiscard]] std::shared_ptr<StoredTable> find(const std::string& name) const;
  /// The same for a statement that cannot do without it.
  std::shared_ptr<StoredTable> require(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, std::shared_ptr<StoredTable>>& tables() const { return tables_; }

  // What strangers do to it.
  void make_anew(const std::string& name);
  /// Another server answers at its address, which has nothing.
  void replace();
  void back_up();
  /// It is what it was at the last back_up().
  void restore();
  /// The number of the bookmark that restore() brings back; nullopt: there is no backup.
  [[nodiscard]] std::optional<std::uint64_t> backup_number() const;
  /// Tables that setup does not know when it makes the stream again: it names them, and only a person may drop them.
  void leave_to_a_person(const std::string& name) { left_to_a_person_.insert(name); }
  [[nodiscard]] bool is_left_to_a_person(const std::string& name) const { return left_to_a_person_.contains(name); }

  /// What its senders have given up and what has not run yet.
  void run_late(std::string statement, std::function<void()> effect) {
    late_.push_back({std::move(statement), std::move(effect)});
  }
  /// It has run, or never will.
  void end_late(const std::string& statement);
  /// An id that nobody has.
  std::string next_statement() { return std::to_string(++statements_); }
  /// Some of that runs now.
  void let_late_run(unsigned of_thousand);
  /// A leader that begins has what is left of its predecessor's ended: some of it has run by then.
  void end_late();
  /// How often rows came in another order than their versions; a run of the engine begins anew with forget_order().
  [[nodiscard]] const std::string& order_fault() const { return order_fault_; }
  /// A column that rows came with and their table did not have.
  [[nodiscard]] const std::string& misfit() const { return misfit_; }
  void forget_order() {
    last_versions_.clear();
    in_order_ = true;
  }

 private:
  std::string create(SqlWords words);
  std::string alter(SqlWords words);
  std::string select(SqlWords words, std::string_view sql);
  std::string bag_rows(std::string_view sql);
  [[nodiscard]] std::string column_types(const std::string& name) const;
  void rename(SqlWords words);
  void exchange(SqlWords words);
  void insert_select(SqlWords words);
  static void insert_bookmark(StoredTable& table, SqlWords words);
  std::optional<std::string> select_system(SqlWords words);
  [[nodiscard]] std::string bookmarks() const;
  void note_order(const StoredTable& table, const StoredRow& row);
  void note_misfit(const StoredTable& table, const std::string& column);

  Random& random_;
  std::string database_;
  std::map<std::string, std::shared_ptr<StoredTable>> tables_;
  struct Late {
    std::string statement;  ///< its id
    std::function<void()> effect;
  };
  void run(Late late);

  std::vector<Late> late_;
  std::uint64_t statements_ = 0;
  std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> last_versions_;  ///< by table and key
  std::uint64_t tables_made_ = 0;
  SteadyClock::time_point up_since_ = SteadyClock::now();
  std::optional<std::map<std::string, StoredTable>> backup_;
  std::set<std::string> left_to_a_person_;
  bool in_order_ = true;  ///< what it is put back to has rows that came later
  std::string order_fault_;
  bool runs_late_ = false;
  std::string misfit_;
};

/// EchoDB has learned to send something that the simulation has still to learn.
[[noreturn]] void refuse_statement(std::string_view sql);

/// A UInt8 or UInt64.
std::uint64_t number_in(const Cell& cell);

/// One writer's conversation with it.
class SimTargetClient final : public TargetClient {
 public:
  SimTargetClient(Target& target, Faults& faults) : target_(target), faults_(faults) {}

  using TargetClient::query;
  std::string query(std::string_view sql, const Parameters& parameters) override;
  std::string query_once(std::string_view sql) override;
  void query_patiently(std::string_view sql) override { query(sql, {}); }
  void insert(std::string_view insert, const Rows& rows, const Parameters& parameters) override;
  void insert_while(std::string_view insert, const RowsInTheMaking& rows, const Parameters& parameters) override;
  void end_statement(std::string_view id) override;

 private:
  std::string carry_out(std::function<std::string()> effect);

  Target& target_;
  Faults& faults_;
};

}  // namespace echodb::sim
