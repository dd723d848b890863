#include "control/slot_state.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace echodb {
namespace {

using nlohmann::json;

/// Which columns there are depends on the version.
std::string text_of(const json& row, const char* column) {
  auto found = row.find(column);
  return found == row.end() || !found->is_string() ? std::string() : found->get<std::string>();
}

bool is_true(const json& row, const char* column) {
  auto found = row.find(column);
  return found != row.end() && found->is_boolean() && found->get<bool>();
}

Lsn lsn_of(const json& row, const char* column) {
  std::string text = text_of(row, column);
  return text.empty() ? Lsn{} : parse_lsn(text);
}

}  // namespace

std::string SlotState::loss() const {
  if (!invalidation.empty()) return "PostgreSQL has invalidated the replication slot (" + invalidation + ")";
  if (wal_status == "lost") {
    return "PostgreSQL has removed log that the replication slot still needed (max_slot_wal_keep_size)";
  }
  return {};
}

std::optional<SlotState> look_at_slot(PostgresConnection& source, const std::string& name) {
  QueryResult found = source.query(
      "SELECT to_jsonb(s), current_database(), "
      "coalesce(greatest(pg_current_wal_lsn() - restart_lsn, 0), 0)::bigint, "
      "coalesce(greatest(pg_current_wal_lsn() - confirmed_flush_lsn, 0), 0)::bigint "
      "FROM pg_replication_slots s WHERE slot_name = $1",
      {name});
  if (found.rows() == 0) return std::nullopt;
  json row = json::parse(found.text(0, 0));
  if (text_of(row, "plugin") != "pgoutput" || text_of(row, "database") != found.text(0, 1)) {
    throw Error(ErrorCode::InvalidConfiguration,
                fmt::format("the replication slot {} belongs to database {} and plugin {}", name,
                            text_of(row, "database"), text_of(row, "plugin")),
                fmt::format("drop it, if nobody needs it: SELECT pg_drop_replication_slot('{}');", name));
  }
  SlotState state{.active = is_true(row, "active"),
                  .wal_status = text_of(row, "wal_status"),
                  .invalidation = text_of(row, "invalidation_reason"),
                  .safe_wal_bytes = {},
                  .restart = lsn_of(row, "restart_lsn"),
                  .confirmed = lsn_of(row, "confirmed_flush_lsn"),
                  .retained_bytes = found.number(0, 2),
                  .unconfirmed_bytes = found.number(0, 3),
                  .failover = is_true(row, "failover")};
  if (state.invalidation.empty() && is_true(row, "conflicting")) state.invalidation = "conflict with recovery";
  if (auto safe = row.find("safe_wal_size"); safe != row.end() && safe->is_number()) {
    state.safe_wal_bytes = safe->get<std::int64_t>();
  }
  return state;
}

bool is_slot_of_this_database(PostgresConnection& source, const std::string& name) {
  return source
      .query(
          "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND plugin = 'pgoutput' "
          "AND database = current_database())",
          {name})
      .boolean(0, 0);
}

std::vector<OrphanSlot> find_orphan_slots(PostgresConnection& source) {
  const bool has_catalog = source.query("SELECT to_regclass('_echodb.streams') IS NOT NULL").boolean(0, 0);
  QueryResult found = source.query(fmt::format(
      "SELECT slot_name, active FROM pg_replication_slots WHERE slot_name ~ '^echodb_' AND plugin = 'pgoutput' "
      "AND NOT temporary AND database = current_database(){} ORDER BY slot_name",
      has_catalog ? " AND slot_name::text NOT IN (SELECT slot FROM _echodb.streams)" : ""));
  std::vector<OrphanSlot> slots;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    slots.push_back({.name = std::string(found.text(row, 0)), .active = found.boolean(row, 1)});
  }
  return slots;
}

}  // namespace echodb
