#include "embedded/local_postgres.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "embedded/local_databases.h"
#include "embedded/orphaned_postgres.h"
#include "embedded/stop_signals.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kInitdbWithin{3};
constexpr std::chrono::minutes kReadyWithin{5};  // a crash recovery may have a lot of WAL to replay
constexpr std::chrono::milliseconds kAskAgainAfter{50};
constexpr std::chrono::seconds kStopGrace{60};

/// Every mirror has a slot and a walsender of its own; copies need connections besides.
constexpr int kReplicationSlots = 32;

std::optional<int> recorded_major(const fs::path& directory) {
  std::ifstream file(directory / "PG_VERSION");
  int major = 0;
  if (!(file >> major)) return std::nullopt;
  return major;
}

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw Error(ErrorCode::SystemFailure, fmt::format("{} {}: {}", what, path.string(), std::strerror(errno)));
}

/// The postmaster writes its state on the eighth line. Asking it by connecting would fill its log with refusals.
bool says_it_is_ready(const fs::path& directory) {
  constexpr int kStateLine = 8;
  std::ifstream file(directory / "postmaster.pid");
  std::string line;
  for (int number = 0; number < kStateLine; ++number) std::getline(file, line);
  return file && line.starts_with("ready");
}

std::string descriptor_path(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

FileDescriptor open_directory_at(const fs::path& path) {
  FileDescriptor opened(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.open()) fail("cannot open", path);
  return opened;
}

/// The password as a file that exists in memory only.
FileDescriptor password_file(const std::string& password) {
  FileDescriptor file(memfd_create("echodb-password", MFD_CLOEXEC));
  std::string line = password + "\n";
  if (!file.open() || write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    fail("cannot write", "the password file of initdb");
  }
  return file;
}

/// libpq's and the server's own variables would point it elsewhere.
std::map<std::string, std::string> environment_without_postgres() {
  auto variables = current_environment();
  std::erase_if(variables, [](const auto& variable) { return variable.first.starts_with("PG"); });
  return variables;
}

}  // namespace

LocalPostgres::LocalPostgres(PostgresSettings settings, const fs::path& data_directory)
    : settings_(std::move(settings)),
      log_file_(fs::absolute(data_directory) / "log" / "postgres.log"),
      directory_(fs::absolute(data_directory) / "postgres"),
      binaries_(find_postgres_binaries(recorded_major(directory_))),
      user_(unprivileged_user()) {
  settings_.host = "127.0.0.1";
}

void LocalPostgres::stop_orphan(const StopSignals& stop) const {
  if (fs::exists(directory_)) stop_orphaned_postgres(directory_, stop);
}

void LocalPostgres::create(int children_lock, const StopSignals& stop) {
  if (!recorded_major(directory_)) {
    if (fs::exists(directory_) && !fs::is_empty(directory_)) {
      throw Error(ErrorCode::InvalidConfiguration,
                  fmt::format("{} is not a PostgreSQL data directory", directory_.string()),
                  "remove it, or set ECHODB_DATA_DIR to another directory");
    }
    fs::path unfinished = directory_.parent_path() / "postgres.new";
    fs::remove_all(unfinished);
    run_initdb(unfinished, children_lock, stop);
    fs::rename(unfinished, directory_);
  }
  take_ownership();
  if (user_) opened_directory_ = open_directory_at(directory_);
}

void LocalPostgres::run_initdb(const fs::path& target, int children_lock, const StopSignals& stop) const {
  if (mkdir(target.c_str(), 0700) != 0) fail("cannot create", target);
  if (user_) give_to(*user_, target);
  FileDescriptor opened = open_directory_at(target);
  FileDescriptor password = password_file(settings_.password);
  ChildCommand initdb = command("initdb", binaries_.initdb());
  initdb.inherited_descriptors = {opened.get(), password.get(), children_lock};
  initdb.command.insert(
      initdb.command.end(),
      {"--pgdata=" + descriptor_path(opened.get()), "--username=" + settings_.user,
       "--pwfile=" + descriptor_path(password.get()), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"});
  try {
    ExitStatus status = run_to_end(initdb, stop, kInitdbWithin);
    if (status.clean()) return;
    throw Error(ErrorCode::SystemFailure, fmt::format("initdb failed ({})", to_string(status)),
                "see " + log_file_.string());
  } catch (const Error&) {
    fs::remove_all(target);
    throw;
  }
}

void LocalPostgres::take_ownership() const {
  struct stat found {};
  if (stat(directory_.c_str(), &found) != 0) fail("cannot look at", directory_);
  uid_t wanted = user_ ? user_->uid : geteuid();
  if (found.st_uid == wanted) return;
  if (!user_) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("{} belongs to another user (uid {})", directory_.string(), found.st_uid),
                "start EchoDB as that user or as root, or set ECHODB_DATA_DIR to another directory");
  }
  give_to(*user_, directory_);
}

ChildCommand LocalPostgres::command(const char* name, const fs::path& program) const {
  ChildCommand child;
  child.name = name;
  child.command = {program.string()};
  child.environment = environment_without_postgres();
  child.log_file = log_file_;
  child.run_as = user_;
  child.directory = "/";
  return child;
}

ChildCommand LocalPostgres::server_command() const {
  ChildCommand server = command("postgres", binaries_.postgres());
  std::string directory = user_ ? descriptor_path(opened_directory_.get()) : directory_.string();
  if (user_) server.inherited_descriptors = {opened_directory_.get()};
  server.command.insert(server.command.end(), {"-D", directory});
  // On the command line, so that a configuration file edited by hand cannot break replication.
  for (const std::string& setting : {std::string("listen_addresses=127.0.0.1"), fmt::format("port={}", settings_.port),
                                     std::string("unix_socket_directories="), std::string("wal_level=logical"),
                                     fmt::format("max_replication_slots={}", kReplicationSlots),
                                     fmt::format("max_wal_senders={}", kReplicationSlots), std::string("fsync=on"),
                                     std::string("synchronous_commit=on"), std::string("logging_collector=off"),
                                     std::string("log_destination=stderr")}) {
    server.command.insert(server.command.end(), {"-c", setting});
  }
  server.stop_signal = SIGINT;  // fast shutdown: sessions end, everything is on disk
  server.second_stop_signal = SIGQUIT;
  server.stop_grace = kStopGrace;
  return server;
}

void LocalPostgres::wait_until_ready(const std::function<void()>& still_running, const StopSignals& stop) const {
  auto until = std::chrono::steady_clock::now() + kReadyWithin;
  while (!says_it_is_ready(directory_)) {
    stop.check();
    still_running();
    if (std::chrono::steady_clock::now() > until) {
      throw Error(ErrorCode::SystemFailure, "the private PostgreSQL does not become ready",
                  "see " + log_file_.string());
    }
    stop.wait_for(kAskAgainAfter);
  }
  try {
    connect_for_maintenance(settings_);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::SourceAuthentication) throw;
    throw Error(error.code(), fmt::format("the private PostgreSQL refused the user {}", settings_.user),
                "it keeps POSTGRES_USER and POSTGRES_PASSWORD of its first start, or the password in the file "
                "`credentials` of the data directory: use these, or another ECHODB_DATA_DIR");
  }
}

bool LocalPostgres::create_databases() const { return echodb::create_databases(settings_); }

}  // namespace echodb
