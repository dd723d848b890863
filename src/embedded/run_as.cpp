#include "embedded/run_as.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/error.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

std::optional<UserIdentity> find_user(const char* name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> text{};
  int failure = getpwnam_r(name, &entry, text.data(), text.size(), &found);
  if (failure != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot look up the user {}: {}", name, std::strerror(failure)));
  }
  if (found == nullptr || entry.pw_uid == 0) return std::nullopt;
  return UserIdentity{name, entry.pw_uid, entry.pw_gid};
}

void change_owner(const UserIdentity& user, const fs::path& path) {
  if (lchown(path.c_str(), user.uid, user.gid) == 0) return;
  throw Error(ErrorCode::SystemFailure,
              fmt::format("cannot give {} to the user {}: {}", path.string(), user.name, std::strerror(errno)),
              "start EchoDB as an ordinary user, or set ECHODB_DATA_DIR to a directory of a local file system");
}

}  // namespace

std::optional<UserIdentity> unprivileged_user() {
  if (geteuid() != 0) return std::nullopt;
  for (const char* name : {"postgres", "nobody"}) {
    if (auto user = find_user(name)) return user;
  }
  throw Error(ErrorCode::SystemFailure, "PostgreSQL refuses to run as root, and there is no user postgres or nobody",
              "start EchoDB as an ordinary user, or create the system user postgres");
}

void give_to(const UserIdentity& user, const fs::path& directory) {
  change_owner(user, directory);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    change_owner(user, entry.path());
  }
}

}  // namespace echodb
