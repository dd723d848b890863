#include <gtest/gtest.h>

#include "replication/watermark.h"

namespace echodb {
namespace {

TEST(Watermark, FollowsTransactionsWhileNothingIsOpen) {
  Watermark watermark(Lsn{50});
  EXPECT_EQ(watermark.position(), Lsn{50});
  watermark.transaction_ended(Lsn{100});
  EXPECT_EQ(watermark.position(), Lsn{100});
  EXPECT_TRUE(watermark.idle());
}

TEST(Watermark, StaysBeforeTheOldestOpenTicket) {
  Watermark watermark(Lsn{0});
  watermark.transaction_ended(Lsn{100});
  auto second = watermark.open();
  watermark.transaction_ended(Lsn{200});
  auto third = watermark.open();
  watermark.transaction_ended(Lsn{300});
  EXPECT_EQ(watermark.position(), Lsn{100});
  watermark.close(third);
  EXPECT_EQ(watermark.position(), Lsn{100}) << "a later ticket's end moves nothing past an earlier one";
  watermark.close(second);
  EXPECT_EQ(watermark.position(), Lsn{300});
}

TEST(Watermark, StaysBeforeWorkWhoseRestIsInTheLogUntilThatIsRead) {
  Watermark watermark(Lsn{100});
  auto first = watermark.open();
  auto second = watermark.open();
  watermark.transaction_ended(Lsn{200});
  watermark.close_once_read(second, Lsn{400});
  watermark.close_once_read(first, Lsn{300});
  watermark.transaction_ended(Lsn{299});
  EXPECT_EQ(watermark.position(), Lsn{100});
  watermark.transaction_ended(Lsn{300});
  EXPECT_EQ(watermark.position(), Lsn{100});
  watermark.transaction_ended(Lsn{500});
  EXPECT_EQ(watermark.position(), Lsn{500});
}

TEST(Watermark, DoesNotWaitForTheEndOfATransactionThatIsCommittedLater) {
  Watermark watermark(Lsn{100});
  watermark.close_once_read(watermark.open(), Lsn{300});
  watermark.read_until(Lsn{299});
  EXPECT_FALSE(watermark.idle());
  watermark.read_until(Lsn{900});
  EXPECT_TRUE(watermark.idle());
  EXPECT_EQ(watermark.position(), Lsn{100}) << "what has begun at 900 has not ended";
}

TEST(Watermark, ClosesAtOnceWhatHasBeenRead) {
  Watermark watermark(Lsn{100});
  watermark.close_once_read(watermark.open(), Lsn{100});
  EXPECT_TRUE(watermark.idle());
}

TEST(Watermark, StaysBeforeATransactionThatIsWrittenInParts) {
  Watermark watermark(Lsn{100});
  auto first_part = watermark.open();
  auto second_part = watermark.open();
  watermark.close(first_part);
  EXPECT_EQ(watermark.position(), Lsn{100});
  watermark.transaction_ended(Lsn{200});
  watermark.close(second_part);
  EXPECT_EQ(watermark.position(), Lsn{200});
}

TEST(Watermark, NeverGoesBack) {
  Watermark watermark(Lsn{100});
  watermark.transaction_ended(Lsn{90});
  EXPECT_EQ(watermark.position(), Lsn{100});
}

}  // namespace
}  // namespace echodb
