#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "config/settings.h"
#include "config/unknown_variables.h"

namespace echodb {
namespace {

using namespace std::chrono_literals;

/// A `.env` file of its own for each test.
class EnvFile : public ::testing::Test {
 protected:
  EnvFile() : path_(std::filesystem::temp_directory_path() / ("echodb_env_" + std::to_string(getpid()))) {}
  ~EnvFile() override { std::filesystem::remove(path_); }

  Variables read(const std::string& content) {
    std::ofstream(path_) << content;
    return read_env_file(path_.string());
  }

  std::filesystem::path path_;
};

std::string fault_of(const Variables& variables) {
  try {
    load_settings({variables});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidConfiguration);
    return error.what();
  }
  ADD_FAILURE() << "the settings were accepted";
  return {};
}

bool mentions(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

TEST_F(EnvFile, ThatIsNotThereIsEmpty) { EXPECT_TRUE(read_env_file("/nonexistent/.env").empty()); }

TEST_F(EnvFile, HoldsNamesAndValues) {
  EXPECT_EQ(read("POSTGRES_HOST=db.example\nPOSTGRES_PORT=5433\n"),
            (Variables{{"POSTGRES_HOST", "db.example"}, {"POSTGRES_PORT", "5433"}}));
}

TEST_F(EnvFile, MaySpeakToAShell) {
  EXPECT_EQ(read("export A=1\n  B = 2  \n\tC=3\r\n"), (Variables{{"A", "1"}, {"B", "2"}, {"C", "3"}}));
}

TEST_F(EnvFile, MayHoldCommentsAndEmptyLines) {
  EXPECT_EQ(read("# first\n\n  # second\nA=1 # the value ends before the blank\nB=x#y\n"),
            (Variables{{"A", "1"}, {"B", "x#y"}}));
}

TEST_F(EnvFile, KeepsQuotedTextAsItStands) {
  EXPECT_EQ(read("A=\"two words # no comment\"\nB='x=y'  # comment\nC=\"\"\n"),
            (Variables{{"A", "two words # no comment"}, {"B", "x=y"}, {"C", ""}}));
}

TEST_F(EnvFile, KeepsEqualsSignsOfTheValue) { EXPECT_EQ(read("A=b=c=\n"), (Variables{{"A", "b=c="}})); }

TEST_F(EnvFile, NamesTheLineThatIsNoAssignment) {
  for (const char* line : {"no assignment", "=value"}) {
    try {
      read(std::string("A=1\n\n") + line + "\n");
      ADD_FAILURE() << "accepted: " << line;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::InvalidConfiguration);
      EXPECT_TRUE(mentions(error.what(), ":3:")) << error.what();
    }
  }
}

TEST(Settings, HaveTheDocumentedDefaults) {
  Settings settings = load_settings({});
  EXPECT_EQ(settings.postgres.host, "");
  EXPECT_EQ(settings.postgres.port, 5432);
  EXPECT_EQ(settings.postgres.user, "echodb");
  EXPECT_EQ(settings.clickhouse.port, 8123);
  EXPECT_EQ(settings.sync_schemas, std::vector<std::string>{"public"});
  EXPECT_EQ(settings.excluded_tables.size(), 5U);
  EXPECT_EQ(settings.retry_delay, 5s);
  EXPECT_EQ(settings.health_port, 8080);
}

TEST(Settings, DescribeTheirDefaultsTruly) {
  for (const SettingDescription& setting : setting_descriptions()) {
    if (setting.default_value.empty()) continue;
    Settings settings;
    EXPECT_NO_THROW(setting.set(settings, setting.default_value)) << setting.name;
    EXPECT_FALSE(setting.meaning.empty()) << setting.name;
  }
  Settings defaults;
  Settings said;
  for (const SettingDescription& setting : setting_descriptions()) {
    if (!setting.default_value.empty()) setting.set(said, setting.default_value);
  }
  EXPECT_EQ(said.postgres.port, defaults.postgres.port);
  EXPECT_EQ(said.clickhouse.port, defaults.clickhouse.port);
  EXPECT_EQ(said.excluded_tables, defaults.excluded_tables);
  EXPECT_EQ(said.batch_rows_max, defaults.batch_rows_max);
  EXPECT_EQ(said.batch_bytes_max, defaults.batch_bytes_max);
  EXPECT_EQ(said.memory_bytes_max, defaults.memory_bytes_max);
  EXPECT_EQ(said.sync_interval, defaults.sync_interval);
  EXPECT_EQ(said.on_drop, defaults.on_drop);
  EXPECT_EQ(said.no_pk_policy, defaults.no_pk_policy);
  EXPECT_EQ(said.leader_election_ttl, defaults.leader_election_ttl);
  EXPECT_EQ(said.leader_election_interval, defaults.leader_election_interval);
  EXPECT_EQ(said.postgres_breaker.failure_threshold, defaults.postgres_breaker.failure_threshold);
  EXPECT_EQ(said.postgres_breaker.timeout, defaults.postgres_breaker.timeout);
  EXPECT_EQ(said.engine_breaker.failure_threshold, defaults.engine_breaker.failure_threshold);
  EXPECT_EQ(said.engine_breaker.timeout, defaults.engine_breaker.timeout);
  EXPECT_EQ(said.source_peer, defaults.source_peer);
  EXPECT_EQ(said.reconnect_delay, defaults.reconnect_delay);
}

TEST(Settings, TakeOnePortOrOneForEachHost) {
  Settings one = load_settings({{{"POSTGRES_HOST", "a,b"}, {"POSTGRES_PORT", "6000"}}});
  EXPECT_EQ(one.postgres.port, 6000);
  EXPECT_EQ(one.postgres.ports, "");
  Settings each = load_settings({{{"POSTGRES_HOST", "a,b"}, {"POSTGRES_PORT", "6000, 6001"}}});
  EXPECT_EQ(each.postgres.port, 6000);
  EXPECT_EQ(each.postgres.ports, "6000,6001");
  EXPECT_THROW(load_settings({{{"POSTGRES_HOST", "a,b,c"}, {"POSTGRES_PORT", "6000,6001"}}}), Error);
  EXPECT_THROW(load_settings({{{"POSTGRES_HOST", "a,b"}, {"POSTGRES_PORT", "6000,none"}}}), Error);
}

TEST(Settings, TakeTheLaterSource) {
  Settings settings = load_settings({{{"POSTGRES_HOST", "file"}, {"POSTGRES_PORT", "1"}, {"POSTGRES_USER", "file"}},
                                     {{"POSTGRES_HOST", "environment"}, {"POSTGRES_PORT", "2"}},
                                     {{"POSTGRES_HOST", "flag"}}});
  EXPECT_EQ(settings.postgres.host, "flag");
  EXPECT_EQ(settings.postgres.port, 2);
  EXPECT_EQ(settings.postgres.user, "file");
}

TEST(Settings, DoNotMindAFaultThatALaterSourceHides) {
  EXPECT_EQ(load_settings({{{"POSTGRES_PORT", "none"}}, {{"POSTGRES_PORT", "6000"}}}).postgres.port, 6000);
}

TEST(Settings, TakeAnEmptyValueForUnset) { EXPECT_EQ(load_settings({{{"POSTGRES_PORT", ""}}}).postgres.port, 5432); }

TEST(Settings, ReportAllFaultsAtOnce) {
  std::string said = fault_of({{"POSTGRES_PORT", "x"},
                               {"RETRY_BACKOFF", "0.5"},
                               {"ECHODB_ON_DROP", "maybe"},
                               {"SYNC_SCHEMA", "a,,b"},
                               {"LOG_LEVEL", "LOUD"}});
  for (const char* name : {"POSTGRES_PORT", "RETRY_BACKOFF", "ECHODB_ON_DROP", "SYNC_SCHEMA", "LOG_LEVEL"}) {
    EXPECT_TRUE(mentions(said, name)) << name << " is missing from: " << said;
  }
}

TEST(Settings, RefusePortsThatAreNone) {
  for (const char* port : {"0", "65536", "-1", "80a", " 80", "+80", "99999999999999999999"}) {
    EXPECT_TRUE(mentions(fault_of({{"POSTGRES_PORT", port}}), "POSTGRES_PORT")) << port;
  }
}

TEST(Settings, SayWhichPortServesInsteadOfTheNativeOne) {
  EXPECT_TRUE(mentions(fault_of({{"CLICKHOUSE_PORT", "9000"}}), "8123"));
  EXPECT_TRUE(mentions(fault_of({{"CLICKHOUSE_PORT", "9440"}}), "8123"));
}

TEST(Settings, ReadListsInBothForms) {
  std::vector<std::string> expected{"public", "analytics"};
  EXPECT_EQ(load_settings({{{"SYNC_SCHEMA", "public, analytics"}}}).sync_schemas, expected);
  EXPECT_EQ(load_settings({{{"SYNC_SCHEMA", R"(["public", "analytics"])"}}}).sync_schemas, expected);
}

TEST(Settings, RefuseListsThatAreNone) {
  for (const char* list : {"a,", ",a", R"(["a", 1])", R"(["a")", R"([["a"]])"}) {
    EXPECT_TRUE(mentions(fault_of({{"SYNC_SCHEMA", list}}), "SYNC_SCHEMA")) << list;
  }
}

TEST(Settings, ReadSecondsWithFractions) {
  EXPECT_EQ(load_settings({{{"RETRY_DELAY", "0.25"}}}).retry_delay, 250ms);
  for (const char* seconds : {"-1", "nan", "inf", "1e300", "5s"}) fault_of({{"RETRY_DELAY", seconds}});
}

TEST(Settings, ReadSizesWithUnits) {
  auto size = [](const std::string& text) {
    return load_settings({{{"ECHODB_MAX_RETAINED_WAL", text}}}).max_retained_wal;
  };
  EXPECT_EQ(size("0"), 0);
  EXPECT_EQ(size("1048576"), 1048576);
  EXPECT_EQ(size("16MB"), 16 << 20);
  EXPECT_EQ(size("1.5 gb"), 3ULL << 29);
  EXPECT_EQ(size("2TB"), 2ULL << 40);
}

TEST(Settings, RefuseSizesThatAreNone) {
  for (const char* text : {"-1", "10 apples", "GB", "1e400", "99999TB99", "nan"}) {
    EXPECT_THROW(load_settings({{{"ECHODB_MAX_RETAINED_WAL", text}}}), Error) << text;
  }
}

TEST(Settings, ReadWordsInAnyCase) {
  EXPECT_EQ(load_settings({{{"LOG_LEVEL", "debug"}}}).log_level, "DEBUG");
  EXPECT_EQ(load_settings({{{"ECHODB_ON_DROP", "Keep"}}}).on_drop, OnDrop::Keep);
  EXPECT_EQ(load_settings({{{"ECHODB_NO_PK_POLICY", "insert_only"}}}).no_pk_policy, NoPrimaryKeyPolicy::InsertOnly);
}

TEST(Settings, ReadTypesForColumns) {
  std::vector<ColumnTypeRule> rules =
      load_settings({{{"ECHODB_COLUMN_TYPES", "public.t.a=Decimal(10, 2), *.*.ip = IPv4"}}}).column_types;
  EXPECT_EQ(rules, (std::vector<ColumnTypeRule>{{"public.t.a", "Decimal(10, 2)"}, {"*.*.ip", "IPv4"}}));
  for (const char* text : {"a=String", "public.t.a", "public.t.a=", "public.t.a=String,"}) {
    EXPECT_NE(fault_of({{"ECHODB_COLUMN_TYPES", text}}).find("ECHODB_COLUMN_TYPES"), std::string::npos) << text;
  }
}

TEST(Settings, TakeFromTheEnvironmentOnlyWhatIsTheirs) {
  setenv("SYNC_SCHEMA", "from_environment", 1);
  setenv("SOMEONE_ELSES", "x", 1);
  Variables variables = environment_variables();
  unsetenv("SYNC_SCHEMA");
  unsetenv("SOMEONE_ELSES");
  EXPECT_EQ(variables["SYNC_SCHEMA"], "from_environment");
  EXPECT_FALSE(variables.contains("SOMEONE_ELSES"));
}

TEST(Settings, RefuseANameOfOursThatDoesNotExist) {
  setenv("ECHODB_NO_SUCH_SETTING", "x", 1);
  Variables variables = environment_variables();
  unsetenv("ECHODB_NO_SUCH_SETTING");
  EXPECT_NE(fault_of(variables).find("ECHODB_NO_SUCH_SETTING"), std::string::npos);
  EXPECT_NO_THROW(load_settings({{{"SOURCE_PEER_NAME", "from an older file"}}}));
}

TEST(UnknownVariables, AreNamedWithTheNearestKnownName) {
  const std::vector<std::string> others{"PGSSLMODE"};
  auto described = [&](const char* name) { return describe_unknown_variables({{name, "x"}}, others); };
  EXPECT_EQ(described("POSTGRES_HOTS"),
            std::vector<std::string>{
                "POSTGRES_HOTS in .env has no effect: there is no such setting; did you mean POSTGRES_HOST?"});
  EXPECT_EQ(described("PGSLLMODE").front().substr(10),
            "in .env has no effect: there is no such setting; did you mean PGSSLMODE?");
  EXPECT_EQ(described("APP_NAME"),
            std::vector<std::string>{"APP_NAME in .env has no effect: there is no such setting"});
  for (const char* name : {"POSTGRES_HOST", "PGSSLMODE", "PEERDB_CATALOG_PASSWORD", "ECHODB_WHATEVER"}) {
    EXPECT_TRUE(described(name).empty()) << name;
  }
}

TEST(UnknownVariables, OfOurOwnPrefixAreRefused) {
  EXPECT_TRUE(
      mentions(fault_of({{"ECHODB_JSN", "json"}}), "ECHODB_JSN: there is no such setting; did you mean ECHODB_JSON?"));
}

TEST(LoadSettings, ReportsWhatLaterFoldersFindBesideItsOwn) {
  auto check = [](const Settings& settings, std::vector<std::string>& faults) {
    if (settings.column_types.size() == 1) faults.emplace_back("found later");
  };
  try {
    load_settings({{{"ECHODB_COLUMN_TYPES", "a.b.c=X"}, {"POSTGRES_PORT", "none"}}}, check);
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(mentions(error.what(), "POSTGRES_PORT: ") && mentions(error.what(), "\n  found later"));
  }
}

}  // namespace
}  // namespace echodb
