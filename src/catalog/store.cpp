#include "catalog/store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/process_identity.h"
#include "catalog/store_connection.h"
#include "catalog/tables_of_stream.sql.h"
#include "config/limits.h"
#include "postgres/own_schema.h"

namespace echodb {
namespace {

QueryParameter optional_lsn(const std::optional<Lsn>& lsn) {
  return lsn ? QueryParameter(to_string(*lsn)) : QueryParameter(std::nullopt);
}

std::optional<Lsn> read_optional_lsn(const QueryResult& result, std::size_t row, std::size_t column) {
  if (result.is_null(row, column)) return std::nullopt;
  return parse_lsn(result.text(row, column));
}

QueryParameter optional_text(const std::string& text) {
  return text.empty() ? QueryParameter(std::nullopt) : QueryParameter(text);
}

/// An array of SQL; no element needs quotes.
template <typename Element, typename Text>
std::string array_of(const std::vector<Element>& elements, Text text) {
  std::vector<std::string> texts;
  std::ranges::transform(elements, std::back_inserter(texts), text);
  return fmt::format("{{{}}}", fmt::join(texts, ","));
}

/// {"1": "Int32", …}: what the snapshot does not hold.
std::string chosen_types(const TableSchema& schema) {
  nlohmann::json types = nlohmann::json::object();
  for (const Column& column : schema.columns) {
    if (!column.chosen_type.empty()) types[std::to_string(column.attnum)] = column.chosen_type;
  }
  return types.empty() ? std::string() : types.dump();
}

void read_chosen_types(TableSchema& schema, const std::string& text) {
  if (text.empty()) return;
  const nlohmann::json types = nlohmann::json::parse(text);
  for (Column& column : schema.columns) column.chosen_type = types.value(std::to_string(column.attnum), std::string());
}

void insert_version(PostgresConnection& connection, const std::string& stream, Oid oid, const TableVersion& version) {
  connection.query(
      "INSERT INTO _echodb.table_versions (stream, oid, lsn, snapshot, pending, types) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (stream, oid, lsn) DO UPDATE "
      "SET snapshot = excluded.snapshot, pending = excluded.pending, types = excluded.types",
      {stream, std::to_string(oid), to_string(version.lsn), version.snapshot, optional_text(version.pending),
       optional_text(chosen_types(version.schema))});
}

constexpr std::string_view kWidthWords[] = {"as_chosen", "nullable_elements", "widest", "text"};

std::string_view width_word(const WidenedColumn& column) { return kWidthWords[static_cast<std::size_t>(column.width)]; }

ColumnWidth parse_width(std::string_view word) {
  const auto* found = std::ranges::find(kWidthWords, word);
  if (found == std::end(kWidthWords)) throw Error(ErrorCode::ProtocolViolation, "a column's width is unknown");
  return static_cast<ColumnWidth>(found - std::begin(kWidthWords));
}

void upsert_table(PostgresConnection& connection, const std::string& stream, const TableRecord& table) {
  connection.query(
      "INSERT INTO _echodb.tables (stream, oid, target_name, state, floor_lsn, dropped_lsn, copy_snapshot, shadow, "
      "rows_copied, error, error_lsn, text_columns, text_since, text_widths, copied_lsn, earlier_names, "
      "types_changed_lsn, copy_begun_lsn, emptying) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
      "ARRAY(SELECT jsonb_array_elements_text($16::jsonb)), $17, $18, $19) "
      "ON CONFLICT (stream, oid) DO UPDATE SET target_name = excluded.target_name, state = excluded.state, "
      "floor_lsn = excluded.floor_lsn, dropped_lsn = excluded.dropped_lsn, copy_snapshot = excluded.copy_snapshot, "
      "shadow = excluded.shadow, rows_copied = excluded.rows_copied, error = excluded.error, "
      "error_lsn = excluded.error_lsn, text_columns = excluded.text_columns, text_since = excluded.text_since, "
      "text_widths = excluded.text_widths, copied_lsn = excluded.copied_lsn, "
      "earlier_names = excluded.earlier_names, types_changed_lsn = excluded.types_changed_lsn, "
      "copy_begun_lsn = excluded.copy_begun_lsn, emptying = excluded.emptying, updated_at = now()",
      {stream, std::to_string(table.oid), table.target_name, to_string(table.state), to_string(table.floor),
       optional_lsn(table.dropped), optional_text(table.copy_snapshot), table.shadow ? "true" : "false",
       std::to_string(table.rows_copied), optional_text(own_text(connection, table.error)),
       optional_lsn(table.error_lsn),
       array_of(table.widened_columns, [](const WidenedColumn& column) { return std::to_string(column.attnum); }),
       array_of(table.widened_columns, [](const WidenedColumn& column) { return to_string(column.since); }),
       array_of(table.widened_columns, [](const WidenedColumn& column) { return std::string(width_word(column)); }),
       optional_lsn(table.copied), nlohmann::json(table.earlier_names).dump(), optional_lsn(table.types_changed),
       optional_lsn(table.copy_begun), table.emptying ? "true" : "false"});
}

/// A row of an earlier version has no positions, or no widths: all its columns are text.
std::vector<WidenedColumn> read_widened_columns(std::string_view attnums, std::string_view since,
                                                std::string_view widths) {
  auto positions = nlohmann::json::parse(since).get<std::vector<std::string>>();
  auto words = nlohmann::json::parse(widths).get<std::vector<std::string>>();
  std::vector<WidenedColumn> columns;
  for (const nlohmann::json& attnum : nlohmann::json::parse(attnums)) {
    const std::size_t place = columns.size();
    columns.push_back({.attnum = attnum.get<std::int16_t>(),
                       .since = place < positions.size() ? parse_lsn(positions[place]) : Lsn(),
                       .width = place < words.size() ? parse_width(words[place]) : ColumnWidth::Text});
  }
  return columns;
}

TableRecord read_table(const QueryResult& result, std::size_t row) {
  TableRecord table;
  table.oid = static_cast<Oid>(result.number(row, 0));
  table.target_name = result.text(row, 1);
  table.state = parse_table_state(result.text(row, 2));
  table.floor = parse_lsn(result.text(row, 3));
  table.dropped = read_optional_lsn(result, row, 4);
  table.copy_snapshot = result.text(row, 5);
  table.shadow = result.boolean(row, 6);
  table.rows_copied = result.number(row, 7);
  table.error = result.text(row, 8);
  table.error_lsn = read_optional_lsn(result, row, 9);
  table.widened_columns = read_widened_columns(result.text(row, 10), result.text(row, 11), result.text(row, 12));
  table.copied = read_optional_lsn(result, row, 13);
  table.earlier_names = nlohmann::json::parse(result.text(row, 14)).get<std::vector<std::string>>();
  table.types_changed = read_optional_lsn(result, row, 19);
  table.copy_begun = read_optional_lsn(result, row, 20);
  table.emptying = result.boolean(row, 21);
  return table;
}

/// Only setup brings a catalog of an earlier version up to date; everybody else may meet one.
QueryResult query_tables(PostgresConnection& connection, const std::string& stream, std::optional<Oid> table) {
  try {
    const std::optional<std::string> only = table ? std::optional(std::to_string(*table)) : std::nullopt;
    return connection.query(std::string(sql::tables_of_stream), {stream, only});
  } catch (const Error& error) {
    if (error.sqlstate() != "42703") throw;  // undefined_column
    throw Error(ErrorCode::SchemaMismatch, "the catalog, _echodb in the source, is an earlier version's",
                "start a worker of this version, or run `echodb setup`: both bring it up to date");
  }
}

TableVersion read_version(const QueryResult& result, std::size_t row) {
  std::string snapshot(result.text(row, 16));
  TableSchema schema = parse_table_schema(snapshot);
  read_chosen_types(schema, std::string(result.text(row, 18)));
  return {parse_lsn(result.text(row, 15)), std::move(schema), std::move(snapshot), std::string(result.text(row, 17))};
}

}  // namespace

CatalogStore::CatalogStore(PostgresSettings settings, std::string worker, std::stop_token stop)
    : settings_(std::move(settings)), worker_(std::move(worker)), stop_(std::move(stop)) {}

/// What we confirm to the slot is in the catalog before, also after a crash of the server.
void CatalogStore::connect() {
  connection_.emplace(settings_, ConnectionKind::Ordinary, stop_);
  // All statements are small ones; whoever leads no longer, or is to stop, must not wait long for a server that is
  // gone.
  connection_->answer_within(limits::kSocketTimeout);
  connection_->query(
      "SELECT set_config('synchronous_commit', 'local', false) WHERE current_setting('synchronous_commit') = 'off'");
  try {
    require_own_schema(*connection_);
  } catch (...) {
    connection_.reset();
    throw;
  }
}

/// A statement cut short by a stop leaves the connection in the middle of it.
void CatalogStore::roll_back_after(const Error& error) {
  if (error.code() == ErrorCode::SourceUnreachable || error.code() == ErrorCode::Stopped) return connection_.reset();
  try {
    if (connection_->in_transaction()) connection_->execute("ROLLBACK");
  } catch (const Error&) {
    connection_.reset();
  }
}

/// Begins the transaction of a write and makes sure that nobody else's epoch has begun.
void CatalogStore::begin_write(PostgresConnection& connection) {
  if (lease_ == nullptr) {
    connection.execute(std::string(kBeginWrite));
    return;
  }
  lease_->expect();
  QueryResult mine = connection.execute(
      fmt::format("{}; UPDATE _echodb.leaders SET writes = writes + 1, last_write_at = clock_timestamp() "
                  "WHERE epoch = {} AND holder = {} AND deposed_at IS NULL RETURNING epoch",
                  kBeginWrite, epoch_, quote_sql_literal(process_token())));
  if (mine.rows() == 1) return;
  lease_->lose(fmt::format("epoch {} is over, another worker has begun the next one", epoch_));
  lease_->expect();
}

void CatalogStore::reconnect() {
  MutexLock lock(mutex_);
  connection_.reset();
}

void CatalogStore::create_stream(const StreamRecord& stream, const std::vector<TableRecord>& tables) {
  in_transaction([&](PostgresConnection& connection) ECHODB_REQUIRES(mutex_) {
    if (lease_ == nullptr) {
      connection.execute("UPDATE _echodb.leaders SET deposed_at = clock_timestamp() WHERE deposed_at IS NULL");
    }
    // A new slot begins behind all that an earlier version has written.
    connection.execute("UPDATE _echodb.message_key SET unsealed_until = NULL WHERE unsealed_until IS NOT NULL");
    connection.query("DELETE FROM _echodb.streams WHERE name = $1", {stream.name});
    connection.query(
        "INSERT INTO _echodb.streams (name, slot, publication, system_identifier, consistent_lsn, applied_lsn, remade, "
        "target_id, target_number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {stream.name, stream.slot, stream.publication, stream.system_identifier, to_string(stream.consistent),
         to_string(stream.applied), optional_text(own_text(connection, stream.remade)), optional_text(stream.target_id),
         std::to_string(stream.target_number)});
    for (const TableRecord& table : tables) {
      upsert_table(connection, stream.name, table);
      for (const TableVersion& version : table.versions) insert_version(connection, stream.name, table.oid, version);
    }
  });
}

void CatalogStore::save_applied(const std::string& stream, Lsn applied) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query("UPDATE _echodb.streams SET applied_lsn = $2, updated_at = now() WHERE name = $1",
                     {stream, to_string(applied)});
  });
}

void CatalogStore::save_target(const std::string& stream, const std::string& target_id, std::uint64_t number) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query("UPDATE _echodb.streams SET target_id = $2, target_number = $3 WHERE name = $1",
                     {stream, target_id, std::to_string(number)});
  });
}

void CatalogStore::request_remake(const std::string& stream, const std::string& reason) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query("UPDATE _echodb.streams SET remake = $2, updated_at = now() WHERE name = $1",
                     {stream, own_text(connection, reason)});
    connection.query("INSERT INTO _echodb.journal (worker, event, detail) VALUES ($1, 'remake_requested', $2)",
                     {worker_, own_text(connection, reason)});
  });
}

/// One statement: tables are created, and their schemas replaced, while others read.
std::vector<TableRecord> CatalogStore::load_tables(const std::string& stream) { return load(stream, std::nullopt); }

std::optional<TableRecord> CatalogStore::load_table(const std::string& stream, Oid table) {
  std::vector<TableRecord> found = load(stream, table);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

/// One table, or all.
std::vector<TableRecord> CatalogStore::load(const std::string& stream, std::optional<Oid> table) {
  return with_connection([&](PostgresConnection& connection) {
    std::vector<TableRecord> tables;
    QueryResult found = query_tables(connection, stream, table);
    for (std::size_t row = 0; row < found.rows(); ++row) {
      if (tables.empty() || tables.back().oid != found.number(row, 0)) tables.push_back(read_table(found, row));
      tables.back().versions.push_back(read_version(found, row));
    }
    return tables;
  });
}

void CatalogStore::save_table(const std::string& stream, const TableRecord& table, const TableVersion* version) {
  in_transaction([&](PostgresConnection& connection) {
    upsert_table(connection, stream, table);
    if (!table.target_kept) {
      connection.query("DELETE FROM _echodb.target_tables WHERE stream = $1 AND oid = $2",
                       {stream, std::to_string(table.oid)});
    }
    if (version != nullptr) insert_version(connection, stream, table.oid, *version);
  });
}

std::map<Oid, TargetNote> CatalogStore::load_target_notes(const std::string& stream) {
  return with_connection([&](PostgresConnection& connection) {
    std::map<Oid, TargetNote> notes;
    QueryResult found = connection.query(
        "SELECT oid, uuid, bookmark_uuid, last_block FROM _echodb.target_tables WHERE stream = $1", {stream});
    for (std::size_t row = 0; row < found.rows(); ++row) {
      notes[static_cast<Oid>(found.number(row, 0))] = {.uuid = std::string(found.text(row, 1)),
                                                       .bookmark_uuid = std::string(found.text(row, 2)),
                                                       .last_block = std::stoll(std::string(found.text(row, 3)))};
    }
    return notes;
  });
}

void CatalogStore::save_target_note(const std::string& stream, Oid table, const TargetNote& note) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query(
        "INSERT INTO _echodb.target_tables (stream, oid, uuid, bookmark_uuid, last_block) "
        "SELECT stream, oid, $3::text, $4::text, $5::bigint FROM _echodb.tables WHERE stream = $1 AND oid = $2 "
        "ON CONFLICT (stream, oid) DO UPDATE SET uuid = excluded.uuid, bookmark_uuid = excluded.bookmark_uuid, "
        "last_block = excluded.last_block",
        {stream, std::to_string(table), note.uuid, note.bookmark_uuid, std::to_string(note.last_block)});
  });
}

void CatalogStore::announce_version(const std::string& stream, Oid table, const TableVersion& version) {
  in_transaction([&](PostgresConnection& connection) { insert_version(connection, stream, table, version); });
}

/// A schema and a drop stand amid their transaction, whose end alone is confirmed, and what stood before them may be
/// read again until then. No change that comes again is older than the slot's restart_lsn.
void CatalogStore::prune(const std::string& stream, Lsn confirmed) {
  in_transaction([&](PostgresConnection& connection) {
    const std::string oldest(
        connection
            .query("SELECT coalesce(min(CASE WHEN s.restart_lsn < $2 THEN s.restart_lsn ELSE $2 END), '0/0') FROM "
                   "_echodb.streams JOIN pg_replication_slots s ON s.slot_name = slot AND s.restart_lsn IS NOT NULL "
                   "WHERE name = $1",
                   {stream, to_string(confirmed)})
            .text(0, 0));
    connection.query(
        "DELETE FROM _echodb.table_versions v WHERE v.stream = $1 AND EXISTS (SELECT FROM _echodb.table_versions n "
        "WHERE n.stream = v.stream AND n.oid = v.oid AND n.lsn > v.lsn AND n.lsn <= $2)",
        {stream, oldest});
    connection.query(
        "UPDATE _echodb.tables SET copy_snapshot = NULL, copied_lsn = NULL WHERE stream = $1 AND copied_lsn <= $2",
        {stream, to_string(confirmed)});
    connection.query("DELETE FROM _echodb.tables WHERE stream = $1 AND dropped_lsn <= $2 AND coalesce(error, '') = ''",
                     {stream, oldest});
  });
}

void CatalogStore::journal(const JournalEntry& entry) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query("INSERT INTO _echodb.journal (worker, table_oid, event, detail) VALUES ($1, $2, $3, $4)",
                     {worker_, entry.table == 0 ? QueryParameter(std::nullopt) : std::to_string(entry.table),
                      entry.event, own_text(connection, entry.detail)});
  });
}

}  // namespace echodb
