#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/failpoint.h"
#include "config/settings.h"

namespace echodb {

/// The forms a variable's text can have. Each throws Error(InvalidConfiguration) saying what was expected.

/// A whole number between the two limits, both included.
struct NumberRange {
  std::uint64_t least;
  std::uint64_t most;
};
std::uint64_t parse_number(const std::string& text, NumberRange range);

/// A number of bytes: 1048576, 500MB, 50GB, 1.5TB; units of 1024.
std::uint64_t parse_size(const std::string& text);

std::uint16_t parse_port(const std::string& text);
double parse_factor(const std::string& text);
std::chrono::milliseconds parse_seconds(const std::string& text);

/// `a,b` or a JSON array of strings; blanks around names are dropped, empty names refused.
std::vector<std::string> parse_names(const std::string& text);

/// One of the words, case-insensitive; returns its index.
std::size_t parse_choice(const std::string& text, const std::vector<std::string>& words);

/// `schema.table.column=Type,…`; a comma inside a type's parentheses belongs to the type.
std::vector<ColumnTypeRule> parse_column_types(const std::string& text);

/// `point=passage,…`; a point alone means its first passage.
std::vector<FailpointRule> parse_failpoints(const std::string& text);

}  // namespace echodb
