#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "replication/bookmark.h"
#include "replication/target_watch.h"
#include "support/answering_target.h"

namespace echodb::unit {
namespace {

bool has(std::string_view sql, std::string_view words) { return sql.find(words) != std::string_view::npos; }

std::string one_table() {
  ByteBuffer row;
  row.append_string("orders");
  row.append_string("0a0b0c0d-0000-0000-0000-000000000001");
  row.append_little_endian(std::uint8_t{0});
  return std::string(row.text());
}

TEST(TargetWatch, TakesNoTableForEmptyWhenItMayNotSeeParts) {
  AnsweringTarget target([](std::string_view sql) -> std::string {
    if (has(sql, "uptime()")) return "100\n";
    if (has(sql, "FROM system.tables")) return one_table();
    if (has(sql, "FROM system.parts")) throw Error(ErrorCode::TargetRejected, "Code: 497. Not enough privileges");
    return "";
  });
  TargetWatch watch("mirror", {.major = 26, .minor = 5, .text = "26.5"});
  const TargetFindings found = watch.look(target);
  ASSERT_TRUE(found.tables.contains("orders"));
  EXPECT_TRUE(found.tables.at("orders").may_empty);
}

std::string columns_of_bookmark() {
  ByteBuffer rows;
  for (const char* column : {"stream", "source_database", "target_id"}) {
    rows.append_string(column);
    rows.append_string("String");
  }
  return std::string(rows.text());
}

std::string bookmark_of(std::string_view system_identifier, std::uint64_t number) {
  ByteBuffer row;
  for (std::string_view text : {std::string_view("shop"), std::string_view("shop"), system_identifier}) {
    row.append_string(text);
  }
  row.append_little_endian(std::uint32_t{1});
  row.append_little_endian(std::uint64_t{42});
  row.append_little_endian(number);
  row.append_string("id-of-" + std::string(system_identifier));
  return std::string(row.text());
}

TEST(Bookmark, IsNotClaimedBesideAnotherSourceThatClaimsItAtTheSameTime) {
  std::string rows;
  AnsweringTarget target([&](std::string_view sql) -> std::string {
    if (has(sql, "FROM system.columns")) return columns_of_bookmark();
    if (has(sql, "INSERT INTO")) rows = bookmark_of("7001", 1000) + bookmark_of("7002", 1000);
    return has(sql, "ORDER BY number") ? rows : "";
  });
  try {
    claim_target(target, "mirror", {.stream = "shop", .database = "shop", .system_identifier = "7001"});
    FAIL() << "the target was claimed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::TargetTaken);
    EXPECT_TRUE(has(error.message(), "7002")) << error.message();
  }
}

TEST(Bookmark, IsClaimedFromASourceThatHadItBefore) {
  std::string rows = bookmark_of("7002", 5000);
  AnsweringTarget target([&](std::string_view sql) -> std::string {
    if (has(sql, "FROM system.columns")) return columns_of_bookmark();
    if (has(sql, "INSERT INTO")) rows = bookmark_of("7001", 6000) + bookmark_of("7002", 5001);
    return has(sql, "ORDER BY number") ? rows : "";
  });
  const Bookmark claimed =
      claim_target(target, "mirror", {.stream = "shop", .database = "shop", .system_identifier = "7001"});
  EXPECT_EQ(claimed.number, 6000U);
  EXPECT_EQ(claimed.target_id, "id-of-7002");
}

}  // namespace
}  // namespace echodb::unit
