#include "cli/child_words.h"

#include <fmt/format.h>

#include <deque>
#include <fstream>
#include <set>
#include <sstream>

namespace echodb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMessageStart = "echodb: ";

}  // namespace

std::uintmax_t log_size(const fs::path& log_file) {
  std::error_code absent;
  std::uintmax_t size = fs::file_size(log_file, absent);
  return absent ? 0 : size;
}

std::string last_words(const fs::path& log_file, std::uintmax_t offset) {
  std::ifstream file(log_file);
  file.seekg(static_cast<std::streamoff>(offset));
  std::stringstream content;
  content << file.rdbuf();
  std::string text = "\n" + content.str();
  auto start = text.rfind("\n" + std::string(kMessageStart));
  if (start == std::string::npos) return {};
  std::string words = text.substr(start + 1 + kMessageStart.size());
  words.erase(words.find_last_not_of(" \r\n") + 1);
  return words;
}

std::string log_tails(const fs::path& directory, std::size_t lines) {
  std::string all;
  std::error_code absent;
  std::set<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, absent)) {
    if (entry.path().extension() == ".log") files.insert(entry.path());
  }
  for (const fs::path& path : files) {
    std::ifstream file(path);
    std::deque<std::string> tail;
    for (std::string line; std::getline(file, line);) {
      tail.push_back(line);
      if (tail.size() > lines) tail.pop_front();
    }
    all += fmt::format("--- {}\n", path.filename().string());
    for (const std::string& line : tail) all += line + "\n";
  }
  return all;
}

}  // namespace echodb
