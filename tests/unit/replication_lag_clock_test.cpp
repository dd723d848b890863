#include <gtest/gtest.h>

#include "replication/lag_clock.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
constexpr LagClock::Time kStart{std::chrono::microseconds(1'000'000)};

TEST(LagClock, IsTheAgeOfTheOldestTransactionThatIsNotApplied) {
  LagClock clock;
  EXPECT_EQ(clock.lag_ms(kStart), 0);
  clock.committed(Lsn{100}, kStart);
  clock.committed(Lsn{200}, kStart + 50ms);
  EXPECT_EQ(clock.lag_ms(kStart + 80ms), 80);
  clock.applied(Lsn{150});
  EXPECT_EQ(clock.lag_ms(kStart + 80ms), 30);
  clock.applied(Lsn{250});
  EXPECT_EQ(clock.lag_ms(kStart + 80ms), 0);
}

TEST(LagClock, NeverUnderstatesWhatItHasThinnedOut) {
  LagClock clock;
  clock.committed(Lsn{100}, kStart);
  clock.committed(Lsn{101}, kStart + 1ms);
  clock.applied(Lsn{101});
  EXPECT_EQ(clock.lag_ms(kStart + 10ms), 10) << "the second is not applied yet: its commit begins at 101";
  clock.applied(Lsn{102});
  EXPECT_EQ(clock.lag_ms(kStart + 10ms), 0);
}

TEST(LagClock, GrowsWhileTheSourceDecodesATransactionThatNobodyHasHeardOf) {
  LagClock clock;
  clock.read(Lsn{500}, Lsn{100}, kStart);
  EXPECT_EQ(clock.lag_ms(kStart + 1s), 0) << "may be on its way";
  clock.read(Lsn{700}, Lsn{100}, kStart + 2s);
  EXPECT_EQ(clock.lag_ms(kStart + 5s), 5000);
  clock.read(Lsn{700}, Lsn{500}, kStart + 5s);
  EXPECT_EQ(clock.lag_ms(kStart + 6s), 4000) << "of the place that it has not come to yet";
  clock.read(Lsn{700}, Lsn{700}, kStart + 6s);
  EXPECT_EQ(clock.lag_ms(kStart + 60s), 0);
}

TEST(LagClock, OfAQuietSourceIsNothing) {
  LagClock clock;
  for (auto at = kStart; at < kStart + 60s; at += 1s) clock.read(Lsn{100}, Lsn{100}, at);
  EXPECT_EQ(clock.lag_ms(kStart + 60s), 0);
}

}  // namespace
}  // namespace echodb
