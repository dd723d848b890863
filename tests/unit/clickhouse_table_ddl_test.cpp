#include <gtest/gtest.h>

#include "clickhouse/table_ddl.h"

namespace echodb {
namespace {

const ServerVersion kCurrent{.major = 26, .minor = 7, .text = "26.7"};
const ServerVersion kOld{.major = 18, .minor = 16, .text = "18.16"};

TableDefinition users() {
  return {.table = {"echodb", "users"},
          .columns = {{"id", "Int32", {}}, {"name", "Nullable(String)", "'x'"}},
          .extra_columns = {},
          .key = {"id", "name"}};
}

TEST(TableDdl, CreatesPeerDbsLayout) {
  EXPECT_EQ(create_table_sql(users(), kCurrent),
            "CREATE TABLE IF NOT EXISTS `echodb`.`users` (`id` Int32, `name` Nullable(String) DEFAULT 'x', "
            "`_peerdb_synced_at` DateTime64(9) DEFAULT now64(), `_peerdb_is_deleted` UInt8, `_peerdb_version` UInt64) "
            "ENGINE = ReplacingMergeTree(`_peerdb_version`, `_peerdb_is_deleted`) ORDER BY (`id`, `name`)");
}

TEST(TableDdl, LeavesOutWhatAnOldServerLacks) {
  EXPECT_EQ(create_table_sql(users(), kOld),
            "CREATE TABLE IF NOT EXISTS `echodb`.`users` (`id` Int32, `name` Nullable(String) DEFAULT 'x', "
            "`_peerdb_synced_at` DateTime DEFAULT now(), `_peerdb_is_deleted` UInt8, `_peerdb_version` UInt64) "
            "ENGINE = ReplacingMergeTree(`_peerdb_version`) ORDER BY (`id`, `name`)");
}

TEST(TableDdl, AllowsANullableKeyWhenAsked) {
  TableDefinition definition = users();
  definition.nullable_key = true;
  EXPECT_TRUE(create_table_sql(definition, kCurrent).ends_with("SETTINGS allow_nullable_key = 1"));
}

TEST(TableDdl, PutsABagsColumnsBehindTheSources) {
  TableDefinition definition = users();
  definition.extra_columns = bag_columns();
  definition.key = bag_key();
  const std::string sql = create_table_sql(definition, kCurrent);
  EXPECT_NE(sql.find("DEFAULT 'x', `_echodb_row_hash` FixedString(16), `_echodb_lsn` UInt64, `_echodb_ordinal` UInt64, "
                     "`_echodb_change` UInt64, `_peerdb_synced_at`"),
            std::string::npos)
      << sql;
  EXPECT_TRUE(sql.ends_with("ORDER BY (`_echodb_row_hash`, `_echodb_lsn`, `_echodb_ordinal`)")) << sql;
}

TEST(TableDdl, AltersColumns) {
  const TargetTable table{"echodb", "users"};
  EXPECT_EQ(add_column_sql(table, {"age", "Int16", "7"}, {.after = "name"}),
            "ALTER TABLE `echodb`.`users` ADD COLUMN IF NOT EXISTS `age` Int16 DEFAULT 7 AFTER `name`");
  EXPECT_EQ(add_column_sql(table, {"age", "Int16", {}}, {}),
            "ALTER TABLE `echodb`.`users` ADD COLUMN IF NOT EXISTS `age` Int16 FIRST");
  EXPECT_EQ(drop_column_sql(table, "age"), "ALTER TABLE `echodb`.`users` DROP COLUMN IF EXISTS `age`");
  EXPECT_EQ(rename_column_sql(table, {.from = "a", .to = "b"}),
            "ALTER TABLE `echodb`.`users` RENAME COLUMN IF EXISTS `a` TO `b`");
  EXPECT_EQ(modify_column_sql(table, {"age", "Int64", {}}), "ALTER TABLE `echodb`.`users` MODIFY COLUMN `age` Int64");
}

TEST(TableDdl, EscapesSourceColumnsNamedLikeOursWithoutClashes) {
  EXPECT_EQ(target_column_name("name"), "name");
  EXPECT_EQ(target_column_name("name_source"), "name_source");
  EXPECT_EQ(target_column_name("_peerdb_version"), "_peerdb_version_source");
  EXPECT_EQ(target_column_name("_peerdb_version_source"), "_peerdb_version_source_source");
  EXPECT_EQ(target_column_name("_echodb_lsn"), "_echodb_lsn_source");
}

TEST(Quoting, EscapesWhatWouldEndTheQuotes) {
  EXPECT_EQ(quote_identifier("a`b\\c"), "`a\\`b\\\\c`");
  EXPECT_EQ(quote_literal("it's \\ done"), "'it\\'s \\\\ done'");
  EXPECT_EQ(quote_literal(std::string_view("a\0b", 3)), "'a\\0b'");
}

}  // namespace
}  // namespace echodb
