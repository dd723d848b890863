// The part of CatalogStore for the ranges of copies: which have been planned, and which are done.

#include "catalog/store.h"
#include "catalog/store_connection.h"

namespace echodb {
namespace {

void insert_range(PostgresConnection& connection, const std::string& stream, Oid table, const CopyRange& range) {
  connection.query(
      "INSERT INTO _echodb.copy_ranges (stream, oid, number, relation, relfilenode, first_block, end_block, copy) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {stream, std::to_string(table), std::to_string(range.number), std::to_string(range.relation),
       std::to_string(range.relfilenode), std::to_string(range.first_block),
       range.end_block ? QueryParameter(std::to_string(*range.end_block)) : QueryParameter(std::nullopt),
       std::to_string(range.copy)});
}

}  // namespace

std::vector<CopyRange> CatalogStore::load_ranges(const std::string& stream, Oid table) {
  return with_connection([&](PostgresConnection& connection) {
    std::vector<CopyRange> ranges;
    QueryResult found = connection.query(
        "SELECT number, relation, relfilenode, first_block, end_block, done_at IS NOT NULL, rows, copy "
        "FROM _echodb.copy_ranges WHERE stream = $1 AND oid = $2 ORDER BY number",
        {stream, std::to_string(table)});
    for (std::size_t row = 0; row < found.rows(); ++row) {
      CopyRange range{.copy = found.number(row, 7),
                      .number = static_cast<int>(found.number(row, 0)),
                      .relation = static_cast<Oid>(found.number(row, 1)),
                      .relfilenode = static_cast<Oid>(found.number(row, 2)),
                      .first_block = found.number(row, 3),
                      .done = found.boolean(row, 5),
                      .rows = found.number(row, 6)};
      if (!found.is_null(row, 4)) range.end_block = found.number(row, 4);
      ranges.push_back(range);
    }
    return ranges;
  });
}

void CatalogStore::replace_ranges(const std::string& stream, Oid table, const std::vector<CopyRange>& ranges) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query("DELETE FROM _echodb.copy_ranges WHERE stream = $1 AND oid = $2", {stream, std::to_string(table)});
    for (const CopyRange& range : ranges) insert_range(connection, stream, table, range);
  });
}

void CatalogStore::finish_range(const std::string& stream, Oid table, const CopyRange& range) {
  in_transaction([&](PostgresConnection& connection) {
    QueryResult finished = connection.query(
        "UPDATE _echodb.copy_ranges SET done_at = now(), rows = $4 WHERE stream = $1 AND oid = $2 AND number = $3 "
        "AND copy = $5 RETURNING number",
        {stream, std::to_string(table), std::to_string(range.number), std::to_string(range.rows),
         std::to_string(range.copy)});
    if (finished.rows() == 0) throw Error(ErrorCode::SchemaMismatch, "the table is being copied anew");
  });
}

}  // namespace echodb
