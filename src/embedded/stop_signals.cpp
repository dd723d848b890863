#include "embedded/stop_signals.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace echodb {

StopSignals::StopSignals() {
  sigset_t stopping;
  sigemptyset(&stopping);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&stopping, signal);
  sigprocmask(SIG_BLOCK, &stopping, &before_);
  signals_ = FileDescriptor(signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.open()) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot watch for signals: {}", std::strerror(errno)));
  }
}

StopSignals::~StopSignals() {
  // A second Ctrl-C of an impatient operator must not kill us by its default action just now.
  signalfd_siginfo pending;
  while (read(signals_.get(), &pending, sizeof(pending)) > 0) {
  }
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

bool StopSignals::requested() const {
  signalfd_siginfo pending;
  while (read(signals_.get(), &pending, sizeof(pending)) > 0) requested_ = true;
  return requested_;
}

void StopSignals::check() const {
  if (requested()) throw Error(ErrorCode::Stopped, "asked to stop");
}

void StopSignals::wait_for(std::chrono::milliseconds longest, std::span<const int> descriptors) const {
  if (requested()) return;
  std::vector<pollfd> waits{{signals_.get(), POLLIN, 0}};
  for (int descriptor : descriptors) waits.push_back({descriptor, POLLIN, 0});
  auto milliseconds = std::clamp<std::chrono::milliseconds::rep>(longest.count(), 0, INT_MAX);
  int ready = poll(waits.data(), waits.size(), static_cast<int>(milliseconds));
  if (ready < 0 && errno != EINTR) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot wait for children: {}", std::strerror(errno)));
  }
}

}  // namespace echodb
