#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "base/late_stop.h"
#include "base/mutex.h"
#include "base/pause.h"

namespace echodb::unit {
namespace {

using namespace std::chrono_literals;

/// A wait that does not end when it should makes the test time out.
constexpr std::chrono::hours kForEver{10};

TEST(Condition, LetsGoOfTheMutexAndHasItAgainAfterwards) {
  Mutex mutex;
  Condition changed;
  int turns = 0;
  MutexLock lock(mutex);
  std::jthread other([&] {
    MutexLock lock_of_other(mutex);
    ++turns;
    changed.notify_all();
    while (turns < 2) changed.wait(mutex);
    ++turns;
    changed.notify_all();
  });
  while (turns == 0) changed.wait(mutex);
  ++turns;
  changed.notify_all();
  while (turns < 3) changed.wait(mutex);
}

TEST(Condition, AWaitEndsWhenItIsTimeToStop) {
  Mutex mutex;
  Condition never;
  std::jthread waiting([&](const std::stop_token& stop) {
    MutexLock lock(mutex);
    while (!stop.stop_requested()) never.wait(mutex, stop);
    EXPECT_FALSE(never.wait_until(mutex, stop, std::chrono::steady_clock::now() + kForEver));
  });
}

TEST(Condition, AWaitEndsWhenItsTimeIsOver) {
  Mutex mutex;
  Condition never;
  const auto until = std::chrono::steady_clock::now() + 1ms;
  MutexLock lock(mutex);
  while (never.wait_until(mutex, until)) continue;
  EXPECT_GE(std::chrono::steady_clock::now(), until);
}

TEST(Condition, AWaitWithATimeIsNotOverWhenItIsNotified) {
  Mutex mutex;
  Condition changed;
  bool ready = false;
  const auto until = std::chrono::steady_clock::now() + kForEver;
  std::jthread other([&] {
    MutexLock lock(mutex);
    ready = true;
    changed.notify_all();
  });
  MutexLock lock(mutex);
  while (!ready) EXPECT_TRUE(changed.wait_until(mutex, until));
}

TEST(MutexUnlock, TheMutexIsFreeUntilTheScopeEndsOrIsLeftByAnException) {
  Mutex mutex;
  {
    MutexLock lock(mutex);
    EXPECT_THROW(
        {
          MutexUnlock unlocked(mutex);
          MutexLock again(mutex);
          throw std::runtime_error("in the middle");
        },
        std::runtime_error);
    MutexUnlock unlocked(mutex);
    MutexLock again(mutex);
  }
  MutexLock lock(mutex);
}

TEST(Pause, EndsWhenItIsTimeToStop) {
  std::jthread waiting([](const std::stop_token& stop) { pause(kForEver, stop); });
}

TEST(LateStop, EndsBeforeAndAfterTheTokenThatItWaitsForWasRaised) {
  std::stop_source first;
  { LateStop late(first.get_token(), kForEver); }
  first.request_stop();
  LateStop late(first.get_token(), kForEver);
  EXPECT_FALSE(late.token().stop_requested());
}

TEST(LateStop, IsRaisedAfterTheOther) {
  std::stop_source first;
  LateStop late(first.get_token(), 1ms);
  first.request_stop();
  while (!late.token().stop_requested()) std::this_thread::yield();
}

}  // namespace
}  // namespace echodb::unit
