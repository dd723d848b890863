#include "sim/sql_words.h"

#include <algorithm>
#include <cctype>

namespace echodb::sim {

void SqlWords::skip_space() {
  while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
}

bool SqlWords::at_end() {
  skip_space();
  return rest_.empty();
}

bool SqlWords::skip(std::string_view words) {
  skip_space();
  if (!rest_.starts_with(words)) return false;
  rest_.remove_prefix(words.size());
  return true;
}

std::string SqlWords::name() {
  skip_space();
  std::string result;
  const char quote = rest_.front();
  if (quote != '`' && quote != '\'') {
    while (!rest_.empty() && (std::isalnum(static_cast<unsigned char>(rest_.front())) != 0 || rest_.front() == '_')) {
      result += rest_.front();
      rest_.remove_prefix(1);
    }
    return result;
  }
  for (rest_.remove_prefix(1); rest_.front() != quote; rest_.remove_prefix(1)) {
    if (rest_.front() == '\\') rest_.remove_prefix(1);
    result += rest_.front();
  }
  rest_.remove_prefix(1);
  return result;
}

std::string SqlWords::table() {
  std::string first = name();
  return skip(".") ? name() : first;
}

std::string SqlWords::until_end_of_item() {
  skip_space();
  std::string result;
  int depth = 0;
  for (bool quoted = false; !rest_.empty(); rest_.remove_prefix(1)) {
    const char sign = rest_.front();
    if (sign == '\'') quoted = !quoted;
    if (!quoted && depth == 0 && (sign == ',' || sign == ')')) break;
    if (!quoted) depth += sign == '(' ? 1 : sign == ')' ? -1 : 0;
    result += sign;
  }
  return result;
}

std::vector<std::string> SqlWords::names_in_brackets() {
  std::vector<std::string> names;
  if (!skip("(")) return names;
  do names.push_back(name());
  while (skip(","));
  skip(")");
  return names;
}

}  // namespace echodb::sim
