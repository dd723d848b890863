#include <gtest/gtest.h>

#include "control/holder_watch.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Time = HolderWatch::Clock::time_point;

constexpr Time kWatchStart{std::chrono::nanoseconds(1h)};

LeaderSession session(const std::string& id, const std::string& last_seen, bool holds = true) {
  return {.id = id, .application = "echodb leader worker-1", .last_seen = last_seen, .holds = holds};
}

OpenEpoch epoch() {
  return {.number = 1, .worker = "worker-1", .sessions = {"1 a", "2 a"}, .direct = true, .lease_lasts = 20s};
}

/// A watch that has seen both sessions of that epoch.
HolderWatch watching() {
  HolderWatch watch;
  watch.look({session("1 a", "10:00:00"), session("2 a", "10:00:00", false)}, "0 0", kWatchStart);
  return watch;
}

TEST(HolderWatch, SilenceIsMeasuredByTheOwnClock) {
  HolderWatch watch = watching();
  watch.look({session("1 a", "10:00:00")}, "0 0", kWatchStart + 4s);
  EXPECT_TRUE(watch.silent_holders(5s, kWatchStart + 4s).empty());
  EXPECT_EQ(watch.silent_holders(5s, kWatchStart + 6s).size(), 1U);
  // The server's clock was set forward or back: a change is a sign of life, whatever it says.
  watch.look({session("1 a", "07:00:00")}, "0 0", kWatchStart + 6s);
  EXPECT_TRUE(watch.silent_holders(5s, kWatchStart + 6s).empty());
}

TEST(HolderWatch, SessionsWithoutTimesOrWithoutTheLockAreNotSilent) {
  HolderWatch watch;
  watch.look({session("1 a", ""), session("2 a", "10:00:00", false)}, "0 0", kWatchStart);
  EXPECT_TRUE(watch.silent_holders(5s, kWatchStart + 1h).empty());
}

TEST(HolderWatch, AnotherSessionOfTheSamePidIsAnotherSession) {
  HolderWatch watch = watching();
  watch.look({session("1 b", "10:00:00")}, "0 0", kWatchStart + 6s);
  EXPECT_TRUE(watch.silent_holders(5s, kWatchStart + 6s).empty());
  EXPECT_FALSE(watch.were_closed({"1 a"}, "0 0"));
}

TEST(MayWriteUntil, AProcessThatClosedItsSessionsCannotWrite) {
  EXPECT_EQ(may_write_until(epoch(), false, watching(), "0 0", kWatchStart + 1s), Time::min());
}

TEST(MayWriteUntil, SessionsThatTheServerMayHaveEndedSayNothing) {
  Time taken = kWatchStart + 1s;
  Time until = taken + 20s;
  EXPECT_EQ(may_write_until(epoch(), false, watching(), "1 0", taken), until) << "it has ended one";
  EXPECT_EQ(may_write_until(epoch(), false, watching(), "", taken), until) << "it does not count";
  OpenEpoch half = epoch();
  half.has_sessions = true;
  EXPECT_EQ(may_write_until(half, false, watching(), "0 0", taken), until) << "the other one is there";
  OpenEpoch through_proxy = epoch();
  through_proxy.direct = false;
  EXPECT_EQ(may_write_until(through_proxy, false, watching(), "0 0", taken), until);
}

TEST(MayWriteUntil, ALeaderThatThisWorkerEndedForItsSilenceHasBeenSilentSince) {
  HolderWatch watch = watching();
  watch.look({session("1 a", "10:00:00")}, "0 0", kWatchStart + 29s);
  EXPECT_EQ(may_write_until(epoch(), false, watch, "1 0", kWatchStart + 31s), kWatchStart + 51s)
      << "it may have asked since";
  watch.note_ended("1 a");
  EXPECT_EQ(may_write_until(epoch(), false, watch, "1 0", kWatchStart + 31s), kWatchStart + 20s);
}

TEST(MayWriteUntil, ALeaderThatNobodyWatchedHasItsWholeLease) {
  EXPECT_EQ(may_write_until(epoch(), false, HolderWatch(), "0 0", kWatchStart), kWatchStart + 20s);
  OpenEpoch of_another_server = epoch();
  of_another_server.sessions = {"1 z", "2 z"};
  EXPECT_EQ(may_write_until(of_another_server, false, watching(), "0 0", kWatchStart + 1s), kWatchStart + 21s);
  OpenEpoch of_an_earlier_version = epoch();
  of_an_earlier_version.sessions.clear();
  EXPECT_EQ(may_write_until(of_an_earlier_version, false, watching(), "0 0", kWatchStart + 1s), kWatchStart + 21s);
}

TEST(MayWriteUntil, AProcessThatIsNoMoreCannotWrite) {
  EXPECT_EQ(may_write_until(epoch(), true, HolderWatch(), "", kWatchStart), Time::min());
}

}  // namespace
}  // namespace echodb
