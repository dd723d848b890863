#include <gtest/gtest.h>

#include "config/limits.h"
#include "replication/copy_job.h"

namespace echodb::unit {
namespace {

constexpr std::uint64_t kPagesMin = limits::kCopyRangeBytesMin / limits::kPostgresPageBytes;
constexpr std::uint64_t kPagesMax = limits::kCopyRangeBytesMax / limits::kPostgresPageBytes;

std::vector<CopyRange> cut(std::uint64_t pages, int server_version = 150'000) {
  return cut_ranges({{.relation = 16'384, .relfilenode = 16'390, .pages = pages}}, server_version);
}

TEST(CopyJob, ASmallTableIsOneOpenEndedRange) {
  for (std::uint64_t pages : {std::uint64_t{0}, std::uint64_t{1}, kPagesMin}) {
    std::vector<CopyRange> ranges = cut(pages);
    ASSERT_EQ(ranges.size(), 1U) << pages;
    EXPECT_EQ(ranges[0].first_block, 0U);
    EXPECT_FALSE(ranges[0].end_block);
  }
}

TEST(CopyJob, RangesFollowEachOtherAndTheLastIsOpenEnded) {
  for (std::uint64_t pages : {kPagesMin + 1, kPagesMax, 5 * kPagesMax + 3}) {
    std::vector<CopyRange> ranges = cut(pages);
    std::uint64_t next = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      EXPECT_EQ(ranges[i].number, static_cast<int>(i));
      EXPECT_EQ(ranges[i].first_block, next);
      bool last = i + 1 == ranges.size();
      ASSERT_EQ(ranges[i].end_block.has_value(), !last);
      if (!last) next = *ranges[i].end_block;
    }
    EXPECT_LT(next, pages);
  }
}

TEST(CopyJob, RangesAreLargeAndTheLastOnesSmaller) {
  std::vector<CopyRange> ranges = cut(6 * kPagesMax);
  ASSERT_GT(ranges.size(), 4U);
  EXPECT_EQ(*ranges[0].end_block, kPagesMax);
  for (std::size_t i = 0; i + 1 < ranges.size(); ++i) {
    EXPECT_GE(*ranges[i].end_block - ranges[i].first_block, kPagesMin);
    EXPECT_LE(*ranges[i].end_block - ranges[i].first_block, kPagesMax);
  }
  EXPECT_LE(6 * kPagesMax - ranges.back().first_block, kPagesMin);
}

TEST(CopyJob, EveryHeapOfAPartitionedTableHasRangesOfItsOwn) {
  std::vector<CopyRange> ranges = cut_ranges(
      {{.relation = 1, .relfilenode = 1, .pages = kPagesMax}, {.relation = 2, .relfilenode = 2, .pages = 1}}, 150'000);
  EXPECT_EQ(ranges.back().relation, 2U);
  EXPECT_EQ(ranges.back().first_block, 0U);
  EXPECT_EQ(ranges.back().number, static_cast<int>(ranges.size()) - 1);
}

TEST(CopyJob, BeforePostgres14AHeapIsOneRange) { EXPECT_EQ(cut(9 * kPagesMax, 130'000).size(), 1U); }

}  // namespace
}  // namespace echodb::unit
