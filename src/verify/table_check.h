#pragma once

#include <functional>
#include <stop_token>

#include "catalog/records.h"
#include "replication/type_choices.h"
#include "verify/check_connections.h"
#include "verify/check_report.h"

namespace echodb {

struct CheckOptions {
  CheckMode mode = CheckMode::Fingerprint;
  bool repair = false;  ///< what differs is read from the source again, and checked again
  std::function<void(std::uint64_t rows, std::uint64_t of)> on_progress = {};  ///< called on any thread; may be empty
};

/// What every check of a run has in common.
struct CheckEnvironment {
  const Settings& settings;
  StreamRecord stream;
  TypeChoices choices;
  CheckConnections& connections;
  StreamPosition::Silence& silence;
  /// Throws Error(SchemaMismatch) when the table's mirror is not what it was when its record was read.
  std::function<void()> confirm;
};

/// Compares one table. Never throws but Error(Stopped): whatever is in the way makes the verdict Unknown, with the
/// reason.
CheckReport check_table(const CheckEnvironment& environment, const TableRecord& record, const CheckOptions& options,
                        const std::stop_token& stop);

}  // namespace echodb
