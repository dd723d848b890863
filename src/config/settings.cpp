#include "config/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "base/error.h"
#include "base/nearest_name.h"
#include "config/limits.h"
#include "config/parse_values.h"
#include "config/unknown_variables.h"

namespace echodb {
namespace {

using Set = std::function<void(Settings&, const std::string&)>;

template <typename Owner>
Set text(Owner Settings::*owner, std::string Owner::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*owner.*member = value; };
}
Set text(std::string Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = value; };
}
template <typename Owner>
Set password(Owner Settings::*owner) {
  return [=](Settings& settings, const std::string& value) {
    (settings.*owner).password = value;
    (settings.*owner).password_given = true;
  };
}
template <typename Owner>
Set port(Owner Settings::*owner, std::uint16_t Owner::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*owner.*member = parse_port(value); };
}
Set port(std::uint16_t Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = parse_port(value); };
}
template <typename Number>
Set number(Number Settings::*member, NumberRange range) {
  return [=](Settings& settings, const std::string& value) {
    settings.*member = static_cast<Number>(parse_number(value, range));
  };
}
Set names(std::vector<std::string> Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = parse_names(value); };
}
template <typename Choice>
Set choice(Choice Settings::*member, const std::vector<std::string>& words) {
  return [=](Settings& settings, const std::string& value) {
    settings.*member = static_cast<Choice>(parse_choice(value, words));
  };
}
Set readers() {
  return [](Settings& settings, const std::string& value) {
    std::vector<std::string> names = parse_names(value);
    auto is_word = [](const std::string& name) { return name == kAllReaders || name == kNoReaders; };
    if (names.size() > 1 && std::ranges::any_of(names, is_word)) {
      throw Error(
          ErrorCode::InvalidConfiguration,
          fmt::format("'{}' is no list of users and roles: {} and {} stand alone", value, kAllReaders, kNoReaders));
    }
    settings.clickhouse.readers = std::move(names);
  };
}
Set log_level() {
  return [](Settings& settings, const std::string& value) {
    static const std::vector<std::string> kLevels{"debug", "info", "warning", "error", "critical"};
    static const std::vector<std::string> kNames{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};
    settings.log_level = kNames[parse_choice(value, kLevels)];
  };
}
Set clickhouse_port() {
  return [](Settings& settings, const std::string& value) {
    std::uint16_t parsed = parse_port(value);
    if (parsed == 9000 || parsed == 9440) {
      throw Error(
          ErrorCode::InvalidConfiguration,
          fmt::format("{} is ClickHouse's native port, EchoDB speaks its HTTP interface: use 8123 (or 8443)", value));
    }
    settings.clickhouse.port = parsed;
  };
}
Set milliseconds(std::chrono::milliseconds Settings::*member, NumberRange range) {
  return [=](Settings& settings, const std::string& value) {
    settings.*member = std::chrono::milliseconds(parse_number(value, range));
  };
}
Set seconds(std::chrono::milliseconds Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = parse_seconds(value); };
}
Set size(std::uint64_t Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = parse_size(value); };
}
Set factor(double Settings::*member) {
  return [=](Settings& settings, const std::string& value) { settings.*member = parse_factor(value); };
}

Set postgres_ports() {
  return [](Settings& settings, const std::string& value) {
    bool several = value.find(',') != std::string::npos;
    std::vector<std::string> ports = several ? parse_names(value) : std::vector{value};
    for (const std::string& port : ports) parse_port(port);
    settings.postgres.port = parse_port(ports.front());
    settings.postgres.ports = ports.size() > 1 ? fmt::format("{}", fmt::join(ports, ",")) : std::string();
  };
}
Set lease_seconds(std::chrono::milliseconds Settings::*member) {
  return [=](Settings& settings, const std::string& value) {
    constexpr NumberRange kLeaseSeconds{1, 3600};
    settings.*member = std::chrono::seconds(parse_number(value, kLeaseSeconds));
  };
}
Set breaker_count(BreakerSettings Settings::*breaker, std::uint32_t BreakerSettings::*member) {
  return [=](Settings& settings, const std::string& value) {
    constexpr NumberRange kThreshold{1, 1000};
    (settings.*breaker).*member = static_cast<std::uint32_t>(parse_number(value, kThreshold));
  };
}
Set breaker_timeout(BreakerSettings Settings::*breaker) {
  return [=](Settings& settings, const std::string& value) { (settings.*breaker).timeout = parse_seconds(value); };
}

constexpr NumberRange kCount{1, 1000};
constexpr NumberRange kRows{1, 10'000'000};
constexpr NumberRange kSampleRows{1, 1'000'000};
constexpr NumberRange kRowsPerSecond{0, 1'000'000'000};
constexpr NumberRange kBytes{1ULL << 20, 1ULL << 40};
constexpr NumberRange kMilliseconds{1, 3'600'000};

/// The servers, as their users know the names.
std::vector<SettingDescription> describe_connections() {
  using S = Settings;
  using P = PostgresSettings;
  using C = ClickHouseSettings;
  using R = RedisSettings;
  return {
      {"POSTGRES_HOST", "", "source host, or `a,b`: whichever is primary; unset: `up` starts a private PostgreSQL",
       text(&S::postgres, &P::host)},
      {"POSTGRES_PORT", "5432", "source port; `5432,5433` for several hosts", postgres_ports()},
      {"POSTGRES_USER", "echodb", "source user", text(&S::postgres, &P::user)},
      {"POSTGRES_PASSWORD", "password", "source password; unset: `up` makes one up for the PostgreSQL it starts",
       password(&S::postgres)},
      {"POSTGRES_DB", "echodb", "source database", text(&S::postgres, &P::database)},
      {"CLICKHOUSE_HOST", "", "target host; unset: `up` starts the embedded ClickHouse",
       text(&S::clickhouse, &C::host)},
      {"CLICKHOUSE_PORT", "8123", "target HTTP port", clickhouse_port()},
      {"CLICKHOUSE_USER", "echodb", "target user", text(&S::clickhouse, &C::user)},
      {"CLICKHOUSE_PASSWORD", "password", "target password; unset: `up` makes one up for the ClickHouse it starts",
       password(&S::clickhouse)},
      {"CLICKHOUSE_DATABASE", "echodb", "target database; each source needs one of its own",
       text(&S::clickhouse, &C::database)},
      {"CLICKHOUSE_SOCKET", "", "the target's Unix socket, in place of host and port; `up` sets it for what it starts",
       text(&S::clickhouse, &C::socket)},
      {"REDIS_HOST", "", "where workers agree on a leader; unset: in PostgreSQL", text(&S::redis, &R::host)},
      {"REDIS_PORT", "6379", "Redis port", port(&S::redis, &R::port)},
      {"REDIS_PASSWORD", "", "Redis password", text(&S::redis, &R::password)},
      {"SOURCE_PEER_NAME", "postgres_main", "the source's name in metrics and logs", text(&S::source_peer)},
      {"TARGET_PEER_NAME", "clickhouse_analytics", "the target's name in metrics and logs", text(&S::target_peer)},
  };
}

/// What is done with them; these names are known as well.
std::vector<SettingDescription> describe_behaviour() {
  using S = Settings;
  using B = BreakerSettings;
  return {
      {"SYNC_SCHEMA", "public", "schemas to watch: `a,b` or a JSON array", names(&S::sync_schemas)},
      {"EXCLUDED_TABLES", "spatial_ref_sys,geometry_columns,geography_columns,raster_columns,raster_overviews",
       "tables left out: names, schema.name, globs (temp_*), or a JSON array", names(&S::excluded_tables)},
      {"LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL", log_level()},
      {"LOG_FILE", "", "log file, rotated at 10 MB, five kept; unset: standard error", text(&S::log_file)},
      {"HEALTH_CHECK_HOST", "127.0.0.1", "address of /health, /ready and /metrics", text(&S::health_host)},
      {"HEALTH_CHECK_PORT", "8080", "port of /health, /ready and /metrics", port(&S::health_port)},
      {"CONSISTENCY_CHECK_INTERVAL", "900", "seconds from one check of all tables to the next; 0: on demand only",
       seconds(&S::consistency_interval)},
      {"CONSISTENCY_SAMPLE_SIZE", "100", "rows of each side that a check in mode sample looks at",
       number(&S::consistency_sample_size, kSampleRows)},
      {"CONSISTENCY_MAX_LAG", "300", "seconds a check waits for the stream before it says that it could not tell",
       seconds(&S::consistency_max_lag)},
      {"CONSISTENCY_CHECKER_HOST", "127.0.0.1", "address of the checker's endpoints", text(&S::checker_host)},
      {"CONSISTENCY_CHECKER_PORT", "8090", "port of the checker's endpoints", port(&S::checker_port)},
      {"CONSISTENCY_CHECKER_TOKEN", "",
       "what /verify, /verify-all and /repair ask for as `Authorization: Bearer …`; off loopback there must be one",
       text(&S::checker_token)},
      {"WORKER_ID", "", "unique per worker; unset: generated", text(&S::worker_id)},
      {"LEADER_ELECTION_TTL", "30", "a leader that gives no sign of life for so long is replaced, in seconds",
       lease_seconds(&S::leader_election_ttl)},
      {"LEADER_ELECTION_INTERVAL", "10", "a follower looks after the leader this often, in seconds",
       lease_seconds(&S::leader_election_interval)},
      {"PEERDB_FAILURE_THRESHOLD", "5", "breakers `peerdb_api`, `clickhouse`: failures in a row that open them",
       breaker_count(&S::engine_breaker, &B::failure_threshold)},
      {"PEERDB_SUCCESS_THRESHOLD", "2", "breakers `peerdb_api`, `clickhouse`: successes in a row that close them",
       breaker_count(&S::engine_breaker, &B::success_threshold)},
      {"PEERDB_TIMEOUT", "60", "breakers `peerdb_api`, `clickhouse`: probed after so many seconds at the latest",
       breaker_timeout(&S::engine_breaker)},
      {"POSTGRES_FAILURE_THRESHOLD", "3", "breaker `postgres_connection`: failures in a row that open it",
       breaker_count(&S::postgres_breaker, &B::failure_threshold)},
      {"POSTGRES_SUCCESS_THRESHOLD", "2", "breaker `postgres_connection`: successes in a row that close it",
       breaker_count(&S::postgres_breaker, &B::success_threshold)},
      {"POSTGRES_TIMEOUT", "30", "breaker `postgres_connection`: probed after so many seconds at the latest",
       breaker_timeout(&S::postgres_breaker)},
      {"MAX_RETRIES", "5", "a leader that fails so often in a row lets another worker try",
       number(&S::retries_max, kCount)},
      {"RECONNECT_DELAY", "10", "longest pause between two attempts to reach a server, in seconds",
       seconds(&S::reconnect_delay)},
      {"MAX_RECONNECT_ATTEMPTS", "10", "failed attempts in a row after which a server counts as down: /ready says so",
       number(&S::reconnect_attempts_max, kCount)},
      {"RETRY_DELAY", "5", "longest pause between two tries, in seconds", seconds(&S::retry_delay)},
      {"RETRY_BACKOFF", "2.0", "factor from one pause to the next", factor(&S::retry_backoff)},
  };
}

/// Those with our prefix.
std::vector<SettingDescription> describe_own() {
  using S = Settings;
  return {
      {"ECHODB_DATA_DIR", "./data", "where the private servers keep their data", text(&S::data_dir)},
      {"ECHODB_CHDB_LIBRARY", "", "path of libchdb.so; unset: where script/bootstrap put it", text(&S::chdb_library)},
      {"ECHODB_ALLOWED_HOSTS", "",
       "names, beside localhost, this machine's and the address listened on, under which our HTTP ports are asked",
       names(&S::allowed_hosts)},
      {"ECHODB_ALLOWED_ORIGINS", "", "web pages that may ask our HTTP ports: `https://name:port,…`; `*`: any",
       names(&S::allowed_origins)},
      {"ECHODB_SYNC_INTERVAL_MS", "100", "a busy table's rows are gathered this long, in milliseconds",
       milliseconds(&S::sync_interval, kMilliseconds)},
      {"ECHODB_BATCH_ROWS_MAX", "200000", "rows of one insert at the most", number(&S::batch_rows_max, kRows)},
      {"ECHODB_BATCH_BYTES_MAX", "33554432", "bytes of one insert at the most", number(&S::batch_bytes_max, kBytes)},
      {"ECHODB_MEMORY_BYTES_MAX", std::to_string(limits::kMemoryBytesMax),
       "memory of a worker; when rows fill half of it, reading waits", number(&S::memory_bytes_max, kBytes)},
      {"ECHODB_SNAPSHOT_WORKERS", "2", "connections that copy existing tables", number(&S::snapshot_workers, kCount)},
      {"ECHODB_WRITERS", "2", "connections that insert the stream into ClickHouse", number(&S::writers, kCount)},
      {"ECHODB_CHECK_MODE", "fingerprint", "what a check compares: count, sample, fingerprint or full",
       choice(&S::check_mode, {"count", "sample", "fingerprint", "full"})},
      {"ECHODB_CHECK_ROWS_PER_SECOND", "0", "rows a check reads from the source per second; 0: no limit",
       number(&S::check_rows_per_second, kRowsPerSecond)},
      {"ECHODB_ON_DROP", "drop", "what becomes of the target table when its source is dropped: drop or keep",
       choice(&S::on_drop, {"drop", "keep"})},
      {"ECHODB_NO_PK_POLICY", "full", "tables without a key: full, insert_only or skip",
       choice(&S::no_pk_policy, {"full", "insert_only", "skip"})},
      {"ECHODB_UNBOUNDED_NUMERIC", "decimal",
       "numeric without precision: decimal (76 digits, 20 of them fractional), decimal38 (38 of them) or string",
       choice(&S::unbounded_numeric, {"decimal", "decimal38", "string"})},
      {"ECHODB_ARRAYS", "array",
       "arrays: array (a wider type once a NULL comes), nullable_elements or variant (with room for NULL arrays)",
       choice(&S::arrays, {"array", "nullable_elements", "variant"})},
      {"ECHODB_JSON", "string", "json and jsonb: string (to the character) or json (ClickHouse's JSON; objects only)",
       choice(&S::json, {"string", "json"})},
      {"ECHODB_COLUMN_TYPES", "", "ClickHouse types for single columns: `schema.table.column=Type,…`, with globs",
       [](S& settings, const std::string& value) { settings.column_types = parse_column_types(value); }},
      {"ECHODB_UNSUPPORTED_VALUES", "text",
       "a value its column's type cannot hold: text (the column becomes a String) or stop (the table stops)",
       choice(&S::unsupported_values, {"text", "stop"})},
      {"ECHODB_MAX_RETAINED_WAL", "50GB",
       "log that the slot may hold back on the source, as 500MB, 50GB or 1TB; 0: any", size(&S::max_retained_wal)},
      {"ECHODB_ON_MAX_RETAINED_WAL", "warn",
       "beyond that: warn, or release (the slot is dropped; later every table is copied again)",
       choice(&S::on_max_retained_wal, {"warn", "release"})},
      {"ECHODB_READERS", "",
       "users and roles of ClickHouse that `setup` gives `final = 1`, `ALL`, or `none`: they say FINAL", readers()},
      {"ECHODB_CATALOG_POLL_SECONDS", "5", "without event triggers: how often new and changed tables are looked for",
       seconds(&S::catalog_poll)},
      {"ECHODB_INVENTORY_SECONDS", "60",
       "how often the worker compares the watched tables with the mirrored ones, and heals what is missing",
       seconds(&S::inventory_interval)},
      {"ECHODB_FAILPOINTS", "", "for tests: the process kills itself at these points, `copy.range_written=3,…`",
       [](S& settings, const std::string& value) { settings.failpoints = parse_failpoints(value); }},
  };
}

std::vector<SettingDescription> describe() {
  std::vector<SettingDescription> all = describe_connections();
  std::ranges::move(describe_behaviour(), std::back_inserter(all));
  std::ranges::move(describe_own(), std::back_inserter(all));
  return all;
}

void apply(Settings& settings, const Variables& variables, std::vector<std::string>& faults) {
  for (const SettingDescription& setting : setting_descriptions()) {
    auto found = variables.find(setting.name);
    if (found == variables.end()) continue;
    if (found->second.empty() && !setting.default_value.empty()) continue;
    try {
      setting.set(settings, found->second);
    } catch (const Error& error) {
      faults.push_back(fmt::format("{}: {}", setting.name, error.message()));
    }
  }
}

/// A name with our prefix that we do not know is a misspelt one.
void refuse_unknown(const Variables& variables, std::vector<std::string>& faults) {
  const std::vector<std::string> known = setting_names();
  for (const auto& [name, value] : variables) {
    if (!name.starts_with(kOurPrefix) || std::ranges::find(known, name) != known.end()) continue;
    faults.push_back(name + ": there is no such setting" + did_you_mean(name, known));
  }
}

std::size_t items(const std::string& list) { return 1 + static_cast<std::size_t>(std::ranges::count(list, ',')); }

/// What is wrong only with several settings seen together.
void check_together(const Settings& settings, std::vector<std::string>& faults) {
  const PostgresSettings& postgres = settings.postgres;
  if (!postgres.ports.empty() && items(postgres.ports) != items(postgres.host)) {
    faults.push_back("POSTGRES_PORT: give one port, or one for each host of POSTGRES_HOST");
  }
}

}  // namespace

const std::vector<SettingDescription>& setting_descriptions() {
  static const std::vector<SettingDescription> kDescriptions = describe();
  return kDescriptions;
}

Variables environment_variables() {
  Variables variables;
  for (const SettingDescription& setting : setting_descriptions()) {
    if (const char* value = std::getenv(setting.name.c_str())) variables[setting.name] = value;
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    auto equals = text.find('=');
    if (text.starts_with(kOurPrefix)) variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  return variables;
}

Settings load_settings(const std::vector<Variables>& rising_precedence, const SettingsCheck& check) {
  Variables merged;
  for (const Variables& variables : rising_precedence) {
    for (const auto& [name, value] : variables) merged[name] = value;
  }
  Settings settings;
  std::vector<std::string> faults;
  apply(settings, merged, faults);
  refuse_unknown(merged, faults);
  check_together(settings, faults);
  if (check) check(settings, faults);
  if (!faults.empty()) {
    std::string all = "these settings cannot be used:";
    for (const std::string& fault : faults) all += "\n  " + fault;
    throw Error(ErrorCode::InvalidConfiguration, all);
  }
  return settings;
}

}  // namespace echodb
