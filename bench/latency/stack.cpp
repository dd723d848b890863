#include "stack.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "embedded/port_check.h"

namespace echodb {
namespace {

namespace fs = std::filesystem;

fs::path make_temporary_directory() {
  std::string name = (fs::temp_directory_path() / "echodb-latency-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorCode::SystemFailure, "cannot make a temporary directory", "set TMPDIR to one you may write");
  }
  return name;
}

/// Every documented default, said aloud, so that a `.env` or an environment of the person who measures does not matter.
Variables defaults_on_free_ports(const fs::path& directory, const std::string& chdb_library) {
  Variables variables;
  for (const SettingDescription& setting : setting_descriptions()) variables[setting.name] = setting.default_value;
  std::set<std::uint16_t> ports;
  for (const char* name : {"POSTGRES_PORT", "CLICKHOUSE_PORT", "HEALTH_CHECK_PORT"}) {
    std::uint16_t port = free_port();
    while (!ports.insert(port).second) port = free_port();
    variables[name] = std::to_string(port);
  }
  variables["ECHODB_DATA_DIR"] = (directory / "data").string();
  // `up` runs in the directory of its own.
  if (!chdb_library.empty()) variables["ECHODB_CHDB_LIBRARY"] = fs::absolute(chdb_library).string();
  return variables;
}

std::string content_of(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

}  // namespace

Stack::Stack(const std::string& echodb, const std::string& chdb_library) : directory_(make_temporary_directory()) {
  Variables variables = defaults_on_free_ports(directory_, chdb_library);
  settings_ = load_settings({variables});
  settings_.postgres.host = "127.0.0.1";
  settings_.clickhouse.host = "127.0.0.1";
  auto environment = current_environment();
  for (const auto& [name, value] : variables) environment[name] = value;
  up_ = std::make_unique<ChildProcess>(ChildCommand{.name = "echodb up",
                                                    .command = {fs::absolute(echodb).string(), "up"},
                                                    .environment = environment,
                                                    .log_file = directory_ / "up.log",
                                                    .run_as = {},
                                                    .inherited_descriptors = {},
                                                    .directory = directory_});
}

Stack::~Stack() {
  up_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void Stack::expect_running() {
  if (auto ended = up_->poll()) {
    throw Error(ErrorCode::SystemFailure, fmt::format("echodb up ended ({}); it said:\n{}", to_string(*ended),
                                                      content_of(directory_ / "up.log")));
  }
}

}  // namespace echodb
