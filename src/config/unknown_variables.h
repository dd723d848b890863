#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace echodb {

/// The names of all settings, in the order of the documentation.
std::vector<std::string> setting_names();

/// The variables of a `.env` file that nobody reads, a sentence each with the name that was probably meant. Those with
/// our own prefix are faults already: load_settings() refuses them. `others` are known as well: libpq's.
std::vector<std::string> describe_unknown_variables(const Variables& env_file, const std::vector<std::string>& others);

}  // namespace echodb
