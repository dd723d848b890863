#include <gtest/gtest.h>

#include "catalog/inventory.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;
using Kind = InventoryEntry::Kind;
using State = JudgedTable::State;

constexpr auto kPoll = 5000ms;

InventoryEntry entry(Oid oid, Kind kind = Kind::NotMirrored) {
  return {.oid = oid, .table = "public.t" + std::to_string(oid), .kind = kind, .reason = "because"};
}

InventoryLook look(std::uint64_t applied, std::uint64_t position, std::vector<InventoryEntry> entries) {
  return {.applied = Lsn{applied}, .position = Lsn{position}, .entries = std::move(entries)};
}

/// Looks one after the other, a second apart.
class Looks {
 public:
  void add(const InventoryLook& look) { judge_.add(look, now_ += 1s); }
  void pass(std::chrono::seconds time) { now_ += time; }
  [[nodiscard]] State state() const { return judge_.tables().at(0).state; }
  [[nodiscard]] const InventoryJudge& judge() const { return judge_; }

 private:
  InventoryJudge judge_{kPoll};
  InventoryJudge::Clock::time_point now_{1h};
};

TEST(Inventory, TakesATableThatWasJustCreatedForPending) {
  Looks looks;
  looks.add(look(90, 100, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Pending);
  EXPECT_TRUE(looks.judge().is_undecided());
  looks.add(look(150, 200, {}));
  EXPECT_TRUE(looks.judge().tables().empty());
  EXPECT_FALSE(looks.judge().is_undecided());
}

TEST(Inventory, SaysNothingWhileTheStreamIsBehind) {
  Looks looks;
  for (std::uint64_t position = 100; position < 2000; position += 100) looks.add(look(99, position, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Pending);
}

TEST(Inventory, GoesByWhatWasReadOfATableWithoutAStepAtWork) {
  Looks one;
  Looks at_work;
  for (std::uint64_t position = 100; position < 300; position += 100) {
    InventoryLook while_behind = look(99, position, {entry(1)});
    while_behind.reading.end = Lsn{position - 1};
    one.add(while_behind);
    while_behind.reading.at_work = {1};
    at_work.add(while_behind);
  }
  EXPECT_EQ(one.state(), State::Pending);
  InventoryLook later = look(99, 300, {entry(1)});
  later.reading.end = Lsn{200};
  one.add(later);
  later.reading.at_work = {1};
  at_work.add(later);
  EXPECT_EQ(one.state(), State::Error);
  EXPECT_EQ(at_work.state(), State::Pending);
}

TEST(Inventory, FindsWhatNoMessageOnItsWayExplains) {
  Looks looks;
  looks.add(look(90, 100, {entry(1)}));
  looks.add(look(99, 150, {entry(1)}));
  looks.add(look(120, 200, {entry(1)}));
  looks.add(look(199, 250, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Pending);
  looks.add(look(200, 300, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Error);
  EXPECT_FALSE(looks.judge().is_undecided());
}

TEST(Inventory, BeginsAgainWithADifferenceOfAnotherKind) {
  Looks looks;
  looks.add(look(90, 100, {entry(1)}));
  looks.add(look(100, 200, {entry(1)}));
  looks.add(look(200, 300, {entry(1, Kind::NotPublished)}));
  EXPECT_EQ(looks.state(), State::Pending);
}

TEST(Inventory, ForgetsWhatWasHealed) {
  Looks looks;
  for (std::uint64_t at = 100; at <= 300; at += 100) looks.add(look(at, at, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Error);
  looks.add(look(400, 400, {}));
  looks.add(look(500, 500, {entry(1)}));
  EXPECT_EQ(looks.state(), State::Pending);
}

TEST(Inventory, NeverDoubtsWhatIsLeftOutOnPurpose) {
  Looks looks;
  looks.add(look(0, 100, {entry(1, Kind::LeftOut)}));
  EXPECT_EQ(looks.state(), State::LeftOut);
  EXPECT_FALSE(looks.judge().is_undecided());
}

TEST(Inventory, WaitsForThePollWithoutEventTriggers) {
  Looks looks;
  auto polled = [](std::uint64_t at) {
    InventoryLook look{.applied = Lsn{at}, .position = Lsn{at}, .entries = {entry(1)}};
    look.has_event_triggers = false;
    return look;
  };
  for (std::uint64_t at = 1; at <= 5; ++at) looks.add(polled(at));
  EXPECT_EQ(looks.state(), State::Pending);
  looks.pass(10s);
  looks.add(polled(6));
  EXPECT_EQ(looks.state(), State::Error);
}

TEST(Inventory, JudgesEachTableByItself) {
  Looks looks;
  looks.add(look(100, 100, {entry(1)}));
  looks.add(look(200, 200, {entry(1)}));
  looks.add(look(300, 300, {entry(1), entry(2)}));
  const std::vector<JudgedTable> tables = looks.judge().tables();
  ASSERT_EQ(tables.size(), 2U);
  EXPECT_EQ(tables[0].state, State::Error);
  EXPECT_EQ(tables[1].state, State::Pending);
}

}  // namespace
}  // namespace echodb
