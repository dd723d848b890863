#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "column_testing.h"

// docs/types.md says what `target_type` does: each type that its tables name is asked for.
namespace echodb::unit {
namespace {

struct DocumentedRow {
  std::vector<std::string> postgres;    ///< what stands in `backquotes` in the first column
  std::vector<std::string> clickhouse;  ///< and in the second
};

std::vector<std::string> quoted(std::string_view cell) {
  std::vector<std::string> names;
  for (std::size_t open = cell.find('`'); open != std::string_view::npos; open = cell.find('`')) {
    cell.remove_prefix(open + 1);
    const std::size_t close = cell.find('`');
    names.emplace_back(cell.substr(0, close));
    cell.remove_prefix(close + 1);
  }
  return names;
}

/// The rows of the table that follows the header whose second cell is this.
std::vector<DocumentedRow> documented(std::string_view second_header) {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../docs/types.md");
  const std::string header = "| PostgreSQL | " + std::string(second_header) + " |";
  std::vector<DocumentedRow> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(header)) {
      inside = true;
    } else if (inside && !line.starts_with("|")) {
      return rows;
    } else if (inside && !line.starts_with("| ---")) {
      const std::string_view cells(line);
      const std::size_t second = cells.find(" | ", 2);
      const std::size_t third = cells.find(" | ", second + 1);
      rows.push_back(
          {.postgres = quoted(cells.substr(0, second)), .clickhouse = quoted(cells.substr(second, third - second))});
    }
  }
  return rows;
}

/// The types by the names that the page gives them, which are format_type's.
std::map<std::string, ColumnType> named_types() {
  std::map<std::string, ColumnType> types;
  const std::pair<const char*, Oid> base[] = {{"boolean", 16},
                                              {"smallint", 21},
                                              {"integer", 23},
                                              {"bigint", 20},
                                              {"oid", 26},
                                              {"real", 700},
                                              {"double precision", 701},
                                              {"numeric", 1700},
                                              {"text", 25},
                                              {"character varying", 1043},
                                              {"name", 19},
                                              {"xml", 142},
                                              {"character", 1042},
                                              {"\"char\"", 18},
                                              {"json", 114},
                                              {"jsonb", 3802},
                                              {"bytea", 17},
                                              {"uuid", 2950},
                                              {"date", 1082},
                                              {"timestamp without time zone", 1114},
                                              {"timestamp with time zone", 1184},
                                              {"time without time zone", 1083},
                                              {"time with time zone", 1266},
                                              {"interval", 1186},
                                              {"bit", 1560},
                                              {"bit varying", 1562},
                                              {"inet", 869},
                                              {"cidr", 650},
                                              {"macaddr", 829},
                                              {"macaddr8", 774},
                                              {"money", 790},
                                              {"point", 600},
                                              {"line", 628},
                                              {"lseg", 601},
                                              {"box", 603},
                                              {"path", 602},
                                              {"polygon", 604},
                                              {"circle", 718},
                                              {"tsvector", 3614},
                                              {"tsquery", 3615},
                                              {"pg_lsn", 3220},
                                              {"tid", 27},
                                              {"xid", 28},
                                              {"xid8", 5069},
                                              {"cid", 29},
                                              {"pg_snapshot", 5038},
                                              {"regclass", 2205},
                                              {"regtype", 2206},
                                              {"regproc", 24},
                                              {"regprocedure", 2202},
                                              {"regrole", 4096},
                                              {"regnamespace", 4089},
                                              {"ltree", 16400}};
  for (const auto& [name, oid] : base) types[name] = {.oid = oid, .declared = name};
  for (const auto& [name, oid] : std::initializer_list<std::pair<const char*, Oid>>{{"int4range", 3904},
                                                                                    {"int8range", 3926},
                                                                                    {"numrange", 3906},
                                                                                    {"daterange", 3912},
                                                                                    {"tsrange", 3908},
                                                                                    {"tstzrange", 3910},
                                                                                    {"float_range", 16401}}) {
    types[name] = {.oid = oid, .kind = TypeKind::Range, .declared = name};
  }
  for (const auto& [name, oid] : std::initializer_list<std::pair<const char*, Oid>>{{"int4multirange", 4451},
                                                                                    {"int8multirange", 4536},
                                                                                    {"nummultirange", 4532},
                                                                                    {"datemultirange", 4535},
                                                                                    {"tsmultirange", 4533},
                                                                                    {"tstzmultirange", 4534}}) {
    types[name] = {.oid = oid, .kind = TypeKind::Multirange, .declared = name};
  }
  for (const char* name : {"citext", "hstore", "vector", "halfvec", "sparsevec", "geometry", "geography"}) {
    types[name] = {.oid = 16402, .declared = name, .extension_type = name};
  }
  for (const auto& [precision, scale] :
       std::initializer_list<std::pair<int, int>>{{10, 2}, {3, -2}, {2, 5}, {100, 2}}) {
    const std::string name = "numeric(" + std::to_string(precision) + ", " + std::to_string(scale) + ")";
    types[name] = {.oid = 1700, .typmod = numeric_typmod(precision, scale), .declared = name};
  }
  types["mood"] = {.oid = 16403, .kind = TypeKind::Enum, .declared = "mood"};
  types["pair"] = {.oid = 16404, .kind = TypeKind::Composite, .declared = "pair"};
  for (const auto& [name, element] :
       std::initializer_list<std::pair<const char*, Oid>>{{"integer[]", 23}, {"text[]", 25}, {"money[]", 790}}) {
    types[name] = {.oid = 16405, .kind = TypeKind::Array, .declared = name, .element_oid = element};
  }
  return types;
}

TEST(Documentation, SaysWhatEveryTypeBecomes) {
  const auto types = named_types();
  std::set<std::string> named;
  for (const DocumentedRow& row : documented("ClickHouse")) {
    ASSERT_FALSE(row.clickhouse.empty()) << ::testing::PrintToString(row.postgres);
    for (const std::string& name : row.postgres) {
      ASSERT_TRUE(types.contains(name)) << name;
      EXPECT_TRUE(named.insert(name).second) << name << " stands there twice";
      EXPECT_EQ(target_type(types.at(name), {.server = kCurrentServer, .nullable = false}).column_type,
                row.clickhouse.front())
          << name;
    }
  }
  for (const auto& [name, type] : types) EXPECT_TRUE(named.contains(name)) << name << " is not in docs/types.md";
}

TEST(Documentation, SaysWhatAnOptionMakesOfAType) {
  const auto types = named_types();
  const TypeOptions options{
      .server = kCurrentServer, .nullable = false, .unbounded_numeric = UnboundedNumeric::Text, .json = JsonForm::Json};
  std::size_t asked = 0;
  for (const DocumentedRow& row : documented("ClickHouse")) {
    for (const std::string& name : row.postgres) {
      // "`String` with `ECHODB_…`" stands behind what the type becomes by itself.
      if (row.clickhouse.size() != 3 || !row.clickhouse[2].starts_with("ECHODB_")) continue;
      EXPECT_EQ(target_type(types.at(name), options).column_type, row.clickhouse[1]) << name;
      ++asked;
    }
  }
  EXPECT_EQ(asked, 3U);
}

TEST(Documentation, SaysWhatATypeMayBecomeByOverride) {
  auto types = named_types();
  std::size_t asked = 0;
  for (const DocumentedRow& row : documented("may become")) {
    std::vector<std::string> names = row.postgres;
    if (names.empty()) {
      for (const auto& [name, type] : types) names.push_back(name);
    }
    for (const std::string& name : names) {
      for (const std::string& wanted : row.clickhouse) {
        const TypeOptions options{.server = kCurrentServer, .nullable = false, .override_type = wanted};
        EXPECT_EQ(target_type(types.at(name), options).column_type, wanted) << name;
        ++asked;
      }
    }
  }
  EXPECT_GT(asked, 150U);
}

}  // namespace
}  // namespace echodb::unit
