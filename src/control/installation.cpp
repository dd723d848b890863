#include "control/installation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "control/made_faults.sql.h"
#include "control/made_objects.sql.h"

namespace echodb {
namespace {

using Hole = InstallationFault::Hole;

/// A note that no object matches, for as long as the tables are not described.
constexpr const char* kUnfinished = "unfinished";

std::string with_present(std::string_view statement) {
  return fmt::format("WITH present AS (\n{}\n)\n{}", sql::made_objects, statement);
}

bool has_notes(PostgresConnection& source) {
  return source.query("SELECT to_regclass('_echodb.made') IS NOT NULL").boolean(0, 0);
}

InstallationFault read_fault(const QueryResult& found, std::size_t row) {
  const std::string_view kind = found.text(row, 0);
  if (kind == kUnfinished) return {.what = "setup was cut short before it had described every table"};
  return {.what = fmt::format("the {} {} {}", kind, found.text(row, 1), found.text(row, 2)),
          .hole = kind == "publication" ? Hole::Rows : Hole::SchemaChanges,
          .columns_only = found.boolean(row, 3)};
}

std::string list(const InstallationFaults& faults, const auto& wanted) {
  std::vector<std::string_view> words;
  for (const InstallationFault& fault : faults) {
    if (wanted(fault)) words.push_back(fault.what);
  }
  // A schema that is gone takes dozens of objects along.
  constexpr std::size_t kNamedMax = 5;
  const std::size_t more = words.size() > kNamedMax ? words.size() - kNamedMax : 0;
  words.resize(words.size() - more);
  return fmt::format("{}{}", fmt::join(words, ", "), more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

InstallationFaults find_installation_faults(PostgresConnection& source, const std::string& publication) {
  if (source.query("SELECT to_regnamespace('_echodb') IS NULL").boolean(0, 0)) {
    return {{.what = "the schema _echodb is gone", .hole = Hole::Rows}};
  }
  const bool noted = has_notes(source);
  QueryResult found = noted ? source.query(with_present(sql::made_faults), {publication})
                            : source.query(
                                  "SELECT 'publication', w.name, 'is gone', false FROM unnest(ARRAY[$1::text, $1 || "
                                  "'_insert_only']) AS w(name) WHERE NOT EXISTS (SELECT FROM pg_publication p WHERE "
                                  "p.pubname = w.name)",
                                  {publication});
  InstallationFaults faults;
  for (std::size_t row = 0; row < found.rows(); ++row) faults.push_back(read_fault(found, row));
  return faults;
}

std::string list_faults(const InstallationFaults& faults, Hole hole) {
  return list(faults, [hole](const InstallationFault& fault) { return fault.hole == hole; });
}

std::string list_faults(const InstallationFaults& faults) {
  return list(faults, [](const InstallationFault&) { return true; });
}

void note_installation(PostgresConnection& source, const NoteOptions& options) {
  source.query(with_present("DELETE FROM _echodb.made m WHERE m.kind <> $2 AND NOT EXISTS (SELECT FROM present p "
                            "WHERE p.kind = m.kind AND p.name = m.name)"),
               {options.publication, kUnfinished});
  source.query(with_present("INSERT INTO _echodb.made (kind, name, id, row_made_by, content) "
                            "SELECT p.kind, p.name, p.id, p.row_made_by, p.content FROM present p "
                            "ON CONFLICT (kind, name) DO UPDATE SET id = excluded.id, "
                            "row_made_by = excluded.row_made_by, content = excluded.content "
                            "WHERE $2::boolean OR excluded.kind <> 'publication'"),
               {options.publication, options.publications_too ? "true" : "false"});
  if (!options.must_describe_all) return;
  source.query(
      "INSERT INTO _echodb.made (kind, name, id, row_made_by, content) VALUES ($1, $1, 0, '', '') "
      "ON CONFLICT DO NOTHING",
      {kUnfinished});
}

void note_described(PostgresConnection& source) {
  source.query("DELETE FROM _echodb.made WHERE kind = $1", {kUnfinished});
}

}  // namespace echodb
