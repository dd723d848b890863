#pragma once

#include <filesystem>

#include "embedded/file_descriptor.h"

namespace echodb {

class StopSignals;

/// ECHODB_DATA_DIR in the hands of one `echodb up`.
///
/// Two locks, both released by the kernel however a process ends. `up.lock` is held by `up` alone: whoever cannot
/// have it meets a running `up`. `children.lock` is inherited by the children: after a kill -9 of `up` its children
/// take a moment to end, and the next `up` waits for them instead of meeting their ports and files.
class DataDirectory {
 public:
  /// Creates the directory where it is missing and takes it. Throws Error(InvalidConfiguration) when another
  /// `up` has it or it cannot be used.
  DataDirectory(const std::filesystem::path& path, const StopSignals& stop);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path log_directory() const { return path_ / "log"; }
  /// For the children to inherit.
  [[nodiscard]] int children_lock() const { return children_lock_.get(); }

 private:
  std::filesystem::path path_;
  FileDescriptor up_lock_;
  FileDescriptor children_lock_;
};

}  // namespace echodb
