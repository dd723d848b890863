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
  EXPECT_FALSE(may_touch_host("INSERT INTO `t` (`id`, `v`) FORMAT Native")) << "the worker's own inserts ask nothing";
  EXPECT_TRUE(may_touch_host("SELECT * FROM format(CSV, 'x')"));
  EXPECT_EQ(host_access("SELECT * FROM format(RowBinary, 'k UInt8', unhex('01'))"), "") << "the worker's look-ups";
  EXPECT_TRUE(may_touch_host("SELECT * FROM Format /* FORMAT Native */ (CSV, 'x')"));
  EXPECT_TRUE(may_touch_host("SELECT * FROM `format`(CSV, 'x') FORMAT CSV"));
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

TEST(StatementGuard, RefusesWaysAroundPrivileges) {
  for (const char* statement :
       {"ATTACH TABLE k UUID '1' (`b` String) ENGINE = URL('http://x', RawBLOB)",
        "ATTACH TABLE k FROM '/a' (`b` String)",
        "ATTACH VIEW v AS SELECT 1",
        "SELECT * FROM url('FILE:///a', 'CSV')",
        "CREATE TABLE t (`a` String) ENGINE = Buffer('default', '/a')",
        "SELECT * FROM default.`/etc/passwd`",
        "CREATE VIEW v SQL SECURITY NONE AS SELECT 1",
        "CREATE VIEW v DEFINER = a SQL SECURITY DEFINER AS SELECT 1",
        "SELECT arrayMap(file, ['/a'])",
        "SELECT arrayMap((`file`), ['/a'])",
        "SELECT * APPLY file FROM t",
        "SELECT g(file)",
        "SELECT arrayMap({f:Identifier}, ['/a'])",
        "SELECT 1 SETTINGS format_schema_source = 'query'",
        "SET format_template_row = '/a'",
        "SELECT 1 SETTINGS additional_result_filter = 'x'",
        "CREATE TABLE a (`x` String) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = local)",
        "CREATE TABLE a (`x` String) ENGINE = MergeTree ORDER BY x SETTINGS storage_policy = 'x'",
        "SELECT * FROM format(JSONEachRow, 'a String DEFAULT file(1)', '{}')",
        "SELECT * FROM format(JSONEachRow, concat('a', 'b'), '{}')",
        "SELECT * FROM format(JSONEachRow, s, '{}')"}) {
    EXPECT_TRUE(may_touch_host(statement)) << statement;
    EXPECT_NE(host_access(statement), "") << statement;
  }
}

TEST(StatementGuard, LetsOrdinaryStatementsThrough) {
  for (const char* statement :
       {"ATTACH TABLE d.t", "SELECT file FROM t", "CREATE TABLE t (`file` String) ENGINE = Memory",
        "SELECT count(file), t.file FROM t WHERE (file = 'a') ORDER BY file ASC", "SELECT format('{} {}', upper(a), b)",
        "SELECT * FROM format(JSONEachRow, 'a String', '{}')",
        "SELECT disk FROM system.detached_parts WHERE disk = 'a'",
        "CREATE TABLE t (`a` String DEFAULT 'x') ENGINE = Memory", "SELECT * FROM {d:Identifier}.{t:Identifier}"}) {
    EXPECT_EQ(host_access(statement), "") << statement;
  }
}

TEST(SqlLexer, CommentsNestAndSlashesBeginThem) {
  EXPECT_TRUE(SqlLexer("/* /* */ no */ yes").next().is_keyword("YES"));
  EXPECT_TRUE(SqlLexer("// no\nyes").next().is_keyword("YES"));
}

}  // namespace
}  // namespace echodb
