#include "base/error.h"
#include "embedded/child_process.h"
#include "embedded/data_directory.h"
#include "embedded/stop_signals.h"
#include "embedded_scratch_directory.h"

namespace echodb {
namespace {

TEST(DataDirectory, IsMadeWithItsLogDirectory) {
  ScratchDirectory scratch;
  StopSignals stop;
  DataDirectory directory(scratch.path() / "deep" / "data", stop);
  EXPECT_TRUE(std::filesystem::is_directory(directory.log_directory()));
}

TEST(DataDirectory, RefusesASecondUp) {
  ScratchDirectory scratch;
  StopSignals stop;
  DataDirectory first(scratch.path(), stop);
  try {
    DataDirectory second(scratch.path(), stop);
    FAIL() << "both have it";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("another `echodb up`"), std::string::npos) << error.what();
  }
}

TEST(DataDirectory, WaitsForTheChildrenOfAKilledUp) {
  ScratchDirectory scratch;
  StopSignals stop;
  ChildCommand command;
  command.name = "survivor";
  command.command = {"/bin/sh", "-c", "sleep 0.3; echo survivor ends"};
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  command.log_file = scratch.path() / "survivor.log";
  std::optional<ChildProcess> survivor;
  {
    DataDirectory killed(scratch.path(), stop);
    command.inherited_descriptors = {killed.children_lock()};
    survivor.emplace(command);
  }
  DataDirectory next(scratch.path(), stop);
  EXPECT_EQ(text_of(command.log_file), "survivor ends\n");
}

TEST(DataDirectory, NamesTheVariableWhenItCannotBeUsed) {
  ScratchDirectory scratch;
  StopSignals stop;
  std::ofstream(scratch.path() / "file") << "not a directory";
  try {
    DataDirectory directory(scratch.path() / "file", stop);
    FAIL() << "a file was taken for a directory";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidConfiguration);
    EXPECT_NE(error.remedy().find("ECHODB_DATA_DIR"), std::string::npos);
  }
}

}  // namespace
}  // namespace echodb
