#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echodb {

/// What the text of one statement without data says about how to run it. Borrows the text.
struct StatementText {
  std::string_view text;
  std::string_view first_word;    ///< as written, "(" for a parenthesis
  std::string_view format;        ///< of FORMAT at the end; empty: none
  std::size_t format_offset = 0;  ///< of the word FORMAT, or of the end of the statement without it
  std::size_t end = 0;            ///< without semicolons and what follows the last token
  bool is_select = false;         ///< SELECT, WITH, FROM or a parenthesis first: its result may be large
  bool insert_has_data = false;   ///< INSERT … SELECT … FORMAT f with something after it: data for input()
};

StatementText read_statement(std::string_view text);

/// The same SELECT, written to `path` by ClickHouse's own formatter, so that any format comes out as one document.
std::string select_into_file(const StatementText& statement, std::string_view path, std::string_view tag);

/// The statement without its semicolon, with the tag at its end.
std::string tagged(const StatementText& statement, std::string_view tag);

/// A comment by which KILL QUERY finds a statement: libchdb chooses query ids itself. The id may hold anything.
std::string query_id_tag(std::string_view query_id);

/// KILL QUERY with `query_id` meaning the id of query_id_tag, and never SYNC: libchdb would not return from that.
std::string rewrite_kill_query(const StatementText& statement);

}  // namespace echodb
