#include "replication/table_life.h"

#include <variant>

namespace echodb {
namespace {

/// A value without a binary form is about the whole stream: it ends the run.
void require_binary_form(const Error& failure) {
  if (failure.code() == ErrorCode::NoBinaryForm) throw Error(failure);
}

}  // namespace

void TableLife::resume(const SourceMoment& source, const TargetFindings& target, TargetClient& clickhouse) {
  const TableParts& parts = tools_.parts;
  tools_.recent.run_began(source.next_transaction);
  tools_.type_changes.run_began(parts.watermark.ended());
  tools_.inventory = TargetInventory(parts.catalog.load_target_notes(parts.stream), source.end_of_log);
  TableResumption(tools_, copies_, drops_, failures_, losses_).run(source.end_of_log, target, clickhouse);
}

void TableLife::apply(const DdlMessage& message, Lsn lsn) {
  messages_.apply(message, lsn);
  const MirroredTable* table = tools_.parts.registry.find(relation_of(message));
  if (table != nullptr) table->check_invariants();
}

void TableLife::truncated(MirroredTable& table, Lsn lsn) {
  changes_.truncated(table, lsn);
  table.check_invariants();
}

void TableLife::fail(MirroredTable& table, const Error& error, Lsn lsn) {
  failures_.fail(table, error, lsn);
  table.check_invariants();
}

void TableLife::lane_failed(const LaneEvent& event) {
  require_binary_form(*event.failure);
  failures_.lane_failed(event);
}

void TableLife::copy_event(const CopyEvent& event) {
  MirroredTable* table = tools_.parts.registry.find(event.table);
  const auto* copying = table == nullptr ? nullptr : table->as<Copying>();
  if (copying == nullptr || copying->job != event.job) return;
  switch (event.kind) {
    case CopyEvent::Kind::SnapshotTaken:
      // Stored with the end of the copy: a copy cut short begins anew, with another snapshot.
      table->record.copy_snapshot = event.snapshot;
      break;
    case CopyEvent::Kind::Finished:
      table->record.rows_copied = event.rows;
      copies_.await_reading(*table, event.seen_to);
      break;
    case CopyEvent::Kind::Failed:
      require_binary_form(*event.failure);
      if (event.again) {
        copies_.start_over(*table, "copy_begun_again", event.failure->what(), event.plans);
      } else {
        failures_.fail(*table, *event.failure, tools_.parts.watermark.ended());
      }
      break;
  }
  table->check_invariants();
}

}  // namespace echodb
