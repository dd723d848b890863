#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>

#include "catalog/stream_catalog.h"
#include "config/settings.h"
#include "replication/batcher.h"
#include "replication/copier.h"
#include "replication/ddl_message.h"
#include "replication/lane_tasks.h"
#include "replication/schema_change.h"
#include "replication/table_registry.h"
#include "replication/target_inventory.h"
#include "replication/target_watch.h"
#include "replication/watermark.h"
#include "replication/worker_status.h"

namespace echodb {

/// Carries the life of tables out: creation, schema changes, truncation, copies, drops, failures. Runs on the stream's
/// thread; what takes time becomes a step in the table's lane, so that it happens between the rows it belongs between
/// and only that table waits.
class SchemaEvents {
 public:
  struct Parts {
    const Settings& settings;
    std::string stream;
    StreamCatalog& catalog;
    TableRegistry& registry;
    Watermark& watermark;
    LaneScheduler& lanes;
    Batcher& batcher;
    Copier& copier;
  };
  explicit SchemaEvents(const Parts& parts) : parts_(parts) {}

  /// Brings every table to where it was left: tables to create, copies to begin or to go on with, tables to copy again
  /// because ClickHouse has lost rows of them.
  void resume(Lsn source_position, const TargetFindings& target, TargetClient& clickhouse);
  /// A look at the target is asked for.
  void look_begins();
  /// Its answer: tables that ClickHouse has lost, or has lost rows of, are copied again behind their readers' backs.
  /// Error(TargetReplaced) when it is not the target any more. REQUIRES: between transactions.
  void replace_lost(const TargetFindings& target);

  /// A schema message at this position of the log.
  void apply(const DdlMessage& message, Lsn lsn);
  void truncate(MirroredTable& table, Lsn lsn);
  void transaction_began(Xid xid);
  /// Copies that the transaction asked for can see all of it now.
  void transaction_ended();

  /// A change of this table cannot be decoded or accepted: the table stops here, everything else goes on.
  /// `tickets`, if any, are closed once that is on record.
  void fail(MirroredTable& table, const Error& error, Lsn lsn, std::vector<Watermark::Ticket> tickets = {});
  void lane_failed(const LaneEvent& event);
  /// Memory is full, and at least half of it with rows that nobody may write yet, because their table is copied, or
  /// waits for another one's copy: the table that holds most of them leaves them in the log.
  void leave_in_log(std::size_t buffered);
  /// What was left there can be written now: the stream is to begin again where it was last confirmed.
  [[nodiscard]] bool must_read_again();

  /// The table whose lane this is gives up its place in the stream: what it holds is dropped, and it is copied again
  /// when its time has come.
  void give_up(const std::shared_ptr<Lane>& lane, const Error& reason);

  void copy_event(const CopyEvent& event);
  /// Tables whose copy is in and whose changes have been read as far as the copy has seen them go over to streaming.
  void finish_copies();
  /// Forgets what no replay needs any more: snapshots of copies, tables that are dropped.
  void forget_old(Lsn confirmed);
  /// Tables that stopped and whose time for another try has come are copied again.
  void heal();
  /// How long until a table that stopped is tried again; nullopt while it is.
  [[nodiscard]] std::optional<std::chrono::seconds> next_attempt(Oid oid) const;

  struct Counters {
    std::uint64_t created = 0;
    std::uint64_t dropped = 0;
    std::uint64_t failed = 0;
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }
  /// Columns that the settings of today would make another type of.
  [[nodiscard]] std::vector<KeptType> kept_types_of(Oid oid) const;
  /// The type that a column has in the target; "text" for one that became text.
  [[nodiscard]] std::string type_for_people(const MirroredTable& table, std::int16_t attnum) const;
  /// Types without a counterpart in the target, with the number of columns that have them now.
  [[nodiscard]] std::vector<TextFallback> text_fallbacks() const;

 private:
  void on(const TableMessage& message, Lsn lsn);
  void on(const DropMessage& message, Lsn lsn);
  void on(const RewriteMessage& message, Lsn lsn);
  void on(const UnwatchMessage& message, Lsn lsn);
  void on(const LostMessage& message, Lsn lsn);
  void on(const RecopyMessage& message, Lsn lsn);
  void on(const RefusedMessage& message, Lsn lsn);

  void follow(MirroredTable& table, const TableVersion& version, const std::function<void()>& step);
  void created(const TableMessage& message, const TableVersion& version);
  void create(MirroredTable& table, const TableVersion& version, bool empty);
  struct Command {
    std::string tag;
    Lsn floor;  ///< if it takes a new copy: changes up to here are in what the copy sees, or undone
  };
  void changed(MirroredTable& table, TableVersion version, const Command& command);
  void alter(MirroredTable& table, const TableVersion& version, SchemaChange change, const std::string& tag);
  void rename(MirroredTable& table, const TableSchema& schema);
  enum class CopyStart { FromStart, Resume, NewlyPublished };
  struct Recopy {
    Lsn floor;
    std::string reason;
    std::vector<Watermark::Ticket> tickets = {};
    CopyStart start = CopyStart::FromStart;
  };
  void recopy(MirroredTable& table, const std::optional<TableVersion>& version, Recopy copy);
  [[nodiscard]] const Column* column_to_widen(const MirroredTable& table, const Error& error) const;
  void widen(MirroredTable& table, const Column& column, const Error& error, Lsn lsn,
             std::vector<Watermark::Ticket> tickets);
  void resync(MirroredTable& table, const TableVersion& version);
  void published_again(MirroredTable& table, const TableVersion& version);
  void put_on_record(const MirroredTable& table);
  [[nodiscard]] static std::vector<Watermark::Ticket> end_loss(MirroredTable& table);
  void describe(Oid oid, std::string_view tag);
  void push_beside(Oid oid, std::unique_ptr<LaneTask> task);
  void schedule_healing(Oid oid, ErrorCode reason);
  void drop(MirroredTable& table, Lsn lsn);
  void push_drop(MirroredTable& table);
  void drop_failed(MirroredTable& table, const Error& error);
  void then_rename(MirroredTable& table, SchemaTask& task, std::vector<std::string> from,
                   std::optional<LanePlace> awaited = {});
  void name_taken(const MirroredTable& by);
  [[nodiscard]] std::vector<std::string> take_earlier_names(MirroredTable& table);
  void forget_copy(MirroredTable& table);
  [[nodiscard]] SchemaTask::Step drain_copies(const MirroredTable& table) const;
  [[nodiscard]] std::function<void()> forget_ranges(const MirroredTable& table) const;
  void copy_from_start(MirroredTable& table, std::string event, std::string detail);
  void start_copy(MirroredTable& table, SchemaTask& task, CopyStart how);
  /// What an earlier run has left of a table.
  struct Resumption {
    Lsn source_position = {};
    bool exchanged = false;
    TargetTable holder = {};  ///< the name that the table has in ClickHouse by now
    bool completed = false;   ///< its columns' types had still to be put on record
  };
  Resumption find_left(MirroredTable& table, const TargetFindings& target, TargetClient& clickhouse);
  void resume_table(MirroredTable& table, const Resumption& found);
  void finish_renames();
  void finish_steps(MirroredTable& table);
  void replace_if_broken(MirroredTable& table, const TargetTable& holder, const std::vector<BrokenParts>& broken);
  void replace(MirroredTable& table, const std::string& reason);
  void judge(MirroredTable& table, const FoundTable& found);
  [[nodiscard]] bool is_shadow_exchanged(const MirroredTable& table, TargetClient& clickhouse) const;
  /// The table's copy is in, and has seen everything up to there.
  void await_reading(MirroredTable& table, Lsn position);
  void copied(MirroredTable& table);
  /// The columns go on as they are in the table, if one is given; for the others a type is chosen.
  void give_types(TableSchema& schema, const MirroredTable* table) const;
  bool complete_types(MirroredTable& table, const TargetTable& holder, TargetClient& clickhouse);
  void widen_added_arrays(MirroredTable& table, TableVersion& version);
  void note_types(const MirroredTable& table);
  void warn_of_kept_types(const MirroredTable& table) const;

  [[nodiscard]] std::unique_ptr<SchemaTask> task_for(const MirroredTable& table, const TableVersion* version,
                                                     std::string event, std::string detail = {});
  void push(MirroredTable& table, std::unique_ptr<SchemaTask> task);

  Parts parts_;
  std::map<Oid, std::shared_ptr<Lane>> lanes_beside_;  ///< see push_beside
  std::uint64_t last_copy_job_ = 0;
  Counters counters_;
  struct Healing {
    int attempts = 0;
    SteadyClock::time_point at;
  };
  std::map<Oid, std::string> recopies_;  ///< asked for by the transaction being read, with the reason
  std::set<Oid> missing_;                ///< tables whose target the last look did not find
  TargetInventory target_inventory_{{}, {}};
  std::set<Oid> left_in_log_;            ///< tables with `left_in_log`
  std::set<Oid> copied_unread_;          ///< tables with `copied_to`: finish_copies() looks at no others
  std::deque<Xid> recent_transactions_;  ///< a copy must see them
  std::map<Oid, Healing> healing_;       ///< tables that stopped, and when each is tried again
  std::map<Oid, std::vector<std::string>> fallback_types_;  ///< by table, one entry a column
  std::map<Oid, std::vector<KeptType>> kept_types_;         ///< by table
};

}  // namespace echodb
