#include "embedded/statement_guard.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "clickhouse/client.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/sql_lexer.h"

namespace echodb {
namespace {

constexpr std::array<std::string_view, 6> kHarmlessDatabases{"Atomic", "Ordinary",   "Memory",
                                                             "MySQL",  "PostgreSQL", "Replicated"};

bool contains(std::string_view text, std::string_view lower_case) {
  auto equal = [](char letter, char wanted) { return std::tolower(static_cast<unsigned char>(letter)) == wanted; };
  return std::search(text.begin(), text.end(), lower_case.begin(), lower_case.end(), equal) != text.end();
}

/// `x`, "x" and x are the same name; one with an escape in it is none that is known.
std::string_view unquoted(std::string_view name) {
  bool quoted = name.size() > 2 && (name.front() == '`' || name.front() == '"');
  return quoted ? name.substr(1, name.size() - 2) : name;
}

bool is_harmless_database(std::string_view engine) {
  return std::ranges::find(kHarmlessDatabases, unquoted(engine)) != kHarmlessDatabases.end();
}

/// Looks at a statement's tokens in their order.
class HostAccess {
 public:
  void see(const SqlToken& token) {
    if (first_.text.empty()) first_ = token;
    see_files(token);
    see_database(token);
    before_last_ = last_;
    last_ = token;
  }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  void see_files(const SqlToken& token) {
    bool into_file = last_.is_keyword("INTO") && token.is_keyword("OUTFILE");
    // A table may have the name `infile`, but no text follows it.
    bool from_file = before_last_.is_keyword("FROM") && last_.is_keyword("INFILE") &&
                     (token.text.starts_with('\'') || token.is('{') || token.is('('));
    if (into_file || from_file) reason_ = "INTO OUTFILE and FROM INFILE are not allowed over HTTP";
    if (first_.is_keyword("RESTORE")) reason_ = "RESTORE is not served by the embedded server";
  }

  void see_database(const SqlToken& token) {
    bool makes = last_.is_keyword("CREATE") || last_.is_keyword("ATTACH");
    if (makes && token.is_keyword("DATABASE")) makes_database_ = true;
    if (!makes_database_ || !before_last_.is_keyword("ENGINE") || !last_.is('=')) return;
    makes_database_ = false;
    if (is_harmless_database(token.text)) return;
    reason_ = "Databases of the engine " + std::string(token.text) + " are not served by the embedded server";
  }

  SqlToken first_;
  SqlToken before_last_;
  SqlToken last_;
  bool makes_database_ = false;
  std::string reason_;
};

/// The statement as the engine's own parser understands it.
std::string formatted_by_engine(ChdbConnection& connection, std::string_view statement) {
  std::string sql = "SELECT formatQuerySingleLine(" + quote_literal(std::string(statement)) + ")";
  return std::string(connection.query(sql, "TSVRaw").text());
}

}  // namespace

bool may_touch_host(std::string_view text) {
  if (contains(text, "outfile") || contains(text, "infile") || contains(text, "restore")) return true;
  return contains(text, "database") && contains(text, "engine") &&
         (contains(text, "create") || contains(text, "attach"));
}

std::string host_access(std::string_view formatted) {
  HostAccess access;
  SqlLexer lexer(formatted);
  SqlToken token = lexer.next();
  for (; token.kind != SqlTokenKind::End && token.kind != SqlTokenKind::Unfinished; token = lexer.next()) {
    access.see(token);
  }
  if (token.kind == SqlTokenKind::Unfinished) return "A statement that cannot be read to its end is not served";
  return access.reason();
}

void refuse_host_access(ChdbConnection& connection, std::string_view statement) {
  if (!may_touch_host(statement)) return;
  std::string reason = host_access(formatted_by_engine(connection, statement));
  if (!reason.empty()) throw clickhouse_failure(clickhouse_codes::kNotImplemented, reason);
}

}  // namespace echodb
