#include <grp.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/error.h"
#include "embedded/child_process.h"
#include "embedded/stop_signals.h"
#include "embedded_scratch_directory.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

constexpr auto kPlenty = 60s;

class ChildProcessTest : public ::testing::Test {
 protected:
  ChildCommand shell(const std::string& script) const {
    ChildCommand command;
    command.name = "shell";
    command.command = {"/bin/sh", "-c", script};
    command.environment = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "hello"}};
    command.log_file = directory_.path() / "shell.log";
    return command;
  }
  std::string log() const { return text_of(directory_.path() / "shell.log"); }

  /// Runs the script until it has said that it is ready.
  ChildProcess started(const std::string& script) const {
    ChildProcess child(shell(script));
    while (log().find("ready") == std::string::npos && !child.poll()) {
    }
    return child;
  }

  ScratchDirectory directory_;
};

TEST_F(ChildProcessTest, ReportsHowAChildEnded) {
  StopSignals stop;
  EXPECT_TRUE(run_to_end(shell("exit 0"), stop, kPlenty).clean());
  EXPECT_EQ(run_to_end(shell("exit 7"), stop, kPlenty).code, 7);
  EXPECT_EQ(run_to_end(shell("kill -9 $$"), stop, kPlenty).signal, SIGKILL);
}

TEST_F(ChildProcessTest, GivesTheChildItsEnvironmentItsLogAndNothingElse) {
  StopSignals stop;
  run_to_end(shell("echo \"$GREETING $HOME\"; echo oops >&2; ls /proc/self/fd | wc -l"), stop, kPlenty);
  // Descriptors 0 to 2, and the one with which ls reads the directory.
  EXPECT_EQ(log(), "hello \noops\n4\n");
}

TEST_F(ChildProcessTest, UnblocksTheSignalsThatItsParentWaitsFor) {
  StopSignals stop;
  ChildCommand command = shell("");
  // Not through the shell, which starts with a mask of its own.
  command.command = {"/bin/grep", "SigBlk", "/proc/self/status"};
  run_to_end(command, stop, kPlenty);
  EXPECT_EQ(log(), "SigBlk:\t0000000000000000\n");
}

TEST_F(ChildProcessTest, SaysWhichProgramIsMissing) {
  ChildCommand command = shell("");
  command.command = {"/nonexistent/program"};
  try {
    ChildProcess child(command);
    FAIL() << "it started";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::MissingBinary);
    EXPECT_NE(error.message().find("/nonexistent/program"), std::string::npos);
  }
}

TEST_F(ChildProcessTest, StopsAChildThatListens) {
  ChildProcess child = started("trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done");
  EXPECT_TRUE(child.stop().clean());
}

TEST_F(ChildProcessTest, KillsAChildThatDoesNotListen) {
  ChildCommand command = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
  command.stop_grace = 1ms;
  ChildProcess child(command);
  while (log().find("ready") == std::string::npos) {
  }
  EXPECT_EQ(child.stop().signal, SIGKILL);
}

TEST_F(ChildProcessTest, LeavesNoProcessBehindWhenDestroyed) {
  pid_t pid = 0;
  {
    ChildProcess child = started("echo ready; exec sleep 1000");
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST_F(ChildProcessTest, RunsAsAnotherUserWhenStartedByRoot) {
  auto user = unprivileged_user();
  if (!user) GTEST_SKIP() << "needs root";
  StopSignals stop;
  ChildCommand command = shell("id -un; id -Gn | wc -w");
  command.run_as = user;
  const gid_t group_of_root = 0;
  ASSERT_EQ(setgroups(1, &group_of_root), 0);
  run_to_end(command, stop, kPlenty);
  EXPECT_EQ(log(), user->name + "\n1\n");
}

TEST_F(ChildProcessTest, EndsARunWhenTheOperatorStopsUs) {
  StopSignals stop;
  raise(SIGTERM);
  try {
    run_to_end(shell("exec sleep 1000"), stop, kPlenty);
    FAIL() << "it waited";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::Stopped);
  }
}

}  // namespace
}  // namespace echodb
