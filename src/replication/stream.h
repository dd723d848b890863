#pragma once

#include <chrono>
#include <stop_token>

#include "base/wakeup.h"
#include "catalog/store.h"
#include "config/limits.h"
#include "config/settings.h"
#include "postgres/pgoutput.h"
#include "postgres/replication_stream.h"
#include "replication/batcher.h"
#include "replication/bookmark.h"
#include "replication/catalog_poll.h"
#include "replication/copier.h"
#include "replication/inventory_watch.h"
#include "replication/lag_clock.h"
#include "replication/message_seal.h"
#include "replication/schema_events.h"
#include "replication/source_position.h"
#include "replication/status_board.h"
#include "replication/table_registry.h"
#include "replication/target_watch.h"
#include "replication/watermark.h"

namespace echodb {

/// One run of a stream: from a connection to the slot until the connection breaks or someone asks to stop. Wires the
/// parts: frames (postgres/replication_stream) are decoded (postgres/pgoutput) into rows of open batches (batcher),
/// which lanes write (lane, lane_tasks); what is acknowledged moves the watermark, and that is confirmed to the slot.
/// Nothing here outlives the run but what is in the catalog, the slot and ClickHouse: a new run starts from those, as
/// after a crash.
class Stream final : private PgoutputHandler {
 public:
  using Transient = std::function<bool(const Error&)>;  ///< control/error_policy: the same step may succeed later

  Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
         const Transient& transient, std::stop_token stop);
  ~Stream() override;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Returns when the stop token is raised, or when the log has to be read again from where it was last confirmed, with
  /// everything read so far written and confirmed if the grace period allows, and then true; throws when the run cannot
  /// go on.
  [[nodiscard]] bool run();
  /// Called now and then while the run goes well.
  void while_running(std::function<void()> is_running) { is_running_ = std::move(is_running); }

 private:
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

  static constexpr std::chrono::milliseconds kPublishInterval{100};  ///< from one status to the next

  bool read_available();
  void take(const WalFrame& frame);
  void collect_events();
  void confirm(bool at_once);
  void save_progress();
  void store_progress();
  void let_stuck_table_go();
  void replace_lost();
  void save_bookmark();
  void publish_status();
  [[nodiscard]] std::chrono::milliseconds refused_for(bool copying);
  bool finish();
  void read_transaction_to_end();
  void expect_word();
  [[nodiscard]] std::chrono::milliseconds time_to_wait() const;
  [[nodiscard]] bool over_budget() const {
    return batcher_.buffered_bytes() >= settings_.memory_bytes_max / limits::kMemoryPerRows;
  }

  void check_relation(const MirroredTable& table, const RelationMessage& message);
  void apply_message(Bytes content, Lsn lsn);
  void skip_message(std::string_view why, Lsn lsn);
  MirroredTable* table_for_change(Oid oid);
  template <typename Add>
  void change(Oid oid, Add add);

  const Settings& settings_;
  StreamRecord record_;
  CatalogStore& catalog_;
  StatusBoard& board_;
  std::stop_token stop_;
  Wakeup wakeup_;

  ServerVersion server_;
  TableRegistry registry_;
  Watermark watermark_;
  BookmarkKeeper bookmark_;  // before the lanes, whose steps store it, look, and start and cancel copies
  TargetWatch target_watch_;
  Copier copier_;
  LaneScheduler lanes_;
  std::shared_ptr<Lane> bookmark_lane_ = std::make_shared<Lane>("bookmark");
  Batcher batcher_;
  SchemaEvents schema_events_;
  ReplicationStream source_;
  SourcePosition position_;
  std::optional<CatalogPoll> catalog_poll_;
  std::optional<InventoryWatch> inventory_watch_;
  bool has_event_triggers_ = true;
  PgoutputDecoder decoder_;
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

  Lsn confirmed_;
  Lsn saved_;
  bool reply_wanted_ = false;
  std::uint64_t transactions_ = 0;
  std::uint64_t retries_ = 0;
  std::uint64_t messages_skipped_ = 0;
  std::string last_error_;
  std::optional<std::chrono::steady_clock::time_point> refused_since_;  ///< by ClickHouse, without a success since
  std::chrono::steady_clock::time_point through_at_ = std::chrono::steady_clock::now();  ///< or nothing was to be sent
  std::chrono::steady_clock::time_point confirmed_at_;
  std::chrono::steady_clock::time_point saved_at_;
  std::chrono::steady_clock::time_point probed_at_;  ///< whether the target takes rows of any table
  std::chrono::steady_clock::time_point published_at_;
  std::chrono::steady_clock::time_point heard_at_;  ///< the source's last word, or when we last did not listen
  std::chrono::steady_clock::time_point asked_at_;  ///< for a word
  std::chrono::steady_clock::time_point well_at_;   ///< when `is_running_` was last called
  std::function<void()> is_running_;
};

}  // namespace echodb
