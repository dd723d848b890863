#include "embedded/sql_lexer.h"

#include <algorithm>
#include <cctype>

namespace echodb {
namespace {

bool is_blank(char letter) { return std::isspace(static_cast<unsigned char>(letter)) != 0; }

// Letters of other alphabets are words to us; ClickHouse has them only in quotes.
bool is_word(char letter) {
  auto byte = static_cast<unsigned char>(letter);
  return std::isalnum(byte) != 0 || byte == '_' || byte >= 0x80;
}

// Typographic quotes, which ClickHouse takes as quotes since people paste them.
constexpr std::string_view kSingleOpening = "\xE2\x80\x98";
constexpr std::string_view kSingleClosing = "\xE2\x80\x99";
constexpr std::string_view kDoubleOpening = "\xE2\x80\x9C";
constexpr std::string_view kDoubleClosing = "\xE2\x80\x9D";

}  // namespace

bool SqlToken::is_keyword(std::string_view keyword) const {
  return kind == SqlTokenKind::Word && text.size() == keyword.size() &&
         std::equal(text.begin(), text.end(), keyword.begin(), [](char letter, char capital) {
           return std::toupper(static_cast<unsigned char>(letter)) == capital;
         });
}

/// ClickHouse's comments of this kind nest. False when it does not end; then the position stays.
bool SqlLexer::skip_nested_comment() {
  std::size_t open = 0;
  for (std::size_t at = position_; at + 1 < text_.size();) {
    std::string_view pair = text_.substr(at, 2);
    bool opens = pair == "/*";
    bool closes = pair == "*/";
    at += opens || closes ? 2 : 1;
    if (opens) ++open;
    if (closes && --open == 0) {
      position_ = at;
      return true;
    }
  }
  return false;
}

/// False when a comment does not end.
bool SqlLexer::skip_blanks_and_comments() {
  while (position_ < text_.size()) {
    if (is_blank(text_[position_])) {
      ++position_;
    } else if (starts_with("--") || starts_with("//") || starts_with("# ") || starts_with("#!")) {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else if (starts_with("/*")) {
      if (!skip_nested_comment()) return false;
    } else {
      return true;
    }
  }
  return true;
}

SqlToken SqlLexer::take(SqlTokenKind kind, std::size_t size) {
  SqlToken token{.kind = kind, .text = text_.substr(position_, size)};
  position_ += token.text.size();
  return token;
}

SqlToken SqlLexer::take_until(std::string_view closing, std::size_t from) {
  auto end = text_.find(closing, from);
  if (end == std::string_view::npos) return take(SqlTokenKind::Unfinished, std::string_view::npos);
  return take(SqlTokenKind::Quoted, end + closing.size() - position_);
}

SqlToken SqlLexer::take_quoted(char quote) {
  for (std::size_t at = position_ + 1; at < text_.size(); ++at) {
    if (text_[at] == '\\') {
      ++at;
    } else if (text_[at] == quote) {
      bool doubled = at + 1 < text_.size() && text_[at + 1] == quote;
      if (!doubled) return take(SqlTokenKind::Quoted, at + 1 - position_);
      ++at;
    }
  }
  return take(SqlTokenKind::Unfinished, std::string_view::npos);
}

SqlToken SqlLexer::take_heredoc() {
  std::size_t end = position_ + 1;
  while (end < text_.size() && is_word(text_[end])) ++end;
  if (end >= text_.size() || text_[end] != '$') return take(SqlTokenKind::Punctuation, 1);
  return take_until(text_.substr(position_, end + 1 - position_), end + 1);
}

SqlToken SqlLexer::next() {
  if (!skip_blanks_and_comments()) return take(SqlTokenKind::Unfinished, std::string_view::npos);
  if (position_ >= text_.size()) return {};
  char first = text_[position_];
  if (first == '\'' || first == '"' || first == '`') return take_quoted(first);
  if (first == '$') return take_heredoc();
  if (starts_with(kSingleOpening)) return take_until(kSingleClosing, position_);
  if (starts_with(kDoubleOpening)) return take_until(kDoubleClosing, position_);
  if (is_word(first)) {
    std::size_t end = position_;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '$')) ++end;
    return take(SqlTokenKind::Word, end - position_);
  }
  if (first == '(' || first == '[' || first == '{') ++depth_;
  if (first == ')' || first == ']' || first == '}') --depth_;
  return take(SqlTokenKind::Punctuation, 1);
}

}  // namespace echodb
