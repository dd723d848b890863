#include "embedded/statement_guard.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "clickhouse/client.h"
#include "embedded/chdb_config.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/sql_lexer.h"

namespace echodb {
namespace {

constexpr std::array<std::string_view, 7> kHarmlessDatabases{
    "Atomic", "Ordinary", "Memory", "MySQL", "PostgreSQL", "MaterializedPostgreSQL", "Replicated"};

// Functions that run programs, open files by path, or run a statement that is the value of an expression.
constexpr std::array<std::string_view, 23> kHostFunctions{"arrowstream",
                                                          "catboostevaluate",
                                                          "python",
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

// Names and values of these open files by path, or hold SQL that the guard would not see.
constexpr std::array<std::string_view, 17> kRefusedSettings{"additional_result_filter",
                                                            "additional_table_filters",
                                                            "default_materialized_view_sql_security",
                                                            "default_view_sql_security",
                                                            "dialect",
                                                            "format_schema",
                                                            "format_schema_source",
                                                            "format_template_resultset",
                                                            "format_template_resultset_format",
                                                            "format_template_row",
                                                            "format_template_row_format",
                                                            "output_format_schema",
                                                            "parallel_replicas_custom_key",
                                                            "polyglot_dialect",
                                                            "schema_inference_hints",
                                                            "storage_policy",
                                                            "table_disk"};

// Functions whose argument may be a list of columns, with an expression as a column's default.
constexpr std::array<std::string_view, 19> kStructureFunctions{"arrowflight", "azureblobstorage",
                                                               "cosn",        "deltalake",
                                                               "format",      "fuzzjson",
                                                               "gcs",         "generaterandom",
                                                               "hudi",        "iceberg",
                                                               "input",       "mongodb",
                                                               "null",        "oss",
                                                               "paimon",      "redis",
                                                               "s3",          "url",
                                                               "ytsaurus"};
constexpr std::array<std::string_view, 4> kDefaultWords{"default", "materialized", "alias", "ephemeral"};

// Functions that take no function: a column named `file` may be their argument.
constexpr std::array<std::string_view, 24> kPlainFunctions{
    "any",      "avg",    "coalesce", "concat",   "count",    "empty", "groupArray", "groupUniqArray",
    "if",       "ifNull", "in",       "length",   "like",     "lower", "max",        "min",
    "notEmpty", "notIn",  "sum",      "toString", "toUInt64", "uniq",  "uniqExact",  "upper"};

// Words of statements that only the engine's formatter can tell from text.
constexpr std::array<std::string_view, 11> kTriggers{"outfile",  "infile",  "restore",   "attach",
                                                     "parallel", "execute", "disk",      "security",
                                                     "definer",  "default", "identifier"};

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

bool equal_words(std::string_view text, std::string_view lower_case) {
  return text.size() == lower_case.size() && contains(text, lower_case);
}

/// Variants for a cluster or one storage begin with the same letters.
bool is_structure_function(std::string_view name) {
  return std::ranges::any_of(kStructureFunctions, [&](std::string_view known) {
    if (known == "format" || known == "null" || known == "input") return equal_words(name, known);
    bool cluster = name.size() == known.size() + 7 && contains(name.substr(known.size()), "cluster");
    bool family = known == "iceberg" || known == "deltalake" || known == "paimon" || known == "hudi";
    return contains(name.substr(0, known.size()), known) && (name.size() == known.size() || cluster || family);
  });
}

bool is_served_engine(std::string_view engine) {
  return std::ranges::find(served_table_engines(), unquoted(engine)) != served_table_engines().end();
}

/// Looks at a statement's tokens in their order.
class HostAccess {
 public:
  void see(const SqlToken& token) {
    if (first_.text.empty()) first_ = token;
    if (token.is_keyword("APPLY")) applies_ = true;
    see_files(token);
    see_database(token);
    see_function(token);
    see_attach(token);
    see_security(token);
    see_setting(token);
    see_default_database(token);
    see_calls(token);
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

  /// Attached tables and views are not asked for the privileges that CREATE asks for.
  void see_attach(const SqlToken& token) {
    if (first_.is_keyword("EXECUTE")) reason_ = "EXECUTE AS is not served by the embedded server";
    if (last_.is_keyword("PARALLEL") && token.is_keyword("WITH")) {
      reason_ = "PARALLEL WITH is not served by the embedded server";
    }
    if (!first_.is_keyword("ATTACH")) return;
    bool defines = token.is('(') || token.is('=') || token.is_keyword("UUID") || token.is_keyword("FROM") ||
                   token.is_keyword("AS") || token.is_keyword("ENGINE") || token.is_keyword("VIEW") ||
                   token.is_keyword("DICTIONARY");
    if (defines) reason_ = "ATTACH with a definition is not served by the embedded server";
  }

  void see_security(const SqlToken& token) {
    bool of_another = before_last_.is_keyword("SQL") && last_.is_keyword("SECURITY") && !token.is_keyword("INVOKER");
    if (of_another || (last_.is_keyword("DEFINER") && token.is('='))) {
      reason_ = "SQL SECURITY other than INVOKER is not served by the embedded server";
    }
  }

  void see_setting(const SqlToken& token) {
    if (token.is_keyword("SETTINGS") || token.is_keyword("SETTING") || token.is_keyword("SET")) in_settings_ = true;
    if (!token.is('=')) return;
    bool disk = in_settings_ && unquoted(last_.text) == "disk";
    if (disk || is_refused_setting(unquoted(last_.text))) {
      reason_ = "The setting " + std::string(last_.text) + " is not served by the embedded server";
    }
  }

  void see_default_database(const SqlToken& token) {
    bool name = last_.kind == SqlTokenKind::Word || last_.text.starts_with('`') || last_.text.starts_with('"');
    if (name && token.is('.') && unquoted(last_.text) == "default" && !before_last_.is('.')) {
      reason_ = "The database default, the files of the host, is not served by the embedded server";
    }
  }

  struct Frame {
    std::string_view call;
    int argument = 0;
    bool structure = false;
    bool undecided = false;
  };

  void see_calls(const SqlToken& token) {
    if (token.text.starts_with('\'')) see_literal(token);
    if (!frames_.empty() && frames_.back().undecided) {
      // The scalar function `format` has a pattern with braces.
      frames_.back().undecided = false;
      frames_.back().structure = !(token.text.starts_with('\'') && token.text.find('{') != std::string_view::npos);
    }
    if (token.is('(')) {
      open_frame(token);
    } else if (token.is(')')) {
      if (!frames_.empty()) frames_.pop_back();
    } else if (token.is(',')) {
      if (!frames_.empty()) ++frames_.back().argument;
    } else {
      see_name(token);
    }
  }

  /// The third argument of format() is its data, which may be made by any function that is served.
  static bool is_data(const Frame& frame) { return equal_words(frame.call, "format") && frame.argument >= 2; }

  void open_frame(const SqlToken& token) {
    bool called = last_.text.data() != nullptr && last_.text.data() + last_.text.size() == token.text.data() &&
                  (last_.kind == SqlTokenKind::Word || last_.kind == SqlTokenKind::Quoted);
    if (called && unquoted(last_.text) == "disk") reason_ = "disk() is not served by the embedded server";
    Frame outer = frames_.empty() ? Frame() : frames_.back();
    if (!called) {
      frames_.push_back({.call = outer.call});
      return;
    }
    std::string_view name = unquoted(last_.text);
    const bool plain = is_data(outer) || equal_words(name, "headers") || equal_words(name, "extra_credentials");
    if (outer.structure && !plain) refuse_structure();
    bool structure = is_structure_function(name);
    frames_.push_back({.call = name, .structure = structure, .undecided = structure && equal_words(name, "format")});
  }

  void see_literal(const SqlToken& token) {
    std::string_view text = token.text.substr(1);
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
    if (contains(text.substr(0, 5), "file:") || contains(text, "file:/")) {
      reason_ = "URLs of files are not served by the embedded server";
    }
    bool structure = std::ranges::any_of(frames_, [](const Frame& frame) { return frame.structure; });
    bool values = !frames_.empty() && equal_words(frames_.back().call, "values") && frames_.back().argument == 0;
    bool has_default = std::ranges::any_of(kDefaultWords, [&](std::string_view word) { return contains(text, word); });
    if ((structure || values) && has_default) refuse_structure();
  }

  void see_name(const SqlToken& token) {
    if (token.is_keyword("SELECT") && !frames_.empty()) frames_.back() = Frame();
    bool substitution = last_.is(':') && token.is_keyword("IDENTIFIER");
    bool bare = equal_words(unquoted(token.text), "file") && !last_.is('.') && !token.text.starts_with('\'');
    if (!frames_.empty() && frames_.back().structure) see_structure_argument(token);
    if (!bare && !substitution) return;
    bool applied = last_.is_keyword("APPLY") || (substitution && applies_);
    bool given = !frames_.empty() && !frames_.back().call.empty() &&
                 std::ranges::find(kPlainFunctions, frames_.back().call) == kPlainFunctions.end();
    if (applied || given) reason_ = "The function file is not served by the embedded server";
  }

  void see_structure_argument(const SqlToken& token) {
    const Frame& frame = frames_.back();
    if (is_data(frame)) return;
    if (token.is('{')) refuse_structure();
    bool name = (token.kind == SqlTokenKind::Word && std::isdigit(static_cast<unsigned char>(token.text[0])) == 0) ||
                token.text.starts_with('`') || token.text.starts_with('"');
    bool called = token.is_keyword("HEADERS") || token.is_keyword("EXTRA_CREDENTIALS");
    int format_at = equal_words(frame.call, "format") ? 0 : 1;
    if (name && !called && frame.argument != format_at) refuse_structure();
  }

  void refuse_structure() {
    reason_ = "The embedded server takes a table function's columns as a text without expressions";
  }

  bool in_settings_ = false;
  bool applies_ = false;
  std::vector<Frame> frames_;
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

/// Not where every `format` has a blank and a letter behind it: that is the clause, as in the worker's own inserts,
/// which are not to cost a question each.
bool may_call_format(std::string_view text) {
  constexpr std::string_view kFormat = "format";
  auto is_space = [](char letter) { return std::isspace(static_cast<unsigned char>(letter)) != 0; };
  for (std::size_t at = 0; at + kFormat.size() <= text.size(); ++at) {
    if (!equal_words(text.substr(at, kFormat.size()), kFormat)) continue;
    std::string_view behind = text.substr(at + kFormat.size());
    const auto next = std::ranges::find_if_not(behind, is_space);
    const bool is_clause =
        next != behind.begin() && next != behind.end() && std::isalpha(static_cast<unsigned char>(*next)) != 0;
    if (!is_clause) return true;
  }
  return false;
}

}  // namespace

bool is_refused_setting(std::string_view name) {
  return std::ranges::find(kRefusedSettings, name) != kRefusedSettings.end();
}

bool may_touch_host(std::string_view text) {
  auto holds = [&](std::string_view word) { return contains(text, word); };
  if (std::ranges::any_of(kTriggers, holds) || std::ranges::any_of(kRefusedSettings, holds)) return true;
  auto structured = [&](std::string_view word) {
    if (word == "format") return may_call_format(text);
    return word != "null" && holds(word);
  };
  if (std::ranges::any_of(kStructureFunctions, structured)) return true;
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
