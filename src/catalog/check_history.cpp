#include "catalog/store_connection.h"

namespace echodb {
namespace {

/// Checks of one table that are kept.
constexpr const char* kChecksKept = "100";

}  // namespace

void CatalogStore::save_check(const std::string& stream, const CheckRecord& check) {
  in_transaction([&](PostgresConnection& connection) {
    connection.query(
        "INSERT INTO _echodb.checks (stream, oid, table_name, mode, result, lsn, rows_compared, mismatched, "
        "duration_ms, report) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        {stream, std::to_string(check.oid), check.table, check.mode, check.result, to_string(check.position),
         std::to_string(check.rows_compared), std::to_string(check.mismatched), std::to_string(check.duration_ms),
         own_text(connection, check.report)});
    connection.query(
        "DELETE FROM _echodb.checks WHERE stream = $1 AND oid = $2 AND id <= (SELECT id FROM _echodb.checks "
        "WHERE stream = $1 AND oid = $2 ORDER BY id DESC OFFSET $3 LIMIT 1)",
        {stream, std::to_string(check.oid), kChecksKept});
  });
}

std::string CatalogStore::table_mark(const std::string& stream, Oid table) {
  return with_connection([&](PostgresConnection& connection) {
    QueryResult found = connection.query(
        "SELECT concat_ws(' ', t.xmin, t.ctid, v.xmin, v.ctid) FROM _echodb.tables t LEFT JOIN LATERAL "
        "(SELECT xmin, ctid FROM _echodb.table_versions WHERE (stream, oid) = (t.stream, t.oid) ORDER BY lsn DESC "
        "LIMIT 1) v ON true WHERE t.stream = $1 AND t.oid = $2",
        {stream, std::to_string(table)});
    return found.rows() == 0 ? std::string() : std::string(found.text(0, 0));
  });
}

std::vector<ParentTable> CatalogStore::find_parents(const Settings& settings) {
  return with_connection([&](PostgresConnection& connection) { return echodb::find_parents(connection, settings); });
}

std::vector<CheckRecord> CatalogStore::latest_checks(const std::string& stream) {
  return with_connection([&](PostgresConnection& connection) {
    QueryResult found = connection.query(
        "SELECT DISTINCT ON (oid) oid, table_name, mode, result, lsn, rows_compared, mismatched, duration_ms, report "
        "FROM _echodb.checks WHERE stream = $1 ORDER BY oid, id DESC",
        {stream});
    std::vector<CheckRecord> checks;
    for (std::size_t row = 0; row < found.rows(); ++row) {
      checks.push_back({.oid = static_cast<Oid>(found.number(row, 0)),
                        .table = std::string(found.text(row, 1)),
                        .mode = std::string(found.text(row, 2)),
                        .result = std::string(found.text(row, 3)),
                        .position = parse_lsn(found.text(row, 4)),
                        .rows_compared = found.number(row, 5),
                        .mismatched = found.number(row, 6),
                        .duration_ms = found.number(row, 7),
                        .report = std::string(found.text(row, 8))});
    }
    return checks;
  });
}

}  // namespace echodb
