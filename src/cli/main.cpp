#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "base/nearest_name.h"
#include "cli/clickhouse_command.h"
#include "cli/command_settings.h"
#include "cli/commands.h"
#include "cli/up_command.h"
#include "config/secret_variables.h"
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

/// The command that was chosen, and what each was given.
struct Choice {
  Variables flags;
  std::function<int(const Settings&)> command;
  BesideUp beside = BesideUp::ReachesServers;
  UpOptions up;
  SetupCommandOptions setup;
  TeardownCommandOptions teardown;
  DoctorOptions doctor;
  ResyncOptions resync;
  StatusOptions status;
  VerifyOptions verify;
};

constexpr const char* kAcceptNewSource =
    "the source is another one than before, or was restored: copy every table of it again";

void add_services(CLI::App& app, Choice& choice) {
  auto* up = app.add_subcommand("up", "start everything on this machine and keep it running");
  up->add_flag("--smoke", choice.up.smoke, "try the quick start on a fresh data directory, then exit 0 or 1");
  up->add_option("--workers", choice.up.workers,
                 "so many workers, of which one leads, on HEALTH_CHECK_PORT and the ports after it")
      ->check(CLI::Range(1, 100));
  up->add_flag("--accept-new-source", choice.up.accept_new_source, kAcceptNewSource);
  up->callback([&choice] {
    choice.beside = BesideUp::IsUp;
    choice.command = [&choice](const Settings& settings) {
      choice.up.flags = choice.flags;
      return up_command(settings, choice.up);
    };
  });
  app.add_subcommand("worker", "replicate")->callback([&choice] { choice.command = worker_command; });
  app.add_subcommand("clickhouse", "serve the embedded ClickHouse")->callback([&choice] {
    choice.command = clickhouse_command;
  });
  app.add_subcommand("checker", "check all tables on a schedule and on demand")->callback([&choice] {
    choice.command = checker_command;
  });
}

void add_preparations(CLI::App& app, Choice& choice) {
  auto* setup = app.add_subcommand("setup", "prepare both databases; safe to run again");
  setup->add_flag("--accept-new-source", choice.setup.accept_new_source, kAcceptNewSource);
  setup->add_flag(kWithinUp, choice.setup.within_up)->group("");
  setup->callback([&choice] {
    choice.command = [&choice](const Settings& settings) { return setup_command(settings, choice.setup); };
  });
  auto* teardown = app.add_subcommand("teardown", "take EchoDB out of both databases");
  auto* drop_targets =
      teardown->add_flag("--drop-targets", choice.teardown.drops_targets, "drop the mirrors in ClickHouse as well");
  teardown
      ->add_flag("--leave-target", choice.teardown.leaves_target,
                 "leave ClickHouse as it is, because it is away for good, for example")
      ->excludes(drop_targets);
  teardown->add_flag("--yes", choice.teardown.yes, "do it; without this it only says what it would do");
  teardown->callback([&choice] {
    choice.command = [&choice](const Settings& settings) { return teardown_command(settings, choice.teardown); };
  });
  auto* doctor = app.add_subcommand("doctor", "look at both ends and say what is wrong, with the remedy");
  doctor->add_flag("--json", choice.doctor.json, "print the findings as JSON");
  doctor->add_flag("--security", choice.doctor.security, "look at who could get in, and what to configure");
  doctor->callback([&choice] {
    choice.command = [&choice](const Settings& settings) { return doctor_command(settings, choice.doctor); };
  });
}

void add_questions(CLI::App& app, Choice& choice) {
  auto* resync = app.add_subcommand("resync", "copy one table again, behind its readers' backs");
  resync->add_option("table", choice.resync.table, "schema.name, or a name in the first watched schema")->required();
  resync->callback([&choice] {
    choice.command = [&choice](const Settings& settings) { return resync_command(settings, choice.resync); };
  });
  auto* status = app.add_subcommand("status", "print streams, lag, tables and the last error");
  status->add_flag("--json", choice.status.json, "print the worker's metrics as JSON");
  status->callback([&choice] {
    choice.beside = BesideUp::AsksWorker;
    choice.command = [&choice](const Settings& settings) { return status_command(settings, choice.status); };
  });
  auto* verify =
      app.add_subcommand("verify", "compare tables on both sides; exit 0 equal, 2 different, 1 could not tell");
  verify->add_option("tables", choice.verify.tables, "schema.name, or names in the first watched schema; none: all");
  verify->add_option("--mode", choice.verify.mode, "count, sample, fingerprint or full")
      ->check(CLI::IsMember({"count", "sample", "fingerprint", "full"}));
  verify->add_flag("--repair", choice.verify.repair, "read what differs from the source again, and check it again");
  verify->add_flag("--json", choice.verify.json, "print the reports as JSON");
  verify->callback([&choice] {
    choice.command = [&choice](const Settings& settings) { return verify_command(settings, choice.verify); };
  });
}

/// Says which options and commands those that there are not may have been meant to be.
void suggest_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* part : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(part->get_name());
    for (const CLI::Option* option : part->get_options()) names.push_back(option->get_name());
  }
  for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
  for (const std::string& unknown : app.remaining(/*recurse=*/true)) {
    const std::string name = unknown.substr(0, unknown.find('='));
    if (std::string nearest = nearest_name(name, names); !nearest.empty()) {
      std::cerr << "There is no " << name << ". Did you mean " << nearest << "?\n";
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("EchoDB keeps a ClickHouse database identical to a PostgreSQL database.", "echodb");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", ECHODB_VERSION);
  Choice choice;
  add_setting_flags(app, choice.flags);
  add_services(app, choice);
  add_preparations(app, choice);
  add_questions(app, choice);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    if (code != 0) suggest_names(app);
    return code;
  }
  hide_secrets_in_arguments(argc, argv, choice.flags);
  try {
    return choice.command(gather_settings(choice.flags, choice.beside));
  } catch (const std::exception& error) {
    std::cerr << "echodb: " << error.what() << '\n';
    return 1;
  }
}
