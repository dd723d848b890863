#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "catalog/lease.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

Lease::Clock::time_point in(std::chrono::nanoseconds time) { return Lease::Clock::now() + time; }

TEST(Lease, IsHeldUntilItRunsOut) {
  Lease lease(in(30ms));
  EXPECT_TRUE(lease.held());
  EXPECT_NO_THROW(lease.expect());
  std::this_thread::sleep_for(40ms);
  EXPECT_FALSE(lease.held());
  EXPECT_FALSE(lease.reason().empty());
}

TEST(Lease, CannotBeExtendedOnceItHasRunOut) {
  Lease lease(in(-1ms));
  EXPECT_FALSE(lease.extend(in(1h)));
  EXPECT_FALSE(lease.held());
}

TEST(Lease, StaysLostAndKeepsTheFirstReason) {
  Lease lease(in(1h));
  lease.lose("another worker leads");
  lease.lose("it was given back");
  EXPECT_FALSE(lease.extend(in(2h)));
  EXPECT_EQ(lease.reason(), "another worker leads");
  try {
    lease.expect();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::LeadershipLost);
  }
}

}  // namespace
}  // namespace echodb
