#include "control/leadership.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

/// Often enough that several attempts fit into the TTL, and that a follower sees a live session.
std::chrono::milliseconds renewal_interval(std::chrono::milliseconds ttl) {
  return std::clamp<std::chrono::milliseconds>(ttl / 10, 100ms, 1s);
}

}  // namespace

Leadership::Leadership(LeaderElection& election, std::chrono::milliseconds ttl, const std::stop_token& stop)
    : election_(election), interval_(renewal_interval(ttl)) {
  try {
    std::stop_callback cut_short(stop, [this] { election_.interrupt(); });
    until_ = election_.renew(Lease::Clock::now() + ttl / 2);
  } catch (const Error&) {
    election_.resign();
    throw;
  }
  lease_ = std::make_shared<Lease>(until_);
  renewing_ = std::jthread([this](const std::stop_token& ended) { keep(ended); });
}

Leadership::~Leadership() {
  renewing_.request_stop();
  election_.interrupt();
  renewing_ = {};
  lease_->lose("it was given back");
  election_.resign();
}

void Leadership::keep(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      until_ = election_.renew(until_);
    } catch (const Error& error) {
      if (!stop.stop_requested()) lease_->lose(error.message());
      return;
    }
    if (!lease_->extend(until_)) return;
    pause(interval_, stop);
  }
}

}  // namespace echodb
