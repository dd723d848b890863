#include "replication/unchanged_values.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/log.h"
#include "columns/make_column.h"
#include "replication/row_history.h"
#include "replication/source_look_up.h"
#include "replication/target_look_up.h"

namespace echodb {
namespace {

constexpr std::size_t kNone = RowHistory::kNone;

class UnchangedValues {
 public:
  explicit UnchangedValues(TableBatch& batch) : batch_(batch), history_(batch) {
    for (const TableBatch::MissingValue& missing : batch.missing()) {
      if (!batch.plan().columns()[missing.column].generated) add(missing);
    }
  }

  [[nodiscard]] bool none() const { return columns_.empty(); }
  /// Rows with a value that has not been found yet.
  [[nodiscard]] std::vector<std::size_t> open_rows() const;

  void take_from_batch();
  void take_from_target(const InsertTask::Target& target, ClickHouseClient& clickhouse);
  void take_from_source(PostgresConnection& source);
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

  TableBatch& batch_;
  RowHistory history_;
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

void UnchangedValues::take_from_target(const InsertTask::Target& target, ClickHouseClient& clickhouse) {
  if (!can_look_up(target.server)) return;
  std::vector<std::size_t> open = open_rows();
  // A row whose key was deleted earlier in the batch is not the one that ClickHouse has.
  std::erase_if(open, [&](std::size_t row) { return history_.key_before_batch(row) == kNone; });
  auto key = [&](std::size_t row) -> const std::string& { return history_.key(history_.key_before_batch(row)); };
  for (std::size_t from = 0; from < open.size(); from += kKeysPerLookUp) {
    const std::span<const std::size_t> rows(open.data() + from, std::min(kKeysPerLookUp, open.size() - from));
    std::set<std::string> keys;
    for (std::size_t row : rows) keys.insert(key(row));
    const FoundRows& found = found_.emplace_back(look_up_in_target(
        batch_.plan(), target, clickhouse, std::vector<std::string>(keys.begin(), keys.end()), columns_));
    for (std::size_t row : rows) {
      if (auto at = found.rows.find(key(row)); at != found.rows.end()) take(row, found, at->second);
    }
  }
}

// A commit reaches us a moment before the source shows it to others, or much later with synchronous replication. Then a
// row whose key has just changed is still there under the old one, with the same values: so all of its keys are tried,
// and in one statement, for between two the commit might appear.
void UnchangedValues::take_from_source(PostgresConnection& source) {
  const std::vector<std::size_t> open = open_rows();
  for (std::size_t from = 0; from < open.size(); from += kKeysPerLookUp) {
    const std::span<const std::size_t> rows(open.data() + from, std::min(kKeysPerLookUp, open.size() - from));
    std::set<std::string_view> asked;
    std::vector<std::size_t> key_rows;
    for (std::size_t row : rows) {
      for (std::size_t of : history_.keys_of(row)) {
        if (asked.insert(history_.key(of)).second) key_rows.push_back(of);
      }
    }
    const FoundRows& found = found_.emplace_back(look_up_in_source(batch_, history_, source, key_rows, columns_));
    for (std::size_t row : rows) {
      for (std::size_t of : history_.keys_of(row)) {
        if (auto at = found.rows.find(history_.key(of)); at != found.rows.end()) take(row, found, at->second);
      }
    }
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
  UnchangedValues values(batch);
  if (values.none()) return;
  const std::string name = batch.plan().schema().qualified_name();
  if (batch.plan().is_bag()) {
    throw Error(ErrorCode::UnsupportedValue, "an unchanged value in a table without a key",
                "ALTER TABLE " + name + " REPLICA IDENTITY FULL");
  }
  const std::size_t all = values.open_rows().size();
  values.take_from_batch();
  const std::size_t after_batch = values.open_rows().size();
  if (after_batch > 0) values.take_from_target(target, tools.clickhouse);
  const std::size_t after_target = values.open_rows().size();
  if (after_target > 0) values.take_from_source(tools.source());
  const std::size_t left_out = values.open_rows().size();
  values.put(keep);
  log::debug("{}: rows with unchanged values: {} from the batch, {} from the target, {} from the source, {} left out",
             name, all - after_batch, after_batch - after_target, after_target - left_out, left_out);
}

}  // namespace echodb
