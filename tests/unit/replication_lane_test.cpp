#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "replication/lane.h"

namespace echodb::unit {
namespace {

using namespace std::chrono_literals;

/// Far beyond what any of the waits takes: a test that is wrong fails, instead of waiting for ever.
constexpr std::chrono::seconds kWaitMax{10};

/// Waits until `condition` holds; a failure names what did not come true.
template <typename Condition>
::testing::AssertionResult comes_true(std::string_view what, const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + kWaitMax;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) {
      return ::testing::AssertionFailure() << "after " << kWaitMax.count() << " seconds still not: " << what;
    }
    std::this_thread::sleep_for(1ms);
  }
  return ::testing::AssertionSuccess();
}

/// The steps here ask nobody.
WriterConnections no_servers(const std::stop_token& stop) { return connect_writer({}, {}, stop); }

/// Writes its name down when it runs.
class Note final : public LaneTask {
 public:
  Note(std::string name, std::mutex& mutex, std::vector<std::string>& notes)
      : name_(std::move(name)), mutex_(mutex), notes_(notes) {}
  void run(WriterTools&) override {
    std::lock_guard lock(mutex_);
    notes_.push_back(name_);
  }

 private:
  std::string name_;
  std::mutex& mutex_;
  std::vector<std::string>& notes_;
};

class LaneTest : public ::testing::Test {
 protected:
  std::unique_ptr<Note> note(std::string name) { return std::make_unique<Note>(std::move(name), mutex_, notes_); }
  std::vector<std::string> notes() {
    std::lock_guard lock(mutex_);
    return notes_;
  }
  ::testing::AssertionResult have_run(std::size_t count) {
    return comes_true(std::to_string(count) + " tasks have run", [&] { return notes().size() >= count; });
  }

  std::mutex mutex_;
  std::vector<std::string> notes_;
  std::shared_ptr<Lane> a_ = std::make_shared<Lane>("a");
  std::shared_ptr<Lane> b_ = std::make_shared<Lane>("b");
  LaneScheduler scheduler_{{.connect = &no_servers, .transient = [](const Error&) { return false; }}};
};

TEST_F(LaneTest, ATaskWaitsForWhatAnotherLaneWasGivenBefore) {
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, note("gives the name up"));
  auto takes_it = note("takes the name");
  scheduler_.run_after(*takes_it, scheduler_.end_of(a_));
  scheduler_.push(b_, std::move(takes_it));
  scheduler_.push(b_, note("writes under the name"));
  scheduler_.wait_idle(20ms);
  EXPECT_TRUE(notes().empty());
  scheduler_.let_go(a_);
  ASSERT_TRUE(have_run(3));
  EXPECT_EQ(notes(), (std::vector<std::string>{"gives the name up", "takes the name", "writes under the name"}));
}

/// Two tables swap their names again and again while nothing can be done.
TEST_F(LaneTest, StepsThatWaitForEachOtherInTurnWaitForOnePlaceALane) {
  constexpr std::size_t kSwaps = 200;
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, note("held"));
  for (std::size_t swap = 0; swap < kSwaps; ++swap) {
    auto of_b = note("b");
    scheduler_.run_after(*of_b, scheduler_.end_of(a_));
    scheduler_.push(b_, std::move(of_b));
    auto of_a = note("a");
    scheduler_.run_after(*of_a, scheduler_.end_of(b_));
    scheduler_.push(a_, std::move(of_a));
  }
  scheduler_.let_go(a_);
  ASSERT_TRUE(have_run(2 * kSwaps + 1));
}

TEST_F(LaneTest, WhatALaneDropsIsWaitedForUntilItIsMadeUpFor) {
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, note("dropped"));
  auto next = note("next");
  scheduler_.run_after(*next, scheduler_.end_of(a_));
  scheduler_.push(b_, std::move(next));
  scheduler_.reset(a_);
  scheduler_.wait_idle(20ms);
  EXPECT_TRUE(notes().empty());
  scheduler_.push(a_, note("puts on record what was dropped"));
  scheduler_.let_go(a_);
  ASSERT_TRUE(have_run(2));
  EXPECT_EQ(notes(), (std::vector<std::string>{"puts on record what was dropped", "next"}));
}

/// Cannot succeed.
class Refused final : public LaneTask {
 public:
  void run(WriterTools&) override { throw Error(ErrorCode::TargetRejected, "refused"); }
};

/// Is refused twice, and has nobody who could settle that.
class Insistent final : public LaneTask {
 public:
  explicit Insistent(int& runs) : runs_(runs) {}
  void run(WriterTools&) override {
    if (++runs_ < 3) throw Error(ErrorCode::SourceRejected, "refused");
  }
  [[nodiscard]] bool insists_on(const Error&) const override { return true; }

 private:
  int& runs_;
};

TEST_F(LaneTest, AStepThatInsistsIsTriedAgainInItsPlace) {
  int runs = 0;
  scheduler_.push(a_, std::make_unique<Insistent>(runs));
  scheduler_.push(a_, note("next"));
  ASSERT_TRUE(have_run(1));
  EXPECT_EQ(runs, 3);
  int retries = 0;
  for (const LaneEvent& event : scheduler_.take_events()) retries += event.retrying ? 1 : 0;
  EXPECT_EQ(retries, 2);
}

TEST_F(LaneTest, WhatIsNotDoneIsToldToWhoeverGaveIt) {
  std::vector<StepEnd> ends;
  auto failing = std::make_unique<Refused>();
  failing->dropped = [&](StepEnd end) { ends.push_back(end); };
  auto behind = note("behind");
  behind->dropped = [&](StepEnd end) { ends.push_back(end); };
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, std::move(failing));
  scheduler_.push(a_, std::move(behind));
  scheduler_.let_go(a_);
  ASSERT_TRUE(comes_true("the first has failed", [&] { return !scheduler_.take_events().empty(); }));
  LaneEvent dropped = scheduler_.reset(a_);
  ASSERT_EQ(dropped.dropped.size(), 2U);
  StepEnd end = StepEnd::Failed;
  for (const std::unique_ptr<LaneTask>& step : dropped.dropped) step->dropped(std::exchange(end, StepEnd::NotReached));
  EXPECT_EQ(ends, (std::vector{StepEnd::Failed, StepEnd::NotReached}));
  EXPECT_TRUE(notes().empty());
}

/// Rows, which are refused as long as `refused` says so.
class Rows final : public LaneTask {
 public:
  Rows(std::atomic<bool>& refused, std::vector<Watermark::Ticket> held) : refused_(refused) {
    tickets = std::move(held);
  }
  void run(WriterTools&) override {
    if (there_ && refused_) throw Error(ErrorCode::TargetOverloaded, "refused");
  }
  [[nodiscard]] std::size_t bytes() const override { return there_ ? 100 : 0; }
  [[nodiscard]] bool writes_rows() const override { return there_; }
  void discard_rows() override { there_ = false; }

 private:
  std::atomic<bool>& refused_;
  bool there_ = true;
};

TEST_F(LaneTest, BlockedIsWhatNobodyMayWriteYet) {
  std::atomic<bool> refused{false};
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, std::make_unique<Rows>(refused, std::vector<Watermark::Ticket>{1}));
  auto waiting = std::make_unique<Rows>(refused, std::vector<Watermark::Ticket>{2});
  scheduler_.run_after(*waiting, scheduler_.end_of(a_));
  scheduler_.push(b_, std::move(waiting));
  EXPECT_EQ(scheduler_.blocked_bytes(*a_), 100U);
  EXPECT_EQ(scheduler_.blocked_bytes(*b_), 100U);
  scheduler_.let_go(a_);
  ASSERT_TRUE(comes_true("both are written", [&] { return scheduler_.wait_idle(1ms); }));
  EXPECT_EQ(scheduler_.blocked_bytes(*a_), 0U);
  EXPECT_EQ(scheduler_.blocked_bytes(*b_), 0U);
}

/// Fails the first time.
class SecondTry final : public LaneTask {
 public:
  explicit SecondTry(std::atomic<int>& tries) : tries_(tries) {}
  void run(WriterTools&) override {
    if (++tries_ == 1) throw Error(ErrorCode::TargetOverloaded, "not yet");
  }

 private:
  std::atomic<int>& tries_;
};

/// Keeps its writer until another step has been tried again.
class UntilTriedAgain final : public LaneTask {
 public:
  explicit UntilTriedAgain(const std::atomic<int>& tries) : tries_(tries) {}
  void run(WriterTools&) override {
    (void)comes_true("the other step was tried again", [&] { return tries_ == 2; });
  }

 private:
  const std::atomic<int>& tries_;
};

TEST_F(LaneTest, AWriterThatWaitsIsThereForAStepThatFailedMeanwhile) {
  std::atomic<int> tries{0};
  LaneScheduler scheduler{
      {.connect = &no_servers, .retry_delay_max = 20ms, .transient = [](const Error&) { return true; }}};
  // Of two writers that wait, either may be the one that gets the other step.
  for (int round = 0; round < 20; ++round) {
    tries = 0;
    scheduler.push(a_, std::make_unique<SecondTry>(tries));
    ASSERT_TRUE(comes_true("it has failed", [&] { return !scheduler.take_events().empty(); }));
    scheduler.push(b_, std::make_unique<UntilTriedAgain>(tries));
    ASSERT_TRUE(comes_true("it is tried again", [&] { return tries == 2; }));
    ASSERT_TRUE(comes_true("both are done", [&] { return scheduler.wait_idle(1ms); }));
    (void)scheduler.take_events();
  }
}

class StuckLaneTest : public LaneTest {
 protected:
  std::atomic<bool> refused_{true};
  std::atomic<bool> taken_{false};
  LaneScheduler patient_{
      {.connect = &no_servers, .retry_delay_max = 1ms, .stuck_after = 20ms, .transient = [](const Error&) {
         return true;
       }}};
};

TEST_F(StuckLaneTest, AStuckLaneIsFoundOnceOthersGoOn) {
  patient_.push(a_, std::make_unique<Rows>(refused_, std::vector<Watermark::Ticket>{1}));
  ASSERT_TRUE(comes_true("the lane is found stuck", [&] { return patient_.find_stuck().lane == a_; }));
  EXPECT_FALSE(patient_.find_stuck().others_go_on);
  EXPECT_EQ(patient_.find_stuck().bytes, 100U);
  patient_.push(b_, std::make_unique<Rows>(taken_, std::vector<Watermark::Ticket>{2}));
  EXPECT_TRUE(comes_true("others go on", [&] { return patient_.find_stuck().others_go_on; }));
}

/// Rows whose step needs many statements: the first one is answered when the test says so, the last one later.
class ManyStatements final : public LaneTask {
 public:
  ManyStatements(const std::atomic<bool>& first, std::atomic<bool>& answered, const std::atomic<bool>& last)
      : first_(first), answered_(answered), last_(last) {}
  void run(WriterTools& tools) override {
    while (!first_) std::this_thread::sleep_for(1ms);
    tools.progressed();
    answered_ = true;
    while (!last_) std::this_thread::sleep_for(1ms);
  }
  [[nodiscard]] bool writes_rows() const override { return true; }
  [[nodiscard]] std::size_t bytes() const override { return 100; }

 private:
  const std::atomic<bool>& first_;
  std::atomic<bool>& answered_;
  const std::atomic<bool>& last_;
};

TEST_F(StuckLaneTest, AStepThatGetsOnIsSlowAndNotStuck) {
  std::atomic<bool> first{false};
  std::atomic<bool> answered{false};
  std::atomic<bool> last{false};
  patient_.push(a_, std::make_unique<ManyStatements>(first, answered, last));
  EXPECT_TRUE(comes_true("the lane is found stuck", [&] { return patient_.find_stuck().lane == a_; }));
  patient_.push(b_, std::make_unique<Rows>(taken_, std::vector<Watermark::Ticket>{2}));
  EXPECT_TRUE(comes_true("others go on", [&] { return patient_.find_stuck().others_go_on; }));
  first = true;
  EXPECT_TRUE(comes_true("its first statement is answered", [&] { return answered.load(); }));
  EXPECT_FALSE(patient_.find_stuck().others_go_on);
  last = true;
  EXPECT_TRUE(comes_true("it is done", [&] { return patient_.depth(*a_) == 0; }));
}

TEST_F(StuckLaneTest, DroppedRowsHandTheirTicketsOverAndStepsStayInLine) {
  patient_.push(a_, std::make_unique<Rows>(refused_, std::vector<Watermark::Ticket>{1}));
  patient_.push(a_, note("renames"));
  patient_.push(a_, std::make_unique<Rows>(refused_, std::vector<Watermark::Ticket>{2}));
  auto takes_it = note("takes the name");
  patient_.run_after(*takes_it, patient_.end_of(a_));
  patient_.push(b_, std::move(takes_it));
  ASSERT_TRUE(comes_true("the lane is found stuck", [&] { return patient_.find_stuck().lane == a_; }));
  LaneEvent dropped = patient_.drop_rows(a_);
  std::ranges::sort(dropped.tickets);
  EXPECT_EQ(dropped.tickets, (std::vector<Watermark::Ticket>{1, 2}));
  ASSERT_TRUE(have_run(2));
  EXPECT_EQ(notes(), (std::vector<std::string>{"renames", "takes the name"}));
  EXPECT_EQ(patient_.find_stuck().lane, nullptr);
  // The first rows may have been at work: their memory is told of when they have ended.
  for (const LaneEvent& event : patient_.take_events()) {
    EXPECT_TRUE(event.retrying || event.tickets.empty());
    if (!event.failure) dropped.bytes += event.bytes;
  }
  EXPECT_EQ(dropped.bytes, 200U);
}

}  // namespace
}  // namespace echodb::unit
