#include "verify/checked_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "replication/column_types.h"

namespace echodb {
namespace {

/// The target's column may be Nullable where the source's has become NOT NULL.
TargetType type_in_target(const TableSchema& schema, const PlannedColumn& planned, const TypeChoices& choices,
                          const std::string& held) {
  if (held == planned.type.column_type) return planned.type;
  TableSchema other = schema;
  auto column = std::ranges::find(other.columns, planned.attnum, &Column::attnum);
  column->not_null = !column->not_null;
  TargetType type = column_target_type(other, *column, choices);
  if (held == type.column_type) return type;
  throw Error(ErrorCode::SchemaMismatch, fmt::format("the target's column is of type {}", held),
              "`echodb resync` makes the target anew")
      .with("column", planned.target_name)
      .with("type", planned.type.column_type);
}

Error gone(std::string message, const std::string& name) {
  return Error(ErrorCode::SchemaMismatch, std::move(message), "`echodb resync` makes the target anew")
      .with(kGoneFromTarget, name);
}

std::vector<std::string> own_columns(const TablePlan& plan) {
  std::vector<std::string> names{std::string(kVersionColumn), std::string(kIsDeletedColumn)};
  if (plan.is_bag()) std::ranges::transform(bag_columns(), std::back_inserter(names), &TargetColumn::name);
  return names;
}

bool hashes_as_we_do(ClickHouseClient& clickhouse) {
  try {
    return clickhouse.query(fmt::format("SELECT {}", kProbeExpression)) == fmt::format("{}\n", kProbeFold);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    log::debug("rows are hashed here, not by the target: {}", error.what());
    return false;
  }
}

}  // namespace

std::string CheckedTable::quoted(std::size_t column) const {
  return quote_identifier(plan->columns()[column].target_name);
}

std::string CheckedTable::row_digest() const {
  std::vector<std::string> digests;
  for (std::size_t column = 0; column < target_types.size(); ++column) {
    digests.push_back(digest_expression(quoted(column), target_types[column].nullable));
  }
  return fold_expression(digests);
}

std::string CheckedTable::key_digest() const {
  std::vector<std::string> digests;
  for (std::size_t column : plan->key()) {
    digests.push_back(digest_expression(quoted(column), target_types[column].nullable));
  }
  return fold_expression(digests);
}

std::string CheckedTable::live_rows(const std::string& condition) const {
  std::string where = condition;
  if (!has_is_deleted_argument(server)) {
    where = fmt::format("{} = 0{}{}", kIsDeletedColumn, condition.empty() ? "" : " AND ", condition);
  }
  return fmt::format("{} FINAL{}{}", qualified(target), where.empty() ? "" : " WHERE ", where);
}

TableSchema schema_in_force(const TableRecord& record) {
  TableSchema schema = record.versions.back().schema;
  mark_widened(record, schema);
  return schema;
}

CheckedTable look_at_table(const StreamRecord& stream, const TableRecord& record, const TypeChoices& choices,
                           const std::string& database, ClickHouseClient& clickhouse) {
  const TableSchema schema = schema_in_force(record);
  CheckedTable table{.oid = record.oid,
                     .schema_name = schema.schema,
                     .name = schema.name,
                     .stream = stream,
                     .target = {.database = database, .name = record.target_name},
                     .server = choices.server,
                     .plan = std::make_shared<TablePlan>(schema, schema, choices),
                     .target_types = {}};
  const auto held = read_column_types(clickhouse, table.target);
  if (held.empty()) throw gone("the target has no such table", record.target_name);
  for (const std::string& column : own_columns(*table.plan)) {
    if (!held.contains(column)) throw gone("the target lacks a column of EchoDB's", column);
  }
  for (const PlannedColumn& planned : table.plan->columns()) {
    auto found = held.find(planned.target_name);
    if (found == held.end()) throw gone("the target lacks a column", planned.target_name);
    table.target_types.push_back(type_in_target(schema, planned, choices, found->second));
  }
  const bool same_hash = hashes_as_we_do(clickhouse);
  table.in_place = same_hash && std::ranges::all_of(table.target_types, digests_in_place);
  table.key_in_place = same_hash && std::ranges::all_of(table.plan->key(), [&](std::size_t column) {
                         return digests_in_place(table.target_types[column]);
                       });
  return table;
}

}  // namespace echodb
