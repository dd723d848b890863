#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/attempt_gate.h"
#include "base/failpoint.h"
#include "base/write_permit.h"
#include "config/limits.h"

namespace echodb {

/// How to reach the source. libpq's own variables (PGSSLMODE, PGSSLROOTCERT, …) count as well: see
/// postgres/libpq_variables.h.
struct PostgresSettings {
  std::string host;           ///< empty: none was configured, `up` starts a private server; `a,b`: whichever is primary
  bool host_assumed = false;  ///< none was configured: it is where an `up` on this machine has its server
  std::uint16_t port = 5432;  ///< the first host's
  std::string ports;          ///< `5432,5433`, one for each host; empty: `port` for all
  std::string user = "echodb";
  std::string password = "password";
  bool password_given = false;  ///< whoever starts a private server makes one up otherwise
  std::string database = "echodb";
  /// Shared by all that connect to this server: it is unreachable for all of them. Null: every attempt is made.
  std::shared_ptr<AttemptGate> gate = nullptr;
};

/// ECHODB_READERS as one word: every user; or nobody, who says FINAL in each query.
inline constexpr std::string_view kAllReaders = "ALL";
inline constexpr std::string_view kNoReaders = "none";

/// How to reach the target, by its HTTP interface.
struct ClickHouseSettings {
  std::string host;           ///< empty: none was configured, `up` starts `echodb clickhouse`
  bool host_assumed = false;  ///< as the source's
  std::uint16_t port = 8123;
  std::string user = "echodb";
  std::string password = "password";
  bool password_given = false;  ///< as the source's
  std::string database = "echodb";
  std::string socket;  ///< the path of the server's Unix socket, taken in place of host and port; empty: there is none
  std::vector<std::string> readers = {};        ///< users and roles that get final = 1, or one of the words above
  std::shared_ptr<AttemptGate> gate = nullptr;  ///< as the source's
  /// A leader's requests: none is sent without the permit, and their ids begin like this. Null: whoever asks may.
  std::shared_ptr<const WritePermit> permit = nullptr;
  std::string query_id_prefix = {};

  /// The same server: the database may not be there yet.
  [[nodiscard]] ClickHouseSettings without_database() const {
    ClickHouseSettings server = *this;
    server.database.clear();
    return server;
  }
};

/// Where workers agree on who leads; PostgreSQL alone when there is no host.
struct RedisSettings {
  std::string host;
  std::uint16_t port = 6379;
  std::string password;
};

/// When a circuit breaker opens, and when it closes again.
struct BreakerSettings {
  std::uint32_t failure_threshold;    ///< failures in a row that open it
  std::uint32_t success_threshold;    ///< successes in a row that close it
  std::chrono::milliseconds timeout;  ///< open for so long at the most before it is probed
};

enum class OnDrop { Drop, Keep };
enum class NoPrimaryKeyPolicy { Full, InsertOnly, Skip };
/// What numeric without a precision becomes; the text where the server has no Decimal of that size.
enum class UnboundedNumeric : std::uint8_t {
  Decimal,    ///< Decimal(76, 20): products and quotients of such numbers have room in a Decimal of 76 digits
  Decimal38,  ///< Decimal(76, 38): more digits behind the point, and `a * b` overflows where it is beyond 5.7
  Text,       ///< a String, as PostgreSQL prints it
};

/// What an array becomes. Any of PostgreSQL's may hold NULLs and have several dimensions; few do.
enum class ArrayChoice : std::uint8_t {
  Plain,             ///< Array(T)
  NullableElements,  ///< Array(Nullable(T)), which arraySum and its like refuse
  Variant,           ///< the same, and where the array itself may be NULL a Variant(Array(Nullable(T)), String), or
                     ///< the text where the server has no Variant
};

/// What json and jsonb become.
enum class JsonForm : std::uint8_t {
  Text,  ///< a String, to the character
  /// ClickHouse's JSON where the server has it; only objects have a place in it. Inserts must say
  /// input_format_try_infer_dates = 0 and input_format_try_infer_datetimes = 0, reading in RowBinary
  /// output_format_binary_write_json_as_string = 1.
  Json,
};

/// What becomes of a column whose type cannot hold a value that came.
enum class UnsupportedValues { Text, Stop };

/// What happens when the slot retains more log than allowed.
enum class OnMaxRetainedWal { Warn, Release };

/// How much of a table the checker compares.
enum class CheckMode { Count, Sample, Fingerprint, Full };

/// The operator's wish for some columns.
struct ColumnTypeRule {
  std::string pattern;  ///< a glob for schema.table.column
  std::string type;     ///< as ClickHouse spells it

  bool operator==(const ColumnTypeRule&) const = default;
};

/// Everything the program can be told, with the defaults of the documentation. A flag beats the environment beats
/// `.env` beats the default. Built once at start, never changed.
struct Settings {
  PostgresSettings postgres;
  ClickHouseSettings clickhouse;

  std::vector<std::string> sync_schemas{"public"};
  std::vector<std::string> excluded_tables{"spatial_ref_sys", "geometry_columns", "geography_columns", "raster_columns",
                                           "raster_overviews"};

  std::string log_level = "INFO";
  std::string log_file;
  std::string health_host = "127.0.0.1";
  std::uint16_t health_port = 8080;
  std::string worker_id;  ///< generated when not set

  RedisSettings redis;
  std::chrono::milliseconds leader_election_ttl{30'000};
  std::chrono::milliseconds leader_election_interval{10'000};
  BreakerSettings engine_breaker{.failure_threshold = 5, .success_threshold = 2, .timeout = std::chrono::seconds(60)};
  BreakerSettings postgres_breaker{.failure_threshold = 3, .success_threshold = 2, .timeout = std::chrono::seconds(30)};
  std::string source_peer = "postgres_main";
  std::string target_peer = "clickhouse_analytics";

  std::uint32_t retries_max = 5;
  std::chrono::milliseconds consistency_interval{900'000};
  std::uint64_t consistency_sample_size = 100;
  std::chrono::milliseconds consistency_max_lag{300'000};
  std::string checker_host = "127.0.0.1";
  std::uint16_t checker_port = 8090;
  std::string checker_token;                 ///< empty: none is asked for
  std::vector<std::string> allowed_hosts;    ///< names under which our HTTP servers are asked, beside their own
  std::vector<std::string> allowed_origins;  ///< pages that may ask them; `*`: any
  CheckMode check_mode = CheckMode::Fingerprint;
  std::uint64_t check_rows_per_second = 0;  ///< 0: as fast as both servers answer

  std::chrono::milliseconds retry_delay{5000};
  double retry_backoff = 2.0;
  std::chrono::milliseconds reconnect_delay{10'000};
  std::uint32_t reconnect_attempts_max = 10;

  std::string data_dir = "./data";
  std::string chdb_library;  ///< path of libchdb.so; empty: looked for where script/bootstrap puts it
  std::chrono::milliseconds sync_interval{100};
  std::uint64_t batch_rows_max = 200'000;
  std::uint64_t batch_bytes_max = 32ULL << 20;
  std::uint64_t memory_bytes_max = limits::kMemoryBytesMax;
  std::uint32_t snapshot_workers = 2;
  std::uint32_t writers = 2;
  OnDrop on_drop = OnDrop::Drop;
  NoPrimaryKeyPolicy no_pk_policy = NoPrimaryKeyPolicy::Full;
  UnboundedNumeric unbounded_numeric = UnboundedNumeric::Decimal;
  JsonForm json = JsonForm::Text;
  ArrayChoice arrays = ArrayChoice::Plain;
  UnsupportedValues unsupported_values = UnsupportedValues::Text;
  std::vector<ColumnTypeRule> column_types;      ///< the first that matches counts
  std::uint64_t max_retained_wal = 50ULL << 30;  ///< bytes of log that the slot may hold back; 0: no bound
  OnMaxRetainedWal on_max_retained_wal = OnMaxRetainedWal::Warn;
  std::chrono::milliseconds catalog_poll{5000};  ///< without event triggers: how often the source is looked through
  std::chrono::milliseconds inventory_interval{limits::kInventoryInterval};  ///< watched compared with mirrored
  std::vector<FailpointRule> failpoints;
};

/// One variable of `.env`, the environment or the command line.
struct SettingDescription {
  std::string name;           ///< as in the environment, e.g. POSTGRES_HOST; the flag is --postgres-host
  std::string default_value;  ///< as one would write it; empty: unset
  std::string meaning;        ///< one line for --help and the README
  std::function<void(Settings&, const std::string&)> set;  ///< throws Error(InvalidConfiguration) on a bad value
};

/// Every variable there is, in the order of the documentation.
const std::vector<SettingDescription>& setting_descriptions();

using Variables = std::map<std::string, std::string>;

/// Variables that begin with it are ours alone, so one that we do not know is a misspelt one.
inline constexpr std::string_view kOurPrefix = "ECHODB_";

/// The process environment, as far as it holds variables of ours: the known ones, and whatever begins with ECHODB_.
Variables environment_variables();

/// Reads a `.env` file: NAME=value lines, `export `, quotes, comments. A file that is not there is empty.
Variables read_env_file(const std::string& path);

/// Adds a sentence, which begins with the variable's name, for each fault that only later folders can see.
using SettingsCheck = std::function<void(const Settings&, std::vector<std::string>& faults)>;

/// Builds the settings from sources in rising precedence. All faults are reported in one Error(InvalidConfiguration).
Settings load_settings(const std::vector<Variables>& rising_precedence, const SettingsCheck& check = {});

}  // namespace echodb
