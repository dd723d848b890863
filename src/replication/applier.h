#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/steady_clock.h"
#include "catalog/stream_catalog.h"
#include "config/settings.h"
#include "postgres/pgoutput.h"
#include "replication/batcher.h"
#include "replication/copier.h"
#include "replication/lag_clock.h"
#include "replication/message_seal.h"
#include "replication/table_life.h"
#include "replication/table_registry.h"
#include "replication/watermark.h"
#include "replication/worker_status.h"
#include "replication/writer_tools.h"

namespace echodb {

/// A stream between its log and its target: what pgoutput says becomes rows of open batches (batcher) and steps of
/// tables (table_life), which lanes write (lane, lane_tasks); what is acknowledged moves the watermark. It reaches
/// the source, the target and the catalog only through what it is given, so that a simulation can be all three.
///
/// All members are called by the stream's thread.
class Applier final : public PgoutputHandler {
 public:
  struct Parts {
    const Settings& settings;
    std::string stream;
    StreamCatalog& catalog;
    ServerVersion target;  ///< the target server's
    ConnectWriter connect;
    MakeCopyReader make_copy_reader;
    std::function<bool(const Error&)> transient;  ///< control/error_policy: the same step may succeed later
    std::function<void()> on_event;               ///< there is something for turn(); called on any thread
    Lsn start;                                    ///< everything before it is in the target
    MessageSeal seal;
    CopyBoard::Options board = {};
  };
  explicit Applier(Parts parts);
  ~Applier() override;
  Applier(const Applier&) = delete;
  Applier& operator=(const Applier&) = delete;

  /// Brings every table to where it was left. Before anything else.
  void resume(const SourceMoment& source, const TargetFindings& target, TargetClient& clickhouse);
  /// The source shows this much to everybody.
  void seen(const CopyVisibility& snapshot) { life_.seen(snapshot); }

  /// The next message of pgoutput stands here and has so many bytes.
  void begin_change(Lsn lsn, std::size_t bytes);
  /// There is nothing of ours before this.
  void nothing_before(Lsn end);
  [[nodiscard]] bool in_transaction() const { return in_transaction_; }

  void on_begin(const BeginMessage& message) override;
  void on_commit(const CommitMessage& message) override;
  void on_origin(const OriginMessage&) override {}
  void on_relation(const RelationMessage& message) override;
  void on_type(const TypeMessage&) override {}
  void on_insert(const InsertMessage& message) override;
  void on_update(const UpdateMessage& message) override;
  void on_delete(const DeleteMessage& message) override;
  void on_truncate(const TruncateMessage& message) override;
  void on_logical_message(const LogicalMessage& message) override;
  /// A message of our triggers stands here.
  void apply(const DdlMessage& message, Lsn lsn) { life_.apply(message, lsn); }

  /// Between two looks at the log: what the lanes and copies have come to, what is due, what is too much. `drained`:
  /// nothing more is waiting to be read; `lost`: what the target has lost, if it was looked at, and
  /// Error(TargetReplaced) if that is all of it. Returns whether it has to be found out if the target takes anybody's
  /// rows: a step of push_own() tells.
  bool turn(bool drained, const std::optional<TargetFindings>& lost);
  /// A look at the target is asked for.
  void look_begins() { life_.losses().look_begins(); }
  /// What the lanes and copies have come to.
  void collect_events();
  /// The log has to be read again from where it was last confirmed.
  [[nodiscard]] bool must_read_again() { return life_.relief().must_read_again(); }
  /// No more rows than this go into memory.
  [[nodiscard]] bool over_budget() const;
  /// Forgets what no replay needs any more.
  void forget_old(Lsn confirmed) { life_.forget_old(confirmed); }

  [[nodiscard]] const Watermark& watermark() const { return watermark_; }
  [[nodiscard]] TableRegistry& registry() { return registry_; }
  [[nodiscard]] LaneScheduler& lanes() { return lanes_; }
  [[nodiscard]] Batcher& batcher() { return batcher_; }
  [[nodiscard]] const Batcher& batcher() const { return batcher_; }
  [[nodiscard]] Copier& copier() { return copier_; }
  /// For a step that belongs to no table.
  void push_own(std::unique_ptr<LaneTask> step) { lanes_.push(own_lane_, std::move(step)); }
  [[nodiscard]] std::size_t own_steps() const { return lanes_.depth(*own_lane_); }
  [[nodiscard]] std::uint64_t transactions() const { return transactions_; }
  /// Tables with steps that are not done: of them the catalog may not show yet what has been read.
  [[nodiscard]] std::set<Oid> tables_at_work();
  /// Everything but positions.
  void report(WorkerStatus& status);

 private:
  void settle(const LaneEvent& event);
  void note_error(const Error& error);
  bool let_stuck_table_go();
  void check_relation(const MirroredTable& table, const RelationMessage& message);
  void apply_message(Bytes content, Lsn lsn);
  void skip_message(std::string_view why, Lsn lsn);
  MirroredTable* table_for_change(Oid oid);
  [[nodiscard]] bool shows_as_before(const TableRecord& table) const;
  template <typename Add>
  void change(Oid oid, Add add);
  void report_table(WorkerStatus& status, const MirroredTable& table) const;
  [[nodiscard]] std::chrono::milliseconds refused_for(bool copying);

  const Settings& settings_;
  TableRegistry registry_;
  Watermark watermark_;
  Copier copier_;  // before the lanes: their steps start and cancel copies
  LaneScheduler lanes_;
  std::shared_ptr<Lane> own_lane_ = std::make_shared<Lane>("bookmark");
  Batcher batcher_;
  TableLife life_;
  MessageSeal seal_;
  LagClock lag_;
  Oid message_table_ = 0;  ///< 0 where messages are messages

  // The transaction being read.
  bool in_transaction_ = false;
  Xid xid_ = 0;
  LagClock::Time commit_time_;
  ChangeStamp stamp_;
  Lsn change_lsn_;
  std::size_t change_bytes_ = 0;
  std::uint64_t rows_in_transaction_ = 0;

  std::uint64_t transactions_ = 0;
  std::uint64_t retries_ = 0;
  std::uint64_t messages_skipped_ = 0;
  std::string last_error_;
  std::string last_error_at_;
  std::map<std::shared_ptr<Lane>, std::string> held_up_;     ///< lanes whose step is tried again, and why
  std::optional<SteadyClock::time_point> refused_since_;     ///< by ClickHouse, without a success since
  SteadyClock::time_point through_at_ = SteadyClock::now();  ///< or nothing was to be sent
  SteadyClock::time_point probed_at_;                        ///< whether the target takes rows of any table
};

}  // namespace echodb
