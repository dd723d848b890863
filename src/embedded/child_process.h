#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "embedded/file_descriptor.h"
#include "embedded/run_as.h"

namespace echodb {

class StopSignals;

/// What to run and under which circumstances.
struct ChildCommand {
  std::string name;                  ///< for messages: "postgres"
  std::vector<std::string> command;  ///< the program's absolute path, then its arguments
  std::map<std::string, std::string> environment;
  /// Settings that no other process may see in /proc/<pid>/environ: the child gets them in a file in memory, made
  /// anew for each start, whose descriptor ECHODB_SETTINGS_FD names. Empty: there is no such file.
  std::map<std::string, std::string> secrets;
  std::filesystem::path log_file;  ///< standard output and error are appended here
  std::optional<UserIdentity> run_as;
  std::vector<int> inherited_descriptors;  ///< every other descriptor is closed in the child
  std::filesystem::path directory;         ///< where it runs; empty: where we are
  int stop_signal = SIGTERM;               ///< asks for a clean end; sent by the kernel, too, should we die
  int second_stop_signal = SIGKILL;        ///< after `stop_grace`
  std::chrono::milliseconds stop_grace{30'000};
};

/// How a child ended.
struct ExitStatus {
  int code = 0;    ///< of exit(), when signal is 0
  int signal = 0;  ///< the signal that ended it

  [[nodiscard]] bool clean() const { return code == 0 && signal == 0; }
};
std::string to_string(const ExitStatus& status);

/// One running child. It has a process group of its own, so a terminal's Ctrl-C reaches only us and the order of
/// stopping stays ours; it dies with the thread that started it (start children from the main thread only).
/// Stopped and reaped when destroyed: no orphan, no zombie.
class ChildProcess {
 public:
  /// Starts the program; throws Error(SystemFailure or MissingBinary) when it could not be executed.
  explicit ChildProcess(const ChildCommand& command);
  ~ChildProcess();
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Becomes readable when the child has ended.
  [[nodiscard]] int ended_descriptor() const { return ended_.get(); }

  /// Its end, if it has come; never waits.
  std::optional<ExitStatus> poll();
  /// Waits for its end, at most this long.
  std::optional<ExitStatus> wait_for(std::chrono::milliseconds longest);
  /// Asks it to end, insists after the grace period, kills it in the end; returns when it is gone.
  ExitStatus stop();

 private:
  void send(int signal) const;

  std::string name_;
  pid_t pid_ = -1;
  FileDescriptor ended_;
  std::optional<ExitStatus> status_;
  int stop_signal_;
  int second_stop_signal_;
  std::chrono::milliseconds stop_grace_;
};

/// Runs a command to its end and returns how it ended. Throws Error(Stopped) when the operator asked to stop
/// meanwhile, after stopping it, and Error(SystemFailure) when it takes longer than `longest`.
ExitStatus run_to_end(const ChildCommand& command, const StopSignals& stop, std::chrono::milliseconds longest);

/// This process's environment, to start a child's from.
std::map<std::string, std::string> current_environment();

}  // namespace echodb
