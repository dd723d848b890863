#include "replication/stream.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "clickhouse/client.h"
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
/// A transaction that is half read when it is time to stop is read to its end, if that comes so soon.
constexpr auto kTransactionEndWithin = 100ms;
/// A run that has lasted so long since it was last said to go well, goes well.
constexpr auto kWellInterval = 5s;
/// The source is asked for a word several times before its silence counts.
constexpr int kAsksPerSilence = 4;

/// Where to start: where the slot's consumer last confirmed, or later, where our own catalog knows that everything is
/// in ClickHouse. A slot goes back when PostgreSQL crashes, because its position is stored at checkpoints only; the
/// catalog has forgotten by then what rows before its own position would need.
Lsn start_position(PostgresConnection& source, const StreamRecord& record) {
  QueryResult slot =
      source.query("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", {record.slot});
  if (slot.rows() == 0 || slot.is_null(0, 0)) {
    throw Error(ErrorCode::SlotLost, "the replication slot is gone").with("slot", record.slot);
  }
  return std::max(parse_lsn(slot.text(0, 0)), record.applied);
}

SourceMoment moment_of(PostgresConnection& source) {
  QueryResult now = source.query("SELECT pg_current_wal_lsn(), pg_snapshot_xmax(pg_current_snapshot())");
  return {.end_of_log = parse_lsn(now.text(0, 0)), .next_transaction = static_cast<Xid>(now.number(0, 1))};
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

}  // namespace

/// What a run has to know of both ends before it begins.
struct Stream::Facts {
  Facts(PostgresConnection source, ClickHouseClient clickhouse, const StreamRecord& record)
      : target(clickhouse.server_version()),
        start(start_position(source, record)),
        format(record.format(source.server_version())),
        seal(MessageSeal::load(source)),
        has_event_triggers(echodb::has_event_triggers(source)) {}

  ServerVersion target;
  Lsn start;
  ValueFormat format;
  MessageSeal seal;
  bool has_event_triggers;
};

Stream::Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
               const Transient& transient, std::stop_token stop)
    : Stream(settings, record, catalog, board, transient, stop,
             Facts(PostgresConnection(settings.postgres, ConnectionKind::Ordinary, stop),
                   ClickHouseClient(settings.clickhouse, stop), record)) {}

Stream::Stream(const Settings& settings, const StreamRecord& record, CatalogStore& catalog, StatusBoard& board,
               const Transient& transient, const std::stop_token& stop, const Facts& facts)
    : settings_(settings),
      record_(record),
      catalog_(catalog),
      board_(board),
      stop_(stop),
      bookmark_(catalog, settings.clickhouse.database, held_bookmark(settings, record)),
      target_watch_(settings.clickhouse.database, facts.target),
      applier_({.settings = settings_,
                .stream = record.name,
                .catalog = catalog,
                .target = facts.target,
                .connect =
                    [&](std::stop_token of_writer) {
                      return connect_writer(settings_.clickhouse, settings_.postgres, of_writer);
                    },
                .make_copy_reader =
                    [this, streamed = facts.format](const CopyReaderParts& parts) {
                      return make_copy_reader({.source = settings_.postgres,
                                               .clickhouse = settings_.clickhouse,
                                               .choices = applier_.registry().choices(),
                                               .streamed = streamed},
                                              parts);
                    },
                .transient = transient,
                .on_event = [this] { wakeup_.notify(); },
                .start = facts.start,
                .seal = facts.seal}),
      source_(settings.postgres,
              {.slot = record.slot,
               .publications = {record.publication, record.publication + "_insert_only"},
               .message_publication = record.publication + std::string(kMessagePublicationSuffix),
               .format = facts.format,
               .start = facts.start},
              stop),
      position_(settings.postgres) {
  ClickHouseClient clickhouse(settings.clickhouse, stop);
  PostgresConnection looking(settings.postgres, ConnectionKind::Ordinary, stop);
  applier_.resume(moment_of(looking), target_watch_.look(clickhouse), clickhouse);
  if (!facts.has_event_triggers || record.failed_over) {
    catalog_poll_.emplace(CatalogPoll::Options{.source = settings.postgres,
                                               .stream = record.name,
                                               .interval = settings.catalog_poll,
                                               .once = facts.has_event_triggers});
  }
  inventory_watch_.emplace(settings_, record_, catalog_);
  log::info("streaming from slot {} ({} tables{}) into ClickHouse {}", record.slot, applier_.registry().size(),
            record.as_text ? ", all values as text" : "", applier_.registry().server().text);
}

bool Stream::run() {
  std::stop_callback wake(stop_, [this] { wakeup_.notify(); });
  well_at_ = heard_at_ = Clock::now();
  while (!stop_.stop_requested() && !applier_.must_read_again()) {
    if (settings_.clickhouse.permit != nullptr) settings_.clickhouse.permit->expect();
    bool full = applier_.over_budget();
    bool drained = full || read_available();
    if (std::optional<std::string> shown = position_.take_snapshot()) applier_.seen(CopyVisibility::parse(*shown));
    std::optional<TargetFindings> lost = applier_.in_transaction() ? std::nullopt : target_watch_.take();
    // The bookmark is the step that tells whether the target takes anybody's rows.
    if (applier_.turn(drained, lost)) store_progress();
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
    source_.send_status(applier_.watermark().position(), ReplicationStream::Reply::Wanted);
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
  while (!drained && frames < kFramesPerTurn && !applier_.over_budget()) {
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
    applier_.nothing_before(frame.wal_end);
    reply_wanted_ = reply_wanted_ || frame.reply_requested;
    return;
  }
  applier_.begin_change(frame.start, frame.payload.size());
  decoder_.decode(frame.payload, applier_);
}

void Stream::confirm(bool at_once) {
  Lsn position = applier_.watermark().position();
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
  if (applier_.own_steps() == 0 && !target_watch_.is_waited_for()) {
    applier_.look_begins();
    applier_.push_own(std::make_unique<TargetWatchTask>(target_watch_, bookmark_));
  }
  if (applier_.transactions() == 0 || saved_ == confirmed_) return;
  store_progress();
}

/// An application that holds a lock on our tables, or on a row, is no reason to end: what is stored is older then, and
/// no less true.
void Stream::store_progress() {
  try {
    catalog_.save_applied(record_.name, confirmed_);
    failpoint("progress.saved");
    if (applier_.own_steps() <= 1) save_bookmark();
    catalog_.prune(record_.name, confirmed_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourceBusy) throw;
    log::warn("what has been applied is stored a little later: {}", error.what());
    return;
  }
  saved_ = confirmed_;
  applier_.forget_old(confirmed_);
}

std::chrono::milliseconds Stream::time_to_wait() const {
  auto now = Clock::now();
  auto until = now + kPublishInterval;
  if (!applier_.in_transaction()) {
    if (auto due = applier_.batcher().next_due()) until = std::min(until, *due);
  }
  if (applier_.watermark().position() > confirmed_) until = std::min(until, confirmed_at_ + kConfirmInterval);
  until = std::min(until, confirmed_at_ + source_.status_interval());
  return std::chrono::ceil<std::chrono::milliseconds>(std::max(until - now, Clock::duration::zero()));
}

/// Writes what has been read of whole transactions and confirms it; what is left when the grace period is over comes
/// again from the slot.
bool Stream::finish() {
  log::info(stop_.stop_requested() ? "stopping: writing what has been read"
                                   : "reading the log again from where it was last confirmed");
  const bool no_copy_cut_short = applier_.copier().stop();
  read_transaction_to_end();
  if (!applier_.in_transaction()) applier_.batcher().seal_all();
  auto deadline = Clock::now() + limits::kGracePeriod / 2;
  const WritePermit* permit = settings_.clickhouse.permit.get();
  bool at_rest = false;
  while (!applier_.watermark().idle() && !at_rest && Clock::now() < deadline && (permit == nullptr || permit->held())) {
    at_rest = applier_.lanes().wait_idle(kConfirmInterval);
    applier_.collect_events();
    // What is left waits for what does not come any more: the end of its transaction, or of a copy.
    at_rest = at_rest && applier_.lanes().wait_idle(0ms);
  }
  confirm(/*at_once=*/true);
  catalog_.save_applied(record_.name, confirmed_);
  save_bookmark();
  applier_.lanes().wait_idle(limits::kGracePeriod / 10);
  return (at_rest || applier_.watermark().idle()) && no_copy_cut_short;
}

void Stream::read_transaction_to_end() {
  for (auto until = Clock::now() + kTransactionEndWithin;
       applier_.in_transaction() && Clock::now() < until && !applier_.over_budget();) {
    if (read_available()) source_.wait({.wakeup_fd = wakeup_.fd(), .for_frames = true}, kConfirmInterval);
    wakeup_.drain();
  }
}

/// ClickHouse learns what the catalog knows already, never before: replication/bookmark.h.
void Stream::save_bookmark() { applier_.push_own(std::make_unique<BookmarkTask>(bookmark_, confirmed_)); }

void Stream::publish_status() {
  auto now = Clock::now();
  if (now - published_at_ < kPublishInterval) return;
  published_at_ = now;
  WorkerStatus status;
  status.connected = true;
  status.is_leader = true;
  status.remade = record_.remade;
  if (!status.remade.empty()) status.remade_at = record_.created;
  status.received = applier_.watermark().ended();
  status.applied = applier_.watermark().position();
  status.source_position = std::max(position_.latest(), status.received);
  status.lag_bytes = status.source_position.value - std::min(status.applied, status.source_position).value;
  applier_.report(status);
  inventory_watch_->heard({.end = status.received, .at_work = applier_.tables_at_work()});
  inventory_watch_->report(status);
  board_.put(std::move(status));
}

}  // namespace echodb
