#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "clickhouse/quoting.h"
#include "clickhouse/readers.h"
#include "support/answering_target.h"
#include "support/in_process_clickhouse.h"

namespace echodb::unit {
namespace {

const ServerVersion kServer{.major = 26, .minor = 7, .text = "26.7"};
const ServerVersion kOldServer{.major = 23, .minor = 1, .text = "23.1"};

ClickHouseSettings read_by(std::vector<std::string> readers) {
  ClickHouseSettings settings;
  settings.readers = std::move(readers);
  return settings;
}

/// The statements that setup sends, but for its questions, which a server that keeps no profiles and has `final = 1`
/// for everybody answers with yes.
std::vector<std::string> made_for(std::vector<std::string> readers, bool is_embedded = false) {
  std::vector<std::string> statements;
  AnsweringTarget target([&](std::string_view sql) -> std::string {
    if (sql.starts_with("SELECT")) return is_embedded ? "1\n" : "0\n";
    statements.emplace_back(sql);
    return {};
  });
  make_readers_profile(target, kServer, read_by(std::move(readers)));
  return statements;
}

/// What doctor says where the profile is, and `final` for our own user is, as given.
struct Server {
  bool has_profile;
  bool has_final;
};
Finding found_for(std::vector<std::string> readers, Server server) {
  AnsweringTarget target([&](std::string_view sql) -> std::string {
    const bool of_profile = sql.find("system.settings_profiles") != std::string_view::npos;
    return (of_profile ? server.has_profile : server.has_final) ? "1\n" : "0\n";
  });
  Findings findings;
  const ClickHouseSettings settings = read_by(std::move(readers));
  examine_readers(target, kServer, settings, findings);
  examine_readers_profile(target, kServer, settings, findings);
  const std::vector<Finding> all = std::move(findings).worst_first();
  EXPECT_EQ(all.size(), 1U);
  return all.at(0);
}

TEST(Readers, GetAProfileOfTheirTarget) {
  EXPECT_EQ(made_for({"ann", "analysts of `sales`"}),
            std::vector<std::string>{"CREATE SETTINGS PROFILE OR REPLACE `echodb_readers_echodb` SETTINGS final = 1 TO "
                                     "`ann`, `analysts of \\`sales\\``"});
  EXPECT_EQ(
      made_for({"ALL"}),
      std::vector<std::string>{"CREATE SETTINGS PROFILE OR REPLACE `echodb_readers_echodb` SETTINGS final = 1 TO ALL"});
}

TEST(Readers, AreLeftAloneWhenNobodyAsks) {
  EXPECT_TRUE(made_for({}).empty());
  EXPECT_TRUE(made_for({"none"}).empty());
}

TEST(Readers, AreServedAlreadyByTheEmbeddedServer) { EXPECT_TRUE(made_for({"ann"}, true).empty()); }

TEST(Readers, GetAStatementThatClickHouseReads) {
  if (!InProcessClickHouse::unavailable_reason().empty()) GTEST_SKIP() << InProcessClickHouse::unavailable_reason();
  InProcessClickHouse clickhouse;
  for (const std::vector<std::string>& readers :
       {std::vector<std::string>{"ann", "analysts of `sales`"}, std::vector<std::string>{"ALL"}}) {
    const std::string sql = made_for(readers).at(0);
    EXPECT_NO_THROW(clickhouse.query("SELECT formatQuery(" + quote_literal(sql) + ")")) << sql;
  }
}

TEST(Readers, AreToldWhatToDoWhereTheServerRefuses) {
  AnsweringTarget target([](std::string_view) -> std::string {
    throw Error(ErrorCode::TargetRejected, "Code: 497. Not enough privileges");
  });
  try {
    make_readers_profile(target, kServer, read_by({"ann"}));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("queries of ann (ECHODB_READERS) do not get final = 1"), std::string::npos);
    EXPECT_NE(error.remedy().find("TO `ann`; or write <final>1</final>"), std::string::npos) << error.remedy();
  }
  EXPECT_THROW(make_readers_profile(target, kOldServer, read_by({"ann"})), Error);
}

TEST(Readers, AreLookedAfter) {
  using Severity = Finding::Severity;
  EXPECT_EQ(found_for({}, {.has_profile = false, .has_final = true}).severity, Severity::Ok);
  EXPECT_EQ(found_for({}, {.has_profile = false, .has_final = false}).severity, Severity::Warning);
  EXPECT_EQ(found_for({"none"}, {.has_profile = false, .has_final = false}).severity, Severity::Ok);
  EXPECT_EQ(found_for({"ann"}, {.has_profile = true, .has_final = false}).severity, Severity::Ok);
  EXPECT_EQ(found_for({"ALL"}, {.has_profile = false, .has_final = true}).severity, Severity::Ok);
  const Finding missing = found_for({"ann"}, {.has_profile = false, .has_final = false});
  EXPECT_EQ(missing.severity, Severity::Warning);
  EXPECT_NE(missing.remedy.find("`echodb setup` makes it; or: CREATE SETTINGS PROFILE"), std::string::npos);
}

}  // namespace
}  // namespace echodb::unit
