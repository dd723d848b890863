#include <gtest/gtest.h>

#include "base/printable.h"

namespace echodb {
namespace {

TEST(Printable, KeepsPlainText) { EXPECT_EQ(printable("größer – 日本"), "größer – 日本"); }

TEST(Printable, PutsEverythingOnOneLine) {
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\x0dd");
  EXPECT_EQ(printable(std::string_view("nul\0", 4)), "nul\\x00");
}

TEST(Printable, TakesCommandsFromATerminal) { EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J"); }

}  // namespace
}  // namespace echodb
