#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/log.h"
#include "cli/clickhouse_command.h"
#include "cli/commands.h"
#include "cli/up_command.h"
#include "config/settings.h"

namespace {

using namespace echodb;

/// POSTGRES_HOST becomes --postgres-host.
std::string flag_of(const std::string& variable) {
  std::string flag = "--";
  for (char c : variable) flag += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return flag;
}

/// Every setting as a flag of the program, usable before or after the subcommand.
void add_setting_flags(CLI::App& app, Variables& flags) {
  for (const SettingDescription& setting : setting_descriptions()) {
    std::string help = setting.meaning;
    if (!setting.default_value.empty()) help += " [" + setting.default_value + "]";
    app.add_option_function<std::string>(
           flag_of(setting.name), [&flags, name = setting.name](const std::string& value) { flags[name] = value; },
           help)
        ->type_name(setting.name);
  }
}

Settings settings_from(const Variables& flags) {
  Settings settings = load_settings({read_env_file(".env"), environment_variables(), flags});
  log::configure({.level = settings.log_level, .file = settings.log_file});
  switch_on_failpoints(settings.failpoints);
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("EchoDB keeps a ClickHouse database identical to a PostgreSQL database.", "echodb");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", ECHODB_VERSION);
  Variables flags;
  add_setting_flags(app, flags);

  std::function<int(const Settings&)> command;
  UpOptions up_options;
  StatusOptions status_options;
  auto* up = app.add_subcommand("up", "start everything on this machine and keep it running");
  up->add_flag("--smoke", up_options.smoke, "try the quick start on a fresh data directory, then exit 0 or 1");
  up->add_option("--workers", up_options.workers,
                 "so many workers, of which one leads, on HEALTH_CHECK_PORT and the ports after it")
      ->check(CLI::Range(1, 100));
  up->callback([&] {
    command = [&](const Settings& settings) {
      up_options.flags = flags;
      return up_command(settings, up_options);
    };
  });
  SetupOptions setup_options;
  auto* setup = app.add_subcommand("setup", "prepare both databases; safe to run again");
  setup->add_flag("--accept-new-source", setup_options.accept_new_source,
                  "the source is another one than before, or was restored: copy every table of it again");
  setup->callback([&] { command = [&](const Settings& settings) { return setup_command(settings, setup_options); }; });
  DoctorOptions doctor_options;
  auto* doctor = app.add_subcommand("doctor", "look at both ends and say what is wrong, with the remedy");
  doctor->add_flag("--json", doctor_options.json, "print the findings as JSON");
  doctor->callback(
      [&] { command = [&](const Settings& settings) { return doctor_command(settings, doctor_options); }; });
  app.add_subcommand("worker", "replicate")->callback([&] { command = worker_command; });
  app.add_subcommand("clickhouse", "serve the embedded ClickHouse")->callback([&] { command = clickhouse_command; });
  ResyncOptions resync_options;
  auto* resync = app.add_subcommand("resync", "copy one table again, behind its readers' backs");
  resync->add_option("table", resync_options.table, "schema.name, or a name in the first watched schema")->required();
  resync->callback(
      [&] { command = [&](const Settings& settings) { return resync_command(settings, resync_options); }; });
  auto* status = app.add_subcommand("status", "print streams, lag, tables and the last error");
  status->add_flag("--json", status_options.json, "print the worker's metrics as JSON");
  status->callback(
      [&] { command = [&](const Settings& settings) { return status_command(settings, status_options); }; });
  VerifyOptions verify_options;
  auto* verify =
      app.add_subcommand("verify", "compare tables on both sides; exit 0 equal, 2 different, 1 could not tell");
  verify->add_option("tables", verify_options.tables, "schema.name, or names in the first watched schema; none: all");
  verify->add_option("--mode", verify_options.mode, "count, sample, fingerprint or full")
      ->check(CLI::IsMember({"count", "sample", "fingerprint", "full"}));
  verify->add_flag("--repair", verify_options.repair, "read what differs from the source again, and check it again");
  verify->add_flag("--json", verify_options.json, "print the reports as JSON");
  verify->callback(
      [&] { command = [&](const Settings& settings) { return verify_command(settings, verify_options); }; });
  app.add_subcommand("checker", "check all tables on a schedule and on demand")->callback([&] {
    command = checker_command;
  });

  CLI11_PARSE(app, argc, argv);
  try {
    return command(settings_from(flags));
  } catch (const std::exception& error) {
    std::cerr << "echodb: " << error.what() << '\n';
    return 1;
  }
}
