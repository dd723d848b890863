#include <fmt/format.h>

#include <map>
#include <optional>
#include <unordered_map>

#include "base/log.h"
#include "columns/row_binary_reader.h"
#include "replication/insert_completion.h"
#include "replication/target_look_up.h"

namespace echodb {
namespace {

/// Hashes in one look-up's condition.
constexpr std::size_t kHashesPerQuery = 2'000;

/// One row the table has or had: alive until `deleted`.
struct BagRow {
  std::optional<ChangeStamp> deleted;
};

/// The rows of one content, oldest first.
using BagRows = std::map<BagIdentity, BagRow>;
using BagState = std::unordered_map<RowHash, BagRows>;

std::string look_up_sql(const TargetTable& table, std::span<const RowHash> hashes) {
  std::string list;
  for (const RowHash& hash : hashes) list += fmt::format("{}unhex('{}')", list.empty() ? "" : ", ", hex(hash));
  return fmt::format(
      "SELECT {0}, {1}, {2}, argMax({3}, ({4}, {5})) AS d, max(({4}, {5})) AS m FROM {6} WHERE {0} IN ({7}) "
      "GROUP BY {0}, {1}, {2} FORMAT RowBinary",
      kRowHashColumn, kLsnColumn, kOrdinalColumn, kIsDeletedColumn, kVersionColumn, kChangeColumn, qualified(table),
      list);
}

void read_rows(std::string_view answer, BagState& state) {
  RowBinaryReader reader(as_bytes(answer));
  while (!reader.at_end()) {
    BagIdentity identity;
    identity.hash = reader.read<RowHash>();
    identity.lsn = reader.read<std::uint64_t>();
    identity.ordinal = reader.read<std::uint64_t>();
    bool deleted = reader.read<std::uint8_t>() != 0;
    ChangeStamp last;
    last.commit = Lsn{reader.read<std::uint64_t>()};
    last.ordinal = reader.read<std::uint64_t>();
    state[identity.hash][identity] = BagRow{.deleted = deleted ? std::optional(last) : std::nullopt};
  }
}

BagState look_up(const TableBatch& batch, const InsertTask::Target& target, WriterTools& tools) {
  BagState state;
  std::vector<RowHash> hashes;
  for (const TableBatch::BagDelete& deletion : batch.bag_deletes()) {
    if (state.try_emplace(deletion.hash).second) hashes.push_back(deletion.hash);
  }
  TargetClient::Parameters parameters;
  if (has_is_deleted_argument(target.server)) {
    parameters["final"] = "0";
    // Another replica must not answer from before our last insert.
    parameters["select_sequential_consistency"] = "1";
  }
  for (std::size_t from = 0; from < hashes.size(); from += kHashesPerQuery) {
    std::span<const RowHash> some(hashes.data() + from, std::min(kHashesPerQuery, hashes.size() - from));
    read_rows(tools.clickhouse.query(look_up_sql(target.table, some), parameters), state);
    tools.progressed();
  }
  return state;
}

/// The oldest row that was there at `stamp`: inserted before it and not deleted by a change before it. Rows that were
/// inserted or deleted later are seen when the log is read again.
std::optional<BagIdentity> oldest_live(const BagRows& rows, ChangeStamp stamp) {
  for (const auto& [identity, row] : rows) {
    bool inserted = ChangeStamp{Lsn{identity.lsn}, identity.ordinal} < stamp || identity.lsn == 0;
    bool deleted = row.deleted && *row.deleted < stamp;
    if (inserted && !deleted) return identity;
  }
  return std::nullopt;
}

}  // namespace

void choose_bag_victims(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools) {
  BagState state = look_up(batch, target, tools);
  std::vector<bool> keep(batch.rows(), true);
  std::size_t unmatched = 0;
  for (std::size_t row = 0; row < batch.rows(); ++row) {
    auto rows = state.find(batch.identity(row).hash);
    if (rows == state.end()) continue;
    if (!batch.is_tombstone(row)) {
      rows->second.try_emplace(batch.identity(row));
      continue;
    }
    std::optional<BagIdentity> victim = oldest_live(rows->second, batch.stamp(row));
    if (victim) {
      batch.set_identity(row, *victim);
      rows->second[*victim].deleted = batch.stamp(row);
    } else {
      keep[row] = false;
      ++unmatched;
    }
  }
  batch.settle_bag_deletes();
  if (unmatched > 0) {
    batch.keep_rows(keep);
    throw Error(ErrorCode::SchemaMismatch,
                fmt::format("{} deleted rows are not in the target: it has to be copied again", unmatched))
        .with("table", batch.plan().schema().qualified_name());
  }
}

}  // namespace echodb
