#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "config/secret_variables.h"

namespace echodb {
namespace {

void hand_over(const std::string& text) {
  int file = memfd_create("test", 0);
  ASSERT_EQ(write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  lseek(file, 0, SEEK_SET);
  setenv(kHandedOverVariable, std::to_string(file).c_str(), 1);
}

TEST(SecretVariables, ArriveWithQuotesLineEndsAndNothing) {
  Variables variables{{"POSTGRES_PASSWORD", "a'b\"c #d\n e="}, {"REDIS_PASSWORD", ""}};
  hand_over(write_variables(variables));
  EXPECT_EQ(take_handed_over_variables(), variables);
  EXPECT_EQ(std::getenv(kHandedOverVariable), nullptr);
  EXPECT_TRUE(take_handed_over_variables().empty());
}

TEST(SecretVariables, RefusesWhatNoParentHandedOver) {
  for (const char* descriptor : {"", "x", "3x", "-1", "0", "999999"}) {
    setenv(kHandedOverVariable, descriptor, 1);
    EXPECT_THROW(take_handed_over_variables(), Error) << descriptor;
  }
  for (const char* text : {"NAME=cut short", "=x"}) {
    hand_over(text);
    EXPECT_THROW(take_handed_over_variables(), Error) << text;
  }
  unsetenv(kHandedOverVariable);
}

TEST(SecretVariables, AreOverwrittenWhereTheyWereGiven) {
  std::array<char, 32> entry{"REDIS_PASSWORD=hidden"};
  ASSERT_EQ(putenv(entry.data()), 0);
  hide_secrets_in_environment();
  EXPECT_EQ(std::string(entry.data()), "REDIS_PASSWORD=");
  EXPECT_EQ(std::getenv("REDIS_PASSWORD"), nullptr);
  std::array<char, 32> together{"--redis-password=hidden"};
  std::array<char, 32> apart{"hidden"};
  std::array<char*, 3> arguments{entry.data(), together.data(), apart.data()};
  hide_secrets_in_arguments(3, arguments.data(), {{"REDIS_PASSWORD", "hidden"}, {"REDIS_HOST", "hidden"}});
  EXPECT_EQ(std::string(together.data()), "--redis-password=******");
  EXPECT_EQ(std::string(apart.data()), "******");
}

}  // namespace
}  // namespace echodb
