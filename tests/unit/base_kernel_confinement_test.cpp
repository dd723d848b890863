#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "base/kernel_confinement.h"

namespace echodb {
namespace {

TEST(KernelConfinement, AsksWithoutConfining) {
  KernelConfinement first = kernel_confinement();
  KernelConfinement second = kernel_confinement();
  EXPECT_EQ(first.files, second.files);
  EXPECT_EQ(first.programs, second.programs);
  EXPECT_EQ(prctl(PR_GET_SECCOMP), 0) << "this process is in a mode of seccomp now";
}

}  // namespace
}  // namespace echodb
