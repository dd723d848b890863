#include "columns/array_text.h"

#include "columns/value_errors.h"

namespace echodb {

ArrayTextReader::ArrayTextReader(std::string_view text, char delimiter) : rest_(text), delimiter_(delimiter) {
  if (is_irregular_array(rest_)) {
    unsupported_value("array of several dimensions, or whose index does not begin at 1,", "Array");
  }
  if (!rest_.starts_with('{')) malformed_value("array");
  rest_.remove_prefix(1);
}

bool ArrayTextReader::next() {
  if (rest_.empty()) malformed_value("array");
  if (rest_.front() == '}') {
    if (rest_.size() != 1) malformed_value("array");
    return false;
  }
  if (!at_first_) {
    if (rest_.front() != delimiter_) malformed_value("array");
    rest_.remove_prefix(1);
  }
  at_first_ = false;
  if (rest_.starts_with('{')) malformed_value("array");
  if (rest_.starts_with('"')) {
    read_quoted();
  } else {
    read_unquoted();
  }
  return true;
}

void ArrayTextReader::read_quoted() {
  unescaped_.clear();
  std::size_t at = 1;
  for (; at < rest_.size() && rest_[at] != '"'; ++at) {
    if (rest_[at] == '\\' && ++at == rest_.size()) break;
    unescaped_.push_back(rest_[at]);
  }
  if (at >= rest_.size()) malformed_value("array");
  rest_.remove_prefix(at + 1);
  element_ = unescaped_;
  is_null_ = false;
}

void ArrayTextReader::read_unquoted() {
  const char stops[] = {delimiter_, '}'};
  const std::size_t end = rest_.find_first_of(std::string_view(stops, sizeof(stops)));
  if (end == std::string_view::npos || end == 0) malformed_value("array");
  element_ = rest_.substr(0, end);
  rest_.remove_prefix(end);
  // Only the bare word is a NULL: the string of the same letters is printed in quotes.
  is_null_ = element_ == "NULL";
}

bool is_irregular_array(std::string_view text) { return text.starts_with('[') || text.starts_with("{{"); }

void ArrayTextWriter::separate() {
  if (!at_first_) out_ += delimiter_;
  at_first_ = false;
}

void ArrayTextWriter::add_null() {
  separate();
  out_ += "NULL";
}

void ArrayTextWriter::add(std::string_view element) {
  separate();
  out_ += '"';
  for (char character : element) {
    if (character == '"' || character == '\\') out_ += '\\';
    out_ += character;
  }
  out_ += '"';
}

}  // namespace echodb
