#include "cli/up_screen.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>

#include "cli/progress_text.h"
#include "cli/up_stack.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kRateOver{1000};
constexpr std::chrono::seconds kBetweenLines{5};
constexpr const char* kNoAnswer = "the worker does not answer";

std::string url_escaped(const std::string& text) {
  std::unique_ptr<char, void (*)(void*)> escaped(curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size())),
                                                 &curl_free);
  return escaped.get();
}

/// A line to paste into a shell. A password that a person chose is not printed: psql asks for it, or finds it. One that
/// was made up is in the shell once it has sourced the file.
std::string psql_line(const PostgresSettings& postgres, bool made_up) {
  std::string secret = !made_up && !postgres.password_given ? fmt::format(":{}", postgres.password) : "";
  return fmt::format("{}psql postgresql://{}{}@{}:{}/{}", made_up ? "PGPASSWORD=$POSTGRES_PASSWORD " : "",
                     url_escaped(postgres.user), secret, postgres.host, postgres.port, url_escaped(postgres.database));
}

std::string curl_line(const ClickHouseSettings& clickhouse, bool made_up) {
  std::string secret = made_up                     ? ":$CLICKHOUSE_PASSWORD"
                       : clickhouse.password_given ? ""
                                                   : fmt::format(":{}", clickhouse.password);
  return fmt::format("curl -u \"{}{}\" 'http://{}:{}/?database={}' --data-binary 'SHOW TABLES'", clickhouse.user,
                     secret, clickhouse.host, clickhouse.port, url_escaped(clickhouse.database));
}

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

TerminalSize terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

/// How this program is called from here: by the shorter of two paths.
std::string program_name() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const std::string near = fs::proximate(program, ignored).string();
  return !near.empty() && near.size() < program.string().size() ? near : program.string();
}

}  // namespace

UpScreen::UpScreen() : terminal_(isatty(STDOUT_FILENO) == 1) {}

void UpScreen::say(const std::string& sentence) {
  erase();
  fmt::print("{}\n", sentence);
  std::fflush(stdout);
}

void UpScreen::show_overview(const UpStack& stack) {
  const Settings& settings = stack.settings();
  const PostgresSettings& postgres = settings.postgres;
  const ClickHouseSettings& clickhouse = settings.clickhouse;
  std::string data = stack.data_directory().string();
  const bool made_up_postgres = !stack.made_up().postgres_password.empty();
  const bool made_up_clickhouse = !stack.made_up().clickhouse_password.empty();
  std::string passwords;
  if (made_up_postgres || made_up_clickhouse) {
    std::string file = credentials_file(stack.data_directory()).string();
    passwords = fmt::format("  passwords   {}\n\n  set -a; . '{}'; set +a\n", file, file);
  } else {
    passwords = "\n";
  }
  const std::string program = program_name();
  auto place = [&](bool ours, const char* folder) { return ours ? fmt::format("{}/{}", data, folder) : "yours"; };
  say(fmt::format(
      "\nEchoDB is running. Ctrl-C stops everything.\n\n"
      "  PostgreSQL  {:<28} {}\n"
      "  ClickHouse  {:<28} {}\n"
      "  worker      {:<28} /health /ready /metrics\n"
      "  checker     {:<28} /verify /verify-all /metrics\n"
      "  logs        {}\n{}"
      "  {}\n  {}\n"
      "  {} status    how it goes: lag, tables, errors\n"
      "  {} verify    compares every row of both sides\n",
      fmt::format("{}:{}", postgres.host, postgres.port), place(stack.private_postgres(), "postgres"),
      fmt::format("{}:{}", clickhouse.host, clickhouse.port), place(stack.embedded_clickhouse(), "clickhouse"),
      fmt::format("{}", fmt::join(stack.worker_urls(), " ")), stack.checker_url(), stack.log_directory().string(),
      passwords, psql_line(postgres, made_up_postgres), curl_line(clickhouse, made_up_clickhouse), program, program));
  for (const std::string& warning : stack.warnings()) say(warning);
}

double UpScreen::rows_per_second(const ReplicationProgress& progress) {
  std::uint64_t rows = progress.rows_copied + progress.rows_applied;
  auto now = Clock::now();
  if (rate_since_ && now - *rate_since_ < kRateOver) return rate_;
  // A worker that was started again may count from zero.
  std::uint64_t more = rows >= rate_rows_ ? rows - rate_rows_ : rows;
  if (rate_since_) rate_ = static_cast<double>(more) / std::chrono::duration<double>(now - *rate_since_).count();
  rate_rows_ = rows;
  rate_since_ = now;
  return rate_;
}

bool UpScreen::worth_a_line(const std::optional<ReplicationProgress>& progress) {
  if (!ever_printed_ || progress.has_value() != last_printed_.has_value()) return true;
  if (progress && progress->problems != last_printed_->problems) return true;
  if (!progress || Clock::now() - last_line_ < kBetweenLines)
    return progress && progress->state != last_printed_->state;
  // The lag of an idle stream flickers; that alone is no news.
  ReplicationProgress now = *progress;
  now.lag_ms = last_printed_->lag_ms;
  now.lag_bytes = last_printed_->lag_bytes;
  return now != *last_printed_;
}

void UpScreen::show(const std::optional<ReplicationProgress>& progress) {
  const TerminalSize size = terminal_size();
  // A log's lines may be as long as they like.
  const std::size_t columns = terminal_ ? size.columns - 1 : std::numeric_limits<std::size_t>::max();
  std::vector<std::string> lines;
  if (progress) lines = problem_lines(*progress, columns);
  const std::string status = progress ? status_line(*progress, rows_per_second(*progress)) : kNoAnswer;
  if (terminal_) {
    // Lines that have left the screen cannot be drawn again.
    lines.resize(std::min(lines.size(), size.rows > 2 ? size.rows - 2 : 0));
    lines.push_back(status.substr(0, columns));
    return draw(lines);
  }
  if (!worth_a_line(progress)) return;
  const bool news = !last_printed_ || !progress || progress->problems != last_printed_->problems;
  ever_printed_ = true;
  last_printed_ = progress;
  last_line_ = Clock::now();
  if (news) std::ranges::for_each(lines, [this](const std::string& line) { say(line); });
  say(status);
}

/// Takes what was drawn from the screen again.
void UpScreen::erase() {
  if (lines_drawn_ > 1) fmt::print("\x1b[{}A", lines_drawn_ - 1);
  if (lines_drawn_ > 0) fmt::print("\r\x1b[J");
  lines_drawn_ = 0;
}

void UpScreen::draw(const std::vector<std::string>& lines) {
  erase();
  fmt::print("{}", fmt::join(lines, "\n"));
  lines_drawn_ = lines.size();
  std::fflush(stdout);
}

}  // namespace echodb
