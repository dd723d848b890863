#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/worker_metrics.h"

namespace echodb {
namespace {

using nlohmann::json;

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

nlohmann::ordered_json breakers_json(const std::vector<BreakerStatus>& breakers) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  for (const BreakerStatus& breaker : breakers) {
    all[breaker.name] = {{"state", breaker.state}, {"failures", breaker.failures}};
  }
  return all;
}

json inherited_json(const InheritedStatus& inherited) {
  if (inherited.tables == 0) return nullptr;
  return {{"tables", inherited.tables}, {"not_mirrored", inherited.not_mirrored}, {"words", inherited.words}};
}

json tables_json(const std::vector<TableStatus>& tables) {
  json all{{"total", tables.size()}, {"list", json::array()}};
  for (const char* state : {"pending", "copying", "streaming", "error"}) {
    all[state] = std::ranges::count(tables, state, &TableStatus::state);
  }
  all["inherited"] = std::ranges::count_if(tables, [](const TableStatus& table) { return table.inherited.tables > 0; });
  for (const TableStatus& table : tables) {
    json text_columns = json::array();
    for (const WidenedColumnStatus& column : table.text_columns) {
      text_columns.push_back({{"column", column.name}, {"type", column.type}, {"since_lsn", column.since}});
    }
    json kept_types = json::array();
    for (const KeptColumnStatus& column : table.kept_types) {
      kept_types.push_back({{"column", column.name}, {"type", column.type}, {"today", column.today}});
    }
    all["list"].push_back({{"source", table.source},
                           {"target", table.target},
                           {"state", table.state},
                           {"rows_copied", table.rows_copied},
                           {"rows_applied", table.rows_applied},
                           {"error", text_or_null(table.error)},
                           {"error_lsn", text_or_null(table.error_lsn)},
                           {"held_up", text_or_null(table.held_up)},
                           {"next_attempt_s", table.next_attempt ? json(table.next_attempt->count()) : json(nullptr)},
                           {"text_columns", std::move(text_columns)},
                           {"kept_types", std::move(kept_types)},
                           {"inherited_by", inherited_json(table.inherited)}});
  }
  return all;
}

json unmirrored_json(const std::vector<UnmirroredStatus>& tables) {
  json all = json::array();
  for (const UnmirroredStatus& table : tables) {
    all.push_back({{"table", table.table},
                   {"state", table.state},
                   {"reason", table.reason},
                   {"attempts", table.attempts},
                   {"next_attempt_s", table.next_attempt ? json(table.next_attempt->count()) : json(nullptr)}});
  }
  return all;
}

json slot_json(const SlotStatus& slot) {
  if (!slot.known) return nullptr;
  return {{"name", slot.name},
          {"exists", slot.exists},
          {"active", slot.active},
          {"failover", slot.failover},
          {"wal_status", text_or_null(slot.wal_status)},
          {"loss", text_or_null(slot.loss)},
          {"retained_bytes", slot.retained_bytes},
          {"retained_bytes_max", slot.retained_bytes_max},
          {"unconfirmed_bytes", slot.unconfirmed_bytes},
          {"safe_wal_bytes", slot.safe_wal_bytes ? json(*slot.safe_wal_bytes) : json(nullptr)},
          {"releases", slot.releases}};
}

json installation_json(const std::vector<InstallationStatus>& faults) {
  json all = json::array();
  for (const InstallationStatus& fault : faults) all.push_back({{"what", fault.what}, {"since", fault.since}});
  return all;
}

json unanswered_json(const std::vector<UnansweredStatus>& questions) {
  json all = json::array();
  for (const auto& [relation, reason] : questions) all.push_back({{"relation", relation}, {"reason", reason}});
  return all;
}

}  // namespace

std::string to_metrics_json(const WorkerStatus& status, const WorkerIdentity& identity) {
  json text_fallbacks = json::array();
  for (const TextFallback& fallback : status.text_fallbacks) {
    text_fallbacks.push_back({{"type", fallback.type}, {"columns", fallback.columns}});
  }
  nlohmann::ordered_json all{
      {"running", status.state != "stopping"},
      {"connected", status.connected},
      {"worker_id", identity.worker_id},
      {"is_leader", status.is_leader},
      {"mirrors_created", status.mirrors_created},
      {"mirrors_dropped", status.mirrors_dropped},
      {"mirrors_failed", status.mirrors_failed},
      {"last_error", text_or_null(status.last_error)},
      {"last_error_at", text_or_null(status.last_error_at)},
      {"remade", status.remade.empty() ? json(nullptr) : json{{"reason", status.remade}, {"at", status.remade_at}}},
      {"uptime_seconds", identity.uptime.count()},
      {"circuit_breakers", breakers_json(status.breakers)},
      {"epoch", status.epoch},
      {"leader", text_or_null(status.is_leader ? identity.worker_id : status.leader)},
      {"source_peer", identity.source_peer},
      {"target_peer", identity.target_peer},
      {"state", status.state},
      {"lag_bytes", status.lag_bytes},
      {"lag_ms", status.lag_ms},
      {"received_lsn", to_string(status.received)},
      {"applied_lsn", to_string(status.applied)},
      {"source_lsn", to_string(status.source_position)},
      {"rows_copied", status.rows_copied},
      {"rows_to_copy", status.rows_to_copy},
      {"rows_to_copy_known", status.rows_to_copy_known},
      {"rows_applied", status.rows_applied},
      {"transactions", status.transactions},
      {"buffered_bytes", status.buffered_bytes},
      {"retries", status.retries},
      {"messages_skipped", status.messages_skipped},
      {"slot", slot_json(status.slot)},
      {"installation_faults", installation_json(status.installation)},
      {"tables", tables_json(status.tables)},
      {"tables_watched_not_mirrored", status.watched_not_mirrored()},
      {"tables_described_again", status.described_again},
      {"not_mirrored", unmirrored_json(status.unmirrored)},
      {"unanswered", unanswered_json(status.unanswered)},
      {"text_fallbacks", std::move(text_fallbacks)},
  };
  // A name that is not UTF-8 must not cost the whole answer.
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace echodb
