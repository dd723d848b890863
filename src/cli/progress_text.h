#pragma once

#include <string>
#include <vector>

#include "cli/replication_progress.h"

namespace echodb {

/// Breaks a text into lines of at most `columns` characters between words, and words that are longer. The first line
/// begins with `first`, the others with as many blanks.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns, const std::string& first = {});

/// What is wrong, each with its remedy, in lines of at most `columns` characters. Empty when all is well.
std::vector<std::string> problem_lines(const ReplicationProgress& progress, std::size_t columns);

/// How it goes, in one line that may be cut on the right.
std::string status_line(const ReplicationProgress& progress, double rows_per_second);

}  // namespace echodb
