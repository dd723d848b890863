#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "catalog/records.h"

namespace echodb {

/// A stream's durable state, as the stream itself reads and writes it. Any thread may call. Every write is one
/// transaction: once it returns, whoever goes on after a crash finds it.
class StreamCatalog {
 public:
  virtual ~StreamCatalog() = default;

  virtual void save_applied(const std::string& stream, Lsn applied) = 0;
  /// The target has acknowledged a bookmark of this number, and has this id.
  virtual void save_target(const std::string& stream, const std::string& target_id, std::uint64_t number) = 0;

  /// As of one moment. Each has at least one version.
  virtual std::vector<TableRecord> load_tables(const std::string& stream) = 0;
  /// Inserts or updates the table's row; a version, when given, is stored with it. What its target was is forgotten,
  /// unless the record says that it still is.
  virtual void save_table(const std::string& stream, const TableRecord& table, const TableVersion* version) = 0;
  /// What the targets of tables were, as far as that is noted.
  virtual std::map<Oid, TargetNote> load_target_notes(const std::string& stream) = 0;
  /// Nothing when the catalog has no such table.
  virtual void save_target_note(const std::string& stream, Oid table, const TargetNote& note) = 0;
  /// Stores a version that is still pending.
  virtual void announce_version(const std::string& stream, Oid table, const TableVersion& version) = 0;
  /// Forgets what no replay can need any more: versions that newer ones replace, snapshots of copies, dropped tables.
  /// `confirmed` is the end of a transaction; others that begin before it may end behind it.
  virtual void prune(const std::string& stream, Lsn confirmed) = 0;

  virtual std::vector<CopyRange> load_ranges(const std::string& stream, Oid table) = 0;
  virtual void replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges) = 0;
  virtual void finish_range(const std::string& stream, Oid table, const CopyRange& range) = 0;

  struct JournalEntry {
    Oid table = 0;  ///< 0: the stream
    std::string event;
    std::string detail;
  };
  virtual void journal(const JournalEntry& entry) = 0;
};

}  // namespace echodb
