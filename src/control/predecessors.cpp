#include "control/predecessors.h"

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"
#include "base/process_identity.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

/// The sessions of a process that ends are gone after a few milliseconds; a leader that notices says so after a second.
constexpr auto kFirstLooks = 10ms;
constexpr auto kLaterLooks = 50ms;
constexpr auto kSaidAfter = 300ms;

}  // namespace

Predecessors::Predecessors(CatalogStore& catalog, HolderWatch watch, std::chrono::milliseconds lease_lasts)
    : catalog_(catalog), watch_(std::move(watch)), lease_lasts_(lease_lasts) {}

/// Empty: nobody.
std::string Predecessors::who_may_write(const OpenEpochs& open) const {
  auto now = Lease::Clock::now();
  for (const OpenEpoch& epoch : open.epochs) {
    bool ended = process_has_ended(epoch.process);
    if (now < may_write_until(epoch, ended, watch_, open.endings, lock_taken_)) return epoch.worker;
  }
  return {};
}

void Predecessors::await(const Lease& lease, const std::stop_token& stop) {
  bool said = false;
  for (auto began = Lease::Clock::now(); !over_;) {
    OpenEpochs open = catalog_.open_epochs(lease_lasts_);
    std::string writer = who_may_write(open);
    if (writer.empty()) {
      if (!open.epochs.empty()) catalog_.end_open_epochs();
      over_ = true;
      return;
    }
    auto waited = Lease::Clock::now() - began;
    if (!said && waited > kSaidAfter) {
      said = true;
      log::info("{} led before, and may not know that it no longer does: waiting until it says so, or cannot write",
                writer);
    }
    pause(waited < kSaidAfter ? kFirstLooks : kLaterLooks, stop);
    if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "stopped while waiting for an earlier leader");
    lease.expect();
  }
}

}  // namespace echodb
