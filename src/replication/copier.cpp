#include "replication/copier.h"

#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "base/log.h"

namespace echodb {
namespace {

/// How often a copy is planned anew because the table is not what the stream says. What the stream has not read yet
/// by then is not what is wrong.
constexpr int kPlansMax = 40;

}  // namespace

/// Of use until it is interrupted.
struct Copier::Worker {
  Worker(Copier& copier, const std::stop_token& thread)
      : with_thread(thread, Interrupt{interrupted}),
        reader(copier.options_.make_reader({.catalog = copier.catalog_,
                                            .progress = copier.progress_,
                                            .emit = [&copier](CopyEvent event) { copier.emit(std::move(event)); },
                                            .stop = interrupted.get_token()})) {}

  struct Interrupt {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };

  std::stop_source interrupted;
  std::stop_callback<Interrupt> with_thread;
  std::unique_ptr<CopyReader> reader;
};

Copier::Copier(Options options, StreamCatalog& catalog)
    : options_(std::move(options)), catalog_(catalog), board_(options_.board) {
  for (std::uint32_t i = 0; i < options_.workers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { work(std::move(stop)); });
  }
}

Copier::~Copier() {
  stop();
  threads_.clear();
}

bool Copier::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  return board_.is_idle();
}

void Copier::start(CopyJob job) {
  auto plan = std::make_shared<TablePlan>(job.schema, job.schema, options_.choices);
  board_.add(std::move(job), std::move(plan));
}

void Copier::drain(Oid table, TargetClient& target) {
  board_.cancel(table);
  while (std::optional<std::string> statement = board_.in_doubt(table)) {
    target.end_statement(*statement);
    board_.has_ended(table, *statement);
  }
}

std::vector<CopyEvent> Copier::take_events() {
  MutexLock lock(mutex_);
  return std::exchange(events_, {});
}

void Copier::emit(CopyEvent event) {
  {
    MutexLock lock(mutex_);
    events_.push_back(std::move(event));
  }
  if (options_.on_event) options_.on_event();
}

void Copier::work(std::stop_token stop) {
  std::optional<Worker> worker;
  while (std::optional<CopyWork> work = board_.take(stop)) {
    if (!worker || worker->interrupted.stop_requested()) worker.emplace(*this, stop);
    take_on(*worker, std::move(*work));
  }
}

bool Copier::run_due() {
  std::optional<CopyWork> work = board_.try_take();
  if (!work) return false;
  Worker worker(*this, {});
  take_on(worker, std::move(*work));
  return true;
}

void Copier::take_on(Worker& worker, CopyWork work) {
  std::stop_callback ended(work.copy->ended.get_token(), Worker::Interrupt{worker.interrupted});
  std::optional<Error> error;
  CopyOutcome outcome = CopyOutcome::Done;
  Lsn seen_to;
  try {
    outcome = carry_out(*worker.reader, work, seen_to);
  } catch (const Error& thrown) {
    error = thrown;
  } catch (const std::exception& fault) {
    error = Error(ErrorCode::ProtocolViolation, fault.what());
  }
  if (error) return fail(*worker.reader, std::move(work), *error);
  give_back(std::move(work), outcome, {}, seen_to);
}

CopyOutcome Copier::carry_out(CopyReader& reader, CopyWork& work, Lsn& seen_to) {
  switch (work.kind) {
    case CopyWork::Kind::Plan: return reader.plan(work) ? CopyOutcome::Done : CopyOutcome::Waits;
    case CopyWork::Kind::Range: return reader.copy_range(work) ? CopyOutcome::Done : CopyOutcome::Waits;
    case CopyWork::Kind::Finish: seen_to = reader.end_of_log(); return CopyOutcome::Done;
  }
  return CopyOutcome::Done;
}

/// The last part that is given back is the end of a copy that has failed, even if all went well with this part.
void Copier::give_back(CopyWork work, CopyOutcome outcome, const CopyFailure& failure, Lsn seen_to) {
  CopyEvent event{.job = work.copy->job.id, .table = work.copy->job.table, .seen_to = seen_to};
  std::optional<CopyEnd> end = board_.give_back(std::move(work), outcome, failure);
  if (!end) return;
  if (end->failure) {
    event.kind = CopyEvent::Kind::Failed;
    event.failure = end->failure->error;
    event.again = end->failure->again;
    event.plans = end->plans;
  } else {
    failpoint("copy.finished");
    event.rows = end->rows;
  }
  emit(std::move(event));
}

/// A part that may succeed later is put back. A heap that was exchanged, or a schema ahead of the stream's, has the
/// whole copy planned again. A keyless table's copy is one transaction: nothing of it can be kept.
void Copier::fail(CopyReader& reader, CopyWork work, const Error& error) {
  reader.give_up();
  const CopyJob& job = work.copy->job;
  const bool turn_is_over = error.code() == ErrorCode::Stopped || error.code() == ErrorCode::LeadershipLost;
  if (!turn_is_over && error.detail("breaker").empty()) {
    log::warn("copy of {}: {}", job.schema.qualified_name(), error.what());
  }
  const bool ahead = error.code() == ErrorCode::SchemaMismatch || error.code() == ErrorCode::SourceRejected;
  const int plans = board_.count_plans(work, ahead ? 1 : 0);
  const bool again = (ahead && plans < kPlansMax) || options_.transient(error);
  CopyOutcome outcome = CopyOutcome::Failed;
  if (turn_is_over) {
    outcome = CopyOutcome::Stopped;
  } else if (again && !work.copy->plan->is_bag()) {
    outcome = ahead ? CopyOutcome::PlanAgain : CopyOutcome::TryAgain;
  }
  give_back(std::move(work), outcome, {.error = error, .again = again}, {});
}

}  // namespace echodb
