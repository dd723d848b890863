#include "catalog/inheritance.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "catalog/inheritance.sql.h"
#include "config/exclusions.h"

namespace echodb {
namespace {

constexpr std::size_t kHeirsNamed = 5;

}  // namespace

std::size_t ParentTable::heirs_not_watched() const {
  return static_cast<std::size_t>(std::ranges::count(heirs, false, &Heir::watched));
}

std::string ParentTable::words() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(heirs.size(), kHeirsNamed); ++i) {
    names.push_back(heirs[i].watched ? heirs[i].name : heirs[i].name + " (not mirrored)");
  }
  if (heirs.size() > kHeirsNamed) {
    names.push_back(fmt::format("… {} in all, of which {} are not mirrored", heirs.size(), heirs_not_watched()));
  }
  if (partitioned) {
    return fmt::format("lacks the rows of its foreign partitions, which are in no log of this server: {}",
                       fmt::join(names, ", "));
  }
  return fmt::format(
      "holds its own rows only, while PostgreSQL's SELECT also returns those of the tables that inherit from it: {}",
      fmt::join(names, ", "));
}

std::vector<ParentTable> find_parents(PostgresConnection& source, const Settings& settings) {
  QueryResult found =
      source.query(std::string(sql::inheritance),
                   {to_array_text(settings.sync_schemas), to_array_text(exclusion_patterns(settings.excluded_tables))});
  std::vector<ParentTable> parents;
  for (std::size_t row = 0; row < found.rows(); ++row) {
    const Oid oid = static_cast<Oid>(found.number(row, 0));
    if (parents.empty() || parents.back().oid != oid) {
      parents.push_back({.oid = oid,
                         .name = std::string(found.text(row, 1)),
                         .watched = found.boolean(row, 2),
                         .partitioned = found.boolean(row, 6),
                         .heirs = {}});
    }
    parents.back().heirs.push_back({.oid = static_cast<Oid>(found.number(row, 3)),
                                    .name = std::string(found.text(row, 4)),
                                    .watched = found.boolean(row, 5)});
  }
  return parents;
}

}  // namespace echodb
