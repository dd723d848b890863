#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "embedded/file_descriptor.h"

namespace echodb {

struct FileContent {
  std::string text;
  mode_t mode = 0600;
  bool locked = false;  ///< flock, exclusive, from before the file has its name; no reader ever holds it back
};

/// Replaces a file as a whole: a crash leaves the old one or the new one. Returns its open descriptor, which has the
/// lock if one was wanted, when the new one is on disk. Throws Error(SystemFailure).
FileDescriptor replace_file(const std::filesystem::path& path, const FileContent& content);

}  // namespace echodb
