#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace echodb {

/// The size of a log file, 0 when there is none yet: where the words of a child started now will begin.
std::uintmax_t log_size(const std::filesystem::path& log_file);

/// The message a child of this program ended with ("echodb: …", what main prints), looked for from `offset` on;
/// empty when it left none.
std::string last_words(const std::filesystem::path& log_file, std::uintmax_t offset);

/// The last lines of every log of a directory, each with its file's name above.
std::string log_tails(const std::filesystem::path& directory, std::size_t lines);

}  // namespace echodb
