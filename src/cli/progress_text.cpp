#include "cli/progress_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <sstream>
#include <string_view>

namespace echodb {
namespace {

/// So many problems are shown; the others are counted.
constexpr std::size_t kProblemsShown = 3;

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

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

/// Takes at most so many characters from the front.
std::string take(std::string& text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size() && (count > 0 || !begins_character(text[end]))) {
    if (begins_character(text[end])) --count;
    ++end;
  }
  std::string taken = text.substr(0, end);
  text.erase(0, end);
  return taken;
}

std::string copying_line(const ReplicationProgress& progress, const std::string& rate) {
  if (!progress.rows_to_copy_known || progress.rows_to_copy == 0) {
    return fmt::format("copying {} rows so far, total unknown  {} rows/s  {} of {} done", grouped(progress.rows_copied),
                       rate, progress.tables_streaming, tables_text(progress.tables_total));
  }
  // The number of rows to copy is an estimate: more may turn up than it said.
  std::uint64_t all = std::max(progress.rows_to_copy, progress.rows_copied);
  double share = all == 0 ? 0 : 100.0 * static_cast<double>(progress.rows_copied) / static_cast<double>(all);
  return fmt::format("copying {:.1f} %  {} of about {} rows  {} rows/s  {} of {} done", share,
                     grouped(progress.rows_copied), grouped(all), rate, progress.tables_streaming,
                     tables_text(progress.tables_total));
}

}  // namespace

std::vector<std::string> wrapped(const std::string& text, std::size_t columns, const std::string& first) {
  const std::size_t width = std::max<std::size_t>(columns, first.size() + 1) - first.size();
  std::vector<std::string> lines;
  std::string line;
  auto finish = [&] {
    lines.push_back((lines.empty() ? first : std::string(first.size(), ' ')) + line);
    line.clear();
  };
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && characters(line) + 1 + characters(word) > width) finish();
    if (!line.empty()) line += ' ';
    while (characters(word) > width) {
      line += take(word, width);
      finish();
    }
    line += word;
  }
  if (!line.empty() || lines.empty()) finish();
  return lines;
}

std::vector<std::string> problem_lines(const ReplicationProgress& progress, std::size_t columns) {
  std::vector<std::string> lines;
  for (std::size_t index = 0; index < progress.problems.size(); ++index) {
    if (index == kProblemsShown) {
      lines.push_back(fmt::format("error: {} more, see `echodb status`", progress.problems.size() - index));
      break;
    }
    const auto& [what, remedy] = progress.problems[index];
    std::ranges::move(wrapped(what, columns, "error: "), std::back_inserter(lines));
    std::ranges::move(wrapped("what to do: " + remedy, columns, "       "), std::back_inserter(lines));
  }
  return lines;
}

std::string status_line(const ReplicationProgress& progress, double rows_per_second) {
  std::string rate = grouped(static_cast<std::uint64_t>(rows_per_second));
  if (progress.state == "copying") return copying_line(progress, rate);
  return fmt::format("{}  {}  lag {} ms, {}  {} rows/s  {} copied, {} applied", progress.state,
                     tables_text(progress.tables_total), grouped(progress.lag_ms), bytes_text(progress.lag_bytes), rate,
                     grouped(progress.rows_copied), grouped(progress.rows_applied));
}

}  // namespace echodb
