#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "embedded/running_up.h"
#include "embedded_scratch_directory.h"

namespace echodb {
namespace {

TEST(RunningUp, IsFoundWhileItLives) {
  ScratchDirectory directory;
  EXPECT_FALSE(find_running_up(directory.path()));
  {
    RunningUpMark mark(directory.path(),
                       {.variables = {{"POSTGRES_PORT", "5433"}, {"SYNC_SCHEMA", "a\n\"b"}}, .workers = 3});
    for (int look = 0; look < 2; ++look) {
      auto found = find_running_up(directory.path());
      ASSERT_TRUE(found);
      EXPECT_EQ(found->workers, 3);
      EXPECT_EQ(found->variables, (Variables{{"POSTGRES_PORT", "5433"}, {"SYNC_SCHEMA", "a\n\"b"}}));
    }
    // What a killed one leaves is a file that nobody has locked.
    std::filesystem::copy_file(directory.path() / "up.json", directory.path() / "left");
  }
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "up.json"));
  std::filesystem::rename(directory.path() / "left", directory.path() / "up.json");
  EXPECT_FALSE(find_running_up(directory.path()));
  RunningUpMark next(directory.path(), {});
  EXPECT_TRUE(find_running_up(directory.path()));
}

}  // namespace
}  // namespace echodb
