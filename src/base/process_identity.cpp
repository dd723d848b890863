#include "base/process_identity.h"

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/secret.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

/// The fields of a mark.
struct Mark {
  std::string boot;
  std::string pid_namespace;
  pid_t pid = 0;
  std::string start;
};

struct ProcessState {
  char letter = 0;  ///< R, S, Z, …
  std::string start;
};

/// From /proc/<pid>/stat: behind the name, which is in brackets and may have brackets and spaces, the state is the
/// first field and the start the twentieth (proc(5)).
std::optional<ProcessState> read_state(const std::string& pid) {
  constexpr int kFieldsBetween = 18;
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  ProcessState state;
  fields >> state.letter;
  std::string skipped;
  for (int field = 0; field < kFieldsBetween; ++field) fields >> skipped;
  if (!(fields >> state.start)) return std::nullopt;
  return state;
}

/// A process that ends is a zombie from the end of its first thread on, while others may still be in the kernel.
bool has_one_thread(const std::string& pid) {
  std::error_code fault;
  auto threads = fs::directory_iterator("/proc/" + pid + "/task", fault);
  return !fault && std::distance(fs::begin(threads), fs::end(threads)) <= 1;
}

std::optional<Mark> parse(const std::string& text) {
  Mark mark;
  std::istringstream fields(text);
  if (!(fields >> mark.boot >> mark.pid_namespace >> mark.pid >> mark.start) || mark.pid <= 0) return std::nullopt;
  return mark;
}

}  // namespace

const std::string& process_token() {
  static const std::string token = make_secret();
  return token;
}

std::string process_mark() {
  std::error_code fault;
  // A /proc of another namespace speaks of other processes.
  const std::string pid = std::to_string(getpid());
  if (fs::read_symlink("/proc/self", fault).string() != pid) return {};
  const std::string pid_namespace = fs::read_symlink("/proc/self/ns/pid", fault).string();
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::optional<ProcessState> state = read_state(pid);
  if (fault || pid_namespace.empty() || !(file >> boot) || !state) return {};
  return fmt::format("{} {} {} {}", boot, pid_namespace, pid, state->start);
}

bool process_has_ended(const std::string& text) {
  std::optional<Mark> ours = parse(process_mark());
  std::optional<Mark> mark = parse(text);
  if (!ours || !mark || mark->boot != ours->boot || mark->pid_namespace != ours->pid_namespace) return false;
  if (kill(mark->pid, 0) != 0 && errno == ESRCH) return true;
  const std::string pid = std::to_string(mark->pid);
  std::optional<ProcessState> state = read_state(pid);
  if (!state) return false;
  return state->start != mark->start || (state->letter == 'Z' && has_one_thread(pid));
}

}  // namespace echodb
