#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "embedded/child_process.h"
#include "embedded/data_directory.h"
#include "embedded/local_postgres.h"
#include "embedded/running_up.h"
#include "embedded/stop_signals.h"
#include "embedded/stored_credentials.h"
#include "embedded/supervisor.h"

namespace echodb {

/// Everything `up` runs: a private PostgreSQL and the embedded ClickHouse where no host is configured, then
/// `setup` once, then the workers and the checker. The children are this same program; they get their settings as
/// environment, and passwords in a file in memory.
class UpStack {
 public:
  struct Options {
    Settings settings;
    Variables variables;  ///< put into the children's environment on top of our own
    std::uint16_t workers = 1;
    bool accept_new_source = false;
    Supervisor::Notice step;    ///< gets a sentence when something begins
    Supervisor::Notice notice;  ///< gets a sentence when something unexpected happens
  };

  UpStack(Options options, const StopSignals& stop);

  /// Starts all of it and returns when the worker answers. Throws one Error when anything is in the way; what was
  /// started goes with this object.
  void start();
  /// Restarts what has crashed, then waits this long or until something happens.
  void tend(std::chrono::milliseconds longest);
  /// Stops all of it in reverse order; returns what did not end cleanly.
  std::vector<std::string> stop() { return supervisor_.stop(); }

  /// The settings with the private servers filled in.
  [[nodiscard]] const Settings& settings() const { return effective_; }
  [[nodiscard]] bool private_postgres() const { return given_.postgres.host.empty(); }
  [[nodiscard]] bool embedded_clickhouse() const { return given_.clickhouse.host.empty(); }
  [[nodiscard]] const std::filesystem::path& data_directory() const { return data_path_; }
  /// Which passwords `up` made up itself.
  [[nodiscard]] const StoredCredentials& made_up() const { return made_up_; }
  /// What people should know about the passwords, one sentence each.
  [[nodiscard]] std::vector<std::string> warnings() const;
  [[nodiscard]] std::filesystem::path log_directory() const { return data_path_ / "log"; }
  /// Where the first worker's endpoints are reached from this machine: "http://127.0.0.1:8080".
  [[nodiscard]] std::string worker_url() const { return worker_url(0); }
  [[nodiscard]] std::vector<std::string> worker_urls() const;
  /// The same of the checker's: "http://127.0.0.1:8090".
  [[nodiscard]] std::string checker_url() const;

 private:
  void take_data_directory();
  void settle_passwords();
  void expect_ports() const;
  void start_postgres();
  void start_clickhouse();
  void run_setup();
  void start_worker(std::uint16_t index);
  [[nodiscard]] ChildCommand worker(std::uint16_t index) const;
  [[nodiscard]] std::uint16_t worker_port(std::uint16_t index) const;
  [[nodiscard]] std::string worker_url(std::uint16_t index) const;
  void start_checker();
  [[nodiscard]] ChildCommand role(const std::string& name) const;
  /// Throws, in its own words, when the child has ended.
  void expect_running(const ChildCommand& child, std::uintmax_t words_from);
  void start_role(const ChildCommand& child, const std::function<bool()>& ready);

  Settings given_;
  Settings effective_;
  std::uint16_t workers_;
  bool accept_new_source_;
  StoredCredentials made_up_;
  std::map<std::string, std::string> environment_;
  RunningUp running_;
  std::filesystem::path data_path_;
  Supervisor::Notice step_;
  const StopSignals& stop_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<RunningUpMark> mark_;
  std::unique_ptr<LocalPostgres> postgres_;
  Supervisor supervisor_;  ///< last: children end before what they were given is closed
};

}  // namespace echodb
