#include <gtest/gtest.h>

#include "replication/type_changes.h"

namespace echodb {
namespace {

constexpr Oid kTable = 20'000;
constexpr Oid kBuiltIn = 23;
constexpr Oid kOwn = 17'000;
constexpr Lsn kRunBegan{100};

TableVersion version(Lsn lsn, Oid type, TypeKind kind = TypeKind::Enum) {
  Column column;
  column.attnum = 1;
  column.type.oid = type;
  column.type.kind = kind;
  TableVersion made{.lsn = lsn};
  made.schema.oid = kTable;
  made.schema.columns = {column};
  return made;
}

MirroredTable mirrored(const TableVersion& version) {
  MirroredTable table({.oid = kTable, .state = TableState::Streaming});
  table.versions.push_back({.version = version});
  return table;
}

class TypeChangesTest : public testing::Test {
 protected:
  TypeChangesTest() { changes_.run_began(kRunBegan); }

  void transaction(Lsn message, bool of_rows, Lsn commit) {
    changes_.changed({.type = kOwn, .of_rows = of_rows}, message);
    changes_.transaction_ended(commit);
  }
  void description(MirroredTable& table, Lsn commit) {
    changes_.described(kTable);
    EXPECT_EQ(changes_.transaction_ended(commit), std::set<Oid>{kTable});
    table.described = commit;
  }

  TypeChanges changes_;
};

TEST_F(TypeChangesTest, AVersionFromBeforeAChangeShowsTheTypeAsItWas) {
  transaction(Lsn{200}, false, Lsn{300});
  EXPECT_EQ(changes_.after(version(Lsn{250}, kOwn)), Lsn{300});
  EXPECT_EQ(changes_.after(version(Lsn{350}, kOwn)), std::nullopt);
  EXPECT_EQ(changes_.after(version(Lsn{250}, kBuiltIn, TypeKind::Base)), std::nullopt);
}

TEST_F(TypeChangesTest, RowTypesAreShownByCompositesOnly) {
  transaction(Lsn{200}, true, Lsn{300});
  EXPECT_EQ(changes_.after(version(Lsn{250}, kOwn, TypeKind::Composite)), Lsn{300});
  EXPECT_EQ(changes_.after(version(Lsn{250}, kOwn)), std::nullopt);
}

TEST_F(TypeChangesTest, ATableThatWasCommittedBetweenAChangeAndItsEndIsMissed) {
  MirroredTable table = mirrored(version(Lsn{150}, kOwn));
  description(table, Lsn{250});
  changes_.changed({.type = kOwn}, Lsn{200});
  EXPECT_TRUE(changes_.has_missed(table));
  changes_.transaction_ended(Lsn{300});
  EXPECT_FALSE(changes_.has_missed(table)) << "the transaction is over";
  changes_.changed({.type = kOwn}, Lsn{400});
  EXPECT_FALSE(changes_.has_missed(table)) << "it was there before the change, which has told of it";
}

TEST_F(TypeChangesTest, WhatEarlierRunsHaveReadMayHaveBeenMissed) {
  const MirroredTable table = mirrored(version(Lsn{50}, kOwn));
  EXPECT_EQ(changes_.after(version(Lsn{50}, kOwn)), kRunBegan);
  changes_.changed({.type = kOwn}, Lsn{80});
  EXPECT_TRUE(changes_.has_missed(table)) << "the change was open when the run began";
  changes_.transaction_ended(Lsn{120});
  changes_.changed({.type = kOwn}, Lsn{130});
  EXPECT_FALSE(changes_.has_missed(table));
}

}  // namespace
}  // namespace echodb
