#include <gtest/gtest.h>

#include <thread>

#include "replication/copy_board.h"

namespace echodb {
namespace {

constexpr Oid kBoardTable = 16385;
constexpr Oid kOther = 16400;

std::vector<CopyRange> cut(int ranges) {
  std::vector<CopyRange> all;
  for (int number = 0; number < ranges; ++number) all.push_back({.copy = 7, .number = number, .relation = kBoardTable});
  return all;
}

class Board : public ::testing::Test {
 protected:
  /// A copy with so many ranges, planned.
  void begin(int ranges, Oid table = kBoardTable) {
    board_.add({.id = 1, .table = table}, nullptr);
    CopyWork plan = take();
    EXPECT_EQ(plan.kind, CopyWork::Kind::Plan);
    plan.planned = cut(ranges);
    EXPECT_FALSE(board_.give_back(std::move(plan), CopyOutcome::Done));
  }
  CopyWork take() { return board_.take(stop_.get_token()).value(); }
  static Error refusal(const std::string& words) { return {ErrorCode::TargetRejected, words}; }

  std::stop_source stop_;
  CopyBoard board_;
};

TEST_F(Board, GivesEachRangeToOneHolderAndTheEndToOne) {
  begin(3);
  std::vector<CopyWork> held;
  for (int i = 0; i < 3; ++i) held.push_back(take());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(held[static_cast<std::size_t>(i)].range.number, i);
  for (CopyWork& work : held) {
    work.range.rows = 10;
    EXPECT_FALSE(board_.give_back(std::move(work), CopyOutcome::Done));
  }
  CopyWork finish = take();
  EXPECT_EQ(finish.kind, CopyWork::Kind::Finish);
  std::optional<CopyEnd> end = board_.give_back(std::move(finish), CopyOutcome::Done);
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->failure);
  EXPECT_EQ(end->rows, 30U);
}

TEST_F(Board, NothingOfOneCopyWaitsForTheOther) {
  begin(1);
  CopyWork first = take();
  begin(1, kOther);
  EXPECT_EQ(take().copy->job.table, kOther) << "the first one's only range is held";
  EXPECT_EQ(first.copy->job.table, kBoardTable);
}

TEST_F(Board, ARangePutBackIsTheOnlyOneThatIsTriedAgain) {
  begin(2);
  CopyWork first = take();
  CopyWork second = take();
  EXPECT_FALSE(board_.give_back(std::move(first), CopyOutcome::TryAgain));
  CopyWork again = take();
  EXPECT_EQ(again.range.number, 0) << "the second is still held";
  EXPECT_FALSE(board_.give_back(std::move(second), CopyOutcome::Done));
  EXPECT_FALSE(board_.give_back(std::move(again), CopyOutcome::Done));
  EXPECT_EQ(take().kind, CopyWork::Kind::Finish);
}

TEST_F(Board, AFailureIsToldOnceTheLastHolderHasStopped) {
  begin(3);
  CopyWork first = take();
  CopyWork second = take();
  EXPECT_FALSE(board_.give_back(std::move(first), CopyOutcome::Failed, {.error = refusal("no"), .again = true}));
  EXPECT_TRUE(second.copy->ended.stop_requested()) << "its threads hear of it";
  EXPECT_FALSE(board_.try_take()) << "nothing more is given out";
  std::optional<CopyEnd> end = board_.give_back(std::move(second), CopyOutcome::Stopped);
  ASSERT_TRUE(end && end->failure);
  EXPECT_EQ(end->failure->error->message(), "no");
  EXPECT_TRUE(end->failure->again);
  EXPECT_TRUE(board_.is_idle());
}

TEST_F(Board, TheFirstFailureIsTheReason) {
  begin(2);
  CopyWork first = take();
  CopyWork second = take();
  EXPECT_FALSE(board_.give_back(std::move(first), CopyOutcome::Failed, {.error = refusal("first")}));
  std::optional<CopyEnd> end = board_.give_back(std::move(second), CopyOutcome::Failed, {.error = refusal("second")});
  ASSERT_TRUE(end && end->failure);
  EXPECT_EQ(end->failure->error->message(), "first");
}

TEST_F(Board, APlanIsMadeAnewWhenAllHaveStopped) {
  begin(3);
  CopyWork first = take();
  CopyWork second = take();
  EXPECT_FALSE(board_.give_back(std::move(first), CopyOutcome::PlanAgain));
  EXPECT_FALSE(board_.try_take()) << "the third range is one of a plan that is no good";
  EXPECT_FALSE(board_.give_back(std::move(second), CopyOutcome::Done));
  CopyWork plan = take();
  EXPECT_EQ(plan.kind, CopyWork::Kind::Plan);
  EXPECT_TRUE(plan.copy->job.resume);
}

TEST_F(Board, CancelReturnsWhenTheHoldersHaveStopped) {
  begin(2);
  CopyWork held = take();
  std::atomic<bool> cancelled{false};
  std::jthread cancelling([&] {
    board_.cancel(kBoardTable);
    cancelled = true;
  });
  while (!held.copy->ended.stop_requested()) std::this_thread::yield();
  EXPECT_FALSE(cancelled);
  EXPECT_FALSE(board_.give_back(std::move(held), CopyOutcome::Done)) << "nobody wants to know";
  cancelling.join();
  EXPECT_FALSE(board_.try_take());
}

TEST_F(Board, CancelWaitsForACopyThatHasFailedToo) {
  begin(2);
  CopyWork first = take();
  CopyWork second = take();
  EXPECT_FALSE(board_.give_back(std::move(first), CopyOutcome::Failed, {.error = refusal("no")}));
  std::atomic<bool> cancelled{false};
  std::jthread cancelling([&] {
    board_.cancel(kBoardTable);
    cancelled = true;
  });
  for (int i = 0; i < 100; ++i) std::this_thread::yield();
  EXPECT_FALSE(cancelled) << "a thread of it still writes";
  board_.give_back(std::move(second), CopyOutcome::Stopped);
  cancelling.join();
}

}  // namespace
}  // namespace echodb
