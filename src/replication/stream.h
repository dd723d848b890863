#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

#include "base/wakeup.h"
#include "catalog/store.h"
#include "config/settings.h"
#include "postgres/pgoutput.h"
#include "postgres/replication_stream.h"
#include "replication/applier.h"
#include "replication/bookmark.h"
#include "replication/catalog_poll.h"
#include "replication/inventory_watch.h"
#include "replication/source_position.h"
#include "replication/status_board.h"
#include "replication/target_watch.h"

namespace echodb {

/// One run of a stream: from a connection to the slot until the connection breaks or someone asks to stop. Frames
/// (postgres/replication_stream) are decoded (postgres/pgoutput) for the applier, and what it has brought into the
/// target is confirmed to the slot.
/// Nothing here outlives the run but what is in the catalog, the slot and ClickHouse: a new run starts from those, as
/// after a crash.
class Stream final {
 public:
  using Transient = std::function<bool(const Error&)>;  ///< control/error_policy: the same step may succeed later

  Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
         const Transient& transient, std::stop_token stop);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Returns when the stop token is raised, or when the log has to be read again from where it was last confirmed, with
  /// everything read so far written and confirmed if the grace period allows, and then true; throws when the run cannot
  /// go on.
  [[nodiscard]] bool run();
  /// Called now and then while the run goes well.
  void while_running(std::function<void()> is_running) { is_running_ = std::move(is_running); }

 private:
  static constexpr std::chrono::milliseconds kPublishInterval{100};  ///< from one status to the next

  struct Facts;
  Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
         const Transient& transient, const std::stop_token& stop, const Facts& source);

  bool read_available();
  void take(const WalFrame& frame);
  void confirm(bool at_once);
  void save_progress();
  void store_progress();
  void save_bookmark();
  void note_error(const Error& error);
  void publish_status();
  bool finish();
  void read_transaction_to_end();
  void expect_word();
  [[nodiscard]] std::chrono::milliseconds time_to_wait() const;

  const Settings& settings_;
  StreamRecord record_;
  CatalogStore& catalog_;
  StatusBoard& board_;
  std::stop_token stop_;
  Wakeup wakeup_;

  BookmarkKeeper bookmark_;  // before the applier, whose own steps store it, and look
  TargetWatch target_watch_;
  Applier applier_;
  ReplicationStream source_;
  SourcePosition position_;
  std::optional<CatalogPoll> catalog_poll_;
  std::optional<InventoryWatch> inventory_watch_;
  PgoutputDecoder decoder_;

  Lsn confirmed_;
  Lsn saved_;
  bool reply_wanted_ = false;
  std::chrono::steady_clock::time_point confirmed_at_;
  std::chrono::steady_clock::time_point saved_at_;
  std::chrono::steady_clock::time_point published_at_;
  std::chrono::steady_clock::time_point heard_at_;  ///< the source's last word, or when we last did not listen
  std::chrono::steady_clock::time_point asked_at_;  ///< for a word
  std::chrono::steady_clock::time_point well_at_;   ///< when `is_running_` was last called
  std::function<void()> is_running_;
};

}  // namespace echodb
