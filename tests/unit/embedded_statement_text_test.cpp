#include <gtest/gtest.h>

#include "base/error.h"
#include "embedded/statement_text.h"
#include "embedded/values_tail.h"

namespace echodb {
namespace {

std::string into_file(std::string_view text) { return select_into_file(read_statement(text), "/f", "/* tag */"); }

TEST(StatementText, OutfileGoesBeforeTheFormatClause) {
  EXPECT_EQ(into_file("SELECT 1 FORMAT JSON"), "SELECT 1 \nINTO OUTFILE '/f' APPEND FORMAT JSON\n/* tag */");
  EXPECT_EQ(into_file("SELECT 1 FORMAT JSON SETTINGS a = 1;"),
            "SELECT 1 \nINTO OUTFILE '/f' APPEND FORMAT JSON SETTINGS a = 1\n/* tag */");
}

TEST(StatementText, OutfileGoesToTheEndWithoutAFormatClause) {
  EXPECT_EQ(into_file("SELECT 1"), "SELECT 1\nINTO OUTFILE '/f' APPEND \n/* tag */");
  EXPECT_EQ(into_file("SELECT 1 SETTINGS a = 1 ; -- end"),
            "SELECT 1 SETTINGS a = 1\nINTO OUTFILE '/f' APPEND \n/* tag */");
  EXPECT_EQ(into_file("(SELECT 1 FORMAT x)"), "(SELECT 1 FORMAT x)\nINTO OUTFILE '/f' APPEND \n/* tag */");
}

TEST(StatementText, ReadsTheOutputFormat) {
  EXPECT_EQ(read_statement("SELECT 1 format JSON").format, "JSON");
  EXPECT_EQ(read_statement("SELECT 1 AS format, 2 FORMAT CSV;").format, "CSV");
  EXPECT_EQ(read_statement("SELECT format FROM t").format, "");
  EXPECT_EQ(read_statement("SELECT 1 AS format SETTINGS max_threads = 1").format, "");
  EXPECT_EQ(read_statement("SELECT 'FORMAT JSON'").format, "");
  EXPECT_EQ(read_statement("SELECT * FROM (SELECT 1 FORMAT x) t FORMAT TSV").format, "TSV");
}

TEST(StatementText, KnowsDataBehindAnInsertSelect) {
  EXPECT_TRUE(read_statement("INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\nhi\n").insert_has_data);
  EXPECT_TRUE(read_statement("INSERT INTO t SELECT a FROM input('a String') FORMAT TSV\n\n;DROP").insert_has_data);
  EXPECT_TRUE(read_statement("INSERT INTO t SELECT 1 FORMAT TSV SETTINGS a = 1\n\nDROP TABLE t").insert_has_data);
  EXPECT_FALSE(read_statement("INSERT INTO t SELECT format FROM s").insert_has_data);
  EXPECT_FALSE(read_statement("INSERT INTO t SELECT a AS format, b FROM s").insert_has_data);
  EXPECT_FALSE(read_statement("INSERT INTO t SELECT 1 FORMAT Null").insert_has_data);
  EXPECT_FALSE(read_statement("INSERT INTO t SELECT 1").insert_has_data);
}

TEST(StatementText, KillQueryFindsTheTagAndNeverWaits) {
  std::string rewritten = rewrite_kill_query(read_statement("KILL QUERY WHERE query_id = 'query_id' SYNC;"));
  EXPECT_EQ(rewritten.find("query_id ="), std::string::npos);
  EXPECT_NE(rewritten.find("= 'query_id' ASYNC"), std::string::npos);
  EXPECT_NE(rewritten.find("echodb query_id"), std::string::npos);
}

TEST(StatementText, TagHoldsAnyId) { EXPECT_EQ(query_id_tag("a*/'"), "/* echodb query_id 612A2F27 */"); }

TEST(ValuesTail, RefusesWhatFollowsTheSemicolon) {
  EXPECT_THROW(ValuesTail().see("(1);\nDROP TABLE t"), Error);
  ValuesTail pieces;
  pieces.see("(1, 'a;\\'");
  pieces.see(";'), (2, ';;')");
  pieces.see(" ; \n");
  EXPECT_THROW(pieces.see("(3)"), Error);
}

TEST(ValuesTail, TakesSemicolonsInQuotesAndBrackets) {
  EXPECT_NO_THROW(ValuesTail().see("('it''s; fine'), (\"a;\" || `b;`), ([';'])\n;\n"));
}

}  // namespace
}  // namespace echodb
