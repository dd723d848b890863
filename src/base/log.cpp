#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <filesystem>

#include "base/error.h"
#include "base/printable.h"

namespace echodb::log {
namespace {

constexpr std::size_t kFileBytesMax = 10 * 1024 * 1024;
constexpr std::size_t kFilesKept = 5;

spdlog::level::level_enum parse_level(const std::string& level) {
  if (level == "DEBUG") return spdlog::level::debug;
  if (level == "INFO") return spdlog::level::info;
  if (level == "WARNING") return spdlog::level::warn;
  if (level == "ERROR") return spdlog::level::err;
  if (level == "CRITICAL") return spdlog::level::critical;
  throw Error(ErrorCode::InvalidConfiguration, "LOG_LEVEL is '" + level + "'",
              "use DEBUG, INFO, WARNING, ERROR or CRITICAL");
}

spdlog::sink_ptr make_sink(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    // Absolute: rotation opens it again by name, and a command may have changed its working directory since.
    auto path = std::filesystem::absolute(file).string();
    return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kFileBytesMax, kFilesKept);
  } catch (const spdlog::spdlog_ex& failure) {
    throw Error(ErrorCode::InvalidConfiguration, std::string("cannot write the log: ") + failure.what(),
                "set LOG_FILE to a path this user may write");
  }
}

/// `%*` of the pattern: the message on one line.
class PrintableMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    std::string shown = printable({message.payload.data(), message.payload.size()});
    line.append(shown.data(), shown.data() + shown.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

}  // namespace

void configure(const Options& options) {
  auto logger = std::make_shared<spdlog::logger>("echodb", make_sink(options.file));
  logger->set_level(parse_level(options.level));
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintableMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %*");
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace echodb::log
