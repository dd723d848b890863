#include <gtest/gtest.h>

#include "replication/row_hash.h"

namespace echodb {
namespace {

TupleValue value(std::string_view bytes) { return {.kind = TupleValue::Kind::Binary, .value = as_bytes(bytes)}; }

RowHash hash(std::initializer_list<std::pair<std::int16_t, TupleValue>> row) {
  RowHasher hasher;
  for (const auto& [attnum, of] : row) hasher.add(attnum, of);
  return hasher.hash();
}

TEST(RowHash, TellsColumnsApart) {
  EXPECT_EQ(hash({{1, value("a")}, {2, value("b")}}), hash({{2, value("b")}, {1, value("a")}}));
  EXPECT_NE(hash({{1, value("a")}, {2, value("b")}}), hash({{1, value("b")}, {2, value("a")}}));
  EXPECT_NE(hash({{1, value("ab")}}), hash({{1, value("a")}, {2, value("b")}}));
}

TEST(RowHash, IsNotChangedByAColumnThatIsNull) {
  EXPECT_EQ(hash({{1, value("a")}}), hash({{1, value("a")}, {2, TupleValue{}}}));
  EXPECT_NE(hash({{1, value("a")}}), hash({{1, value("a")}, {2, value("")}})) << "empty is not NULL";
}

}  // namespace
}  // namespace echodb
