// INSERT [INTO] [TABLE | FUNCTION] name [(columns)] [SETTINGS …] { VALUES | FORMAT f | SELECT … | FROM INFILE … } data
//
// What stands after VALUES or FORMAT f must reach libchdb as data and never as query text, where a blank line or a
// semicolon would end the INSERT and the rest would be run. "INSERT INTO t FORMAT CSV\n1;2\n\nDROP TABLE t\n" is the
// header "INSERT INTO t ", the format CSV and the 18 bytes "1;2\n\nDROP TABLE t\n".
#include "embedded/insert_splitter.h"

#include "embedded/sql_lexer.h"

namespace echodb {
namespace {

class InsertParser {
 public:
  InsertParser(std::string_view text, bool complete) : text_(text), complete_(complete), lexer_(text) {}

  StatementSplit parse() {
    advance();
    if (!token_.is_keyword("INSERT")) return plain();
    advance();
    if (token_.is_keyword("INTO")) advance();
    if (token_.is_keyword("TABLE") || token_.is_keyword("FUNCTION")) advance();
    skip_name();
    return find_data();
  }

 private:
  void advance() { token_ = lexer_.next(); }

  /// A token that touches the end of what has come so far may be the first half of a longer one.
  [[nodiscard]] bool undecided() const {
    if (complete_) return false;
    return token_.kind == SqlTokenKind::End || token_.kind == SqlTokenKind::Unfinished ||
           lexer_.position() == text_.size();
  }

  [[nodiscard]] StatementSplit plain() const {
    return {.shape = undecided() ? StatementShape::Incomplete : StatementShape::WithoutData,
            .header_size = 0,
            .format = {},
            .data_offset = 0};
  }

  /// The target's name may itself be a keyword: INSERT INTO values VALUES (1). It may be {name:Identifier}.
  void skip_name() {
    skip_name_part();
    while (token_.is('.')) {
      advance();
      skip_name_part();
    }
  }

  void skip_name_part() {
    if (token_.is('{')) {
      while (lexer_.depth() > 0 && token_.kind != SqlTokenKind::End && token_.kind != SqlTokenKind::Unfinished)
        advance();
    }
    advance();
  }

  StatementSplit find_data() {
    for (;; advance()) {
      if (undecided() || token_.kind == SqlTokenKind::End || token_.kind == SqlTokenKind::Unfinished) return plain();
      if (token_.is('(') && lexer_.depth() == 1) {
        advance();
        if (undecided() || starts_select()) return plain();
      }
      if (lexer_.depth() != 0 || token_.is(')')) continue;
      if (starts_select() || token_.is_keyword("FROM") || token_.is(';')) return plain();
      if (token_.is_keyword("VALUES")) return data_after(offset_in(text_, token_), "Values");
      if (token_.is_keyword("FORMAT")) return format_and_data();
    }
  }

  [[nodiscard]] bool starts_select() const {
    return token_.is_keyword("SELECT") || token_.is_keyword("WITH") || token_.is_keyword("WATCH") ||
           token_.is_keyword("EXPLAIN");
  }

  StatementSplit format_and_data() {
    auto header_size = offset_in(text_, token_);
    advance();
    if (undecided() || token_.kind != SqlTokenKind::Word) return plain();
    return data_after(header_size, std::string(token_.text));
  }

  StatementSplit data_after(std::size_t header_size, std::string format) {
    auto at = lexer_.position();
    while (at < text_.size() && (text_[at] == ' ' || text_[at] == '\t' || text_[at] == '\f')) ++at;
    if (at < text_.size() && text_[at] == '\r') ++at;
    bool line_ended = at < text_.size() && text_[at] == '\n';
    if (line_ended) ++at;
    if (at == text_.size() && !line_ended && !complete_) return {};
    return {.shape = StatementShape::InsertWithData,
            .header_size = header_size,
            .format = std::move(format),
            .data_offset = at};
  }

  std::string_view text_;
  bool complete_;
  SqlLexer lexer_;
  SqlToken token_;
};

}  // namespace

StatementSplit split_statement(std::string_view text, bool complete) { return InsertParser(text, complete).parse(); }

}  // namespace echodb
