#include "control/column_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "clickhouse/client.h"
#include "replication/type_choices.h"

namespace echodb {
namespace {

void note_fault(const Error& error, Findings& findings) {
  const std::string column(error.detail("column"));
  findings.warning(column.empty() ? error.message() : fmt::format("{} ({})", error.message(), column),
                   fmt::format("correct the entry{}; until then the tables concerned stop, and no others",
                               error.remedy().empty() ? "" : ": " + error.remedy()));
}

/// ClickHouse alone knows the names of time zones.
std::optional<Error> zone_fault(const ColumnTypeRule& rule, ClickHouseClient& clickhouse) {
  if (rule.type.find('\'') == std::string::npos) return std::nullopt;
  try {
    clickhouse.query(fmt::format("SELECT CAST(toDateTime(0) AS {})", rule.type));
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::TargetRejected) throw;
    return column_types_fault(rule, error);
  }
}

std::optional<Error> column_fault(const TableSchema& schema, const TypeChoices& choices) {
  try {
    for (const Column& column : schema.columns) column_target_type(schema, column, choices);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

}  // namespace

void examine_column_types(const Settings& settings, const std::vector<TableRecord>& tables, Findings& findings,
                          std::stop_token stop) {
  if (settings.column_types.empty()) return;
  ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
  bool all_well = true;
  auto note = [&](const std::optional<Error>& fault) {
    if (!fault) return;
    all_well = false;
    note_fault(*fault, findings);
  };
  for (const ColumnTypeRule& rule : settings.column_types) note(zone_fault(rule, clickhouse));
  const TypeChoices choices = type_choices(settings, clickhouse.server_version());
  for (const TableRecord& table : tables) {
    if (table.state != TableState::Dropped) note(column_fault(table.versions.back().schema, choices));
  }
  if (all_well) findings.ok("every entry of ECHODB_COLUMN_TYPES can be followed");
}

}  // namespace echodb
