#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "postgres/libpq_variables.h"

namespace echodb {
namespace {

std::string in_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "none" : value;
}

class LibpqVariables : public ::testing::Test {
 protected:
  LibpqVariables() { clear_libpq_variables(); }
  ~LibpqVariables() override { clear_libpq_variables(); }
};

TEST_F(LibpqVariables, OfAFileAreHandedOnUnlessTheEnvironmentHasThem) {
  setenv("PGSSLROOTCERT", "mine", 1);
  setenv("PGCHANNELBINDING", "", 1);
  apply_libpq_variables({{"PGSSLMODE", "verify-full"},
                         {"PGSSLROOTCERT", "the file's"},
                         {"PGCHANNELBINDING", "require"},
                         {"POSTGRES_HOST", "db"}});
  EXPECT_EQ(in_environment("PGSSLMODE"), "verify-full");
  EXPECT_EQ(in_environment("PGSSLROOTCERT"), "mine");
  EXPECT_EQ(in_environment("PGCHANNELBINDING"), "none");
  EXPECT_EQ(libpq_variables_in_environment(), (Variables{{"PGSSLMODE", "verify-full"}, {"PGSSLROOTCERT", "mine"}}));
  EXPECT_EQ(in_environment("POSTGRES_HOST"), "none");
}

TEST_F(LibpqVariables, ThatWouldOverruleOurSessionsCountNowhere) {
  setenv("PGTZ", "Asia/Tokyo", 1);
  apply_libpq_variables({{"PGDATESTYLE", "German"}, {"PGPASSWORD", "secret"}, {"PGHOST", "/tmp"}});
  for (const char* name : {"PGTZ", "PGDATESTYLE", "PGPASSWORD", "PGHOST"}) EXPECT_EQ(in_environment(name), "none");
  EXPECT_EQ(describe_overruled_variables({{"PGHOST", "x"}, {"PGTZ", "y"}, {"PGSSLMODE", "z"}}),
            (std::vector<std::string>{"PGHOST in .env has no effect: set POSTGRES_HOST instead",
                                      "PGTZ in .env has no effect: EchoDB's sessions set this themselves"}));
}

TEST_F(LibpqVariables, AreThoseThatThisLibpqKnows) {
  for (const char* name : {"PGSSLMODE", "PGSSLROOTCERT", "PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGTZ"}) {
    EXPECT_NE(std::ranges::find(libpq_variables(), name), libpq_variables().end()) << name;
  }
}

}  // namespace
}  // namespace echodb
