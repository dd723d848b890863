#pragma once

#include <chrono>
#include <string>

namespace echodb {

/// "2026-03-04T05:06:07Z"; without a time, of now.
std::string utc_text(std::chrono::system_clock::time_point at = std::chrono::system_clock::now());

}  // namespace echodb
