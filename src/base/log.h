#pragma once

#include <spdlog/spdlog.h>

#include <string>

namespace echodb::log {

/// Where the program's log goes. Call once, before the first thread starts.
struct Options {
  std::string level = "INFO";  ///< DEBUG, INFO, WARNING, ERROR or CRITICAL
  std::string file;            ///< empty: standard error; otherwise rotated at 10 MB, five kept
};

void configure(const Options& options);

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

}  // namespace echodb::log
