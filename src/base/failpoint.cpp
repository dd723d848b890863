#include "base/failpoint.h"

#include <unistd.h>

#include <csignal>

#include "base/assert.h"

namespace echodb {
namespace {

/// How many more times each point may be passed; 0: it is not switched on.
std::array<std::atomic<std::uint64_t>, kFailpoints.size()> passages_left{};

}  // namespace

void switch_on_failpoints(const std::vector<FailpointRule>& rules) {
  for (const FailpointRule& rule : rules) {
    ECHO_ASSERT(rule.passage > 0);
    passages_left.at(Failpoint::index_of(rule.name)) = rule.passage;
  }
  detail::failpoints_on = !rules.empty();
}

void detail::pass_failpoint(std::size_t index) {
  std::uint64_t left = passages_left.at(index);
  while (left > 0 && !passages_left.at(index).compare_exchange_weak(left, left - 1)) {
  }
  if (left != 1) return;
  kill(getpid(), SIGKILL);
  // The signal may take a moment; nothing may happen behind the point.
  while (true) pause();
}

}  // namespace echodb
