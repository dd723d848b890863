#include "embedded/values_tail.h"

#include <cctype>

#include "embedded/clickhouse_failure.h"

namespace echodb {

void ValuesTail::see(std::string_view piece) {
  for (char letter : piece) {
    if (ended_) {
      if (std::isspace(static_cast<unsigned char>(letter)) != 0 || letter == ';') continue;
      throw clickhouse_failure(clickhouse_codes::kSyntaxError, "Cannot read data after semicolon");
    }
    if (escaped_) {
      escaped_ = false;
    } else if (quote_ != 0) {
      // A doubled quote closes and opens again, which comes to the same.
      if (letter == '\\') escaped_ = true;
      if (letter == quote_) quote_ = 0;
    } else if (letter == '\'' || letter == '"' || letter == '`') {
      quote_ = letter;
    } else if (letter == '(' || letter == '[' || letter == '{') {
      ++depth_;
    } else if (letter == ')' || letter == ']' || letter == '}') {
      --depth_;
    } else if (letter == ';' && depth_ == 0) {
      ended_ = true;
    }
  }
}

}  // namespace echodb
