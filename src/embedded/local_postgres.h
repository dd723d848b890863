#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "config/settings.h"
#include "embedded/child_process.h"
#include "embedded/postgres_binaries.h"

namespace echodb {

/// A private PostgreSQL, made of the system's programs, with its data in `<data directory>/postgres`. It is a
/// development server with a production server's durability: fsync and synchronous_commit stay on.
///
/// PostgreSQL refuses to run as root, and the data directory may lie where the unprivileged user cannot go: a clone
/// under /root. So root opens the directory, the server inherits the descriptor and gets /proc/self/fd/<n> as its
/// data directory: the kernel resolves that without a look at the directories above, and PostgreSQL works with
/// relative paths once it is inside.
///
/// The order of use: construct, stop_orphan, create, start `server_command()`, wait_until_ready, create_databases.
class LocalPostgres {
 public:
  /// Finds the programs, touches nothing. Throws Error(MissingBinary).
  LocalPostgres(PostgresSettings settings, const std::filesystem::path& data_directory);

  /// What create() gives the server and everything after it uses; until then that of the settings.
  void use_password(std::string password) { settings_.password = std::move(password); }
  /// Ends a server of an earlier run that still works on this data, and clears a stale postmaster.pid.
  void stop_orphan(const StopSignals& stop) const;
  /// Makes the data (initdb) where there is none yet: whole or not at all, even if killed half-way.
  void create(int children_lock, const StopSignals& stop);
  /// The server in the foreground, listening on 127.0.0.1 only. Valid as long as this object lives.
  [[nodiscard]] ChildCommand server_command() const;
  /// Returns when connections are accepted. `still_running` throws when the server has ended.
  void wait_until_ready(const std::function<void()>& still_running, const StopSignals& stop) const;
  /// Leaves exactly the configured database beside the templates; true when it was made, with the sample tables.
  bool create_databases() const;

  [[nodiscard]] int major() const { return binaries_.major; }
  /// How to connect: the settings, with the host filled in.
  [[nodiscard]] const PostgresSettings& settings() const { return settings_; }

 private:
  [[nodiscard]] ChildCommand command(const char* name, const std::filesystem::path& program) const;
  void run_initdb(const std::filesystem::path& target, int children_lock, const StopSignals& stop) const;
  void take_ownership() const;
  void open_directory();

  PostgresSettings settings_;
  std::filesystem::path log_file_;
  std::filesystem::path directory_;
  PostgresBinaries binaries_;
  std::optional<UserIdentity> user_;
  FileDescriptor opened_directory_;  ///< held when the server runs as another user
};

}  // namespace echodb
