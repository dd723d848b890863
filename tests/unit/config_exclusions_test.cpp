#include <gtest/gtest.h>

#include <regex>

#include "config/exclusions.h"

namespace echodb {
namespace {

bool excludes(const std::string& glob, const std::string& name) {
  return std::regex_match(name, std::regex(exclusion_pattern(glob)));
}

TEST(Exclusions, TakeNamesLiterally) {
  EXPECT_TRUE(excludes("public.audit_log", "public.audit_log"));
  EXPECT_FALSE(excludes("public.audit_log", "publicxaudit_log")) << "the dot is a dot";
  EXPECT_FALSE(excludes("audit", "audit_log")) << "the whole name, not its beginning";
  EXPECT_TRUE(excludes("odd+name(1)", "odd+name(1)"));
}

TEST(Exclusions, KnowGlobs) {
  EXPECT_TRUE(excludes("temp_*", "temp_"));
  EXPECT_TRUE(excludes("temp_*", "temp_2024"));
  EXPECT_FALSE(excludes("temp_*", "attempt_1"));
  EXPECT_TRUE(excludes("part_?", "part_7"));
  EXPECT_FALSE(excludes("part_?", "part_12"));
}

TEST(Exclusions, AreReadBackFromPatterns) {
  for (const std::string glob :
       {"public.audit_log", "temp_*", "part_?", "odd+name(1)", "*", "\"two words\"", "back\\slash"}) {
    EXPECT_EQ(exclusion_of(exclusion_pattern(glob)), glob);
  }
}

}  // namespace
}  // namespace echodb
