#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "catalog/lease.h"
#include "catalog/records.h"
#include "postgres/connection.h"

namespace echodb {

/// Reads and writes `_echodb`, EchoDB's durable state. One connection, made when first needed and again after it
/// broke; any thread may call, one at a time gets through. Every write is one transaction. A leader's writes carry its
/// epoch: once another has begun they fail with Error(LeadershipLost), and so do all that follow.
class CatalogStore {
 public:
  CatalogStore(PostgresSettings settings, std::string worker, std::stop_token stop);

  /// Creates the tables; safe to run again.
  void install();

  /// The next statement is made on a new connection: the present one may lead nowhere without anybody saying so.
  void reconnect();

  /// Ends whatever epoch there is and begins one of this worker's, which its writes carry from now on. Nullopt when
  /// the catalog is not installed yet; its writes carry no epoch then. A lease that is not extended any more lasts
  /// `lease_lasts` at the most.
  std::optional<Epoch> begin_epoch(std::shared_ptr<Lease> lease, std::chrono::milliseconds lease_lasts);
  /// All that were Epoch::unaware when this epoch of ours began have said that they write nothing any more.
  bool have_predecessors_stopped(std::chrono::milliseconds lease_lasts);
  /// Says that this worker writes nothing any more under an epoch that it has lost.
  void note_stopped(std::uint64_t epoch);
  /// Says that this worker has stopped of its own will, and lets its writes carry no epoch any more.
  void resign_epoch();

  std::optional<StreamRecord> find_stream(const std::string& name);
  /// Stores a new stream with the tables that were there when its slot was made. Whoever leads by the old one, but for
  /// this worker, is deposed.
  void create_stream(const StreamRecord& stream, const std::vector<TableRecord>& tables);
  void save_applied(const std::string& stream, Lsn applied);
  /// The target has acknowledged a bookmark of this number, and has this id.
  void save_target(const std::string& stream, const std::string& target_id, std::uint64_t number);
  /// The slot is of no use from now on, for this reason: until create_stream() replaces the stream, it has to be made
  /// again.
  void request_remake(const std::string& stream, const std::string& reason);

  /// As of one moment. Each has at least one version.
  std::vector<TableRecord> load_tables(const std::string& stream);
  /// Inserts or updates the table's row; a version, when given, is stored with it. Its target's note is forgotten.
  void save_table(const std::string& stream, const TableRecord& table, const TableVersion* version = nullptr);
  /// What the targets of tables were, as far as that is noted.
  std::map<Oid, TargetNote> load_target_notes(const std::string& stream);
  /// Nothing when the catalog has no such table.
  void save_target_note(const std::string& stream, Oid table, const TargetNote& note);
  /// Stores a version that is still pending.
  void announce_version(const std::string& stream, Oid table, const TableVersion& version);
  /// Forgets what no replay can need any more: versions that newer ones replace, snapshots of copies, dropped tables.
  void prune(const std::string& stream, Lsn confirmed);

  std::vector<CopyRange> load_ranges(const std::string& stream, Oid table);
  void replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges);
  void finish_range(const std::string& stream, Oid table, const CopyRange& range);

  /// What changes with everything that is stored of a table: its state, schemas and copies.
  std::string table_mark(const std::string& stream, Oid table);

  /// Adds a check to the history; of each table the latest ones are kept.
  void save_check(const std::string& stream, const CheckRecord& check);
  /// The latest check of each table.
  std::vector<CheckRecord> latest_checks(const std::string& stream);

  struct JournalEntry {
    Oid table = 0;  ///< 0: the stream
    std::string event;
    std::string detail;
  };
  void journal(const JournalEntry& entry);

 private:
  void connect();
  template <typename Work>
  auto with_connection(Work work);
  template <typename Work>
  void in_transaction(Work work);
  void begin_write(PostgresConnection& connection);
  void end_frozen_writes();

  std::mutex mutex_;
  PostgresSettings settings_;
  std::string worker_;
  std::stop_token stop_;
  std::optional<PostgresConnection> connection_;
  std::shared_ptr<Lease> lease_;  ///< null: no epoch
  std::uint64_t epoch_ = 0;
};

}  // namespace echodb
