#include "replication/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "config/limits.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Frames read in one go before acknowledgements and due batches are looked at.
constexpr int kFramesPerTurn = 2'000;
/// Two confirmations are at least this far apart while the stream is busy.
constexpr auto kConfirmInterval = 10ms;
constexpr auto kSaveInterval = 10s;
/// While a table may have to give up its place.
constexpr auto kProbeInterval = 500ms;
/// A transaction that is half read when it is time to stop is read to its end, if that comes so soon.
constexpr auto kTransactionEndWithin = 100ms;
/// A run that has lasted so long since it was last said to go well, goes well.
constexpr auto kWellInterval = 5s;
/// The source is asked for a word several times before its silence counts.
constexpr int kAsksPerSilence = 4;

ServerVersion prepare_target(const Settings& settings, std::stop_token stop) {
  return ClickHouseClient(settings.clickhouse, std::move(stop)).server_version();
}

/// Where to start: where the slot's consumer last confirmed, or later, where our own catalog knows that everything is
/// in ClickHouse. A slot goes back when PostgreSQL crashes, because its position is stored at checkpoints only; the
/// catalog has forgotten by then what rows before its own position would need.
Lsn start_position(const Settings& settings, const StreamRecord& record, std::stop_token stop) {
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
  QueryResult slot =
      source.query("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", {record.slot});
  if (slot.rows() == 0 || slot.is_null(0, 0)) {
    throw Error(ErrorCode::SlotLost, "the replication slot is gone").with("slot", record.slot);
  }
  return std::max(parse_lsn(slot.text(0, 0)), record.applied);
}

/// Setup has stored it.
Bookmark held_bookmark(const Settings& settings, const StreamRecord& record) {
  return {.stream = record.name,
          .database = settings.postgres.database,
          .system_identifier = record.system_identifier,
          .timeline = record.timeline,
          .applied = record.applied,
          .number = record.target_number,
          .target_id = record.target_id};
}

MessageSeal load_seal(const Settings& settings, std::stop_token stop) {
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, std::move(stop));
  return MessageSeal::load(source);
}

}  // namespace

Stream::Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
               const Transient& transient, std::stop_token stop)
    : settings_(settings),
      record_(record),
      catalog_(catalog),
      board_(board),
      stop_(stop),
      server_(prepare_target(settings, stop)),
      registry_(catalog.load_tables(record.name), type_choices(settings, server_), settings.clickhouse.database),
      watermark_(start_position(settings, record, stop)),
      bookmark_(catalog, settings.clickhouse.database, held_bookmark(settings, record)),
      target_watch_(settings.clickhouse.database, server_),
      copier_({.workers = settings.snapshot_workers,
               .source = settings.postgres,
               .clickhouse = settings.clickhouse,
               .choices = registry_.choices(),
               .transient = transient,
               .on_event = [this] { wakeup_.notify(); }},
              catalog),
      lanes_({.writers = settings.writers,
              .clickhouse = settings.clickhouse,
              .source = settings.postgres,
              .retry_delay_max = settings.retry_delay,
              .retry_backoff = settings.retry_backoff,
              .transient = transient,
              .on_event = [this] { wakeup_.notify(); }}),
      batcher_({.interval = settings.sync_interval,
                .waiting_max = settings.writers,
                .rows_max = settings.batch_rows_max,
                .bytes_max = settings.batch_bytes_max},
               registry_, watermark_, lanes_),
      schema_events_({.settings = settings_,
                      .stream = record_.name,
                      .catalog = catalog_,
                      .registry = registry_,
                      .watermark = watermark_,
                      .lanes = lanes_,
                      .batcher = batcher_,
                      .copier = copier_}),
      source_(settings.postgres,
              {.slot = record.slot,
               .publications = {record.publication, record.publication + "_insert_only"},
               .message_publication = record.publication + std::string(kMessagePublicationSuffix),
               .start = watermark_.position()},
              stop),
      position_(settings.postgres),
      seal_(load_seal(settings, stop)) {
  PostgresConnection source(settings.postgres, ConnectionKind::Ordinary, stop);
  has_event_triggers_ = has_event_triggers(source);
  ClickHouseClient clickhouse(settings.clickhouse, stop);
  schema_events_.resume(parse_lsn(source.query("SELECT pg_current_wal_lsn()").text(0, 0)),
                        target_watch_.look(clickhouse));
  if (!has_event_triggers_ || record.failed_over) {
    catalog_poll_.emplace(CatalogPoll::Options{.source = settings.postgres,
                                               .stream = record.name,
                                               .interval = settings.catalog_poll,
                                               .once = has_event_triggers_});
  }
  inventory_watch_.emplace(settings_, record_, catalog_);
  log::info("streaming from slot {} ({} tables) into ClickHouse {}", record.slot, registry_.size(), server_.text);
}

/// Steps that wait for the end of a copy must not keep the lanes' threads.
Stream::~Stream() { copier_.stop(); }

bool Stream::run() {
  std::stop_callback wake(stop_, [this] { wakeup_.notify(); });
  well_at_ = heard_at_ = Clock::now();
  while (!stop_.stop_requested() && !schema_events_.must_read_again()) {
    if (settings_.clickhouse.permit != nullptr) settings_.clickhouse.permit->expect();
    bool full = over_budget();
    bool drained = full || read_available();
    collect_events();
    lanes_.relieve();
    schema_events_.finish_copies();
    schema_events_.heal();
    if (!in_transaction_) replace_lost();
    // A transaction too large for memory goes out before it is over; the watermark stays behind it all the same.
    if (over_budget()) batcher_.seal_all();
    if (over_budget()) schema_events_.leave_in_log(batcher_.buffered_bytes());
    if (over_budget()) let_stuck_table_go();
    if (!in_transaction_) batcher_.seal_due(drained);
    confirm(/*at_once=*/false);
    save_progress();
    publish_status();
    if (full) heard_at_ = Clock::now();
    expect_word();
    // While there is no room for rows, only the writers can change that.
    if (drained) source_.wait({.wakeup_fd = wakeup_.fd(), .for_frames = !full}, time_to_wait());
    wakeup_.drain();
  }
  return finish();
}

void Stream::replace_lost() {
  std::optional<TargetFindings> found = target_watch_.take();
  if (!found) return;
  if (!found->loss.empty()) throw Error(ErrorCode::TargetReplaced, found->loss);
  schema_events_.replace_lost(*found);
}

/// An open connection may lead nowhere: the source's machine or the network between may be gone. So a source that says
/// nothing is asked to, and one that does not answer for as long as it would wait for us is taken for lost.
void Stream::expect_word() {
  auto now = Clock::now();
  auto silent = now - heard_at_;
  auto patience = source_.patience();
  if (silent > patience) {
    throw Error(ErrorCode::SourceUnreachable,
                fmt::format("PostgreSQL has said nothing on the replication stream for {} ms",
                            std::chrono::duration_cast<std::chrono::milliseconds>(silent).count()));
  }
  if (silent > patience / kAsksPerSilence && now - asked_at_ > patience / kAsksPerSilence) {
    asked_at_ = now;
    source_.send_status(watermark_.position(), ReplicationStream::Reply::Wanted);
  }
  if (is_running_ && now - well_at_ >= kWellInterval) {
    well_at_ = now;
    is_running_();
  }
}

/// Reads what has arrived; true when nothing is left to read.
bool Stream::read_available() {
  bool drained = false;
  int frames = 0;
  while (!drained && frames < kFramesPerTurn && !over_budget()) {
    std::optional<WalFrame> frame = source_.try_next();
    drained = !frame;
    if (!frame) break;
    take(*frame);
    ++frames;
  }
  // Once for all of them, and after what may have taken its time.
  if (frames > 0) heard_at_ = Clock::now();
  return drained;
}

void Stream::take(const WalFrame& frame) {
  if (frame.kind == WalFrame::Kind::Keepalive) {
    // Between transactions the server has sent everything up to here, so there is nothing of ours before it.
    if (!in_transaction_) watermark_.transaction_ended(frame.wal_end);
    reply_wanted_ = reply_wanted_ || frame.reply_requested;
    return;
  }
  if (frame.start) change_lsn_ = frame.start;
  change_bytes_ = frame.payload.size();
  decoder_.decode(frame.payload, *this);
}

void Stream::collect_events() {
  for (LaneEvent& event : lanes_.take_events()) {
    batcher_.written(event.bytes);
    for (Watermark::Ticket ticket : event.tickets) watermark_.close(ticket);
    if (!event.failure) {
      refused_since_.reset();
      through_at_ = Clock::now();
      if (event.bytes > 0) batcher_.taken(*event.lane, event.took);
      continue;
    }
    ErrorCode code = event.failure->code();
    bool refused = code == ErrorCode::TargetOverloaded || code == ErrorCode::TargetUnreachable;
    if (event.retrying && refused && !refused_since_) refused_since_ = Clock::now();
    // What the breaker refused says nothing that is not known.
    if (!event.failure->detail("breaker").empty()) continue;
    last_error_ = event.failure->what();
    if (event.retrying) {
      ++retries_;
      if (code == ErrorCode::TargetOverloaded) batcher_.refused(*event.lane);
      log::warn("{}: trying again: {}", event.lane->name(), event.failure->what());
    } else {
      schema_events_.lane_failed(event);
    }
  }
  for (const CopyEvent& event : copier_.take_events()) {
    if (event.failure) last_error_ = event.failure->what();
    schema_events_.copy_event(event);
  }
  lag_.applied(watermark_.position());
}

void Stream::confirm(bool at_once) {
  Lsn position = watermark_.position();
  auto now = Clock::now();
  bool moved = position > confirmed_ && now - confirmed_at_ >= kConfirmInterval;
  bool overdue = now - confirmed_at_ >= source_.status_interval();
  if (!moved && !overdue && !reply_wanted_ && !at_once) return;
  source_.send_status(position);
  failpoint("status.sent");
  confirmed_ = position;
  confirmed_at_ = now;
  reply_wanted_ = false;
}

/// Keeps the applied position in the catalog beside the slot's own, now and then, so that a slot that was lost or
/// rewound is noticed. An idle stream writes nothing.
void Stream::save_progress() {
  auto now = Clock::now();
  if (now - saved_at_ < kSaveInterval) return;
  saved_at_ = now;
  if (lanes_.depth(*bookmark_lane_) == 0) {
    schema_events_.look_begins();
    lanes_.push(bookmark_lane_, std::make_unique<TargetWatchTask>(target_watch_, bookmark_));
  }
  if (transactions_ == 0 || saved_ == confirmed_) return;
  store_progress();
}

void Stream::store_progress() {
  saved_ = confirmed_;
  catalog_.save_applied(record_.name, confirmed_);
  failpoint("progress.saved");
  if (lanes_.depth(*bookmark_lane_) <= 1) save_bookmark();
  catalog_.prune(record_.name, confirmed_);
  schema_events_.forget_old(confirmed_);
}

/// Memory is full, and reading has stopped for everybody. When the reason is a table whose rows do not get through
/// while others' do, that table alone is to pay for it. That others' do is seen by the bookmark when nothing else is on
/// its way: a server that takes no rows at all is waited for.
void Stream::let_stuck_table_go() {
  LaneScheduler::Stuck stuck = lanes_.find_stuck();
  if (stuck.lane == nullptr || stuck.lane == bookmark_lane_ || 2 * stuck.bytes < batcher_.buffered_bytes()) return;
  if (stuck.others_go_on) {
    schema_events_.give_up(
        stuck.lane, Error(ErrorCode::TargetOverloaded,
                          fmt::format("its rows have filled the memory, because ClickHouse has taken none for {} s",
                                      std::chrono::duration_cast<std::chrono::seconds>(stuck.tried_for).count()),
                          "see why ClickHouse does not take this table's rows; it is copied again by itself"));
    return;
  }
  auto now = Clock::now();
  if (now - probed_at_ < kProbeInterval) return;
  probed_at_ = now;
  store_progress();
}

std::chrono::milliseconds Stream::time_to_wait() const {
  auto now = Clock::now();
  auto until = now + kPublishInterval;
  if (!in_transaction_) {
    if (auto due = batcher_.next_due()) until = std::min(until, *due);
  }
  if (watermark_.position() > confirmed_) until = std::min(until, confirmed_at_ + kConfirmInterval);
  until = std::min(until, confirmed_at_ + source_.status_interval());
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(until - now, Clock::duration::zero()));
}

/// Writes what has been read of whole transactions and confirms it; what is left when the grace period is over comes
/// again from the slot.
bool Stream::finish() {
  log::info(stop_.stop_requested() ? "stopping: writing what has been read"
                                   : "reading the log again from where it was last confirmed");
  const bool no_copy_cut_short = copier_.stop();
  read_transaction_to_end();
  if (!in_transaction_) batcher_.seal_all();
  auto deadline = Clock::now() + limits::kGracePeriod / 2;
  const WritePermit* permit = settings_.clickhouse.permit.get();
  bool at_rest = false;
  while (!watermark_.idle() && !at_rest && Clock::now() < deadline && (permit == nullptr || permit->held())) {
    at_rest = lanes_.wait_idle(kConfirmInterval);
    collect_events();
    // What is left waits for what does not come any more: the end of its transaction, or of a copy.
    at_rest = at_rest && lanes_.wait_idle(0ms);
  }
  confirm(/*at_once=*/true);
  catalog_.save_applied(record_.name, confirmed_);
  save_bookmark();
  lanes_.wait_idle(limits::kGracePeriod / 10);
  return (at_rest || watermark_.idle()) && no_copy_cut_short;
}

void Stream::read_transaction_to_end() {
  for (auto until = Clock::now() + kTransactionEndWithin; in_transaction_ && Clock::now() < until && !over_budget();) {
    if (read_available()) source_.wait({.wakeup_fd = wakeup_.fd(), .for_frames = true}, kConfirmInterval);
    wakeup_.drain();
  }
}

/// ClickHouse learns what the catalog knows already, never before: replication/bookmark.h.
void Stream::save_bookmark() { lanes_.push(bookmark_lane_, std::make_unique<BookmarkTask>(bookmark_, confirmed_)); }

/// A server that says nothing refuses as well, only later; while tables are copied, rows may wait for a copy.
std::chrono::milliseconds Stream::refused_for(bool copying) {
  auto now = Clock::now();
  if (batcher_.buffered_bytes() == 0 || copying) through_at_ = now;
  auto since = now;
  if (now - through_at_ > limits::kSilentTargetTimeout) since = through_at_;
  if (refused_since_) since = std::min(since, *refused_since_);
  return std::chrono::floor<std::chrono::milliseconds>(now - since);
}

}  // namespace echodb
