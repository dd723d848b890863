#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "catalog/inheritance.h"
#include "catalog/lease.h"
#include "catalog/records.h"
#include "catalog/stream_catalog.h"
#include "postgres/connection.h"

namespace echodb {

/// Reads and writes `_echodb`, EchoDB's durable state. One connection, made when first needed and again after it
/// broke; any thread may call, one at a time gets through. Every write is one transaction. A leader's writes carry its
/// epoch: once another has begun they fail with Error(LeadershipLost), and so do all that follow.
class CatalogStore final : public StreamCatalog {
 public:
  CatalogStore(PostgresSettings settings, std::string worker, std::stop_token stop);

  /// Creates the tables, or adds what those of an earlier version lack; safe to run again. A table that somebody has
  /// locked is waited for in short attempts, so that nobody waits behind us; Error(SourceBusy) after some fifteen
  /// seconds of them names the holder.
  void install();

  /// The next statement is made on a new connection: the present one may lead nowhere without anybody saying so.
  void reconnect();

  /// Ends whatever epoch there is and begins one of this worker's, which its writes carry from now on. Nullopt when
  /// the catalog is not installed yet; its writes carry no epoch then. Error(LeadershipLost) when the server that has
  /// the catalog does not know of the claim's lock.
  std::optional<Epoch> begin_epoch(std::shared_ptr<Lease> lease, const LeaderClaim& claim);
  /// Which earlier epochs of other workers nobody has ended. REQUIRES: an epoch of ours.
  OpenEpochs open_epochs(std::chrono::milliseconds lease_lasts);
  /// Puts on record that none of the epochs before ours can write any more.
  void end_open_epochs();
  /// Says that this worker writes nothing any more under an epoch that it has lost.
  void note_stopped(std::uint64_t epoch);
  /// Says that this worker has stopped of its own will, and lets its writes carry no epoch any more.
  void resign_epoch();

  /// All there are: this database's, and perhaps those that it had under other names.
  std::vector<StreamRecord> streams();
  std::optional<StreamRecord> find_stream(const std::string& name);
  /// Gives the stream with all that is known of it another name, because its database got one. Nothing happens when it
  /// is not there (any more).
  void rename_stream(const std::string& from, const std::string& to);
  void forget_stream(const std::string& name);
  /// Stores a new stream with the tables that were there when its slot was made. Whoever leads by the old one, but for
  /// this worker, is deposed.
  void create_stream(const StreamRecord& stream, const std::vector<TableRecord>& tables);
  void save_applied(const std::string& stream, Lsn applied) override;
  void save_target(const std::string& stream, const std::string& target_id, std::uint64_t number) override;
  /// The slot is of no use from now on, for this reason: until create_stream() replaces the stream, it has to be made
  /// again.
  void request_remake(const std::string& stream, const std::string& reason);

  /// From the next run on the stream's values come as text, for this reason. A table without a key, whose rows are
  /// known by what their values are as they come, is copied again then.
  void stream_as_text(const std::string& stream, const std::string& reason);

  std::vector<TableRecord> load_tables(const std::string& stream) override;
  /// nullopt when the stream has no such table.
  std::optional<TableRecord> load_table(const std::string& stream, Oid table);
  void save_table(const std::string& stream, const TableRecord& table, const TableVersion* version) override;
  std::map<Oid, TargetNote> load_target_notes(const std::string& stream) override;
  void save_target_note(const std::string& stream, Oid table, const TargetNote& note) override;
  void announce_version(const std::string& stream, Oid table, const TableVersion& version) override;
  void prune(const std::string& stream, Lsn confirmed) override;
  std::vector<CopyRange> load_ranges(const std::string& stream, Oid table) override;
  void replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges) override;
  void finish_range(const std::string& stream, Oid table, const CopyRange& range) override;

  /// What changes with everything that is stored of a table: its state, schemas and copies.
  std::string table_mark(const std::string& stream, Oid table);

  /// Adds a check to the history; of each table the latest ones are kept.
  void save_check(const std::string& stream, const CheckRecord& check);
  /// As the function of that name has them.
  std::vector<ParentTable> find_parents(const Settings& settings);
  /// The latest check of each table.
  std::vector<CheckRecord> latest_checks(const std::string& stream);

  void journal(const JournalEntry& entry) override;

 private:
  std::string try_install() ECHODB_EXCLUDES(mutex_);
  void connect() ECHODB_REQUIRES(mutex_);
  template <typename Work>
  auto on_connection(Work work) ECHODB_REQUIRES(mutex_);
  template <typename Work>
  void transact(Work work) ECHODB_REQUIRES(mutex_);
  template <typename Work>
  auto with_connection(Work work) ECHODB_EXCLUDES(mutex_);
  template <typename Work>
  void in_transaction(Work work) ECHODB_EXCLUDES(mutex_);
  std::vector<TableRecord> load(const std::string& stream, std::optional<Oid> table) ECHODB_EXCLUDES(mutex_);
  void roll_back_after(const Error& error) ECHODB_REQUIRES(mutex_);
  void begin_write(PostgresConnection& connection) ECHODB_REQUIRES(mutex_);
  Epoch store_epoch(PostgresConnection& connection, const LeaderClaim& claim) const;
  void end_frozen_writes() ECHODB_REQUIRES(mutex_);

  const PostgresSettings settings_;
  const std::string worker_;
  const std::stop_token stop_;
  Mutex mutex_;
  std::optional<PostgresConnection> connection_ ECHODB_GUARDED_BY(mutex_);
  std::shared_ptr<Lease> lease_ ECHODB_GUARDED_BY(mutex_);  ///< null: no epoch
  std::uint64_t epoch_ ECHODB_GUARDED_BY(mutex_) = 0;
};

}  // namespace echodb
