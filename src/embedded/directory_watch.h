#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace echodb {

/// Directories that a process works in, and whether they are still the ones that their names lead to. Somebody may move
/// them away and put others there, from a backup perhaps: a server that goes on writes into the ones or the others.
class DirectoryWatch {
 public:
  explicit DirectoryWatch(std::vector<std::filesystem::path> directories);

  /// The first one that is another one by now, or gone; empty while there is none.
  [[nodiscard]] std::filesystem::path replaced() const;

 private:
  struct Watched {
    std::filesystem::path path;
    dev_t device = 0;
    ino_t inode = 0;
  };
  std::vector<Watched> watched_;
};

}  // namespace echodb
