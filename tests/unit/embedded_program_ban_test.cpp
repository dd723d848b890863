#include <gtest/gtest.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "embedded/program_ban.h"

namespace echodb {
namespace {

/// The exit code of a child that has called forbid_programs(), and nothing of Landlock, before it runs the body.
int in_banned_child(const std::function<int()>& body) {
  pid_t child = fork();
  if (child == 0) _exit(forbid_programs() ? body() : 99);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProgramBan, NoProgramIsExecuted) {
  EXPECT_EQ(in_banned_child([] {
              execl("/bin/true", "true", nullptr);
              return errno;
            }),
            EPERM);
}

TEST(ProgramBan, ChildrenThatItForksInheritIt) {
  EXPECT_EQ(in_banned_child([] {
              pid_t child = vfork();
              if (child == 0) {
                execl("/bin/sh", "sh", "-c", "exit 0", nullptr);
                _exit(errno);
              }
              int status = 0;
              waitpid(child, &status, 0);
              return WEXITSTATUS(status);
            }),
            EPERM);
}

TEST(ProgramBan, MemoryOfOtherProcessesStaysClosed) {
  EXPECT_EQ(in_banned_child([] {
              char byte = 0;
              iovec piece{&byte, 1};
              return process_vm_readv(getpid(), &piece, 1, &piece, 1, 0) < 0 ? errno : 0;
            }),
            EPERM);
}

}  // namespace
}  // namespace echodb
