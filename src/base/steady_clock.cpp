#include "base/steady_clock.h"

#include <atomic>

namespace echodb {
namespace {

std::atomic<SteadyClock::Source> clock_source{&std::chrono::steady_clock::now};

}  // namespace

SteadyClock::time_point SteadyClock::now() { return clock_source.load(std::memory_order_relaxed)(); }

void SteadyClock::replace(Source source) { clock_source = source; }

}  // namespace echodb
