#include "embedded/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/error.h"
#include "config/secret_variables.h"
#include "embedded/stop_signals.h"

namespace echodb {
namespace {

/// What a child writes to its parent when it cannot become the wanted program.
struct LaunchFailure {
  std::array<char, 48> step{};
  int error = 0;
};

/// Everything the child needs between fork and exec, prepared before: after fork only async-signal-safe calls.
struct Launch {
  const ChildCommand& command;
  std::vector<char*> arguments;
  std::vector<std::string> variables;
  std::vector<char*> environment;
  FileDescriptor log;
  FileDescriptor null;
  FileDescriptor report;
  FileDescriptor secrets;
  pid_t parent = getpid();

  explicit Launch(const ChildCommand& wanted);
};

FileDescriptor open_or_throw(const std::filesystem::path& path, int flags) {
  FileDescriptor opened(open(path.c_str(), flags | O_CLOEXEC, 0640));
  if (opened.open()) return opened;
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno)));
}

FileDescriptor file_of(const std::map<std::string, std::string>& secrets) {
  FileDescriptor file(memfd_create("echodb-settings", MFD_CLOEXEC));
  std::string text = write_variables(secrets);
  if (!file.open() || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(file.get(), 0, SEEK_SET) != 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot write settings for a child: {}", std::strerror(errno)));
  }
  return file;
}

Launch::Launch(const ChildCommand& wanted) : command(wanted) {
  for (const std::string& argument : command.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  for (const auto& [name, value] : command.environment) variables.push_back(name + "=" + value);
  if (!command.secrets.empty()) {
    secrets = file_of(command.secrets);
    variables.push_back(fmt::format("{}={}", kHandedOverVariable, secrets.get()));
  }
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  log = open_or_throw(command.log_file, O_WRONLY | O_CREAT | O_APPEND);
  null = open_or_throw("/dev/null", O_RDONLY);
}

[[noreturn]] void fail_launch(const Launch& launch, const char* step) {
  LaunchFailure failure;
  failure.error = errno;
  std::strncpy(failure.step.data(), step, failure.step.size() - 1);
  [[maybe_unused]] auto written = write(launch.report.get(), &failure, sizeof(failure));
  _exit(127);
}

void drop_privileges(const Launch& launch) {
  const std::optional<UserIdentity>& user = launch.command.run_as;
  if (!user) return;
  if (setgroups(1, &user->gid) != 0) fail_launch(launch, "give up the groups of root");
  if (setgid(user->gid) != 0) fail_launch(launch, "change its group");
  if (setuid(user->uid) != 0) fail_launch(launch, "change its user");
}

void die_with_parent(const Launch& launch) {
  // Set after the change of user, which clears it.
  if (prctl(PR_SET_PDEATHSIG, launch.command.stop_signal) != 0) fail_launch(launch, "tie its life to ours");
  if (getppid() != launch.parent) _exit(127);
}

void set_up_descriptors(const Launch& launch) {
  if (dup2(launch.null.get(), STDIN_FILENO) < 0 || dup2(launch.log.get(), STDOUT_FILENO) < 0 ||
      dup2(launch.log.get(), STDERR_FILENO) < 0) {
    fail_launch(launch, "open its log");
  }
  // A library may have left a descriptor of ours without close-on-exec; kernels before 5.11 cannot be asked.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int descriptor : launch.command.inherited_descriptors) {
    if (fcntl(descriptor, F_SETFD, 0) != 0) fail_launch(launch, "inherit a descriptor");
  }
  if (launch.secrets.open() && fcntl(launch.secrets.get(), F_SETFD, 0) != 0) {
    fail_launch(launch, "inherit its settings");
  }
}

[[noreturn]] void become(const Launch& launch) {
  sigset_t none;
  sigemptyset(&none);
  setpgid(0, 0);
  signal(SIGPIPE, SIG_DFL);
  set_up_descriptors(launch);
  drop_privileges(launch);
  die_with_parent(launch);
  const std::filesystem::path& directory = launch.command.directory;
  if (!directory.empty() && chdir(directory.c_str()) != 0) fail_launch(launch, "enter its directory");
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(launch.arguments[0], launch.arguments.data(), launch.environment.data());
  fail_launch(launch, "be executed");
}

/// Blocks until the child has become its program (end of file) or says why it could not.
void expect_launched(const ChildCommand& command, FileDescriptor& report, pid_t pid) {
  LaunchFailure failure;
  ssize_t count = 0;
  do {
    count = read(report.get(), &failure, sizeof(failure));
  } while (count < 0 && errno == EINTR);
  if (count == 0) return;
  waitpid(pid, nullptr, 0);
  ErrorCode code = failure.error == ENOENT ? ErrorCode::MissingBinary : ErrorCode::SystemFailure;
  throw Error(code, fmt::format("{} ({}) could not {}: {}", command.name, command.command.front(), failure.step.data(),
                                std::strerror(failure.error)));
}

int poll_milliseconds(std::chrono::milliseconds time) {
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(time.count(), 0, INT_MAX));
}

}  // namespace

std::string to_string(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("exit code {}", status.code);
  return fmt::format("signal {} ({})", status.signal, strsignal(status.signal));
}

ChildProcess::ChildProcess(const ChildCommand& command)
    : name_(command.name),
      stop_signal_(command.stop_signal),
      second_stop_signal_(command.second_stop_signal),
      stop_grace_(command.stop_grace) {
  Launch launch(command);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw Error(ErrorCode::SystemFailure, "cannot create a pipe");
  FileDescriptor report(ends[0]);
  launch.report = FileDescriptor(ends[1]);
  pid_ = fork();
  if (pid_ < 0) {
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot start {}: {}", name_, std::strerror(errno)));
  }
  if (pid_ == 0) become(launch);
  launch.report.close_now();
  expect_launched(command, report, pid_);
  // glibc 2.36 declares pidfd_open without C linkage.
  ended_ = FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!ended_.open()) {
    int failure = errno;
    send(SIGKILL);
    waitpid(pid_, nullptr, 0);
    throw Error(ErrorCode::SystemFailure, fmt::format("cannot watch {}: {}", name_, std::strerror(failure)));
  }
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) stop();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      ended_(std::move(other.ended_)),
      status_(other.status_),
      stop_signal_(other.stop_signal_),
      second_stop_signal_(other.second_stop_signal_),
      stop_grace_(other.stop_grace_) {}

std::optional<ExitStatus> ChildProcess::poll() {
  if (status_) return status_;
  int raw = 0;
  if (waitpid(pid_, &raw, WNOHANG) != pid_) return std::nullopt;
  if (WIFEXITED(raw)) status_ = ExitStatus{WEXITSTATUS(raw), 0};
  if (WIFSIGNALED(raw)) status_ = ExitStatus{0, WTERMSIG(raw)};
  return status_;
}

std::optional<ExitStatus> ChildProcess::wait_for(std::chrono::milliseconds longest) {
  auto until = std::chrono::steady_clock::now() + longest;
  while (!poll()) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) break;
    pollfd wait{ended_.get(), POLLIN, 0};
    ::poll(&wait, 1, poll_milliseconds(left));
  }
  return status_;
}

void ChildProcess::send(int signal) const { kill(pid_, signal); }

ExitStatus ChildProcess::stop() {
  constexpr std::chrono::milliseconds kInsistFor{10'000};
  if (auto status = poll()) return *status;
  send(stop_signal_);
  if (auto status = wait_for(stop_grace_)) return *status;
  send(second_stop_signal_);
  if (auto status = wait_for(kInsistFor)) return *status;
  send(SIGKILL);
  while (!wait_for(kInsistFor)) {
  }
  return *status_;
}

ExitStatus run_to_end(const ChildCommand& command, const StopSignals& stop, std::chrono::milliseconds longest) {
  ChildProcess child(command);
  auto until = std::chrono::steady_clock::now() + longest;
  while (true) {
    if (auto status = child.poll()) return *status;
    stop.check();
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      throw Error(ErrorCode::SystemFailure, fmt::format("{} did not finish within {} s", command.name,
                                                        std::chrono::ceil<std::chrono::seconds>(longest).count()));
    }
    const int ended = child.ended_descriptor();
    stop.wait_for(left, {&ended, 1});
  }
}

std::map<std::string, std::string> current_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text(*entry);
    if (auto equals = text.find('='); equals != std::string::npos) {
      variables[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  return variables;
}

}  // namespace echodb
