#include "embedded/stop_signals.h"
#include "embedded/supervisor.h"
#include "embedded_scratch_directory.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

class SupervisorTest : public ::testing::Test {
 protected:
  ChildCommand child(const std::string& name, const std::string& script) const {
    ChildCommand command;
    command.name = name;
    command.command = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", "/usr/bin:/bin"}};
    command.log_file = log_;
    return command;
  }
  /// Tends until this many notices have come.
  void tend_until_notices(std::size_t count) {
    while (notices_.size() < count) {
      supervisor_.tend();
      stop_.wait_for(20ms, supervisor_.descriptors());
    }
  }
  void wait_for_log(const std::string& text) const {
    while (text_of(log_).find(text) == std::string::npos) {
    }
  }

  ScratchDirectory directory_;
  std::filesystem::path log_ = directory_.path() / "children.log";
  StopSignals stop_;
  std::vector<std::string> notices_;
  Supervisor supervisor_{[this](const std::string& notice) { notices_.push_back(notice); }};
};

TEST_F(SupervisorTest, StartsACrashedChildAgainAfterPreparing) {
  int prepared = 0;
  supervisor_.start(child("worker", "echo started; exec sleep 1000"), [&] { ++prepared; });
  wait_for_log("started");
  pid_t first = supervisor_.pid("worker");
  kill(first, SIGKILL);
  tend_until_notices(2);
  EXPECT_NE(notices_[0].find("worker ended unexpectedly (signal 9"), std::string::npos) << notices_[0];
  EXPECT_NE(notices_[0].find("0.5 s"), std::string::npos) << notices_[0];
  EXPECT_EQ(prepared, 1);
  EXPECT_NE(supervisor_.pid("worker"), 0);
  EXPECT_NE(supervisor_.pid("worker"), first);
}

TEST_F(SupervisorTest, WaitsLongerAfterEachCrash) {
  supervisor_.start(child("worker", "exit 3"));
  tend_until_notices(3);
  EXPECT_NE(notices_[0].find("exit code 3"), std::string::npos) << notices_[0];
  EXPECT_NE(notices_[0].find("0.5 s"), std::string::npos) << notices_[0];
  EXPECT_NE(notices_[2].find("1.0 s"), std::string::npos) << notices_[2];
}

TEST_F(SupervisorTest, StopsInReverseOrder) {
  for (const char* name : {"first", "second", "third"}) {
    std::string script =
        std::string("trap 'echo ") + name + " ends; exit 0' TERM; echo " + name + " runs; while :; do sleep 0.01; done";
    supervisor_.start(child(name, script));
    wait_for_log(std::string(name) + " runs");
  }
  EXPECT_TRUE(supervisor_.stop().empty());
  EXPECT_NE(text_of(log_).find("third ends\nsecond ends\nfirst ends\n"), std::string::npos) << text_of(log_);
}

TEST_F(SupervisorTest, TellsWhoDidNotStopCleanly) {
  supervisor_.start(child("worker", "trap 'exit 4' TERM; echo runs; while :; do sleep 0.01; done"));
  wait_for_log("runs");
  EXPECT_EQ(supervisor_.stop(), std::vector<std::string>{"worker ended with exit code 4"});
}

}  // namespace
}  // namespace echodb
