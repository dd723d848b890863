#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace echodb {

/// libpq's own environment variables: PGSSLMODE, PGSSLROOTCERT, PGSERVICE, … libpq looks at the environment for each
/// connection, so what `.env` says is put there. They are meant for a configured source; the private server of `up` is
/// reached without them. A variable for which EchoDB has a setting, or that would change how values look, counts
/// nowhere.

/// All names that this libpq knows, those that count nowhere included.
const std::vector<std::string>& libpq_variables();

/// Puts those of `less_than_environment` into the environment that are not there yet, and takes out what counts
/// nowhere. An empty one is as good as none. Called before other threads exist.
void apply_libpq_variables(const Variables& less_than_environment);

/// Takes them all out of the environment. Called before other threads exist.
void clear_libpq_variables();

/// Those of the environment, as far as they count.
Variables libpq_variables_in_environment();

/// The variables of libpq in a `.env` file that count nowhere, a sentence each with what to set instead.
std::vector<std::string> describe_overruled_variables(const Variables& env_file);

}  // namespace echodb
