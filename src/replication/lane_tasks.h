#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catalog/stream_catalog.h"
#include "replication/lane.h"
#include "replication/missing_value_size.h"
#include "replication/table_batch.h"

namespace echodb {

/// Sends a batch. Before that it completes what only a look elsewhere can tell: the values an update did not carry,
/// the victims of deletes in a table without a key, texts that only the source can render.
class InsertTask final : public LaneTask {
 public:
  struct Target {
    TargetTable table;
    ServerVersion server;
    std::shared_ptr<MissingValueSize> missing_value_size = std::make_shared<MissingValueSize>();
  };
  InsertTask(std::unique_ptr<TableBatch> batch, Target target, std::size_t bytes)
      : batch_(std::move(batch)), target_(std::move(target)), bytes_(bytes) {}

  void run(WriterTools& tools) override;
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }
  [[nodiscard]] bool writes_rows() const override { return batch_ != nullptr; }
  void discard_rows() override {
    batch_.reset();
    bytes_ = 0;
  }

 private:
  std::unique_ptr<TableBatch> batch_;
  Target target_;
  std::size_t bytes_;
};

/// Sends the batch's rows as they are.
void send_batch(TargetClient& clickhouse, const TableBatch& batch, const TargetTable& table,
                const ServerVersion& server);

/// Sends rows while they are made, as one insert.
void send_rows(TargetClient& clickhouse, const TablePlan& plan, const InsertTask::Target& target,
               const TargetClient::RowsInTheMaking& rows);

/// Asks the source to publish a table and to put its present schema into the log, once it shows the transactions that
/// the wish comes from: before that it may not even have the table.
class DescribeTask final : public LaneTask {
 public:
  DescribeTask(Oid table, std::string_view tag, std::vector<Xid> must_see)
      : table_(table), tag_(tag), must_see_(std::move(must_see)) {}
  /// Nothing else makes up for it: only what the source has no right to is given up.
  DescribeTask& insist() {
    insists_ = true;
    return *this;
  }
  void run(WriterTools& tools) override;
  [[nodiscard]] bool insists_on(const Error& failure) const override {
    return insists_ && failure.code() != ErrorCode::SourcePrivilege;
  }

 private:
  Oid table_;
  std::string tag_;  ///< kDescribeTag or kResyncTag of ddl_message.h
  std::vector<Xid> must_see_;
  bool insists_ = false;
  bool described_ = false;
};

/// Puts a line into the journal.
class JournalTask final : public LaneTask {
 public:
  JournalTask(StreamCatalog& catalog, StreamCatalog::JournalEntry entry)
      : catalog_(catalog), entry_(std::move(entry)) {}
  void run(WriterTools&) override { catalog_.journal(entry_); }

 private:
  StreamCatalog& catalog_;
  StreamCatalog::JournalEntry entry_;
};

/// A table's step that is not rows: schema changes, truncation, exchange, drop. Stores what is about to happen when it
/// must not be cut short, runs the steps, stores the table's new state, then calls `after`. When the task is run
/// again, it goes on with the step that has failed. That one may have been done, its answer lost: it is safe to repeat,
/// in this process, and in the next one, which begins with the first (PendingSteps has those that it may not).
class SchemaTask final : public LaneTask {
 public:
  using Step = std::function<void(WriterTools&)>;

  struct Record {
    std::string stream;
    TableRecord table;                    ///< as it is once the steps are done
    std::optional<TableVersion> version;  ///< stored with it
    std::string event;                    ///< for the journal; empty: no entry
    std::string detail;
  };
  SchemaTask(StreamCatalog& catalog, Record record) : catalog_(catalog), record_(std::move(record)) {}

  /// The version, and these steps to it, are stored before the first one.
  SchemaTask& announce(const PendingSteps& steps) {
    pending_ = steps.text();
    return *this;
  }
  /// Runs before anything is stored. It is run again until that is.
  SchemaTask& before_all(Step step) {
    before_ = std::move(step);
    return *this;
  }
  /// The table's row is stored before the first step already, with the names of which its target still has one.
  SchemaTask& announce_rename(std::vector<std::string> from) {
    earlier_names_ = std::move(from);
    return *this;
  }
  /// The table's row and version are stored before the first step, as of a table that has still to be copied: a target
  /// that nobody knows of would stay for ever, and rows of before would come again for columns that it does not have.
  SchemaTask& announce_target() {
    announces_target_ = true;
    return *this;
  }
  /// The table's row is stored before the first step, as one whose target is about to be emptied: changes from before
  /// come again after a crash, and are not to meet a target that has none of their rows.
  SchemaTask& announce_emptying() {
    announces_emptying_ = true;
    return *this;
  }
  /// None of the steps replaces or empties the target: what is noted of it stays true.
  SchemaTask& keep_target() {
    record_.table.target_kept = true;
    return *this;
  }
  [[nodiscard]] bool keeps_target() const { return record_.table.target_kept; }
  SchemaTask& then(Step step) {
    steps_.push_back(std::move(step));
    return *this;
  }
  SchemaTask& then(std::vector<std::string> statements);
  /// Tells whoever listens to this channel of the source, with {"schema": …, "table": …}.
  SchemaTask& then_notify(std::string channel, const TableSchema& table);
  /// A step for when everything is stored; if it is not reached, nothing is wrong.
  SchemaTask& then_tidy(Step step) {
    tidy_.push_back(std::move(step));
    return *this;
  }
  /// Runs once everything is stored.
  SchemaTask& finally(std::function<void()> after) {
    after_ = std::move(after);
    return *this;
  }

  /// What settles a failure has nobody to settle its own.
  SchemaTask& insist() {
    insists_ = true;
    return *this;
  }

  void run(WriterTools& tools) override;
  [[nodiscard]] bool insists_on(const Error&) const override { return insists_; }

 private:
  void announce(WriterTools& tools);

  StreamCatalog& catalog_;
  Record record_;
  std::string pending_;
  std::vector<std::string> earlier_names_;
  bool announces_target_ = false;
  bool announces_emptying_ = false;
  bool insists_ = false;
  Step before_;
  bool announced_ = false;
  std::vector<Step> steps_;
  std::size_t steps_done_ = 0;
  std::vector<Step> tidy_;
  std::function<void()> after_;
};

}  // namespace echodb
