#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace echodb::sim {

/// A statement that EchoDB sends, word by word.
class SqlWords {
 public:
  explicit SqlWords(std::string_view sql) : rest_(sql) {}

  /// Goes past these words, if they come next.
  bool skip(std::string_view words);
  /// A name, in backquotes or not, or a text in quotes.
  std::string name();
  /// `database`.`table`: the table.
  std::string table();
  /// Everything up to the comma or the bracket that is not inside brackets or quotes.
  std::string until_end_of_item();
  /// (`a`, `b`)
  std::vector<std::string> names_in_brackets();
  [[nodiscard]] bool at_end();
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  void skip_space();

  std::string_view rest_;
};

}  // namespace echodb::sim
