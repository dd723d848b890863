#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace echodb {

/// The operating-system user a child runs as.
struct UserIdentity {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

/// PostgreSQL refuses to run as root. When this program is root: the system user `postgres`, else `nobody`.
/// Otherwise nothing: children run as who we are.
std::optional<UserIdentity> unprivileged_user();

/// Makes `directory` and all below it belong to `user`. Symbolic links are changed themselves, never followed.
void give_to(const UserIdentity& user, const std::filesystem::path& directory);

}  // namespace echodb
