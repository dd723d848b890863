#include "control/column_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "clickhouse/client.h"
#include "replication/type_choices.h"

namespace echodb {
namespace {

/// `column`, if the entry is for one, is what is in the catalog.
void note_fault(const Error& error, const Column* column, Findings& findings) {
  const std::string name(error.detail("column"));
  const std::string until =
      column == nullptr || column->chosen_type.empty()
          ? "until then the tables concerned stop, and no others"
          : fmt::format("until then the column stays {}, and its table cannot be copied again", column->chosen_type);
  findings.warning(name.empty() ? error.message() : fmt::format("{} ({})", error.message(), name),
                   fmt::format("correct the entry{}; {}", error.remedy().empty() ? "" : ": " + error.remedy(), until));
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

/// Whether the column could be made as the settings have it.
std::optional<Error> column_fault(const TableSchema& schema, const Column& column, const TypeChoices& choices) {
  try {
    column_target_type(schema, as_if_new(column), choices);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

/// Looks at entries and columns, and remembers which entries are for any.
class EntryCheck {
 public:
  EntryCheck(TypeChoices choices, Findings& findings)
      : choices_(std::move(choices)), unused_(choices_.columns), findings_(findings) {}

  void note(const std::optional<Error>& fault, const Column* column) {
    if (!fault) return;
    all_well_ = false;
    note_fault(*fault, column, findings_);
  }

  void examine(const ColumnTypeRule& rule, ClickHouseClient& clickhouse) {
    const std::optional<Error> fault = zone_fault(rule, clickhouse);
    if (fault) std::erase(unused_, rule);
    note(fault, nullptr);
  }

  void examine(const TableSchema& schema) {
    for (const Column& column : schema.columns) {
      const ColumnTypeRule* rule = find_rule(schema, column, choices_);
      if (rule == nullptr) continue;
      std::erase(unused_, *rule);
      note(column_fault(schema, column, choices_), &column);
    }
  }

  /// After all tables, if there are any yet.
  void name_unused() {
    for (const ColumnTypeRule& rule : unused_) {
      findings_.warning(
          fmt::format("{}: the entry {}={}: there is no such column", kColumnTypesSetting, rule.pattern, rule.type),
          "correct its schema.table.column, unless it is for a table to come");
    }
    all_well_ = all_well_ && unused_.empty();
  }

  void finish() {
    if (all_well_) findings_.ok("every entry of ECHODB_COLUMN_TYPES can be followed");
  }

 private:
  TypeChoices choices_;
  std::vector<ColumnTypeRule> unused_;
  Findings& findings_;
  bool all_well_ = true;
};

}  // namespace

void examine_column_types(const Settings& settings, const std::vector<TableRecord>& tables, Findings& findings,
                          std::stop_token stop) {
  if (settings.column_types.empty()) return;
  ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
  EntryCheck check(type_choices(settings, clickhouse.server_version()), findings);
  for (const ColumnTypeRule& rule : settings.column_types) check.examine(rule, clickhouse);
  for (const TableRecord& table : tables) {
    if (table.state != TableState::Dropped) check.examine(table.versions.back().schema);
  }
  if (!tables.empty()) check.name_unused();
  check.finish();
}

void require_column_types(const Settings& settings, const TableSchema& schema, std::stop_token stop) {
  if (settings.column_types.empty()) return;
  ClickHouseClient clickhouse(settings.clickhouse.without_database(), std::move(stop));
  const TypeChoices choices = type_choices(settings, clickhouse.server_version());
  for (const Column& column : schema.columns) {
    if (std::optional<Error> fault = column_fault(schema, column, choices)) throw *std::move(fault);
  }
}

}  // namespace echodb
