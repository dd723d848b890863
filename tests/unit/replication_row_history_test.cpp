#include <gtest/gtest.h>

#include "replication/row_history.h"

namespace echodb::unit {
namespace {

constexpr std::size_t kNone = RowHistory::kNone;

/// A batch of a table (id int PRIMARY KEY, v text), one change after the other.
class RowHistoryTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const TablePlan> plan() {
    Column id{.attnum = 1, .name = "id", .type = {.oid = 23, .declared = "integer"}, .not_null = true};
    Column v{.attnum = 2, .name = "v", .type = {.oid = 25, .declared = "text"}};
    TableSchema schema{.oid = 1, .schema = "public", .name = "t"};
    schema.columns = {id, v};
    schema.primary_key = {1};
    return std::make_shared<TablePlan>(schema, schema, TypeChoices{.server = {.major = 26, .minor = 7, .text = {}}});
  }
  static TupleValue text(std::string_view value) { return {.kind = TupleValue::Kind::Text, .value = as_bytes(value)}; }

  void row(std::string_view id) {
    ++stamp_.ordinal;
    add_row(id);
  }
  void deleted(std::string_view id) {
    ++stamp_.ordinal;
    add_tombstone(id);
  }
  void rekeyed(std::string_view from, std::string_view to) {
    ++stamp_.ordinal;
    add_tombstone(from);
    add_row(to);
  }
  RowHistory history() { return RowHistory(batch_); }

 private:
  void add_row(std::string_view id) {
    const TupleValue values[] = {text(id), {.kind = TupleValue::Kind::Unchanged}};
    batch_.add_updated_row(values, {}, positions_, stamp_);
  }
  void add_tombstone(std::string_view id) {
    const TupleValue values[] = {text(id), {}};
    batch_.add_tombstone(values, positions_, stamp_);
  }

  TableBatch batch_{plan()};
  std::vector<std::size_t> positions_{0, 1};
  ChangeStamp stamp_{.commit = Lsn{100}};
};

TEST_F(RowHistoryTest, RowsOfOneKeyFollowOneAnother) {
  row("1");
  row("2");
  row("1");
  row("1");
  const RowHistory rows = history();
  EXPECT_EQ(rows.previous(0), kNone);
  EXPECT_EQ(rows.previous(1), kNone);
  EXPECT_EQ(rows.previous(2), 0U);
  EXPECT_EQ(rows.previous(3), 2U);
  EXPECT_EQ(rows.key_before_batch(3), 0U);
  EXPECT_FALSE(rows.rekeyed(3));
  EXPECT_EQ(rows.key(3), rows.key(0));
  EXPECT_NE(rows.key(3), rows.key(1));
}

TEST_F(RowHistoryTest, ADeletionEndsARow) {
  row("1");
  deleted("1");
  row("1");
  deleted("2");
  row("2");
  const RowHistory rows = history();
  EXPECT_EQ(rows.previous(2), kNone);
  EXPECT_EQ(rows.key_before_batch(2), kNone);
  EXPECT_EQ(rows.previous(4), kNone);
  EXPECT_EQ(rows.key_before_batch(4), kNone);
}

TEST_F(RowHistoryTest, AChangeOfTheKeyIsFollowed) {
  row("1");           // 0
  rekeyed("1", "2");  // 1, 2
  row("2");           // 3
  rekeyed("2", "3");  // 4, 5
  rekeyed("7", "1");  // 6, 7
  const RowHistory rows = history();
  EXPECT_EQ(rows.previous(2), 0U);
  EXPECT_EQ(rows.previous(3), 2U);
  EXPECT_EQ(rows.previous(5), 3U);
  EXPECT_EQ(rows.key_before_batch(5), 0U);
  EXPECT_TRUE(rows.rekeyed(5));
  // The new key's own past, ended by a tombstone, does not matter.
  EXPECT_EQ(rows.previous(7), kNone);
  EXPECT_EQ(rows.key_before_batch(7), 6U);
  EXPECT_TRUE(rows.rekeyed(7));
}

TEST_F(RowHistoryTest, ADeletionBeforeARowOfAnotherChangeIsNoChangeOfTheKey) {
  row("1");
  deleted("1");
  row("2");
  const RowHistory rows = history();
  EXPECT_EQ(rows.previous(2), kNone);
  EXPECT_EQ(rows.key_before_batch(2), 2U);
  EXPECT_FALSE(rows.rekeyed(2));
}

TEST_F(RowHistoryTest, AKeyThatWasLeftAndTakenAgainStartsAnew) {
  rekeyed("1", "2");  // 0, 1
  rekeyed("3", "1");  // 2, 3
  row("1");           // 4
  const RowHistory rows = history();
  EXPECT_EQ(rows.previous(4), 3U);
  EXPECT_EQ(rows.key_before_batch(4), 2U);
  EXPECT_TRUE(rows.rekeyed(4));
}

}  // namespace
}  // namespace echodb::unit
