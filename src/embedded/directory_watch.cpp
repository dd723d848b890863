#include "embedded/directory_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "base/error.h"

namespace echodb {

DirectoryWatch::DirectoryWatch(std::vector<std::filesystem::path> directories) {
  for (std::filesystem::path& directory : directories) {
    struct stat found {};
    if (stat(directory.c_str(), &found) != 0) {
      throw Error(ErrorCode::SystemFailure, fmt::format("cannot look at {}", directory.string()));
    }
    watched_.push_back({.path = std::move(directory), .device = found.st_dev, .inode = found.st_ino});
  }
}

std::filesystem::path DirectoryWatch::replaced() const {
  for (const Watched& watched : watched_) {
    struct stat found {};
    const bool is_there = stat(watched.path.c_str(), &found) == 0;
    if (!is_there || found.st_dev != watched.device || found.st_ino != watched.inode) return watched.path;
  }
  return {};
}

}  // namespace echodb
