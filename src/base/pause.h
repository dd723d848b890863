#pragma once

#include <chrono>
#include <stop_token>

namespace echodb {

/// Waits for so long, or until it is time to stop.
void pause(std::chrono::nanoseconds time, const std::stop_token& stop);

}  // namespace echodb
