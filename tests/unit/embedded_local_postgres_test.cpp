#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "embedded/data_directory.h"
#include "embedded/local_postgres.h"
#include "embedded/orphaned_postgres.h"
#include "embedded/port_check.h"
#include "embedded/stop_signals.h"
#include "embedded_scratch_directory.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

class LocalPostgresTest : public ::testing::Test {
 protected:
  LocalPostgresTest() { settings_.port = free_port(); }

  /// Makes what is missing and starts the server, as `up` does.
  ChildProcess start() {
    directory_.emplace(scratch_.path() / "data", stop_);
    postgres_.emplace(settings_, directory_->path());
    postgres_->stop_orphan(stop_);
    postgres_->create(directory_->children_lock(), stop_);
    ChildProcess server(postgres_->server_command());
    auto still_running = [&] {
      if (server.poll()) throw std::runtime_error(text_of(directory_->log_directory() / "postgres.log"));
    };
    postgres_->wait_until_ready(still_running, stop_);
    return server;
  }
  void forget() {
    postgres_.reset();
    directory_.reset();
  }
  std::string ask(const std::string& sql) const {
    PostgresConnection connection(postgres_->settings(), ConnectionKind::Ordinary);
    QueryResult result = connection.execute(sql);
    return result.rows() == 0 ? std::string() : std::string(result.text(0, 0));
  }
  std::filesystem::path data() const { return scratch_.path() / "data" / "postgres"; }

  ScratchDirectory scratch_;
  StopSignals stop_;
  PostgresSettings settings_;
  std::optional<DataDirectory> directory_;
  std::optional<LocalPostgres> postgres_;
};

TEST_F(LocalPostgresTest, ServesTheSampleTablesFromADirectoryOthersCannotEnter) {
  ChildProcess server = start();
  EXPECT_TRUE(postgres_->create_databases());
  EXPECT_EQ(ask("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database"), "echodb,template0,template1");
  EXPECT_EQ(ask("SELECT count(*) FROM public.users"), "200");
  EXPECT_EQ(ask("SELECT count(*) FROM public.order_items"), "1000");
  EXPECT_EQ(ask("SHOW wal_level"), "logical");
  EXPECT_EQ(ask("SHOW fsync"), "on");
  struct stat owner {};
  ASSERT_EQ(stat((std::filesystem::path("/proc") / std::to_string(server.pid())).c_str(), &owner), 0);
  EXPECT_NE(owner.st_uid, 0u) << "PostgreSQL runs as root";
  EXPECT_TRUE(server.stop().clean());
  EXPECT_TRUE(postgres_processes_in(data()).empty());
}

TEST_F(LocalPostgresTest, GoesOnWithItsDataAfterACrash) {
  {
    ChildProcess server = start();
    postgres_->create_databases();
    ask("CREATE TABLE public.kept AS SELECT 42 AS answer");
    kill(server.pid(), SIGKILL);
    server.stop();
  }
  EXPECT_TRUE(std::filesystem::exists(data() / "postmaster.pid"));
  forget();
  ChildProcess again = start();
  EXPECT_FALSE(postgres_->create_databases());
  EXPECT_EQ(ask("SELECT answer FROM public.kept"), "42");
}

TEST_F(LocalPostgresTest, EndsAServerThatOutlivedItsParent) {
  ChildProcess orphan = start();
  postgres_->create_databases();
  forget();
  ChildProcess again = start();
  auto status = orphan.poll();
  ASSERT_TRUE(status) << "two servers on one data directory";
  EXPECT_TRUE(status->clean());
  EXPECT_EQ(ask("SELECT count(*) FROM public.users"), "200");
}

TEST_F(LocalPostgresTest, ForgetsAPidFileWhoseProcessIsSomethingElse) {
  {
    ChildProcess server = start();
    postgres_->create_databases();
    server.stop();
  }
  forget();
  // In a restarted container another process of the same user may have the postmaster's old id.
  ChildCommand command;
  command.name = "stranger";
  command.command = {"/bin/sleep", "1000"};
  command.log_file = scratch_.path() / "stranger.log";
  command.run_as = unprivileged_user();
  ChildProcess stranger(command);
  std::ofstream(data() / "postmaster.pid") << stranger.pid() << "\n/proc/self/fd/3\n1\n1\n\n127.0.0.1\n";
  ChildProcess server = start();
  EXPECT_EQ(ask("SELECT 1"), "1");
  EXPECT_FALSE(stranger.poll()) << "a stranger was ended";
}

TEST_F(LocalPostgresTest, MakesADatabaseAgainThatWasCutShort) {
  ChildProcess server = start();
  PostgresSettings maintenance = postgres_->settings();
  maintenance.database = "template1";
  PostgresConnection(maintenance, ConnectionKind::Ordinary).execute("CREATE DATABASE echodb_being_made");
  EXPECT_TRUE(postgres_->create_databases());
  EXPECT_EQ(ask("SELECT count(*) FROM pg_database WHERE datname = 'echodb_being_made'"), "0");
  EXPECT_EQ(ask("SELECT count(*) FROM public.users"), "200");
}

TEST_F(LocalPostgresTest, SaysWhatToDoWhenThePasswordIsNotThatOfTheFirstStart) {
  start().stop();
  forget();
  settings_.password = "another";
  try {
    start();
    FAIL() << "any password will do";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::SourceAuthentication);
    EXPECT_NE(error.remedy().find("POSTGRES_PASSWORD"), std::string::npos);
  }
}

TEST_F(LocalPostgresTest, NamesThePackageOfTheVersionThatMadeTheData) {
  std::filesystem::create_directories(data());
  std::ofstream(data() / "PG_VERSION") << "9999\n";
  try {
    LocalPostgres postgres(settings_, scratch_.path() / "data");
    FAIL() << "PostgreSQL 9999 is installed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::MissingBinary);
    EXPECT_NE(error.remedy().find("postgresql-9999"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace echodb
