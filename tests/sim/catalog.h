#pragma once

#include <map>
#include <string>
#include <vector>

#include "catalog/stream_catalog.h"
#include "sim/faults.h"

namespace echodb::sim {

/// `_echodb` of one stream, in memory: what it holds outlives a crash.
class Catalog final : public StreamCatalog {
 public:
  /// Whose calls are at the world's mercy from now on; null: nothing happens to them.
  void meet(Faults* faults) { faults_ = faults; }

  void save_applied(const std::string& stream, Lsn applied) override;
  std::vector<TableRecord> load_tables(const std::string& stream) override;
  void save_table(const std::string& stream, const TableRecord& table, const TableVersion* version) override;
  void announce_version(const std::string& stream, Oid table, const TableVersion& version) override;
  void prune(const std::string& stream, Lsn confirmed) override;
  std::vector<CopyRange> load_ranges(const std::string& stream, Oid table) override;
  void replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges) override;
  void finish_range(const std::string& stream, Oid table, const CopyRange& range) override;
  void journal(const JournalEntry& entry) override;

  [[nodiscard]] Lsn applied() const { return applied_; }
  [[nodiscard]] const std::map<Oid, TableRecord>& tables() const { return tables_; }

 private:
  template <typename Work>
  auto call(Work work);
  void put_version(Oid table, const TableVersion& version);

  Faults* faults_ = nullptr;
  Lsn applied_;
  std::map<Oid, TableRecord> tables_;
  std::map<Oid, std::vector<CopyRange>> ranges_;
};

}  // namespace echodb::sim
