#include "replication/target_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/bytes.h"
#include "base/error.h"
#include "base/failpoint.h"
#include "clickhouse/quoting.h"
#include "columns/row_binary_reader.h"

namespace echodb {
namespace {

constexpr std::string_view kShadowComment = "echodb shadow";
constexpr std::string_view kKeptComment = "echodb kept: its table was dropped";
constexpr std::string_view kOldSuffix = "_old";
constexpr int kExchangeSinceMajor = 21;
constexpr int kExchangeSinceMinor = 4;

Error not_ours(const TargetTable& table) {
  return Error(ErrorCode::TargetRejected,
               fmt::format("{} is there already and was not made by EchoDB", qualified(table)),
               "rename or drop it in ClickHouse; the table is tried again by itself, or at once by `echodb resync`");
}

Error lost(const TargetTable& shadow) {
  return Error(
      ErrorCode::SchemaMismatch,
      fmt::format("{} is gone, which was to take the table's place: it has to be copied again", qualified(shadow)));
}

std::string comment_of(TargetClient& clickhouse, const TargetTable& table) {
  return clickhouse.query(
      fmt::format("SELECT comment FROM system.tables WHERE database = {} AND name = {} FORMAT TSVRaw",
                  quote_literal(table.database), quote_literal(table.name)));
}

bool is_marked(TargetClient& clickhouse, const TargetTable& table) {
  return comment_of(clickhouse, table).starts_with(kShadowComment);
}

void set_comment(TargetClient& clickhouse, const TargetTable& table, std::string_view comment) {
  clickhouse.query(fmt::format("ALTER TABLE {} MODIFY COMMENT {}", qualified(table), quote_literal(comment)));
}

TargetClient::Parameters drop_parameters(const ServerVersion& server) {
  constexpr int kSizeSinceMajor = 23;
  constexpr int kSizeSinceMinor = 12;
  if (!server.at_least(kSizeSinceMajor, kSizeSinceMinor)) return {};
  return {{"max_table_size_to_drop", "0"}, {"max_partition_size_to_drop", "0"}};
}

std::string rename_table_sql(const TargetTable& from, const TargetTable& to) {
  return fmt::format("RENAME TABLE {} TO {}", qualified(from), qualified(to));
}

/// Servers without EXCHANGE: two renames in one statement.
void exchange_by_renames(TargetClient& clickhouse, const TablePair& tables, const ServerVersion& server) {
  const TargetTable old = retired(tables.shadow);
  if (is_there(clickhouse, tables.shadow)) {
    drop_target(clickhouse, old, server);
    std::string first = is_there(clickhouse, tables.target)
                            ? fmt::format("{} TO {}, ", qualified(tables.target), qualified(old))
                            : std::string();
    clickhouse.query_once(
        fmt::format("RENAME TABLE {}{} TO {}", first, qualified(tables.shadow), qualified(tables.target)));
  }
  drop_target(clickhouse, old, server);
}

/// The target's live rows, under the names that they are to have.
void fill_shadow(TargetClient& clickhouse, const Rebuild& rebuild) {
  std::string into;
  std::string from;
  for (const TargetColumn& column : rebuild.shadow.columns) {
    auto rename = std::ranges::find(rebuild.renames, column.name, &ColumnRename::to);
    into += quote_identifier(column.name) + ", ";
    from += quote_identifier(rename == rebuild.renames.end() ? column.name : rename->from) + ", ";
  }
  std::string ours = fmt::format("{}, {}, {}", kSyncedAtColumn, kIsDeletedColumn, kVersionColumn);
  clickhouse.query_patiently(fmt::format("INSERT INTO {} ({}{}) SELECT {}{} FROM {} FINAL WHERE {} = 0",
                                         qualified(rebuild.shadow.table), into, ours, from, ours,
                                         qualified(rebuild.tables.target), kIsDeletedColumn));
}

}  // namespace

bool is_ours(TargetClient& clickhouse, const TargetTable& table) {
  return clickhouse.query(fmt::format(
             "SELECT count() FROM system.columns WHERE database = {} AND table = {} AND name = {}",
             quote_literal(table.database), quote_literal(table.name), quote_literal(kVersionColumn))) == "1\n";
}

void drop_target(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server) {
  clickhouse.query(drop_table_sql(table), drop_parameters(server));
}

void empty_target(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server) {
  clickhouse.query(truncate_table_sql(table), drop_parameters(server));
}

void make_room(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server,
               const CreateOptions& options) {
  if (!is_there(clickhouse, table)) return;
  if (!is_ours(clickhouse, table)) throw not_ours(table);
  if (!options.keep_existing) return drop_target(clickhouse, table, server);
  const std::string name = fmt::format("{}__kept_{:X}", table.name, options.at.value);
  TargetTable kept{table.database, name};
  for (int number = 2; is_there(clickhouse, kept); ++number) kept.name = fmt::format("{}_{}", name, number);
  clickhouse.query_once(rename_table_sql(table, kept));
}

void create_target(TargetClient& clickhouse, const TableDefinition& definition, const ServerVersion& server,
                   const CreateOptions& options) {
  make_room(clickhouse, definition.table, server, options);
  clickhouse.query(create_table_sql(definition, server));
}

void drop_if_ours(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server) {
  if (is_there(clickhouse, table) && is_ours(clickhouse, table)) drop_target(clickhouse, table, server);
}

void mark_kept(TargetClient& clickhouse, const TargetTable& table, const ServerVersion& server) {
  if (has_exchange(server) && is_there(clickhouse, table) && is_ours(clickhouse, table)) {
    set_comment(clickhouse, table, kKeptComment);
  }
}

bool has_exchange(const ServerVersion& server) { return server.at_least(kExchangeSinceMajor, kExchangeSinceMinor); }

TargetTable retired(const TargetTable& shadow) { return {shadow.database, shadow.name + std::string(kOldSuffix)}; }

std::vector<std::string> kept_targets(TargetClient& clickhouse, const std::string& database,
                                      const ServerVersion& server) {
  std::vector<std::string> names;
  if (!has_exchange(server)) return names;
  const std::string answer = clickhouse.query(
      fmt::format("SELECT name FROM system.tables WHERE database = {} AND comment = {} ORDER BY name FORMAT RowBinary",
                  quote_literal(database), quote_literal(kKeptComment)));
  for (RowBinaryReader reader(as_bytes(answer)); !reader.at_end();) names.emplace_back(reader.read_string());
  return names;
}

void drop_shadow(TargetClient& clickhouse, const TargetTable& shadow, const ServerVersion& server) {
  drop_target(clickhouse, shadow, server);
  drop_target(clickhouse, retired(shadow), server);
}

bool is_there(TargetClient& clickhouse, const TargetTable& table) {
  return clickhouse.query("EXISTS TABLE " + qualified(table)) == "1\n";
}

void mark_shadow(TargetClient& clickhouse, const TargetTable& shadow, const ServerVersion& server) {
  if (has_exchange(server)) set_comment(clickhouse, shadow, kShadowComment);
}

void ensure_shadow(TargetClient& clickhouse, const TableDefinition& shadow, const ServerVersion& server) {
  clickhouse.query(create_table_sql(shadow, server));
  mark_shadow(clickhouse, shadow.table, server);
}

void create_shadow(TargetClient& clickhouse, const TargetTable& target, const TableDefinition& shadow,
                   const ServerVersion& server) {
  // Left by an earlier exchange: it must not be taken for this one's.
  remove_shadow_mark(clickhouse, target, server);
  drop_shadow(clickhouse, shadow.table, server);
  ensure_shadow(clickhouse, shadow, server);
  failpoint("shadow.created");
}

void exchange_shadow(TargetClient& clickhouse, const TablePair& tables, const ServerVersion& server,
                     const CreateOptions& options) {
  if (is_there(clickhouse, tables.target) && !is_ours(clickhouse, tables.target)) throw not_ours(tables.target);
  if (!has_exchange(server)) return exchange_by_renames(clickhouse, tables, server);
  if (comment_of(clickhouse, tables.target).starts_with(kKeptComment))
    make_room(clickhouse, tables.target, server, options);
  const TargetTable old = retired(tables.shadow);
  do {
    if (is_marked(clickhouse, old)) clickhouse.query_once(rename_table_sql(old, tables.shadow));
    if (!is_there(clickhouse, tables.shadow)) {
      if (!is_marked(clickhouse, tables.target) && !is_there(clickhouse, old)) throw lost(tables.shadow);
      break;
    }
    if (!is_there(clickhouse, tables.target)) {
      clickhouse.query_once(rename_table_sql(tables.shadow, tables.target));
      break;
    }
    // The mark tells which of the two is the new table, should an earlier attempt have got this far. Both have one when
    // the target's was left by another table that had its name: no EXCHANGE of this shadow has been sent yet.
    const bool target_marked = is_marked(clickhouse, tables.target);
    if (is_marked(clickhouse, tables.shadow)) {
      if (target_marked) set_comment(clickhouse, tables.target, "");
      failpoint("exchange.before");
      clickhouse.query_once(
          fmt::format("EXCHANGE TABLES {} AND {}", qualified(tables.shadow), qualified(tables.target)));
      failpoint("exchange.done");
    }
    // From now on an EXCHANGE whose answer was lost, and that runs late, finds nothing to exchange. If it has run
    // before, the two are where they were.
    clickhouse.query_once(rename_table_sql(tables.shadow, old));
  } while (is_marked(clickhouse, old));
  drop_target(clickhouse, old, server);
}

bool is_exchanged(TargetClient& clickhouse, const TablePair& tables, const ServerVersion& server) {
  if (!has_exchange(server)) return !is_there(clickhouse, tables.shadow);
  return is_marked(clickhouse, tables.target);
}

void remove_shadow_mark(TargetClient& clickhouse, const TargetTable& target, const ServerVersion& server) {
  if (!has_exchange(server) || !is_marked(clickhouse, target)) return;
  set_comment(clickhouse, target, "");
}

void rebuild_target(TargetClient& clickhouse, Rebuild& rebuild, const ServerVersion& server) {
  using Stage = Rebuild::Stage;
  const TablePair& tables = rebuild.tables;
  if (rebuild.stage == Stage::Begun) {
    create_shadow(clickhouse, tables.target, rebuild.shadow, server);
    fill_shadow(clickhouse, rebuild);
    rebuild.stage = Stage::Filled;
  }
  if (rebuild.stage == Stage::Filled) {
    exchange_shadow(clickhouse, tables, server, rebuild.options);
    rebuild.stage = Stage::Exchanged;
  }
  remove_shadow_mark(clickhouse, tables.target, server);
}

void rename_target(TargetClient& clickhouse, const Rename& names, const ServerVersion& server,
                   const CreateOptions& options) {
  std::vector<TargetTable> found;
  for (const std::string& name : names.from) {
    const TargetTable from{names.to.database, name};
    if (is_there(clickhouse, from) && is_ours(clickhouse, from)) found.push_back(from);
  }
  if (found.empty()) return;
  // The target last: as long as it has its old name, the others are known not to be it.
  std::for_each(std::next(found.begin()), found.end(),
                [&](const TargetTable& left) { make_room(clickhouse, left, server, options); });
  make_room(clickhouse, names.to, server, options);
  clickhouse.query_once(rename_table_sql(found.front(), names.to));
}

}  // namespace echodb
