#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "replication/late_inserts.h"
#include "support/answering_target.h"
#include "support/in_process_clickhouse.h"

namespace echodb::unit {
namespace {

const TargetTable kTable{.database = "tests", .name = "late"};

/// The code of the error that is thrown; Stopped for none.
template <typename Call>
ErrorCode code_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::Stopped;
}

TEST(LateInserts, AreWaitedFor) {
  AnsweringTarget target([](std::string_view sql) -> std::string {
    return sql.find("FROM system.processes") != std::string_view::npos ? "0\n" : "1\n";
  });
  EXPECT_EQ(code_of([&] { await_inserts(target, kTable); }), ErrorCode::TargetOverloaded);
  EXPECT_EQ(code_of([&] { require_no_late_parts(target, kTable); }), ErrorCode::TargetOverloaded);
}

TEST(LateInserts, CannotBeToldApartFromAnAlterAtWork) {
  AnsweringTarget target([](std::string_view sql) -> std::string {
    return sql.find("FROM system.mutations") != std::string_view::npos ? "0\n" : "1\n";
  });
  EXPECT_EQ(code_of([&] { require_no_late_parts(target, kTable); }), ErrorCode::TargetOverloaded);
}

/// On a real server. A part that was away during the ALTER is attached after it, as an INSERT of before would leave
/// one.
TEST(LateInserts, AreFoundByTheColumnsOfTheirParts) {
  if (std::string reason = InProcessClickHouse::unavailable_reason(); !reason.empty()) GTEST_SKIP() << reason;
  InProcessClickHouse server;
  AnsweringTarget target([&](std::string_view sql) { return server.query(sql); });
  server.query("CREATE TABLE late (id Int64, v String) ENGINE = MergeTree ORDER BY id");
  server.query("INSERT INTO late VALUES (1, 'a')");
  server.query("ALTER TABLE late DETACH PARTITION tuple()");
  server.query("INSERT INTO late VALUES (2, 'b')");
  server.query("ALTER TABLE late RENAME COLUMN v TO w");
  EXPECT_EQ(code_of([&] { require_no_late_parts(target, kTable); }), ErrorCode::Stopped);
  server.query("ALTER TABLE late ATTACH PARTITION tuple()");
  EXPECT_EQ(server.query("SELECT w FROM late ORDER BY id"), "\nb\n");
  EXPECT_EQ(code_of([&] { require_no_late_parts(target, kTable); }), ErrorCode::TargetRejected);
  server.query("DROP TABLE late SYNC");
}

}  // namespace
}  // namespace echodb::unit
