#include "embedded/file_sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "embedded/file_descriptor.h"

namespace echodb {
namespace {

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// No file may be executed, wherever it lies: libraries are mapped, which needs no such right.
constexpr std::uint64_t kExecute = LANDLOCK_ACCESS_FS_EXECUTE;
// The first version of Landlock knows these; what later versions add is left as it is.
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kFileOnly = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

// LANDLOCK_ACCESS_FS_REFER: without it no file may be renamed from one directory to another, which MergeTree does.
// It is part of the second version.
constexpr std::uint64_t kRename = 1ULL << 13;
constexpr long kRenameSince = 2;

constexpr const char* kSystem[] = {"/lib",
                                   "/lib64",
                                   "/usr/lib",
                                   "/usr/local/lib",
                                   "/usr/share/zoneinfo",
                                   "/usr/share/ca-certificates",
                                   "/usr/local/share/ca-certificates",
                                   "/etc/ssl",
                                   "/etc/ld.so.cache",
                                   "/etc/localtime",
                                   "/etc/timezone",
                                   "/etc/hosts",
                                   "/etc/resolv.conf",
                                   "/etc/nsswitch.conf",
                                   "/etc/host.conf",
                                   "/etc/gai.conf",
                                   "/etc/services",
                                   "/sys",
                                   "/dev/urandom",
                                   "/dev/random"};

// Of /proc, this process and the machine's figures: the directories of other processes hold their environment.
constexpr const char* kProc[] = {"/proc/self",    "/proc/cpuinfo",  "/proc/meminfo",     "/proc/stat",
                                 "/proc/loadavg", "/proc/uptime",   "/proc/vmstat",      "/proc/version",
                                 "/proc/sys",     "/proc/pressure", "/proc/filesystems", "/proc/diskstats",
                                 "/proc/cgroups", "/proc/zoneinfo"};

FileDescriptor allow(int ruleset, const std::filesystem::path& path, std::uint64_t access) {
  FileDescriptor opened(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!opened.open()) return opened;
  if (!std::filesystem::is_directory(path)) access &= kFileOnly;
  landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = opened.get()};
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
    throw Error(ErrorCode::SystemFailure,
                fmt::format("cannot confine files to {}: {}", path.string(), std::strerror(errno)));
  }
  return opened;
}

/// A rule is about an inode, and those of /proc are made anew once memory was short: open, they stay.
void allow_proc(int ruleset) {
  static std::vector<FileDescriptor> kept_open;
  for (const char* path : kProc) kept_open.push_back(allow(ruleset, path, kRead));
}

std::filesystem::path directory_of(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) return path;
  return path.has_parent_path() ? path.parent_path() : std::filesystem::current_path();
}

}  // namespace

bool confine_files(const FileAccess& access) {
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // Under the first version no database could work, see kRename.
  if (version < kRenameSince) return false;
  constexpr std::uint64_t kAll = kRead | kWrite | kRename;  // of what may be written
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kAll | kExecute;
  FileDescriptor ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes.handled_access_fs), 0)));
  if (!ruleset.open()) return false;
  for (const char* path : kSystem) allow(ruleset.get(), path, kRead);
  allow_proc(ruleset.get());
  allow(ruleset.get(), "/dev/null", kRead | kWrite);
  for (const auto& path : access.readable) allow(ruleset.get(), path, kRead);
  for (const auto& path : access.writable) {
    if (!path.empty()) allow(ruleset.get(), directory_of(path), kAll);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot confine files: {}", std::strerror(errno)));
  }
  return true;
}

}  // namespace echodb
