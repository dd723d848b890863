#include <gtest/gtest.h>

#include "replication/missing_value_size.h"

namespace echodb::unit {
namespace {

TEST(MissingValueSize, IsTakenForLargeUntilABatchHasShownIt) {
  MissingValueSize size;
  EXPECT_GE(size.expected(), 100'000U);
  size.learn(40);
  EXPECT_EQ(size.expected(), 40U);
}

TEST(MissingValueSize, GrowsAtOnceAndShrinksLittleByLittle) {
  MissingValueSize size;
  size.learn(1'000);
  size.learn(20'000);
  EXPECT_EQ(size.expected(), 20'000U);
  size.learn(100);
  EXPECT_EQ(size.expected(), 15'000U);
  size.learn(100);
  EXPECT_EQ(size.expected(), 11'250U);
}

}  // namespace
}  // namespace echodb::unit
