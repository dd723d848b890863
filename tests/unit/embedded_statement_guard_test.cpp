#include <gtest/gtest.h>

#include "embedded/sql_lexer.h"
#include "embedded/statement_guard.h"

namespace echodb {
namespace {

TEST(StatementGuard, AsksAboutAnyBytesThatHoldTheWord) {
  EXPECT_TRUE(may_touch_host("SELECT 1 INTO // x\nOutFile 'f'"));
  EXPECT_TRUE(may_touch_host("SELECT 'infile'"));
  EXPECT_TRUE(may_touch_host("CREATE DATABASE d ENGINE = Filesystem('/')"));
  EXPECT_FALSE(may_touch_host("SELECT name FROM system.tables WHERE database = 'a'"));
}

TEST(StatementGuard, RefusesWhatNamesFiles) {
  EXPECT_NE(host_access("SELECT 1 INTO OUTFILE 'a' FORMAT CSV"), "");
  EXPECT_NE(host_access("INSERT INTO t FROM INFILE 'a' FORMAT CSV"), "");
  EXPECT_NE(host_access("EXPLAIN SELECT 1 INTO OUTFILE 'x'"), "");
  EXPECT_NE(host_access("RESTORE TABLE t FROM S3('x')"), "");
  EXPECT_EQ(host_access("SELECT * FROM infile"), "");
  EXPECT_EQ(host_access("SELECT 'INTO OUTFILE'"), "");
}

TEST(StatementGuard, RefusesDatabasesOfUnknownEngines) {
  EXPECT_NE(host_access("CREATE DATABASE d ENGINE = Filesystem('/')"), "");
  EXPECT_NE(host_access("ATTACH DATABASE d ENGINE = SQLite('/a')"), "");
  EXPECT_NE(host_access("CREATE DATABASE d ENGINE = OfTomorrow"), "");
  EXPECT_EQ(host_access("CREATE DATABASE d ENGINE = Atomic"), "");
}

TEST(StatementGuard, RefusesTablesOfEnginesThatAreNotServed) {
  EXPECT_NE(host_access("CREATE TABLE t (`a` String) ENGINE = Executable('x', 'TSV')"), "");
  EXPECT_NE(host_access("CREATE TABLE t (`a` String) ENGINE = OfTomorrow"), "");
  EXPECT_EQ(host_access("CREATE TABLE t (`a` String) ENGINE = ReplacingMergeTree(v) ORDER BY a"), "");
}

TEST(StatementGuard, RefusesFunctionsThatReachTheHostAndNoTableOfTheirName) {
  EXPECT_NE(host_access("SELECT * FROM executable('x', 'TSV', 'a String')"), "");
  EXPECT_NE(host_access("SELECT * FROM eval('SELECT 1')"), "");
  EXPECT_TRUE(may_touch_host("SELECT * FROM `e\\x76al`('x')"));
  EXPECT_EQ(host_access("INSERT INTO d.file (`a`) FORMAT Null"), "");
}

TEST(SqlLexer, CommentsNestAndSlashesBeginThem) {
  EXPECT_TRUE(SqlLexer("/* /* */ no */ yes").next().is_keyword("YES"));
  EXPECT_TRUE(SqlLexer("// no\nyes").next().is_keyword("YES"));
}

}  // namespace
}  // namespace echodb
