#include "embedded/running_up.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "embedded/replaced_file.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr mode_t kReadByAll = 0644;

fs::path mark_path(const fs::path& data_directory) { return data_directory / "up.json"; }

[[noreturn]] void cannot_read(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::SystemFailure, fmt::format("cannot read {}, which `echodb up` left: {}", path.string(), why),
              "run this as the user who started `echodb up`, or start that again");
}

}  // namespace

RunningUpMark::RunningUpMark(const fs::path& data_directory, const RunningUp& running)
    : path_(mark_path(data_directory)) {
  json content{{"workers", running.workers}, {"variables", running.variables}};
  std::string text = content.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  lock_ = replace_file(path_, {.text = text, .mode = kReadByAll, .locked = true});
}

RunningUpMark::~RunningUpMark() { unlink(path_.c_str()); }

std::optional<RunningUp> find_running_up(const fs::path& data_directory) {
  fs::path path = mark_path(data_directory);
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) {
    // A directory that others may not enter belongs to somebody else's `up`.
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return std::nullopt;
    cannot_read(path, std::strerror(errno));
  }
  if (flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  if (errno != EWOULDBLOCK) cannot_read(path, std::strerror(errno));
  // The very file that is locked: by its name there may be another one by now.
  std::ifstream content(fmt::format("/proc/self/fd/{}", file.get()));
  json parsed = json::parse(std::istreambuf_iterator<char>(content), {}, nullptr, false);
  try {
    return RunningUp{.variables = parsed.at("variables").get<Variables>(),
                     .workers = parsed.at("workers").get<std::uint16_t>()};
  } catch (const json::exception& failure) {
    cannot_read(path, failure.what());
  }
}

}  // namespace echodb
