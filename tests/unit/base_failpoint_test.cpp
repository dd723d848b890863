#include <gtest/gtest.h>

#include "base/failpoint.h"

namespace echodb {
namespace {

TEST(FailpointDeathTest, EndsTheProcessAtTheGivenPassage) {
  EXPECT_EXIT(
      {
        switch_on_failpoints({{.name = "copy.finished", .passage = 2}});
        failpoint("copy.range_written");
        failpoint("copy.finished");
        std::fputs("once\n", stderr);
        failpoint("copy.finished");
        std::fputs("twice\n", stderr);
      },
      testing::KilledBySignal(SIGKILL), "^once\n$");
}

TEST(Failpoint, IsNothingUnlessSwitchedOn) {
  failpoint("copy.finished");
  switch_on_failpoints({});
  failpoint("copy.finished");
}

}  // namespace
}  // namespace echodb
