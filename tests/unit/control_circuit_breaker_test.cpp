#include <gtest/gtest.h>

#include <thread>

#include "control/circuit_breaker.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Entry = AttemptGate::Entry;

CircuitBreaker breaker(std::chrono::milliseconds pause_max = 5s) {
  return CircuitBreaker({.name = "clickhouse",
                         .settings = {.failure_threshold = 3, .success_threshold = 2, .timeout = 30s},
                         .pause_max = pause_max,
                         .refusal = ErrorCode::TargetUnreachable});
}

void fail(CircuitBreaker& gate, int times) {
  for (int i = 0; i < times; ++i) {
    gate.enter();
    gate.failed();
  }
}

TEST(CircuitBreaker, OpensAfterSoManyFailuresInARow) {
  CircuitBreaker gate = breaker();
  fail(gate, 2);
  gate.enter();
  gate.succeeded();
  fail(gate, 2);
  EXPECT_EQ(gate.status().state, "closed");
  EXPECT_EQ(gate.status().failures, 2U);
  fail(gate, 1);
  EXPECT_EQ(gate.status().state, "open");
  EXPECT_EQ(gate.status().failures, 3U);
}

TEST(CircuitBreaker, RefusesWhileOpenAndSaysWhichItIs) {
  CircuitBreaker gate = breaker();
  fail(gate, 3);
  EXPECT_GT(gate.pause(), 0ms);
  try {
    gate.enter();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::TargetUnreachable);
    EXPECT_EQ(error.detail("breaker"), "clickhouse");
  }
}

TEST(CircuitBreaker, ProbesOneAtATimeAndClosesAfterSoManySuccesses) {
  CircuitBreaker gate = breaker();
  fail(gate, 3);
  std::this_thread::sleep_for(gate.pause() + 1ms);
  EXPECT_EQ(gate.enter(), Entry::Probe);
  EXPECT_EQ(gate.status().state, "half_open");
  EXPECT_THROW(gate.enter(), Error);
  gate.succeeded();
  EXPECT_EQ(gate.status().state, "half_open");
  EXPECT_EQ(gate.enter(), Entry::Probe);
  gate.succeeded();
  EXPECT_EQ(gate.status().state, "closed");
  EXPECT_EQ(gate.enter(), Entry::Go);
}

TEST(CircuitBreaker, LetsAnotherProbeWhenOneWasAbandoned) {
  CircuitBreaker gate = breaker();
  fail(gate, 3);
  std::this_thread::sleep_for(gate.pause() + 1ms);
  gate.enter();
  gate.abandoned();
  EXPECT_EQ(gate.enter(), Entry::Probe);
}

TEST(CircuitBreaker, PausesEverLongerUpToTheLongestPause) {
  CircuitBreaker gate = breaker(400ms);
  fail(gate, 3);
  EXPECT_LE(gate.pause(), 200ms);
  for (int i = 0; i < 4; ++i) {
    std::this_thread::sleep_for(gate.pause() + 1ms);
    fail(gate, 1);
    EXPECT_EQ(gate.status().state, "open");
  }
  EXPECT_GT(gate.pause(), 200ms);
  EXPECT_LE(gate.pause(), 400ms);
}

}  // namespace
}  // namespace echodb
