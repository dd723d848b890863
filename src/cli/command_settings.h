#pragma once

#include "config/settings.h"

namespace echodb {

/// What a command has to do with the servers of an `up` on the same data directory.
enum class BesideUp {
  IsUp,            ///< it starts them
  AsksWorker,      ///< it asks the worker alone
  ReachesServers,  ///< it connects to both databases: where none is configured, to those
};

/// The settings of a command, from defaults, `.env`, a running `up`, the environment and `flags`, each beating the one
/// before, with log, failpoints and libpq's variables arranged accordingly. Secrets are gone from the environment
/// afterwards. What is in `.env` without an effect is said on standard error. Called before other threads exist.
Settings gather_settings(const Variables& flags, BesideUp beside);

/// Of the settings in the environment and in `flags`, those that concern the commands beside an `up`.
Variables variables_for_others(const Variables& flags);

}  // namespace echodb
