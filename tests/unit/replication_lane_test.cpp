#include <gtest/gtest.h>

#include <chrono>
#include <mutex>

#include "replication/lane.h"

namespace echodb::testing {
namespace {

using namespace std::chrono_literals;

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
  /// Until that many tasks have run.
  void wait_for(std::size_t count) {
    while (notes().size() < count) scheduler_.wait_idle(1ms);
  }

  std::mutex mutex_;
  std::vector<std::string> notes_;
  std::shared_ptr<Lane> a_ = std::make_shared<Lane>("a");
  std::shared_ptr<Lane> b_ = std::make_shared<Lane>("b");
  LaneScheduler scheduler_{{.transient = [](const Error&) { return false; }}};
};

TEST_F(LaneTest, ATaskWaitsForWhatAnotherLaneWasGivenBefore) {
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, note("gives the name up"));
  auto takes_it = note("takes the name");
  scheduler_.run_after(*takes_it, a_);
  scheduler_.push(b_, std::move(takes_it));
  scheduler_.push(b_, note("writes under the name"));
  scheduler_.wait_idle(20ms);
  EXPECT_TRUE(notes().empty());
  scheduler_.let_go(a_);
  wait_for(3);
  EXPECT_EQ(notes(), (std::vector<std::string>{"gives the name up", "takes the name", "writes under the name"}));
}

TEST_F(LaneTest, WhatALaneDropsNobodyWaitsFor) {
  ASSERT_TRUE(scheduler_.hold(a_, scheduler_.releases(*a_)));
  scheduler_.push(a_, note("dropped"));
  auto next = note("next");
  scheduler_.run_after(*next, a_);
  scheduler_.push(b_, std::move(next));
  scheduler_.reset(a_);
  wait_for(1);
  EXPECT_EQ(notes(), std::vector<std::string>{"next"});
}

}  // namespace
}  // namespace echodb::testing
