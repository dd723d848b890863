#include "embedded/chdb_config.h"

#include <fmt/format.h>

#include <fstream>
#include <string_view>

#include "base/error.h"

namespace echodb {
namespace {

// For a machine that does other work as well. Two gigabytes hold a merge, an insert and a query of the usual size;
// sorting and grouping go to disk long before. Every insert wakes its table's search for merges, which then looks again
// after a second, two, four, and so on: by ClickHouse's defaults it looks fifty times, so that thousands of tables
// keep a core busy. Parts that were merged away stay until what they became has reached the disk, which Linux sees to
// within half a minute; libchdb would remove them at once.
//
// On a full disk libchdb acknowledges inserts whose checksums it could not write, and sets those parts aside as broken
// when it starts again. So an insert is refused while it can still be refused: with less left than two of the largest
// blocks (max_insert_block_size_bytes below), one for the insert and one for what is written meanwhile. What merges and
// inserts reserve is not free.
constexpr std::string_view kConfig = R"(<clickhouse>
  <access_control_improvements><table_engines_require_grant>true</table_engines_require_grant></access_control_improvements>
  <user_directories><users_xml><path>{users}</path></users_xml></user_directories>
  <max_server_memory_usage>2147483648</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <primary_index_cache_size>67108864</primary_index_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_processing_pool_thread_sleep_seconds_if_nothing_to_do>1</background_processing_pool_thread_sleep_seconds_if_nothing_to_do>
  <background_processing_pool_task_sleep_seconds_when_no_work_multiplier>2</background_processing_pool_task_sleep_seconds_when_no_work_multiplier>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <max_thread_pool_free_size>32</max_thread_pool_free_size>
  <max_io_thread_pool_free_size>0</max_io_thread_pool_free_size>
  <merge_tree>
    <old_parts_lifetime>120</old_parts_lifetime>
    <min_free_disk_bytes_to_perform_insert>536870912</min_free_disk_bytes_to_perform_insert>
  </merge_tree>
  <max_table_size_to_drop>0</max_table_size_to_drop>
  <max_partition_size_to_drop>0</max_partition_size_to_drop>
</clickhouse>
)";

// Every session of libchdb is its user `default`. FILE is what reads and writes the files of this machine, and the
// database `default` shows them as tables.
//
// `final`: a plain SELECT sees each row of a replicated table once. The insert block settings make a statement of up
// to 256 MB one part; bytes are the bound, not rows.
// Engines of tables are named one by one, so that a new version's are refused until they are known; the others execute
// programs or open files by path. The engine asks for the privilege only where an engine reads a source: Executable
// and EmbeddedRocksDB are left to statement_guard, which knows the same list. A dictionary's source may be a program, a
// file or a library, which no privilege of its own governs; a function may be one, too.
constexpr std::string_view kRefusals[] = {"FILE",
                                          "SQLITE",
                                          "HDFS",
                                          "HIVE",
                                          "ODBC",
                                          "JDBC",
                                          "CREATE DICTIONARY",
                                          "BACKUP",
                                          "ALTER FREEZE PARTITION",
                                          "INTROSPECTION",
                                          "SYSTEM SHUTDOWN",
                                          "SYSTEM RELOAD",
                                          "SYSTEM RESTART DISK",
                                          "SYSTEM UNFREEZE",
                                          "SYSTEM LISTEN",
                                          "SYSTEM FAILPOINT",
                                          "SYSTEM THREAD FUZZER",
                                          "SYSTEM JEMALLOC",
                                          "SYSTEM INSTRUMENT ADD",
                                          "SYSTEM INSTRUMENT REMOVE",
                                          "NAMED COLLECTION ADMIN",
                                          "ALLOW SQL SECURITY NONE",
                                          "SET DEFINER",
                                          "TABLE ENGINE"};
constexpr std::string_view kTableEngines[] = {"Alias",
                                              "AggregatingMergeTree",
                                              "CoalescingMergeTree",
                                              "CollapsingMergeTree",
                                              "Dictionary",
                                              "Distributed",
                                              "GenerateRandom",
                                              "GraphiteMergeTree",
                                              "Join",
                                              "Log",
                                              "MaterializedView",
                                              "Memory",
                                              "Merge",
                                              "MergeTree",
                                              "MySQL",
                                              "Null",
                                              "PostgreSQL",
                                              "Remote",
                                              "RemoteSecure",
                                              "ReplacingMergeTree",
                                              "S3",
                                              "Set",
                                              "StripeLog",
                                              "SummingMergeTree",
                                              "TinyLog",
                                              "URL",
                                              "VersionedCollapsingMergeTree",
                                              "View"};

constexpr std::string_view kUsers = R"(<clickhouse>
  <profiles><default>
    <final>1</final>
    <async_insert>0</async_insert>
    <max_insert_block_size>10000000</max_insert_block_size>
    <max_insert_block_size_bytes>268435456</max_insert_block_size_bytes>
    <min_insert_block_size_rows>10000000</min_insert_block_size_rows>
    <min_insert_block_size_bytes>268435456</min_insert_block_size_bytes>
    <max_bytes_before_external_group_by>536870912</max_bytes_before_external_group_by>
    <max_bytes_before_external_sort>536870912</max_bytes_before_external_sort>
  </default></profiles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants>
      <query>GRANT ALL ON *.*</query>
{refusals}      <query>REVOKE ALL ON default.*</query>
    </grants>
  </default></users>
  <quotas><default></default></quotas>
</clickhouse>
)";

std::string refusals() {
  std::string queries;
  for (auto privilege : kRefusals)
    queries += fmt::format(
        "      <query>REVOKE {} ON {}</query>\n", privilege,
        privilege == "NAMED COLLECTION ADMIN" || privilege == "SET DEFINER" || privilege == "TABLE ENGINE" ? "*"
                                                                                                           : "*.*");
  for (auto engine : kTableEngines) queries += fmt::format("      <query>GRANT TABLE ENGINE ON {}</query>\n", engine);
  return queries;
}

void fill_in(std::string& text, std::string_view place, const std::string& value) {
  text.replace(text.find(place), place.size(), value);
}

std::string escape_xml(std::string_view text) {
  std::string escaped;
  for (char letter : text) {
    switch (letter) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      default: escaped += letter;
    }
  }
  return escaped;
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw Error(ErrorCode::SystemFailure, fmt::format("cannot write {}", path.string()));
}

}  // namespace

std::span<const std::string_view> served_table_engines() { return kTableEngines; }

void prepare_chdb_directories(const ChdbDirectories& directories) {
  try {
    auto root = directories.storage.parent_path();
    std::filesystem::create_directories(root);
    std::filesystem::permissions(root, std::filesystem::perms::owner_all);
    for (const auto& directory : {directories.storage, directories.config, directories.work}) {
      std::filesystem::create_directories(directory);
      std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
    }
  } catch (const std::filesystem::filesystem_error& failure) {
    throw Error(ErrorCode::SystemFailure, failure.what(), "set ECHODB_DATA_DIR to a directory this user may write");
  }
  auto users = directories.config / "users.xml";
  std::string user_text(kUsers);
  fill_in(user_text, "{refusals}", refusals());
  write_file(users, user_text);
  std::string config(kConfig);
  fill_in(config, "{users}", escape_xml(users.string()));
  write_file(directories.config / "config.xml", config);
}

std::vector<std::string> chdb_arguments(const ChdbDirectories& directories) {
  return {"--path=" + directories.storage.string(), "--config-file=" + (directories.config / "config.xml").string(),
          // libchdb turns these two on after it has read the profile.
          "--implicit_select=0", "--async_insert=0"};
}

}  // namespace echodb
