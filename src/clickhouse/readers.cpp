#include "clickhouse/readers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "clickhouse/quoting.h"
#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

/// As ClickHouse prints a one.
constexpr std::string_view kYes = "1\n";

bool is_word(const std::vector<std::string>& readers, std::string_view word) {
  return readers.size() == 1 && readers.front() == word;
}
bool are_all(const ClickHouseSettings& settings) { return is_word(settings.readers, kAllReaders); }
bool are_named(const ClickHouseSettings& settings) {
  return !settings.readers.empty() && !is_word(settings.readers, kNoReaders);
}

std::string profile_sql(const ClickHouseSettings& settings, const std::string& readers) {
  return fmt::format("CREATE SETTINGS PROFILE OR REPLACE {} SETTINGS final = 1 TO {}",
                     quote_identifier(readers_profile(settings)), readers);
}

std::string reader_list(const ClickHouseSettings& settings) {
  if (are_all(settings)) return std::string(kAllReaders);
  std::vector<std::string> names;
  std::ranges::transform(settings.readers, std::back_inserter(names), quote_identifier);
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Since 23.2, like the argument.
bool has_final_setting(const ServerVersion& version) { return has_is_deleted_argument(version); }

std::string old_server(const ServerVersion& version) {
  return fmt::format("ClickHouse {} has no setting `final`, so ECHODB_READERS has no effect", version.text);
}
constexpr const char* kOldServerRemedy =
    "queries say FINAL and WHERE _peerdb_is_deleted = 0 themselves (docs/querying.md); or upgrade ClickHouse to 23.2 "
    "or later";

/// Our own user, and so as a rule every user to whom nothing else was given.
bool has_final(TargetClient& clickhouse) {
  return clickhouse.query("SELECT count() > 0 FROM system.settings WHERE name = 'final' AND value = '1'") == kYes;
}

/// Users and profiles are in users.xml alone, as they are in the embedded server. A server that does not say is taken
/// for one that keeps them elsewhere too.
bool keeps_no_profiles(TargetClient& clickhouse) {
  try {
    return clickhouse.query("SELECT countIf(type != 'users_xml') = 0 FROM system.user_directories") == kYes;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    return false;
  }
}

/// Whether the profile is there, for all of them.
bool has_profile(TargetClient& clickhouse, const ClickHouseSettings& settings) {
  std::vector<std::string> names;
  std::ranges::transform(settings.readers, std::back_inserter(names), quote_literal);
  const std::string applies = are_all(settings) ? std::string("apply_to_all")
                                                : fmt::format("hasAll(apply_to_list, [{}])", fmt::join(names, ", "));
  return clickhouse.query(fmt::format("SELECT count() > 0 FROM system.settings_profiles WHERE name = {} AND {}",
                                      quote_literal(readers_profile(settings)), applies)) == kYes;
}

}  // namespace

std::string readers_profile(const ClickHouseSettings& settings) { return "echodb_readers_" + settings.database; }

void make_readers_profile(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings) {
  if (!are_named(settings)) return;
  if (!has_final_setting(version)) throw Error(ErrorCode::TargetRejected, old_server(version), kOldServerRemedy);
  if (keeps_no_profiles(clickhouse) && has_final(clickhouse)) return;
  const std::string sql = profile_sql(settings, reader_list(settings));
  try {
    clickhouse.query(sql);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    throw Error(ErrorCode::TargetRejected,
                fmt::format("queries of {} (ECHODB_READERS) do not get final = 1: {}",
                            fmt::join(settings.readers, ", "), error.message()),
                fmt::format("GRANT CREATE SETTINGS PROFILE ON *.* TO {}; or have an "
                            "administrator run: {}; or write <final>1</final> into their profile in users.xml",
                            quote_identifier(settings.user), sql));
  }
}

void examine_readers(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings,
                     Findings& findings) {
  if (are_named(settings) || !has_final_setting(version)) return;
  if (has_final(clickhouse)) {
    findings.ok(fmt::format("final = 1 for user {}: plain queries see each row once", settings.user));
  } else if (!settings.readers.empty()) {
    findings.ok("final = 0, and nobody is to have final = 1 (ECHODB_READERS=none): queries say FINAL themselves");
  } else {
    findings.warning(
        fmt::format("final = 0 for user {} (CLICKHOUSE_USER), and so for every user to whom nothing else was given: "
                    "queries that do not say FINAL count rows that were updated or deleted (docs/querying.md)",
                    settings.user),
        fmt::format("name those who read {} in ECHODB_READERS, or {} or {}, and run `echodb setup`; or run: {}",
                    settings.database, kAllReaders, kNoReaders, profile_sql(settings, "…")));
  }
}

void examine_readers_profile(TargetClient& clickhouse, const ServerVersion& version, const ClickHouseSettings& settings,
                             Findings& findings) {
  if (!are_named(settings)) return;
  if (!has_final_setting(version)) return findings.warning(old_server(version), kOldServerRemedy);
  const std::string profile = readers_profile(settings);
  try {
    if (has_profile(clickhouse, settings)) {
      findings.ok(fmt::format("the settings profile {} gives final = 1 to {} (ECHODB_READERS)", profile,
                              fmt::join(settings.readers, ", ")));
    } else if (has_final(clickhouse)) {
      findings.ok(fmt::format("final = 1 for user {}, though not by the settings profile {}", settings.user, profile));
    } else {
      findings.warning(fmt::format("there is no settings profile {} that gives final = 1 to {} (ECHODB_READERS): their "
                                   "queries count rows that were updated or deleted",
                                   profile, fmt::join(settings.readers, ", ")),
                       fmt::format("`echodb setup` makes it; or: {}", profile_sql(settings, reader_list(settings))));
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    findings.ok(fmt::format("user {} may not look whether the settings profile {} is there (ECHODB_READERS)",
                            settings.user, profile));
  }
}

}  // namespace echodb
