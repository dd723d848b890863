#pragma once

#include <string_view>

namespace echodb {

enum class SqlTokenKind {
  Word,         ///< a keyword, an identifier without quotes, a number
  Quoted,       ///< 'text', "name", `name` or a heredoc
  Punctuation,  ///< one character
  Unfinished,   ///< a quote or a comment that the text does not close
  End,
};

struct SqlToken {
  SqlTokenKind kind = SqlTokenKind::End;
  std::string_view text;

  [[nodiscard]] bool is(char punctuation) const {
    return kind == SqlTokenKind::Punctuation && text.front() == punctuation;
  }
  /// `keyword` in capitals; the token may be in any case.
  [[nodiscard]] bool is_keyword(std::string_view keyword) const;
};

/// ClickHouse's tokens, as far as it takes to find where a statement's parts begin: blanks and comments are skipped,
/// quotes are one token whatever they hold, brackets are counted.
class SqlLexer {
 public:
  explicit SqlLexer(std::string_view text) : text_(text) {}

  SqlToken next();
  /// How many brackets are open after the last token.
  [[nodiscard]] int depth() const { return depth_; }
  /// The offset just after the last token.
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  bool skip_nested_comment();
  bool skip_blanks_and_comments();
  SqlToken take(SqlTokenKind kind, std::size_t size);
  SqlToken take_until(std::string_view closing, std::size_t from);
  SqlToken take_quoted(char quote);
  SqlToken take_heredoc();
  [[nodiscard]] bool starts_with(std::string_view prefix) const { return text_.substr(position_).starts_with(prefix); }

  std::string_view text_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

/// Where a token begins in the text it was taken from.
inline std::size_t offset_in(std::string_view text, const SqlToken& token) {
  return static_cast<std::size_t>(token.text.data() - text.data());
}

}  // namespace echodb
