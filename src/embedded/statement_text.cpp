#include "embedded/statement_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "embedded/sql_lexer.h"

namespace echodb {
namespace {

// In system.processes the tag is part of the query's text. Capital hexadecimal digits, what unhex() reads.
constexpr std::string_view kTagPrefix = "/* echodb query_id ";
constexpr std::string_view kTaggedQueryId = "unhex(extract(query, 'echodb query_id ([0-9A-F]+) '))";

// What may stand after a column named `format`, and so is no format's name.
constexpr std::array<std::string_view, 22> kAfterColumn{
    "FROM", "AS",   "IN",    "IS",     "LIKE",      "ILIKE", "NOT",   "BETWEEN", "AND",    "OR",    "DIV",
    "MOD",  "DESC", "UNION", "EXCEPT", "INTERSECT", "WHERE", "GROUP", "ORDER",   "HAVING", "LIMIT", "SETTINGS"};

bool can_name_format(const SqlToken& token) {
  return token.kind == SqlTokenKind::Word &&
         std::none_of(kAfterColumn.begin(), kAfterColumn.end(), [&](auto word) { return token.is_keyword(word); });
}

/// Follows FORMAT f at the top level; only at the end of a statement, or before SETTINGS, is it the output format.
class FormatClause {
 public:
  void see(std::string_view text, const SqlToken& token, bool top_level) {
    if (named_once_ && !token.is(';')) followed_ = true;
    if (state_ == State::Name) {
      bool named = top_level && can_name_format(token);
      if (named) name_ = token.text;
      named_once_ = named_once_ || named;
      state_ = named ? State::After : State::None;
    } else if (state_ == State::After) {
      state_ = token.is_keyword("SETTINGS") || token.is(';') ? State::Done : State::None;
    }
    if (state_ == State::None && top_level && token.is_keyword("FORMAT")) {
      state_ = State::Name;
      offset_ = offset_in(text, token);
    }
  }

  [[nodiscard]] bool found() const { return state_ == State::After || state_ == State::Done; }
  /// Something stands behind the first FORMAT f.
  [[nodiscard]] bool followed() const { return followed_; }
  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] std::size_t offset() const { return offset_; }

 private:
  enum class State { None, Name, After, Done };
  State state_ = State::None;
  std::string_view name_;
  std::size_t offset_ = 0;
  bool named_once_ = false;
  bool followed_ = false;
};

void append_replacing(std::string& into, std::string_view text, std::size_t& copied, const SqlToken& token,
                      std::string_view replacement) {
  auto offset = offset_in(text, token);
  into.append(text.substr(copied, offset - copied)).append(replacement);
  copied = offset + token.text.size();
}

}  // namespace

StatementText read_statement(std::string_view text) {
  StatementText statement;
  statement.text = text;
  SqlLexer lexer(text);
  FormatClause format;
  for (SqlToken token = lexer.next(); token.kind != SqlTokenKind::End; token = lexer.next()) {
    if (statement.first_word.empty()) statement.first_word = token.text;
    format.see(text, token, lexer.depth() == 0);
    if (!token.is(';')) statement.end = lexer.position();
  }
  SqlToken first{.kind = SqlTokenKind::Word, .text = statement.first_word};
  statement.is_select =
      first.is_keyword("SELECT") || first.is_keyword("WITH") || first.is_keyword("FROM") || statement.first_word == "(";
  statement.insert_has_data = first.is_keyword("INSERT") && format.followed();
  statement.format_offset = format.found() ? format.offset() : statement.end;
  if (format.found()) statement.format = format.name();
  return statement;
}

std::string select_into_file(const StatementText& statement, std::string_view path, std::string_view tag) {
  // Each part on a line of its own: the one before may end in a comment that runs to the end of its line.
  return fmt::format("{}\nINTO OUTFILE '{}' APPEND {}\n{}", statement.text.substr(0, statement.format_offset), path,
                     statement.text.substr(statement.format_offset, statement.end - statement.format_offset), tag);
}

std::string tagged(const StatementText& statement, std::string_view tag) {
  return fmt::format("{}\n{}", statement.text.substr(0, statement.end), tag);
}

std::string query_id_tag(std::string_view query_id) {
  std::string tag(kTagPrefix);
  for (char letter : query_id) fmt::format_to(std::back_inserter(tag), "{:02X}", static_cast<unsigned char>(letter));
  return tag.append(" */");
}

std::string rewrite_kill_query(const StatementText& statement) {
  std::string_view text = statement.text.substr(0, statement.end);
  std::string rewritten;
  std::size_t copied = 0;
  SqlLexer lexer(text);
  for (SqlToken token = lexer.next(); token.kind != SqlTokenKind::End; token = lexer.next()) {
    bool is_query_id = token.text == "query_id" || token.text == "`query_id`" || token.text == "\"query_id\"";
    if (is_query_id) append_replacing(rewritten, text, copied, token, kTaggedQueryId);
    if (token.is_keyword("SYNC")) append_replacing(rewritten, text, copied, token, "ASYNC");
  }
  return rewritten.append(text.substr(copied));
}

}  // namespace echodb
