#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/store.h"
#include "verify/table_check.h"

namespace echodb {

/// Checks tables of the automatic stream, one at a time, and writes down what it found. Any thread may call.
class Checker {
 public:
  Checker(Settings settings, std::stop_token stop);

  /// The mirrored tables as the catalog has them now. Throws Error(InvalidConfiguration) before the first setup.
  std::vector<TableRecord> tables();
  /// nullopt when no table of that name is mirrored.
  std::optional<TableRecord> find(const std::string& schema, const std::string& name);
  /// Waits for its turn. Throws Error(Stopped) only.
  CheckReport check(const TableRecord& table, const CheckOptions& options);
  /// The latest check of each table that is still mirrored, as it was written down.
  std::vector<CheckRecord> history();

 private:
  CheckEnvironment environment();
  void record(const TableRecord& table, const CheckReport& report);

  Settings settings_;
  std::stop_token stop_;
  CatalogStore catalog_;
  std::mutex turn_;
};

}  // namespace echodb
