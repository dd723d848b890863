#include <gtest/gtest.h>

#include "base/error.h"
#include "replication/schema_change.h"

namespace echodb {
namespace {

constexpr Oid kInt4 = 23;
constexpr Oid kInt8 = 20;
constexpr Oid kTextType = 25;
constexpr Oid kDate = 1082;
using Effort = SchemaChange::Effort;

Column column(std::int16_t attnum, std::string name, Oid type, bool not_null = false) {
  Column made;
  made.attnum = attnum;
  made.name = std::move(name);
  made.type.oid = type;
  made.type.declared = type == kTextType ? "text" : "integer";
  made.not_null = not_null;
  return made;
}

TableSchema users() {
  TableSchema table;
  table.oid = 1;
  table.schema = "public";
  table.name = "users";
  table.columns = {column(1, "id", kInt4, true), column(2, "name", kTextType)};
  table.primary_key = {1};
  return table;
}

SchemaChange compare(const TableSchema& before, const TableSchema& after, Rewrite rewrite = Rewrite::None) {
  return compare_schemas({.before = before, .after = after, .rewrite = rewrite}, {"db", "users"},
                         {.server = {.major = 26, .minor = 7, .text = "26.7"}});
}

TEST(SchemaChange, CopiesAgainWhenAWideningMayBeMoreThanACast) {
  TableSchema before = users();
  TableSchema after = users();
  before.columns.push_back(column(3, "n", kInt4));
  after.columns.push_back(column(3, "n", kInt8));
  EXPECT_EQ(compare(before, after, Rewrite::Plain).effort, Effort::Alter);
  EXPECT_EQ(compare(before, after, Rewrite::Unknown).effort, Effort::Recopy);
  after.columns.push_back(column(4, "added", kInt4));
  EXPECT_EQ(compare(before, after, Rewrite::Plain).effort, Effort::Recopy);
}

TEST(SchemaChange, RebuildsForAWidenedKey) {
  TableSchema after = users();
  after.columns[0] = column(1, "id", kInt8, true);
  SchemaChange change = compare(users(), after, Rewrite::Plain);
  EXPECT_EQ(change.effort, Effort::Rebuild);
  EXPECT_TRUE(change.statements.empty());
}

TEST(SchemaChange, NamesTheColumnWhoseDefaultHasNoCounterpart) {
  TableSchema after = users();
  after.columns.push_back(column(3, "day", kDate));
  after.columns.back().missing_value = "infinity";
  try {
    compare(users(), after);
    FAIL() << "infinity has no place in Date32";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::UnsupportedValue);
    EXPECT_EQ(error.detail("column"), "day");
  }
}

TEST(SchemaChange, IsNothingForEqualSchemas) { EXPECT_EQ(compare(users(), users()).effort, Effort::Nothing); }

TEST(SchemaChange, AddsAColumnBehindTheOneBeforeIt) {
  TableSchema after = users();
  after.columns.push_back(column(3, "age", kInt4));
  SchemaChange change = compare(users(), after);
  EXPECT_EQ(change.effort, Effort::Alter);
  ASSERT_EQ(change.statements.size(), 1U);
  EXPECT_NE(change.statements[0].find("ADD COLUMN IF NOT EXISTS `age` Nullable(Int32)"), std::string::npos);
  EXPECT_NE(change.statements[0].find("AFTER `name`"), std::string::npos);
}

TEST(SchemaChange, GivesOldRowsTheDefaultTheyHaveInTheSource) {
  TableSchema after = users();
  after.columns.push_back(column(3, "age", kInt4));
  after.columns.back().missing_value = "7";
  SchemaChange change = compare(users(), after);
  ASSERT_EQ(change.statements.size(), 1U);
  EXPECT_NE(change.statements[0].find("DEFAULT"), std::string::npos);
}

TEST(SchemaChange, TellsARenameFromADropAndAnAdd) {
  TableSchema renamed = users();
  renamed.columns[1].name = "title";
  SchemaChange change = compare(users(), renamed);
  ASSERT_EQ(change.statements.size(), 1U);
  EXPECT_NE(change.statements[0].find("RENAME COLUMN"), std::string::npos);

  TableSchema replaced = users();
  replaced.columns[1] = column(3, "name", kTextType);
  EXPECT_EQ(compare(users(), replaced).statements.size(), 2U) << "same name, another attnum: another column";
}

TEST(SchemaChange, RebuildsForAnotherKey) {
  TableSchema bag = users();
  bag.primary_key.clear();
  EXPECT_EQ(compare(bag, users()).effort, Effort::Rebuild);
  EXPECT_EQ(compare(users(), bag).effort, Effort::Recopy) << "ClickHouse cannot make up the rows' identities";
}

TEST(SchemaChange, RebuildsForARenamedKeyColumn) {
  TableSchema after = users();
  after.columns[0].name = "user_id";
  SchemaChange change = compare(users(), after);
  EXPECT_EQ(change.effort, Effort::Rebuild);
  EXPECT_TRUE(change.statements.empty());
  ASSERT_EQ(change.key_renames.size(), 1U);
}

TEST(SchemaChange, WidensIntegersInPlaceAlthoughPostgresRewrites) {
  TableSchema before = users();
  before.columns.push_back(column(3, "age", kInt4));
  TableSchema after = before;
  after.columns[2].type.oid = kInt8;
  EXPECT_EQ(compare(before, after, Rewrite::Plain).effort, Effort::Alter);
  EXPECT_EQ(compare(after, before, Rewrite::Plain).effort, Effort::Recopy);
}

TEST(SchemaChange, CopiesAgainWhenRowsWereRewrittenForAnUnknownReason) {
  EXPECT_EQ(compare(users(), users(), Rewrite::Plain).effort, Effort::Recopy);
}

TEST(SchemaChange, LeavesTheTargetNullableWhenTheSourceGetsStricter) {
  TableSchema strict = users();
  strict.columns[1].not_null = true;
  EXPECT_EQ(compare(users(), strict).effort, Effort::Nothing);
  EXPECT_EQ(compare(strict, users()).effort, Effort::Alter);
}

TEST(SchemaChange, CopiesABagAgainWhenItsHashesChange) {
  TableSchema bag = users();
  bag.primary_key.clear();
  TableSchema fewer = bag;
  fewer.columns.pop_back();
  EXPECT_EQ(compare(bag, fewer).effort, Effort::Recopy);
  TableSchema more = bag;
  more.columns.push_back(column(3, "age", kInt4));
  EXPECT_EQ(compare(bag, more).effort, Effort::Alter) << "NULL adds nothing to a row's hash";
  more.columns.back().missing_value = "7";
  EXPECT_EQ(compare(bag, more).effort, Effort::Recopy);
}

}  // namespace
}  // namespace echodb
