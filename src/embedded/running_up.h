#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "config/settings.h"
#include "embedded/file_descriptor.h"

namespace echodb {

/// How the `up` that runs on a data directory was started, for the commands that a person runs beside it.
struct RunningUp {
  /// Its environment and flags, as far as they are settings or libpq's; neither secrets nor what `.env` says.
  Variables variables;
  std::uint16_t workers = 1;  ///< on HEALTH_CHECK_PORT and the ports after it
};

/// `<data directory>/up.json`, which holds that while `up` runs. A lock on the file, which the kernel takes away
/// however the process ends, tells a running `up` from one that was killed.
class RunningUpMark {
 public:
  /// For whoever has the data directory. Throws Error(SystemFailure).
  RunningUpMark(const std::filesystem::path& data_directory, const RunningUp& running);
  ~RunningUpMark();
  RunningUpMark(const RunningUpMark&) = delete;
  RunningUpMark& operator=(const RunningUpMark&) = delete;

 private:
  std::filesystem::path path_;
  FileDescriptor lock_;
};

/// Nothing when no `up` runs on this data directory. Throws Error(SystemFailure) when the file cannot be read.
std::optional<RunningUp> find_running_up(const std::filesystem::path& data_directory);

}  // namespace echodb
