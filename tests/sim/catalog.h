#pragma once

#include <map>
#include <string>
#include <vector>

#include "catalog/stream_catalog.h"
#include "sim/faults.h"

namespace echodb::sim {

/// Which target is the table's, and how it is, as a line of the log has it.
std::string where_it_is(const TableRecord& table);

/// `_echodb` of one stream, in memory: what it holds outlives a crash.
class Catalog final : public StreamCatalog {
 public:
  /// Whose calls are at the world's mercy from now on; null: nothing happens to them.
  void meet(Faults* faults) { faults_ = faults; }

  void save_applied(const std::string& stream, Lsn applied) override;
  void save_target(const std::string& stream, const std::string& target_id, std::uint64_t number) override;
  std::vector<TableRecord> load_tables(const std::string& stream) override;
  void save_table(const std::string& stream, const TableRecord& table, const TableVersion* version) override;
  std::map<Oid, TargetNote> load_target_notes(const std::string& stream) override;
  void save_target_note(const std::string& stream, Oid table, const TargetNote& note) override;
  void announce_version(const std::string& stream, Oid table, const TableVersion& version) override;
  void prune(const std::string& stream, Lsn confirmed) override;
  std::vector<CopyRange> load_ranges(const std::string& stream, Oid table) override;
  void replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges) override;
  void finish_range(const std::string& stream, Oid table, const CopyRange& range) override;
  void journal(const JournalEntry& entry) override;

  /// The slot is of no use, for this reason, until create_stream().
  void request_remake(const std::string& reason);
  /// Takes the place of all there is.
  void create_stream(const StreamRecord& stream, const std::vector<TableRecord>& tables);

  /// A stream that is made again leaves a table the name by which its readers know it, also the longer one that it had
  /// because its own was another's.
  [[nodiscard]] bool has_kept_its_name(const TableRecord& table) const {
    auto kept = names_kept_.find(table.oid);
    return kept != names_kept_.end() && kept->second == table.target_name;
  }

  [[nodiscard]] Lsn applied() const { return stream_.applied; }
  [[nodiscard]] const StreamRecord& stream() const { return stream_; }
  [[nodiscard]] const std::map<Oid, TargetNote>& notes() const { return notes_; }
  [[nodiscard]] const std::map<Oid, TableRecord>& tables() const { return tables_; }

 private:
  template <typename Work>
  auto call(Work work);
  void put_version(Oid table, const TableVersion& version);

  Faults* faults_ = nullptr;
  StreamRecord stream_;
  std::map<Oid, TableRecord> tables_;
  std::map<Oid, std::string> names_kept_;  ///< of the stream as it was made
  std::map<Oid, std::vector<CopyRange>> ranges_;
  std::map<Oid, TargetNote> notes_;
};

}  // namespace echodb::sim
