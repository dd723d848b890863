#include "embedded/statement_guard.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "clickhouse/client.h"
#include "embedded/chdb_config.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/sql_lexer.h"

namespace echodb {
namespace {

constexpr std::array<std::string_view, 6> kHarmlessDatabases{"Atomic", "Ordinary",   "Memory",
                                                             "MySQL",  "PostgreSQL", "Replicated"};

// Functions that run programs, open files by path, or run a statement that is the value of an expression.
constexpr std::array<std::string_view, 21> kHostFunctions{"arrowstream",
                                                          "deltalakelocal",
                                                          "eval",
                                                          "executable",
                                                          "file",
                                                          "filecluster",
                                                          "filesystem",
                                                          "hdfs",
                                                          "hdfscluster",
                                                          "iceberghdfs",
                                                          "iceberglocal",
                                                          "hudi",
                                                          "hudicluster",
                                                          "iceberghdfscluster",
                                                          "iceberglocalcluster",
                                                          "jdbc",
                                                          "odbc",
                                                          "paimonhdfs",
                                                          "paimonlocal",
                                                          "sqlite",
                                                          "paimonhdfscluster"};

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

bool is_host_function(std::string_view name) {
  auto lower = [](char letter) { return static_cast<char>(std::tolower(static_cast<unsigned char>(letter))); };
  return std::ranges::any_of(
      kHostFunctions, [&](std::string_view known) { return std::ranges::equal(unquoted(name), known, {}, lower); });
}

bool is_served_engine(std::string_view engine) {
  return std::ranges::find(served_table_engines(), unquoted(engine)) != served_table_engines().end();
}

/// Looks at a statement's tokens in their order.
class HostAccess {
 public:
  void see(const SqlToken& token) {
    if (first_.text.empty()) first_ = token;
    see_files(token);
    see_database(token);
    see_function(token);
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
    bool makes = last_.is_keyword("CREATE") || last_.is_keyword("ATTACH") || last_.is_keyword("REPLACE");
    if (makes && token.is_keyword("DATABASE")) makes_database_ = true;
    if (makes) makes_ = true;
    if (!makes_ || before_last_.text != "ENGINE" || !last_.is('=') || token.text.starts_with('\'')) return;
    if (makes_database_ ? is_harmless_database(token.text) : is_served_engine(token.text)) return;
    reason_ = std::string(makes_database_ ? "Databases" : "Tables") + " of the engine " + std::string(token.text) +
              " are not served by the embedded server";
  }

  /// The formatter puts no blank before a call's parenthesis, and one before a list of columns.
  void see_function(const SqlToken& token) {
    bool called = token.is('(') && last_.text.data() + last_.text.size() == token.text.data();
    if (called && is_host_function(last_.text)) {
      reason_ = "The function " + std::string(last_.text) + " is not served by the embedded server";
    }
  }

  SqlToken first_;
  SqlToken before_last_;
  SqlToken last_;
  bool makes_ = false;
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
  // The name of a function may be quoted, with escapes for its letters.
  if (text.find('\\') != std::string_view::npos) return true;
  if (std::ranges::any_of(kHostFunctions, [&](std::string_view name) { return contains(text, name); })) return true;
  return contains(text, "engine") &&
         (contains(text, "create") || contains(text, "attach") || contains(text, "replace"));
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
