#pragma once

#include <filesystem>
#include <vector>

namespace echodb {

struct FileAccess {
  std::vector<std::filesystem::path> writable;  ///< directories with all below; of a file, its directory
  std::vector<std::filesystem::path> readable;
};

/// From now on this thread and those it starts can open only these files, and of the system's what a program needs:
/// libraries, time zones, certificates, name resolution, /sys, and of /proc its own directory and the machine's
/// figures. No file can be executed. It cannot be undone. False when the kernel has no Landlock; then nothing is
/// confined.
bool confine_files(const FileAccess& access);

}  // namespace echodb
