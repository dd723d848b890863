#include <prometheus/text_serializer.h>

#include <array>
#include <utility>

#include "server/worker_metrics.h"

namespace echodb {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

/// One metric with a value per set of labels.
class Family {
 public:
  Family(MetricType type, std::string name, std::string help) : family_{std::move(name), std::move(help), type, {}} {}

  Family&& value(double value, Labels labels = {}) && {
    add(value, std::move(labels));
    return std::move(*this);
  }
  void add(double value, Labels labels) {
    ClientMetric metric;
    metric.label = std::move(labels);
    if (family_.type == MetricType::Counter) metric.counter.value = value;
    if (family_.type == MetricType::Gauge) metric.gauge.value = value;
    family_.metric.push_back(std::move(metric));
  }
  operator MetricFamily() && { return std::move(family_); }

 private:
  MetricFamily family_;
};

Family gauge(std::string name, std::string help) { return {MetricType::Gauge, std::move(name), std::move(help)}; }
Family counter(std::string name, std::string help) { return {MetricType::Counter, std::move(name), std::move(help)}; }

double number(std::uint64_t value) { return static_cast<double>(value); }
double number(bool value) { return value ? 1 : 0; }

void add_worker(std::vector<MetricFamily>& all, const WorkerStatus& status, const WorkerIdentity& identity) {
  Labels worker{{"worker_id", identity.worker_id},
                {"state", status.state},
                {"source", identity.source_peer},
                {"target", identity.target_peer}};
  all.push_back(gauge("echodb_worker_state", "The state this worker is in, as a label").value(1, std::move(worker)));
  all.push_back(gauge("echodb_connected", "1 while the replication stream is open").value(number(status.connected)));
  all.push_back(gauge("echodb_is_leader", "1 while this worker leads").value(number(status.is_leader)));
  all.push_back(
      gauge("echodb_leader_epoch", "This worker's leadership, 0 while it follows").value(number(status.epoch)));
  Family states = gauge("echodb_circuit_breaker_state", "The state each circuit breaker is in, as a label");
  Family failures = gauge("echodb_circuit_breaker_failures", "Failures in a row, by circuit breaker");
  for (const BreakerStatus& breaker : status.breakers) {
    states.add(1, {{"breaker", breaker.name}, {"state", breaker.state}});
    failures.add(number(breaker.failures), {{"breaker", breaker.name}});
  }
  all.push_back(std::move(states));
  all.push_back(std::move(failures));
  all.push_back(gauge("echodb_uptime_seconds", "Seconds since the worker started")
                    .value(static_cast<double>(identity.uptime.count())));
  all.push_back(counter("echodb_retries_total", "Attempts after a failure").value(number(status.retries)));
  all.push_back(counter("echodb_messages_skipped_total", "Messages with our prefix that our triggers did not write")
                    .value(number(status.messages_skipped)));
  all.push_back(counter("echodb_mirrors_created_total", "Tables taken up").value(number(status.mirrors_created)));
  all.push_back(counter("echodb_mirrors_dropped_total", "Tables given up").value(number(status.mirrors_dropped)));
  all.push_back(counter("echodb_mirrors_failed_total", "Tables that failed").value(number(status.mirrors_failed)));
}

void add_stream(std::vector<MetricFamily>& all, const WorkerStatus& status) {
  all.push_back(
      gauge("echodb_lag_bytes", "Log between the source and what is applied").value(number(status.lag_bytes)));
  all.push_back(gauge("echodb_lag_seconds", "Age of the oldest change not applied").value(status.lag_ms / 1000));
  all.push_back(gauge("echodb_buffered_bytes", "Rows on their way to the target").value(number(status.buffered_bytes)));
  all.push_back(gauge("echodb_received_lsn", "End of the last transaction read").value(number(status.received.value)));
  all.push_back(gauge("echodb_applied_lsn", "All before it is in the target").value(number(status.applied.value)));
  all.push_back(gauge("echodb_source_lsn", "The source's own position").value(number(status.source_position.value)));
  all.push_back(gauge("echodb_rows_to_copy", "Rows of all first copies, estimated").value(number(status.rows_to_copy)));
  all.push_back(counter("echodb_rows_copied_total", "Rows copied").value(number(status.rows_copied)));
  all.push_back(counter("echodb_rows_applied_total", "Changes applied").value(number(status.rows_applied)));
  all.push_back(counter("echodb_transactions_total", "Transactions read").value(number(status.transactions)));
}

void add_slot(std::vector<MetricFamily>& all, const SlotStatus& slot) {
  if (!slot.known) return;
  Labels status{{"slot", slot.name}, {"wal_status", slot.exists ? slot.wal_status : "none"}};
  all.push_back(gauge("echodb_slot_state", "What the slot's log is, as a label").value(1, std::move(status)));
  all.push_back(gauge("echodb_slot_active", "1 while somebody reads the slot").value(number(slot.active)));
  all.push_back(gauge("echodb_slot_lost", "1 when nothing can be read from the slot any more")
                    .value(number(!slot.exists || !slot.loss.empty())));
  all.push_back(gauge("echodb_slot_retained_bytes", "Log that the source keeps because of the slot")
                    .value(number(slot.retained_bytes)));
  all.push_back(gauge("echodb_slot_retained_bytes_max", "ECHODB_MAX_RETAINED_WAL; 0 is no bound")
                    .value(number(slot.retained_bytes_max)));
  all.push_back(
      gauge("echodb_slot_unconfirmed_bytes", "Log after what was confirmed").value(number(slot.unconfirmed_bytes)));
  if (slot.safe_wal_bytes) {
    all.push_back(gauge("echodb_slot_safe_wal_bytes", "Log that can be written before the slot is lost")
                      .value(static_cast<double>(*slot.safe_wal_bytes)));
  }
  all.push_back(counter("echodb_slot_releases_total", "Times the slot was given up").value(number(slot.releases)));
}

void add_tables(std::vector<MetricFamily>& all, const WorkerStatus& status) {
  Family states = gauge("echodb_table_state", "The state each table is in, as a label");
  Family copied = counter("echodb_table_rows_copied_total", "Rows copied, by table");
  Family applied = counter("echodb_table_rows_applied_total", "Changes applied, by table");
  Family text_columns = gauge("echodb_text_column", "Columns that got another type when a value had no counterpart");
  Family inherited = gauge("echodb_table_inherited_by", "Tables whose rows the source's SELECT returns too, by table");
  for (const TableStatus& table : status.tables) {
    if (table.inherited.tables > 0) inherited.add(number(table.inherited.tables), {{"table", table.source}});
    for (const WidenedColumnStatus& column : table.text_columns) {
      text_columns.add(
          1, {{"table", table.source}, {"column", column.name}, {"type", column.type}, {"since_lsn", column.since}});
    }
    states.add(1, {{"table", table.source}, {"state", table.state}});
    copied.add(number(table.rows_copied), {{"table", table.source}});
    applied.add(number(table.rows_applied), {{"table", table.source}});
  }
  Family fallbacks = gauge("echodb_text_fallback_columns", "Columns that arrive as text, by source type");
  for (const TextFallback& fallback : status.text_fallbacks) {
    fallbacks.add(number(fallback.columns), {{"type", fallback.type}});
  }
  Family not_mirrored =
      gauge("echodb_table_not_mirrored", "Watched and not mirrored, or the reverse; the state is why");
  for (const UnmirroredStatus& table : status.unmirrored) {
    not_mirrored.add(1, {{"table", table.table}, {"state", table.state}});
  }
  all.push_back(std::move(not_mirrored));
  all.push_back(
      gauge("echodb_tables_watched_not_mirrored", "Tables that should be mirrored and are not, or the reverse")
          .value(number(std::uint64_t{status.watched_not_mirrored()})));
  all.push_back(counter("echodb_tables_described_again_total", "Attempts to have such a table mirrored")
                    .value(number(status.described_again)));
  all.push_back(
      gauge("echodb_unanswered", "Relations and types of which the source is asked again and again what became")
          .value(number(std::uint64_t{status.unanswered.size()})));
  for (Family* family : std::array{&states, &copied, &applied, &fallbacks, &text_columns, &inherited})
    all.push_back(std::move(*family));
}

}  // namespace

std::string to_prometheus_text(const WorkerStatus& status, const WorkerIdentity& identity) {
  std::vector<MetricFamily> all;
  add_worker(all, status, identity);
  add_stream(all, status);
  add_slot(all, status.slot);
  add_tables(all, status);
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace echodb
