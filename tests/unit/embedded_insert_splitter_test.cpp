#include <gtest/gtest.h>

#include "embedded/insert_splitter.h"

namespace echodb {
namespace {

std::string header_of(std::string_view text) {
  return std::string(text.substr(0, split_statement(text, true).header_size));
}

std::string data_of(std::string_view text) {
  StatementSplit split = split_statement(text, true);
  EXPECT_EQ(split.shape, StatementShape::InsertWithData) << text;
  return std::string(text.substr(split.data_offset));
}

TEST(InsertSplitter, DataBeginsAfterTheFirstLineEnd) {
  EXPECT_EQ(data_of("INSERT INTO t FORMAT CSV\n1;2\n\nDROP TABLE t\n"), "1;2\n\nDROP TABLE t\n");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT CSV \t\r\n\n1"), "\n1");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT JSONEachRow {\"a\":1}"), "{\"a\":1}");
  EXPECT_EQ(data_of("insert into t format RowBinary\n \n;"), " \n;");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT Native\n"), "");
}

TEST(InsertSplitter, ValuesAreAFormat) {
  StatementSplit split = split_statement("INSERT INTO t (a, b) VALUES (1, ';'), (2, '')", true);
  EXPECT_EQ(split.shape, StatementShape::InsertWithData);
  EXPECT_EQ(split.format, "Values");
  EXPECT_EQ(data_of("INSERT INTO t VALUES(1)"), "(1)");
}

TEST(InsertSplitter, HeaderKeepsColumnsAndSettings) {
  EXPECT_EQ(header_of("INSERT INTO d.`FORMAT x` (a, `VALUES`) SETTINGS x = 'FORMAT y' FORMAT CSV\n1"),
            "INSERT INTO d.`FORMAT x` (a, `VALUES`) SETTINGS x = 'FORMAT y' ");
  EXPECT_EQ(header_of("INSERT INTO FUNCTION remote('h', VALUES) FORMAT CSV\n1"),
            "INSERT INTO FUNCTION remote('h', VALUES) ");
  EXPECT_EQ(header_of("INSERT INTO {t:Identifier} VALUES (1)"), "INSERT INTO {t:Identifier} ");
}

TEST(InsertSplitter, TargetsMayBeNamedLikeKeywords) {
  EXPECT_EQ(header_of("INSERT INTO values VALUES (1)"), "INSERT INTO values ");
  EXPECT_EQ(header_of("INSERT INTO format.select FORMAT CSV\n1"), "INSERT INTO format.select ");
  EXPECT_EQ(header_of("INSERT INTO TABLE t VALUES (1)"), "INSERT INTO TABLE t ");
}

TEST(InsertSplitter, CommentsAreNotRead) {
  EXPECT_EQ(data_of("/* VALUES */ INSERT INTO t -- FORMAT CSV\n # SELECT\n VALUES (1)"), "(1)");
  EXPECT_EQ(data_of("#!clickhouse\nINSERT INTO t VALUES (1)"), "(1)");
}

TEST(InsertSplitter, InsertSelectHasNoData) {
  for (std::string_view text :
       {"INSERT INTO t SELECT 1", "INSERT INTO t (a) WITH 1 AS x SELECT x", "INSERT INTO t (SELECT 1)",
        "INSERT INTO t (a) (SELECT 1)", "INSERT INTO t FROM INFILE 'f' FORMAT CSV", "SELECT 1 FORMAT CSV\n1", "",
        "INSERT INTO t; VALUES (1)", "INSERT INTO t FORMAT", "INSERT"}) {
    EXPECT_EQ(split_statement(text, true).shape, StatementShape::WithoutData) << text;
  }
}

// A piece of any length must never be decided differently from the whole.
TEST(InsertSplitter, EveryPrefixIsUndecidedOrRight) {
  for (std::string_view text :
       {"INSERT INTO d.t (a, `b;`) -- c\n SETTINGS x='\\'' FORMAT JSONEachRow \n\n{}", "INSERT INTO values VALUES (1)",
        "/* x */ INSERT INTO FUNCTION f($a$ VALUES $a$) VALUES  (1)"}) {
    StatementSplit whole = split_statement(text, true);
    ASSERT_EQ(whole.shape, StatementShape::InsertWithData) << text;
    for (std::size_t size = 0; size <= text.size(); ++size) {
      StatementSplit split = split_statement(text.substr(0, size), false);
      if (split.shape == StatementShape::Incomplete) continue;
      EXPECT_EQ(split.shape, StatementShape::InsertWithData) << text.substr(0, size);
      EXPECT_EQ(split.data_offset, whole.data_offset) << text.substr(0, size);
      EXPECT_EQ(split.header_size, whole.header_size);
      EXPECT_EQ(split.format, whole.format);
    }
  }
}

}  // namespace
}  // namespace echodb
