#include "cli/up_screen.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/up_stack.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kRateOver{1000};
constexpr std::chrono::seconds kBetweenLines{5};

/// 1234567 → "1,234,567".
std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string tables_text(std::uint64_t count) { return fmt::format("{} {}", count, count == 1 ? "table" : "tables"); }

std::string bytes_text(std::uint64_t bytes) {
  constexpr double kStep = 1024;
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double size = static_cast<double>(bytes) / kStep;
  for (const char* unit : {"kB", "MB"}) {
    if (size < kStep) return fmt::format("{:.1f} {}", size, unit);
    size /= kStep;
  }
  return fmt::format("{:.1f} GB", size);
}

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

std::size_t terminal_columns() {
  winsize size{};
  bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

UpScreen::UpScreen() : terminal_(isatty(STDOUT_FILENO) == 1) {}

void UpScreen::say(const std::string& sentence) {
  fmt::print("{}{}\n", line_drawn_ ? "\r\x1b[K" : "", sentence);
  line_drawn_ = false;
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
  auto place = [&](bool ours, const char* folder) { return ours ? fmt::format("{}/{}", data, folder) : "yours"; };
  say(fmt::format(
      "\nEchoDB is running. Ctrl-C stops everything.\n\n"
      "  PostgreSQL  {:<28} {}\n"
      "  ClickHouse  {:<28} {}\n"
      "  worker      {:<28} /health /ready /metrics\n"
      "  logs        {}\n{}"
      "  {}\n  {}\n",
      fmt::format("{}:{}", postgres.host, postgres.port), place(stack.private_postgres(), "postgres"),
      fmt::format("{}:{}", clickhouse.host, clickhouse.port), place(stack.embedded_clickhouse(), "clickhouse"),
      fmt::format("{}", fmt::join(stack.worker_urls(), " ")), stack.log_directory().string(), passwords,
      psql_line(postgres, made_up_postgres), curl_line(clickhouse, made_up_clickhouse)));
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

std::string UpScreen::describe(const ReplicationProgress& progress) {
  std::string rate = grouped(static_cast<std::uint64_t>(rows_per_second(progress)));
  std::string text;
  if (progress.state == "copying") {
    // The number of rows to copy is an estimate: more may turn up than it said.
    std::uint64_t all = std::max(progress.rows_to_copy, progress.rows_copied);
    double share = all == 0 ? 0 : 100.0 * static_cast<double>(progress.rows_copied) / static_cast<double>(all);
    text = fmt::format("copying {:.1f} %  {} of about {} rows  {} rows/s  {} of {} done", share,
                       grouped(progress.rows_copied), grouped(all), rate, progress.tables_streaming,
                       progress.tables_total);
  } else {
    text = fmt::format("{}  {}  lag {} ms, {}  {} rows/s  {} rows copied, {} changes applied", progress.state,
                       tables_text(progress.tables_total), grouped(progress.lag_ms), bytes_text(progress.lag_bytes),
                       rate, grouped(progress.rows_copied), grouped(progress.rows_applied));
  }
  if (progress.tables_error > 0)
    text += fmt::format("  {} in error: see echodb status", tables_text(progress.tables_error));
  if (progress.state == "error" && !progress.last_error.empty()) text += "  " + progress.last_error;
  return text;
}

bool UpScreen::worth_a_line(const std::optional<ReplicationProgress>& progress) {
  if (!ever_printed_ || progress.has_value() != last_printed_.has_value()) return true;
  if (!progress || Clock::now() - last_line_ < kBetweenLines)
    return progress && progress->state != last_printed_->state;
  // The lag of an idle stream flickers; that alone is no news.
  ReplicationProgress now = *progress;
  now.lag_ms = last_printed_->lag_ms;
  now.lag_bytes = last_printed_->lag_bytes;
  return now != *last_printed_;
}

void UpScreen::show(const std::optional<ReplicationProgress>& progress) {
  std::string line = progress ? describe(*progress) : "the worker does not answer";
  if (terminal_) return draw(line);
  if (!worth_a_line(progress)) return;
  ever_printed_ = true;
  last_printed_ = progress;
  last_line_ = Clock::now();
  say(line);
}

void UpScreen::draw(const std::string& line) {
  fmt::print("\r\x1b[K{}", line.substr(0, line.find('\n')).substr(0, terminal_columns() - 1));
  line_drawn_ = true;
  std::fflush(stdout);
}

}  // namespace echodb
