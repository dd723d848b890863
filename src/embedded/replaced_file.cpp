#include "embedded/replaced_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_to_write(const fs::path& path) {
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)),
              "see that the data directory can be written and its disk has room");
}

}  // namespace

FileDescriptor replace_file(const fs::path& path, const FileContent& content) {
  fs::path unfinished = path.string() + ".new";
  // A crash may have left one; a link that somebody has put there is not followed.
  unlink(unfinished.c_str());
  FileDescriptor file(open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, content.mode));
  const std::string& text = content.text;
  if (!file.open() || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      (content.locked && flock(file.get(), LOCK_EX | LOCK_NB) != 0) || fsync(file.get()) != 0 ||
      rename(unfinished.c_str(), path.c_str()) != 0) {
    fail_to_write(path);
  }
  FileDescriptor directory(open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open() || fsync(directory.get()) != 0) fail_to_write(path);
  return file;
}

}  // namespace echodb
