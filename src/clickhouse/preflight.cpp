#include "clickhouse/preflight.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <sstream>

#include "clickhouse/client.h"
#include "clickhouse/readers.h"
#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

constexpr double kClockSkewSeconds = 2;
constexpr double kDiskLeftMin = 0.1;
constexpr std::uint64_t kQuerySecondsMin = 60;
constexpr int kExchangeMajor = 21;
constexpr int kExchangeMinor = 4;
constexpr int kDisksMajor = 19;  // system.disks
constexpr int kDisksMinor = 15;

/// The columns of the first row; empty when there is none.
std::vector<std::vector<std::string>> rows_of(ClickHouseClient& clickhouse, const std::string& sql) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(clickhouse.query(sql));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    rows.emplace_back();
    for (std::string field; std::getline(fields, field, '\t');) rows.back().push_back(field);
  }
  return rows;
}

void check_version(const ServerVersion& version, Findings& findings) {
  if (!version.at_least(kExchangeMajor, kExchangeMinor)) {
    findings.warning(fmt::format("ClickHouse {} has no EXCHANGE TABLES: a table that was copied again takes the old "
                                 "one's place in two renames",
                                 version.text),
                     "upgrade ClickHouse to 21.4 or later");
  }
  if (!has_is_deleted_argument(version)) {
    findings.warning(fmt::format("ClickHouse {} does not hide deleted rows from FINAL", version.text),
                     "write FINAL and WHERE _peerdb_is_deleted = 0 in queries (docs/querying.md), or upgrade "
                     "ClickHouse to 23.2 or later");
  } else {
    findings.ok(fmt::format("the target is ClickHouse {}", version.text));
  }
}

/// What the worker does to its tables, done to one of our own.
void try_rights(ClickHouseClient& clickhouse, const ClickHouseSettings& settings, const ServerVersion& version,
                Findings& findings) {
  const std::string database = quote_identifier(settings.database);
  // Somebody else may be trying as well.
  const std::string own =
      fmt::format("_echodb_doctor_{:x}", std::chrono::system_clock::now().time_since_epoch().count());
  const std::string table = qualified({settings.database, own});
  const std::string other = qualified({settings.database, own + "_2"});
  std::vector<std::string> steps{
      fmt::format("CREATE DATABASE IF NOT EXISTS {}", database),
      fmt::format("CREATE TABLE {} (id Int32, v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY id", table),
      fmt::format("INSERT INTO {} (id, v) VALUES (1, 1)", table),
      fmt::format("ALTER TABLE {} ADD COLUMN more Int32", table),
      fmt::format("SELECT count() FROM {} FINAL", table),
      fmt::format("RENAME TABLE {} TO {}", table, other),
      fmt::format("TRUNCATE TABLE {}", other),
      fmt::format("DROP TABLE {}", other),
      "SELECT count() FROM system.columns WHERE database = 'system'",
  };
  if (version.at_least(kExchangeMajor, kExchangeMinor)) {
    steps.insert(steps.begin() + 4, fmt::format("ALTER TABLE {} MODIFY COMMENT 'tried by echodb doctor'", table));
  }
  for (const std::string& step : steps) {
    try {
      clickhouse.query(step);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::Stopped) throw;
      findings.fatal(error.code(),
                     fmt::format("user {} (CLICKHOUSE_USER) cannot do `{}`: {}", settings.user, step, error.message()),
                     !error.remedy().empty()
                         ? error.remedy()
                         : fmt::format("GRANT SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, DROP TABLE, "
                                       "TRUNCATE ON {}.* TO {}; GRANT SELECT ON system.* TO {}",
                                       database, quote_identifier(settings.user), quote_identifier(settings.user)));
      return;
    }
  }
  findings.ok(fmt::format("user {} may create, fill, alter, rename and drop tables in {}", settings.user, database));
}

void check_settings(ClickHouseClient& clickhouse, const ClickHouseSettings& settings, Findings& findings) {
  for (const std::vector<std::string>& row :
       rows_of(clickhouse,
               "SELECT name, value FROM system.settings WHERE name IN ('readonly', 'max_execution_time', "
               "'max_partitions_per_insert_block')")) {
    if (row.size() < 2) continue;
    const std::string& name = row[0];
    if (name == "readonly" && row[1] != "0") {
      findings.fatal(ErrorCode::TargetRejected,
                     fmt::format("the profile of user {} (CLICKHOUSE_USER) says readonly = {}", settings.user, row[1]),
                     "give the user a profile with readonly = 0");
    }
    if (name == "max_execution_time" && std::stod(row[1]) > 0 && std::stod(row[1]) < kQuerySecondsMin) {
      findings.warning(fmt::format("max_execution_time is {} s: large inserts may not end in time", row[1]),
                       fmt::format("ALTER USER {} SETTINGS max_execution_time = 0", quote_identifier(settings.user)));
    }
  }
}

void check_machine(ClickHouseClient& clickhouse, const ServerVersion& version, Findings& findings) {
  std::vector<std::vector<std::string>> disks;
  if (!version.at_least(kDisksMajor, kDisksMinor)) {
    findings.ok(fmt::format("ClickHouse {} does not say how full its disk is", version.text));
  } else {
    disks = rows_of(clickhouse, "SELECT name, free_space, total_space FROM system.disks WHERE total_space > 0");
  }
  for (const std::vector<std::string>& disk : disks) {
    if (disk.size() < 3) continue;
    double left = std::stod(disk[1]) / std::stod(disk[2]);
    std::string words = fmt::format("ClickHouse's disk {} has {:.0f} % left ({:.0f} GB)", disk[0], left * 100,
                                    std::stod(disk[1]) / (1 << 30));
    // Object stores say that they have room for ever.
    if (left < kDiskLeftMin) {
      findings.warning(words, "free space on it, or give ClickHouse another disk");
    } else {
      findings.ok(words);
    }
  }
  auto now = [] { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); };
  double before = now();
  double skew = std::stod(clickhouse.query("SELECT toUnixTimestamp(now())")) + 0.5 - (before + now()) / 2;
  if (std::abs(skew) > kClockSkewSeconds) {
    findings.warning(fmt::format("ClickHouse's clock differs from this machine's by {:.0f} s", skew),
                     "let both machines follow NTP");
  } else {
    findings.ok("ClickHouse's clock agrees with this machine's");
  }
}

}  // namespace

void examine_target(const ClickHouseSettings& settings, Findings& findings, std::stop_token stop) {
  try {
    ClickHouseClient clickhouse(settings.without_database(), std::move(stop));
    ServerVersion version = clickhouse.server_version();
    check_version(version, findings);
    check_settings(clickhouse, settings, findings);
    examine_readers(clickhouse, version, settings, findings);
    try_rights(clickhouse, settings, version, findings);
    check_machine(clickhouse, version, findings);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    findings.fatal(error);
  }
}

}  // namespace echodb
