#include "replication/unchanged_values.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <set>
#include <thread>

#include "base/log.h"
#include "columns/make_column.h"
#include "replication/copy_start.h"
#include "replication/row_history.h"
#include "replication/source_look_up.h"
#include "replication/target_look_up.h"

namespace echodb {
namespace {

constexpr std::size_t kNone = RowHistory::kNone;
constexpr std::chrono::milliseconds kVisiblePause{5};
constexpr int kVisibleTries = 40;

class UnchangedValues {
 public:
  /// For the missing values of the columns that are `wanted`.
  template <typename Wanted>
  UnchangedValues(TableBatch& batch, std::size_t value_bytes, Wanted wanted)
      : batch_(batch),
        history_(batch),
        keys_at_once_(
            std::clamp(kBytesPerLookUp / std::max<std::size_t>(value_bytes, 1), std::size_t{1}, kKeysPerLookUp)) {
    for (const TableBatch::MissingValue& missing : batch.missing()) {
      if (wanted(missing)) add(missing);
    }
  }

  [[nodiscard]] bool none() const { return columns_.empty(); }
  /// Rows with a value that has not been found yet.
  [[nodiscard]] std::vector<std::size_t> open_rows() const;

  void take_from_batch();
  void take_from_target(const InsertTask::Target& target, WriterTools& tools);
  void take_from_source(WriterTools& tools);
  /// Puts what was found into the batch and unmarks the rows for which something was not.
  void put(std::vector<bool>& keep);

 private:
  /// Where a value is.
  struct Place {
    const ColumnBuilder* column = nullptr;
    std::size_t row = 0;
  };
  using Places = std::vector<Place>;  ///< by row

  void add(const TableBatch::MissingValue& missing);
  [[nodiscard]] bool is_open(std::size_t row) const;
  void take(std::size_t row, const FoundRows& found, std::size_t found_row);
  template <typename LookUp>
  void take_by_key(const std::vector<std::size_t>& open, LookUp look_up);
  void wait_until_visible(PostgresConnection& source);

  TableBatch& batch_;
  RowHistory history_;
  const std::size_t keys_at_once_;
  std::vector<std::size_t> columns_;  ///< of the plan, those that lack values
  std::vector<Places> values_;        ///< one for each of those
  std::deque<FoundRows> found_;       ///< what the places look into
};

void UnchangedValues::add(const TableBatch::MissingValue& missing) {
  auto at = std::ranges::find(columns_, missing.column);
  const auto index = static_cast<std::size_t>(at - columns_.begin());
  if (at == columns_.end()) {
    columns_.push_back(missing.column);
    Places& places = values_.emplace_back(batch_.rows());
    for (std::size_t row = 0; row < places.size(); ++row) places[row] = {&batch_.column(missing.column), row};
  }
  values_[index][missing.row] = {};
}

void UnchangedValues::take_from_batch() {
  for (Places& places : values_) {
    for (std::size_t row = 0; row < places.size(); ++row) {
      if (places[row].column != nullptr || history_.previous(row) == kNone) continue;
      places[row] = places[history_.previous(row)];
    }
  }
}

bool UnchangedValues::is_open(std::size_t row) const {
  return std::ranges::any_of(values_, [&](const Places& places) { return places[row].column == nullptr; });
}

std::vector<std::size_t> UnchangedValues::open_rows() const {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < batch_.rows(); ++row) {
    if (is_open(row)) rows.push_back(row);
  }
  return rows;
}

void UnchangedValues::take(std::size_t row, const FoundRows& found, std::size_t found_row) {
  for (std::size_t index = 0; index < values_.size(); ++index) {
    Place& place = values_[index][row];
    if (place.column == nullptr) place = {.column = found.columns[index].get(), .row = found_row};
  }
}

void UnchangedValues::take_from_target(const InsertTask::Target& target, WriterTools& tools) {
  if (!can_look_up(target.server)) return;
  std::vector<std::size_t> open = open_rows();
  // What ClickHouse has under another key, or under one that was deleted earlier in the batch, may be another row.
  std::erase_if(open,
                [&](std::size_t row) { return history_.rekeyed(row) || history_.key_before_batch(row) == kNone; });
  take_by_key(open, [&](const std::vector<std::size_t>& key_rows) {
    std::vector<std::string> keys;
    for (std::size_t row : key_rows) keys.push_back(history_.key(row));
    FoundRows found = look_up_in_target(batch_.plan(), target, tools.clickhouse, keys, columns_);
    tools.progressed();
    return found;
  });
}

void UnchangedValues::take_from_source(WriterTools& tools) {
  PostgresConnection& source = tools.source.connection();
  wait_until_visible(source);
  take_by_key(open_rows(), [&](const std::vector<std::size_t>& key_rows) {
    FoundRows found = look_up_in_source(batch_, history_, source, key_rows, columns_);
    tools.progressed();
    return found;
  });
}

/// Looks these rows up under the keys they have. `look_up` takes one row for each key.
template <typename LookUp>
void UnchangedValues::take_by_key(const std::vector<std::size_t>& open, LookUp look_up) {
  for (std::size_t from = 0; from < open.size(); from += keys_at_once_) {
    const std::span<const std::size_t> rows(open.data() + from, std::min(keys_at_once_, open.size() - from));
    std::set<std::string_view> asked;
    std::vector<std::size_t> key_rows;
    for (std::size_t row : rows) {
      if (asked.insert(history_.key(row)).second) key_rows.push_back(row);
    }
    const FoundRows& found = found_.emplace_back(look_up(key_rows));
    for (std::size_t row : rows) {
      if (auto at = found.rows.find(history_.key(row)); at != found.rows.end()) take(row, found, at->second);
    }
  }
}

/// A commit reaches us a moment before the source shows it to others, or much later with synchronous replication. Until
/// then the source has other rows under these keys.
void UnchangedValues::wait_until_visible(PostgresConnection& source) {
  for (int attempt = 1; !all_visible(source, batch_.transactions()); ++attempt) {
    if (attempt == kVisibleTries) {
      throw Error(ErrorCode::SourceBusy, "the source does not show a transaction yet that it has sent");
    }
    std::this_thread::sleep_for(kVisiblePause);
  }
}

void UnchangedValues::put(std::vector<bool>& keep) {
  for (std::size_t row : open_rows()) keep[row] = false;
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    const PlannedColumn& planned = batch_.plan().columns()[columns_[index]];
    std::unique_ptr<ColumnBuilder> filled = make_column(planned.type);
    for (const Place& place : values_[index]) {
      if (place.column == nullptr) {
        filled->append_default();  // of a row that is left out
      } else {
        filled->append_from(*place.column, place.row);
      }
    }
    batch_.replace_column(columns_[index], std::move(filled));
  }
}

}  // namespace

void fill_unchanged_values(TableBatch& batch, const InsertTask::Target& target, WriterTools& tools,
                           std::vector<bool>& keep) {
  UnchangedValues values(batch, target.missing_value_size->expected(), [&](const TableBatch::MissingValue& missing) {
    return !batch.plan().columns()[missing.column].generated;
  });
  if (values.none()) return;
  const std::string name = batch.plan().schema().qualified_name();
  if (batch.plan().is_bag()) {
    throw Error(ErrorCode::UnsupportedValue, "an unchanged value in a table without a key",
                "ALTER TABLE " + name + " REPLICA IDENTITY FULL");
  }
  const std::size_t all = values.open_rows().size();
  values.take_from_batch();
  const std::size_t after_batch = values.open_rows().size();
  if (after_batch > 0) values.take_from_target(target, tools);
  const std::size_t after_target = values.open_rows().size();
  if (after_target > 0) values.take_from_source(tools);
  const std::size_t left_out = values.open_rows().size();
  values.put(keep);
  log::debug("{}: rows with unchanged values: {} from the batch, {} from the target, {} from the source, {} left out",
             name, all - after_batch, after_batch - after_target, after_target - left_out, left_out);
}

void read_values_by_key(TableBatch& batch, std::span<const std::size_t> columns, WriterTools& tools,
                        std::vector<bool>& keep) {
  constexpr std::size_t kValueBytes = 64;
  UnchangedValues values(batch, kValueBytes, [&](const TableBatch::MissingValue& missing) {
    return keep[missing.row] && std::ranges::find(columns, missing.column) != columns.end();
  });
  if (values.none()) return;
  values.take_from_source(tools);
  values.put(keep);
}

}  // namespace echodb
