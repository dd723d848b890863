#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace echodb {

// One function per subcommand. Each returns the process's exit code; operating errors are thrown and become one
// message and exit code 1 in main.

/// Tells `setup` that it is a step of `up`, which is what a person runs again then. For `up` alone.
inline constexpr const char* kWithinUp = "--within-up";

struct SetupCommandOptions {
  bool accept_new_source = false;  ///< as in SetupOptions
  bool within_up = false;
};
int setup_command(const Settings& settings, const SetupCommandOptions& options);
int worker_command(const Settings& settings);

struct TeardownCommandOptions {
  bool drops_targets = false;  ///< as in TeardownOptions
  bool leaves_target = false;  ///< as there
  bool yes = false;            ///< otherwise it only says what it would do
};
/// 1: something was left.
int teardown_command(const Settings& settings, const TeardownCommandOptions& options);

struct DoctorOptions {
  bool json = false;
  bool security = false;  ///< who could get in, instead of what replication needs
};
int doctor_command(const Settings& settings, const DoctorOptions& options);

struct ResyncOptions {
  std::string table;  ///< schema.name, or a name in the first schema of SYNC_SCHEMA
};
int resync_command(const Settings& settings, const ResyncOptions& options);

struct StatusOptions {
  bool json = false;
};
int status_command(const Settings& settings, const StatusOptions& options);

struct VerifyOptions {
  std::vector<std::string> tables;  ///< as in ResyncOptions; empty: all
  std::string mode;                 ///< empty: ECHODB_CHECK_MODE
  bool repair = false;
  bool json = false;
};
/// 0: all equal, 2: a table differs, 1: of some table it could not be told.
int verify_command(const Settings& settings, const VerifyOptions& options);

int checker_command(const Settings& settings);

}  // namespace echodb
