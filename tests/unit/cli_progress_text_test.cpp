#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/progress_text.h"

// What the screen of `echodb up` says, on a terminal of 80 columns.
namespace echodb {
namespace {

constexpr std::size_t kColumns = 79;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(ProgressText, ShowsWhatKeepsAStreamFromStartingWithItsRemedy) {
  ReplicationProgress progress = parse_progress(R"({"state": "starting", "connected": false, "last_error":
    "role \"app\" (POSTGRES_USER) may not replicate, so that nothing can be read from the source's log\n  what to do: ALTER ROLE \"app\" REPLICATION;"})");
  EXPECT_EQ(joined(problem_lines(progress, kColumns)),
            "error: role \"app\" (POSTGRES_USER) may not replicate, so that nothing can be\n"
            "       read from the source's log\n"
            "       what to do: ALTER ROLE \"app\" REPLICATION;\n");
}

TEST(ProgressText, ShowsTablesInError) {
  ReplicationProgress progress = parse_progress(R"({"state": "streaming", "connected": true, "last_error": "old",
    "tables": {"total": 5, "list": [
      {"source": "public.a", "state": "error", "error": "ClickHouse refused it"},
      {"source": "public.b", "state": "streaming", "error": null},
      {"source": "public.c", "state": "error", "error": "x\n  what to do: y"},
      {"source": "public.d", "state": "error", "error": "x"},
      {"source": "public.e", "state": "error", "error": "x"}]}})");
  EXPECT_EQ(joined(problem_lines(progress, kColumns)),
            "error: public.a: ClickHouse refused it\n"
            "       what to do: put that right; it is copied again by itself, or at once by\n"
            "       `echodb resync public.a`\n"
            "error: public.c: x\n"
            "       what to do: y\n"
            "error: public.d: x\n"
            "       what to do: put that right; it is copied again by itself, or at once by\n"
            "       `echodb resync public.d`\n"
            "error: 1 more, see `echodb status`\n");
}

TEST(ProgressText, NeverSaysErrorWhenAllIsWell) {
  ReplicationProgress progress = parse_progress(R"({"state": "streaming", "connected": true, "last_error": "old"})");
  EXPECT_TRUE(problem_lines(progress, kColumns).empty());
}

TEST(ProgressText, BreaksLongWordsAndCountsCharacters) {
  EXPECT_EQ(joined(wrapped("aaaaaaaa b", 6, "> ")), "> aaaa\n  aaaa\n  b\n");
  EXPECT_EQ(joined(wrapped("äöü ßäö", 7)), "äöü ßäö\n");
  EXPECT_EQ(joined(wrapped("äöüß", 2)), "äö\nüß\n");
  EXPECT_EQ(joined(wrapped("", 5, "a ")), "a \n");
}

TEST(ProgressText, GivesNoShareOfAnUnknownNumberOfRows) {
  ReplicationProgress progress{.state = "copying", .rows_copied = 1234567, .rows_to_copy = 2, .tables_total = 3};
  EXPECT_EQ(status_line(progress, 10), "copying 1,234,567 rows so far, total unknown  10 rows/s  0 of 3 tables done");
  progress.rows_to_copy_known = true;
  progress.rows_to_copy = 2469134;
  EXPECT_EQ(status_line(progress, 10),
            "copying 50.0 %  1,234,567 of about 2,469,134 rows  10 rows/s  0 of 3 tables done");
}

}  // namespace
}  // namespace echodb
