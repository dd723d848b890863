#include "replication/target_steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/failpoint.h"

namespace echodb {
namespace {

constexpr std::string_view kShadowComment = "echodb shadow";
constexpr std::string_view kOldSuffix = "_old";
constexpr int kExchangeSinceMajor = 21;
constexpr int kExchangeSinceMinor = 4;

bool has_exchange(const ServerVersion& server) { return server.at_least(kExchangeSinceMajor, kExchangeSinceMinor); }

bool exists(ClickHouseClient& clickhouse, const TargetTable& table) {
  return clickhouse.query("EXISTS TABLE " + qualified(table)) == "1\n";
}

bool is_ours(ClickHouseClient& clickhouse, const TargetTable& table) {
  return clickhouse.query(fmt::format(
             "SELECT count() FROM system.columns WHERE database = {} AND table = {} AND name = {}",
             quote_literal(table.database), quote_literal(table.name), quote_literal(kVersionColumn))) == "1\n";
}

Error not_ours(const TargetTable& table) {
  return Error(ErrorCode::TargetRejected,
               fmt::format("{} is there already and was not made by EchoDB", qualified(table)),
               "rename or drop it in ClickHouse; the table is tried again by itself, or at once by `echodb resync`");
}

std::string comment_of(ClickHouseClient& clickhouse, const TargetTable& table) {
  return clickhouse.query(
      fmt::format("SELECT comment FROM system.tables WHERE database = {} AND name = {} FORMAT TSVRaw",
                  quote_literal(table.database), quote_literal(table.name)));
}

void set_comment(ClickHouseClient& clickhouse, const TargetTable& table, std::string_view comment) {
  clickhouse.query(fmt::format("ALTER TABLE {} MODIFY COMMENT {}", qualified(table), quote_literal(comment)));
}

void drop(ClickHouseClient& clickhouse, const TargetTable& table) { clickhouse.query(drop_table_sql(table)); }

std::string rename_table_sql(const TargetTable& from, const TargetTable& to) {
  return fmt::format("RENAME TABLE {} TO {}", qualified(from), qualified(to));
}

/// Makes the name free: a table of ours, left by an earlier mirror, is dropped or kept under another name.
void make_room(ClickHouseClient& clickhouse, const TargetTable& table, const CreateOptions& options) {
  if (!exists(clickhouse, table)) return;
  if (!is_ours(clickhouse, table)) throw not_ours(table);
  if (!options.keep_existing) return drop(clickhouse, table);
  const TargetTable kept{table.database, fmt::format("{}__kept_{:X}", table.name, options.at.value)};
  clickhouse.query(rename_table_sql(table, kept));
}

/// Servers without EXCHANGE: two renames in one statement.
void exchange_by_renames(ClickHouseClient& clickhouse, const TablePair& tables) {
  TargetTable old{tables.shadow.database, tables.shadow.name + std::string(kOldSuffix)};
  if (exists(clickhouse, tables.shadow)) {
    drop(clickhouse, old);
    std::string first = exists(clickhouse, tables.target)
                            ? fmt::format("{} TO {}, ", qualified(tables.target), qualified(old))
                            : std::string();
    clickhouse.query(fmt::format("RENAME TABLE {}{} TO {}", first, qualified(tables.shadow), qualified(tables.target)));
  }
  drop(clickhouse, old);
}

}  // namespace

void create_target(ClickHouseClient& clickhouse, const TableDefinition& definition, const ServerVersion& server,
                   const CreateOptions& options) {
  make_room(clickhouse, definition.table, options);
  clickhouse.query(create_table_sql(definition, server));
}

void drop_if_ours(ClickHouseClient& clickhouse, const TargetTable& table) {
  if (exists(clickhouse, table) && is_ours(clickhouse, table)) drop(clickhouse, table);
}

void create_shadow(ClickHouseClient& clickhouse, const TargetTable& target, const TableDefinition& shadow,
                   const ServerVersion& server) {
  // Left by an earlier exchange: it must not be taken for this one's.
  remove_shadow_mark(clickhouse, target, server);
  drop(clickhouse, shadow.table);
  clickhouse.query(create_table_sql(shadow, server));
  if (has_exchange(server)) set_comment(clickhouse, shadow.table, kShadowComment);
  failpoint("shadow.created");
}

void exchange_shadow(ClickHouseClient& clickhouse, const TablePair& tables, const ServerVersion& server) {
  if (exists(clickhouse, tables.target) && !is_ours(clickhouse, tables.target)) throw not_ours(tables.target);
  if (!has_exchange(server)) return exchange_by_renames(clickhouse, tables);
  // The comment tells which of the two is the new table, should an earlier attempt have got this far.
  if (exists(clickhouse, tables.shadow)) {
    if (!exists(clickhouse, tables.target)) {
      clickhouse.query(rename_table_sql(tables.shadow, tables.target));
    } else if (comment_of(clickhouse, tables.shadow).starts_with(kShadowComment)) {
      failpoint("exchange.before");
      clickhouse.query(fmt::format("EXCHANGE TABLES {} AND {}", qualified(tables.shadow), qualified(tables.target)));
      failpoint("exchange.done");
    }
    drop(clickhouse, tables.shadow);
  }
}

bool is_exchanged(ClickHouseClient& clickhouse, const TablePair& tables, const ServerVersion& server) {
  if (!has_exchange(server)) return !exists(clickhouse, tables.shadow);
  return comment_of(clickhouse, tables.target).starts_with(kShadowComment);
}

void remove_shadow_mark(ClickHouseClient& clickhouse, const TargetTable& target, const ServerVersion& server) {
  if (!has_exchange(server) || !comment_of(clickhouse, target).starts_with(kShadowComment)) return;
  set_comment(clickhouse, target, "");
}

void rebuild_target(ClickHouseClient& clickhouse, const Rebuild& rebuild, const ServerVersion& server) {
  const TablePair& tables = rebuild.tables;
  create_shadow(clickhouse, tables.target, rebuild.shadow, server);
  std::string into;
  std::string from;
  for (const TargetColumn& column : rebuild.shadow.columns) {
    auto rename = std::ranges::find(rebuild.renames, column.name, &ColumnRename::to);
    into += quote_identifier(column.name) + ", ";
    from += quote_identifier(rename == rebuild.renames.end() ? column.name : rename->from) + ", ";
  }
  std::string ours = fmt::format("{}, {}, {}", kSyncedAtColumn, kIsDeletedColumn, kVersionColumn);
  clickhouse.insert(
      fmt::format("INSERT INTO {} ({}{}) SELECT {}{} FROM {} FINAL WHERE {} = 0", qualified(rebuild.shadow.table), into,
                  ours, from, ours, qualified(tables.target), kIsDeletedColumn),
      {});
  exchange_shadow(clickhouse, tables, server);
  remove_shadow_mark(clickhouse, tables.target, server);
}

void rename_target(ClickHouseClient& clickhouse, const TargetTable& from, const TargetTable& to,
                   const CreateOptions& options) {
  if (!exists(clickhouse, from)) return;
  make_room(clickhouse, to, options);
  clickhouse.query(rename_table_sql(from, to));
}

}  // namespace echodb
