// The part of CatalogStore that finds streams. A database has one, which is called what the database is.

#include <array>

#include "catalog/store_connection.h"

namespace echodb {
namespace {

StreamRecord read_stream(const QueryResult& found, std::size_t row) {
  return {.name = std::string(found.text(row, 10)),
          .slot = std::string(found.text(row, 0)),
          .publication = std::string(found.text(row, 1)),
          .system_identifier = std::string(found.text(row, 2)),
          .consistent = parse_lsn(found.text(row, 3)),
          .applied = parse_lsn(found.text(row, 4)),
          .remake = std::string(found.text(row, 5)),
          .remade = std::string(found.text(row, 6)),
          .created = std::string(found.text(row, 7)),
          .target_id = std::string(found.text(row, 8)),
          .target_number = found.number(row, 9),
          .as_text = found.boolean(row, 11)};
}

/// The tables whose rows bear a stream's name and refer to `tables`, or to `streams` alone.
constexpr std::array kTablesBelow{"table_versions", "target_tables", "copy_ranges", "checks"};

}  // namespace

std::vector<StreamRecord> CatalogStore::streams() {
  return with_connection([](PostgresConnection& connection) {
    std::vector<StreamRecord> streams;
    QueryResult exists = connection.query("SELECT to_regclass('_echodb.streams') IS NOT NULL");
    if (!exists.boolean(0, 0)) return streams;
    // A catalog of an earlier version has fewer columns.
    QueryResult found = connection.query(
        "SELECT slot, publication, system_identifier, consistent_lsn, applied_lsn, to_jsonb(s) ->> 'remake', "
        "to_jsonb(s) ->> 'remade', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), "
        "to_jsonb(s) ->> 'target_id', coalesce((to_jsonb(s) ->> 'target_number')::bigint, 0), name, "
        "coalesce((to_jsonb(s) ->> 'as_text')::boolean, false) "
        "FROM _echodb.streams s ORDER BY name");
    for (std::size_t row = 0; row < found.rows(); ++row) streams.push_back(read_stream(found, row));
    return streams;
  });
}

std::optional<StreamRecord> CatalogStore::find_stream(const std::string& name) {
  for (StreamRecord& stream : streams()) {
    if (stream.name == name) return std::move(stream);
  }
  return std::nullopt;
}

/// Foreign keys are checked at once, so the rows that others refer to are there twice for a moment.
void CatalogStore::rename_stream(const std::string& from, const std::string& to) {
  in_transaction([&](PostgresConnection& connection) {
    QueryResult held = connection.query("SELECT FROM _echodb.streams WHERE name = $1 FOR UPDATE", {from});
    if (held.rows() == 0) return;
    connection.query(
        "INSERT INTO _echodb.streams SELECT (jsonb_populate_record(s, jsonb_build_object('name', $2::text))).* "
        "FROM _echodb.streams s WHERE name = $1",
        {from, to});
    connection.query(
        "INSERT INTO _echodb.tables SELECT (jsonb_populate_record(t, jsonb_build_object('stream', $2::text))).* "
        "FROM _echodb.tables t WHERE stream = $1",
        {from, to});
    for (const std::string table : kTablesBelow) {
      if (connection.query("SELECT to_regclass('_echodb.' || $1) IS NULL", {table}).boolean(0, 0)) continue;
      connection.query("UPDATE _echodb." + table + " SET stream = $2 WHERE stream = $1", {from, to});
    }
    connection.query("DELETE FROM _echodb.streams WHERE name = $1", {from});
    connection.query("INSERT INTO _echodb.journal (worker, event, detail) VALUES ($1, 'stream_renamed', $2)",
                     {worker_, "the database was called " + from + " before, and is " + to});
  });
}

void CatalogStore::stream_as_text(const std::string& stream, const std::string& reason) {
  std::vector<TableRecord> bags = load_tables(stream);
  std::erase_if(bags, [](const TableRecord& table) {
    return table.state != TableState::Streaming || !table.versions.back().schema.key().empty();
  });
  in_transaction([&](PostgresConnection& connection) {
    connection.query("UPDATE _echodb.streams SET as_text = true, updated_at = now() WHERE name = $1", {stream});
    for (const TableRecord& bag : bags) {
      connection.query(
          "UPDATE _echodb.tables SET state = $3, shadow = true, copy_snapshot = NULL, copied_lsn = NULL "
          "WHERE stream = $1 AND oid = $2",
          {stream, std::to_string(bag.oid), to_string(TableState::Copying)});
      connection.query("DELETE FROM _echodb.target_tables WHERE stream = $1 AND oid = $2",
                       {stream, std::to_string(bag.oid)});
    }
    connection.query("INSERT INTO _echodb.journal (worker, event, detail) VALUES ($1, 'values_as_text', $2)",
                     {worker_, own_text(connection, reason)});
  });
}

void CatalogStore::forget_stream(const std::string& name) {
  in_transaction(
      [&](PostgresConnection& connection) { connection.query("DELETE FROM _echodb.streams WHERE name = $1", {name}); });
}

}  // namespace echodb
