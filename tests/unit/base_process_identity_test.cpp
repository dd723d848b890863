#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process_identity.h"

namespace echodb {
namespace {

/// A process that waits to be killed, and its mark as it says itself.
struct Child {
  pid_t pid = 0;
  std::string mark;
};

Child start_child() {
  int ends[2];
  if (pipe(ends) != 0) return {};
  Child child{.pid = fork()};
  if (child.pid == 0) {
    std::string mark = process_mark();
    if (write(ends[1], mark.data(), mark.size()) < 0) _exit(1);
    close(ends[1]);
    ::pause();
    _exit(0);
  }
  close(ends[1]);
  char text[512];
  for (ssize_t size = 0; (size = read(ends[0], text, sizeof text)) > 0;) {
    child.mark.append(text, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  return child;
}

TEST(ProcessIdentity, ThisProcessHasNotEnded) {
  ASSERT_FALSE(process_mark().empty());
  EXPECT_EQ(process_mark(), process_mark());
  EXPECT_EQ(process_token(), process_token());
  EXPECT_FALSE(process_has_ended(process_mark()));
}

TEST(ProcessIdentity, AProcessHasEndedOnceItIsKilledEvenIfNobodyHasWaitedForIt) {
  Child child = start_child();
  ASSERT_FALSE(child.mark.empty());
  EXPECT_FALSE(process_has_ended(child.mark));
  kill(child.pid, SIGSTOP);
  EXPECT_FALSE(process_has_ended(child.mark)) << "a frozen process goes on some time";
  kill(child.pid, SIGKILL);
  siginfo_t ended{};
  waitid(P_PID, static_cast<id_t>(child.pid), &ended, WEXITED | WNOWAIT);
  EXPECT_TRUE(process_has_ended(child.mark));
  waitpid(child.pid, nullptr, 0);
  EXPECT_TRUE(process_has_ended(child.mark));
}

TEST(ProcessIdentity, AnotherStartUnderTheSameIdIsAnotherProcess) {
  std::string mark = process_mark();
  EXPECT_TRUE(process_has_ended(mark.substr(0, mark.rfind(' ')) + " 1"));
}

TEST(ProcessIdentity, NothingIsKnownOfOtherMachinesAndNamespaces) {
  std::string mark = process_mark();
  EXPECT_FALSE(process_has_ended(""));
  EXPECT_FALSE(process_has_ended("nonsense"));
  EXPECT_FALSE(process_has_ended("another" + mark.substr(mark.find(' ')).substr(0, mark.rfind(' ')) + " 1"));
  EXPECT_FALSE(process_has_ended(mark.substr(0, mark.find(' ')) + " pid:[1] 1 1"));
}

}  // namespace
}  // namespace echodb
