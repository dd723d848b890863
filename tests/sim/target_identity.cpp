// The simulated target's half that tells what it is: system tables and the bookmark; and what strangers do to it.

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "clickhouse/quoting.h"
#include "columns/row_binary_reader.h"
#include "replication/bookmark.h"
#include "sim/target.h"

namespace echodb::sim {
namespace {

std::string uuid_of(const StoredTable& table) { return fmt::format("uuid-{}", table.number); }

std::uint64_t number_of(const StoredRow& bookmark) { return std::stoull(*bookmark.cells.at("number")); }

/// As FORMAT RowBinary has it.
std::string as_row_binary(const StoredRow& bookmark) {
  ByteBuffer row;
  for (const char* text : {"stream", "source_database", "system_identifier"})
    row.append_string(*bookmark.cells.at(text));
  row.append_little_endian(static_cast<std::uint32_t>(std::stoul(*bookmark.cells.at("timeline"))));
  row.append_little_endian(static_cast<std::uint64_t>(std::stoull(*bookmark.cells.at("applied"))));
  row.append_little_endian(number_of(bookmark));
  row.append_string(*bookmark.cells.at("target_id"));
  row.append_little_endian(static_cast<std::uint32_t>(std::stoul(*bookmark.cells.at("database_oid"))));
  return std::string(row.text());
}

const StoredRow* newest(const StoredTable& bookmarks) {
  auto found = std::ranges::max_element(bookmarks.rows, {}, number_of);
  return found == bookmarks.rows.end() ? nullptr : &*found;
}

}  // namespace

std::optional<std::string> Target::select_system(SqlWords words) {
  if (words.skip("toUInt64(uptime())")) {
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(SteadyClock::now() - up_since_);
    return fmt::format("{}\n", up.count());
  }
  if (words.skip("table, toString(count()), min(name), any(reason) FROM system.detached_parts")) return "";
  // Statements are done at once, or late as a whole: replication/late_inserts.h.
  if (words.skip("count() = 0 FROM system.")) return "1\n";
  if (words.skip(
          "stream, source_database, system_identifier, timeline, applied, number, target_id, database_oid FROM")) {
    require(std::string(kBookmarkTable));
    return bookmarks();
  }
  const bool parts = words.skip("table, sum(rows), min(min_block_number), max(max_block_number) FROM system.parts");
  if (!parts && !words.skip("name, toString(uuid), engine_full LIKE")) return std::nullopt;
  ByteBuffer answer;
  for (const auto& [name, table] : tables_) {
    if (parts && table->rows.empty()) continue;
    answer.append_string(name);
    if (parts) {
      answer.append_little_endian(static_cast<std::uint64_t>(table->rows.size()));
      answer.append_little_endian(static_cast<std::uint64_t>(table->first_insert));
      answer.append_little_endian(static_cast<std::uint64_t>(table->last_insert));
    } else {
      answer.append_string(uuid_of(*table));
      answer.append_little_endian(std::uint8_t{0});
    }
  }
  return std::string(answer.text());
}

std::string Target::bookmarks() const {
  std::vector<StoredRow> rows = tables_.at(std::string(kBookmarkTable))->rows;
  std::ranges::sort(rows, std::ranges::greater(), number_of);
  std::string answer;
  for (const StoredRow& row : rows) answer += as_row_binary(row);
  return answer;
}

/// INSERT INTO … (…) SELECT values, or the same FROM itself, if what it has is what is said.
void Target::insert_bookmark(StoredTable& table, SqlWords words) {
  StoredRow row;
  const std::vector<std::string> columns = words.names_in_brackets();
  words.skip("SELECT");
  for (const std::string& column : columns) {
    row.cells[column] = words.name();
    words.skip(",");
  }
  if (words.skip("FROM")) {
    words.table();
    words.skip("WHERE stream =");
    const std::string stream = words.name();
    words.skip("AND target_id =");
    const std::string id = words.name();
    words.skip("AND number BETWEEN");
    const std::uint64_t low = std::stoull(words.name());
    words.skip("AND");
    const std::uint64_t high = std::stoull(words.name());
    const StoredRow* held = newest(table);
    if (held == nullptr || *held->cells.at("stream") != stream || *held->cells.at("target_id") != id) return;
    if (number_of(*held) < low || number_of(*held) > high) return;
    row.cells["database_oid"] = held->cells.at("database_oid");
  }
  table.add(std::move(row));
}

void Target::make_anew(const std::string& name) {
  log::debug("-- somebody makes {} anew", name);
  auto anew = std::make_shared<StoredTable>(*tables_.at(name));
  anew->number = ++tables_made_;
  anew->rows.clear();
  anew->inserts = 0;
  tables_[name] = std::move(anew);
}

void Target::replace() {
  log::debug("-- another server has the target's address");
  tables_.clear();
  up_since_ = SteadyClock::now();
}

void Target::back_up() {
  backup_.emplace();
  for (const auto& [name, table] : tables_) backup_->emplace(name, *table);
}

void Target::restore() {
  log::debug("-- the target goes back in time");
  tables_.clear();
  for (const auto& [name, table] : *backup_) {
    tables_[name] = std::make_shared<StoredTable>(table);
  }
  in_order_ = false;
  up_since_ = SteadyClock::now();
}

std::optional<std::uint64_t> Target::backup_number() const {
  if (!backup_) return std::nullopt;
  auto bookmarks = backup_->find(std::string(kBookmarkTable));
  const StoredRow* held = bookmarks == backup_->end() ? nullptr : newest(bookmarks->second);
  return held == nullptr ? 0 : number_of(*held);
}

}  // namespace echodb::sim
