#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "base/secret.h"
#include "embedded/stored_credentials.h"
#include "embedded_scratch_directory.h"

namespace echodb {
namespace {

TEST(StoredCredentials, AreReadAsTheyWereWrittenByTheirOwnerAlone) {
  ScratchDirectory scratch;
  write_stored_credentials(scratch.path(), {.postgres_password = "a-_9", .clickhouse_password = "b"});
  struct stat found {};
  ASSERT_EQ(stat(credentials_file(scratch.path()).c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
  EXPECT_FALSE(credentials_are_exposed(scratch.path()));
  StoredCredentials read = read_stored_credentials(scratch.path());
  EXPECT_EQ(read.postgres_password, "a-_9");
  EXPECT_EQ(read.clickhouse_password, "b");
}

TEST(StoredCredentials, AreEmptyWhereThereIsNoFile) {
  ScratchDirectory scratch;
  EXPECT_EQ(read_stored_credentials(scratch.path() / "nowhere").postgres_password, "");
}

TEST(StoredCredentials, ReplaceWhatACrashLeftAndFollowNoLink) {
  ScratchDirectory scratch;
  std::ofstream(scratch.path() / "target") << "kept";
  std::filesystem::create_symlink(scratch.path() / "target", scratch.path() / "credentials.new");
  write_stored_credentials(scratch.path(), {.postgres_password = "first", .clickhouse_password = {}});
  write_stored_credentials(scratch.path(), {.postgres_password = "second", .clickhouse_password = {}});
  EXPECT_EQ(text_of(scratch.path() / "target"), "kept");
  EXPECT_EQ(read_stored_credentials(scratch.path()).postgres_password, "second");
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "credentials.new"));
}

TEST(StoredCredentials, AreNotedWhenOthersMayReadThem) {
  ScratchDirectory scratch;
  write_stored_credentials(scratch.path(), {.postgres_password = "x", .clickhouse_password = {}});
  ASSERT_EQ(chmod(credentials_file(scratch.path()).c_str(), 0640), 0);
  EXPECT_TRUE(credentials_are_exposed(scratch.path()));
}

TEST(Secret, IsNeverTheSameAndNeedsNoQuotes) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(make_secret());
  EXPECT_EQ(seen.size(), 100U);
  for (const std::string& secret : seen) {
    EXPECT_EQ(secret.size(), 32U);
    EXPECT_EQ(secret.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
              std::string::npos);
  }
}

TEST(Secret, IsEqualOnlyToItself) {
  EXPECT_TRUE(equal_secrets("token", "token"));
  for (const char* given : {"", "t", "tokem", "token ", "tokentoken", "Token"}) {
    EXPECT_FALSE(equal_secrets(given, "token")) << given;
  }
  EXPECT_FALSE(equal_secrets("token", ""));
}

}  // namespace
}  // namespace echodb
