#include <gtest/gtest.h>

#include "control/unreadable_log.h"

namespace echodb {
namespace {

Error refusal(ErrorCode code = ErrorCode::LogUnreadable) {
  return Error(code, "invalid memory alloc request size 1073741824").with_sqlstate("XX000");
}

TEST(UnreadableLog, GivesUpAfterThreeTimesAtOnePosition) {
  UnreadableLog log;
  EXPECT_FALSE(log.ended(refusal(), Lsn{100}));
  EXPECT_FALSE(log.ended(refusal(), Lsn{100}));
  EXPECT_TRUE(log.ended(refusal(), Lsn{100}));
  EXPECT_FALSE(log.ended(refusal(), Lsn{100})) << "counting begins anew";
}

TEST(UnreadableLog, CountsAnewWhereTheStreamGotOn) {
  UnreadableLog log;
  EXPECT_FALSE(log.ended(refusal(), Lsn{100}));
  EXPECT_FALSE(log.ended(refusal(), Lsn{100}));
  EXPECT_FALSE(log.ended(refusal(), Lsn{200}));
  EXPECT_FALSE(log.ended(refusal(), Lsn{200}));
  EXPECT_TRUE(log.ended(refusal(), Lsn{200}));
}

TEST(UnreadableLog, TakesNoErrorForItThatPasses) {
  UnreadableLog log;
  for (int times = 0; times < 10; ++times) {
    EXPECT_FALSE(log.ended(refusal(ErrorCode::SourceUnreachable), Lsn{100}));
    EXPECT_FALSE(log.ended(refusal(ErrorCode::SourceBusy), Lsn{100}));
    EXPECT_FALSE(log.ended(refusal(ErrorCode::TargetUnreachable), Lsn{100}));
  }
}

}  // namespace
}  // namespace echodb
