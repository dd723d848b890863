#include <gtest/gtest.h>

#include "base/error.h"
#include "replication/copy_visibility.h"

namespace echodb {
namespace {

TEST(CopyVisibility, SeesWhatCommittedBeforeTheSnapshot) {
  auto visibility = CopyVisibility::parse("100:105:101,103");
  EXPECT_TRUE(visibility.sees(99));
  EXPECT_TRUE(visibility.sees(100));
  EXPECT_FALSE(visibility.sees(101)) << "it was in progress";
  EXPECT_TRUE(visibility.sees(102));
  EXPECT_FALSE(visibility.sees(103));
  EXPECT_FALSE(visibility.sees(105)) << "it had not begun";
  EXPECT_FALSE(visibility.sees(2000));
}

TEST(CopyVisibility, ReadsASnapshotWithNothingInProgress) {
  auto visibility = CopyVisibility::parse("100:100:");
  EXPECT_TRUE(visibility.sees(99));
  EXPECT_FALSE(visibility.sees(100));
}

TEST(CopyVisibility, KnowsIdsOnBothSidesOfTheWrapAround) {
  // Full ids 2^32 - 2 and 2^32 + 3: the stream carries their low halves.
  auto visibility = CopyVisibility::parse("4294967294:4294967299:4294967295");
  EXPECT_TRUE(visibility.sees(0xFFFFFFFD));
  EXPECT_FALSE(visibility.sees(0xFFFFFFFF));
  EXPECT_TRUE(visibility.sees(1));
  EXPECT_FALSE(visibility.sees(3));
}

TEST(CopyVisibility, RefusesWhatIsNoSnapshot) {
  for (const char* text : {"", "100", "100:", "100:x:", "100:105:101;103", ":105:"}) {
    EXPECT_THROW(CopyVisibility::parse(text), Error) << text;
  }
}

TEST(CopyGate, TheStreamLeavesEverythingOutUntilASnapshotSeesAllOfIt) {
  CopyGate gate;
  EXPECT_TRUE(gate.leaves_out(101));
  EXPECT_FALSE(gate.try_pass(CopyVisibility::parse("100:105:101,103"))) << "101 was in progress";
  EXPECT_FALSE(gate.has_passed());
  EXPECT_TRUE(gate.leaves_out(104));
  EXPECT_TRUE(gate.try_pass(CopyVisibility::parse("103:105:103")));
  EXPECT_TRUE(gate.has_passed());
  EXPECT_TRUE(gate.leaves_out(104)) << "the copy has it";
  EXPECT_FALSE(gate.leaves_out(103));
  EXPECT_FALSE(gate.leaves_out(105));
}

TEST(CopyGate, IsPassedWhenTheSnapshotIsKnownFromBefore) {
  CopyGate gate(CopyVisibility::parse("100:105:103"));
  EXPECT_TRUE(gate.has_passed());
  EXPECT_TRUE(gate.leaves_out(102));
  EXPECT_FALSE(gate.leaves_out(103));
}

}  // namespace
}  // namespace echodb
