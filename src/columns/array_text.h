#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// Reads the text of a one-dimensional array, as PostgreSQL prints it, element by element:
///   array   := '{' [element {delimiter element}] '}', the delimiter a comma for every type but box, which has ';'
///   element := 'NULL' | unquoted | '"' {character | '\' character} '"'
/// Throws Error(UnsupportedValue) for a nested array and for bounds ("[0:1]={…}"), Error(ProtocolViolation) for what
/// is no array. Borrows the text.
class ArrayTextReader {
 public:
  explicit ArrayTextReader(std::string_view text, char delimiter = ',');

  /// Moves to the next element; false behind the last one.
  bool next();
  [[nodiscard]] bool is_null() const { return is_null_; }
  /// Without quotes and escapes. Valid until the next move.
  [[nodiscard]] std::string_view element() const { return element_; }

 private:
  void read_quoted();
  void read_unquoted();

  std::string_view rest_;
  char delimiter_;
  std::string unescaped_;
  std::string_view element_;
  bool is_null_ = false;
  bool at_first_ = true;
};

/// Whether the text is of an array that has several dimensions, or an index that does not begin at 1.
bool is_irregular_array(std::string_view text);

/// Writes such a text: every element that is not NULL in quotes, which PostgreSQL reads like its own.
class ArrayTextWriter {
 public:
  /// Adds to `out`, which must stay until `finish`.
  explicit ArrayTextWriter(std::string& out, char delimiter = ',') : out_(out), delimiter_(delimiter) { out_ += '{'; }

  void add_null();
  void add(std::string_view element);
  void finish() { out_ += '}'; }

 private:
  void separate();

  std::string& out_;
  char delimiter_;
  bool at_first_ = true;
};

}  // namespace echodb
