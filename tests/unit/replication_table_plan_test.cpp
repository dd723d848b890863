#include <gtest/gtest.h>

#include "base/error.h"
#include "replication/table_plan.h"

namespace echodb {
namespace {

const TypeChoices kChoices{.server = {.major = 26, .minor = 7, .text = "26.7"}};

Column column(std::int16_t attnum, std::string name) {
  Column made;
  made.attnum = attnum;
  made.name = std::move(name);
  made.type.oid = 23;
  made.type.declared = "integer";
  return made;
}

TableSchema table(std::vector<Column> columns) {
  TableSchema made;
  made.schema = "public";
  made.name = "t";
  made.columns = std::move(columns);
  made.columns.front().not_null = true;
  made.primary_key = {1};
  return made;
}

TEST(TablePlan, WritesRowsOfAnOlderSchemaIntoTodaysColumns) {
  TableSchema then = table({column(1, "id"), column(2, "old_name"), column(3, "dropped_since")});
  TableSchema now = table({column(1, "id"), column(2, "new_name"), column(4, "added_since")});
  TablePlan plan(then, now, kChoices);
  EXPECT_EQ(plan.positions({"id", "old_name", "dropped_since"}), (std::vector<std::size_t>{0, 1, TablePlan::kNowhere}));
  std::string sql = plan.insert_sql({"db", "t"});
  EXPECT_NE(sql.find("`new_name`"), std::string::npos);
  EXPECT_EQ(sql.find("dropped_since"), std::string::npos);
  EXPECT_EQ(sql.find("added_since"), std::string::npos) << "rows of that time take the column's default";
}

TEST(TablePlan, SkipsGeneratedColumnsThatTheStreamDoesNotCarry) {
  TableSchema schema = table({column(1, "id"), column(2, "sum"), column(3, "v")});
  schema.columns[1].generated = true;
  TablePlan plan(schema, schema, kChoices);
  EXPECT_EQ(plan.positions({"id", "v"}), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(plan.positions({"id", "sum", "v"}), (std::vector<std::size_t>{0, 1, 2}))
      << "PostgreSQL 18 can publish them";
}

TEST(TablePlan, RefusesRowsOfAnotherSchema) {
  TableSchema schema = table({column(1, "id"), column(2, "v")});
  TablePlan plan(schema, schema, kChoices);
  EXPECT_THROW(plan.positions({"id", "w"}), Error);
  EXPECT_THROW(plan.positions({"id", "v", "w"}), Error);
}

TEST(TablePlan, TakesTheIdentityIndexForTheKey) {
  TableSchema schema = table({column(1, "id"), column(2, "v")});
  schema.identity_index = {2};
  EXPECT_EQ(TablePlan(schema, schema, kChoices).key(), std::vector<std::size_t>{1});
  schema.identity_index.clear();
  schema.primary_key.clear();
  EXPECT_TRUE(TablePlan(schema, schema, kChoices).is_bag());
}

}  // namespace
}  // namespace echodb
