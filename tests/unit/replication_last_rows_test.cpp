#include <gtest/gtest.h>

#include "replication/last_rows.h"

namespace echodb::unit {
namespace {

/// A batch of a table (a int, b int, PRIMARY KEY (a, b)), or without a key.
class LastRowsTest : public ::testing::Test {
 protected:
  enum class Key { Composite, None };

  static TableBatch batch(Key key) {
    Column a{.attnum = 1, .name = "a", .type = {.oid = 23, .declared = "integer"}, .not_null = true};
    Column b{.attnum = 2, .name = "b", .type = {.oid = 23, .declared = "integer"}, .not_null = true};
    TableSchema schema{.oid = 1, .schema = "public", .name = "t"};
    schema.columns = {a, b};
    if (key == Key::Composite) schema.primary_key = {1, 2};
    return TableBatch(
        std::make_shared<TablePlan>(schema, schema, TypeChoices{.server = {.major = 26, .minor = 7, .text = {}}}));
  }
  static TupleValue text(std::string_view value) { return {.kind = TupleValue::Kind::Text, .value = as_bytes(value)}; }

  void inserted(TableBatch& batch, std::string_view a, std::string_view b) {
    const TupleValue values[] = {text(a), text(b)};
    batch.add_inserted_row(values, positions_, next());
  }
  void updated(TableBatch& batch, std::string_view a, std::string_view b) {
    const TupleValue values[] = {text(a), text(b)};
    batch.add_updated_row(values, {}, positions_, next());
  }
  void deleted(TableBatch& batch, std::string_view a, std::string_view b) {
    const TupleValue values[] = {text(a), text(b)};
    batch.add_tombstone(values, positions_, next());
  }

 private:
  ChangeStamp next() {
    ++stamp_.ordinal;
    return stamp_;
  }
  std::vector<std::size_t> positions_{0, 1};
  ChangeStamp stamp_{.commit = Lsn{100}};
};

TEST_F(LastRowsTest, KeepsTheLastRowOfEachKey) {
  TableBatch rows = batch(Key::Composite);
  inserted(rows, "1", "1");
  inserted(rows, "1", "2");
  updated(rows, "1", "1");
  updated(rows, "1", "1");
  keep_last_rows(rows);
  ASSERT_EQ(rows.rows(), 2U);
  EXPECT_EQ(rows.stamp(0).ordinal, 2U);
  EXPECT_EQ(rows.stamp(1).ordinal, 4U);
}

TEST_F(LastRowsTest, KeepsATombstoneThatIsLast) {
  TableBatch rows = batch(Key::Composite);
  inserted(rows, "1", "1");
  deleted(rows, "1", "1");
  deleted(rows, "2", "1");
  inserted(rows, "2", "1");
  keep_last_rows(rows);
  ASSERT_EQ(rows.rows(), 2U);
  EXPECT_TRUE(rows.is_tombstone(0));
  EXPECT_FALSE(rows.is_tombstone(1));
}

TEST_F(LastRowsTest, TellsKeysOfManyRowsApart) {
  TableBatch rows = batch(Key::Composite);
  constexpr int kRows = 5000;
  for (int row = 0; row < kRows; ++row) inserted(rows, "1", std::to_string(row));
  for (int row = 0; row < kRows; row += 2) updated(rows, "1", std::to_string(row));
  keep_last_rows(rows);
  EXPECT_EQ(rows.rows(), static_cast<std::size_t>(kRows));
}

TEST_F(LastRowsTest, LeavesEqualRowsOfATableWithoutAKeyAlone) {
  TableBatch rows = batch(Key::None);
  inserted(rows, "1", "1");
  updated(rows, "1", "1");
  keep_last_rows(rows);
  EXPECT_EQ(rows.rows(), 2U);
}

}  // namespace
}  // namespace echodb::unit
