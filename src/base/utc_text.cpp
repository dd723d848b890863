#include "base/utc_text.h"

#include <fmt/chrono.h>

namespace echodb {

std::string utc_text(std::chrono::system_clock::time_point at) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::floor<std::chrono::seconds>(at));
}

}  // namespace echodb
