#pragma once

#include <string_view>

#include "config/settings.h"

namespace echodb {

/// The variable that names the descriptor with the settings that a parent hands over.
inline constexpr const char* kHandedOverVariable = "ECHODB_SETTINGS_FD";

/// Whether the value of this variable is a password or a token.
bool is_secret(std::string_view name);

/// Settings in the form of /proc/<pid>/environ: NAME=value, each followed by a NUL, so that a value may hold any quote.
std::string write_variables(const Variables& variables);

/// Reads and closes the descriptor that ECHODB_SETTINGS_FD names, and unsets that variable. Nothing where there is
/// none. Throws Error(InvalidConfiguration) when it is no such descriptor. Called before other threads exist.
Variables take_handed_over_variables();

/// Overwrites the values of secrets in the memory that the kernel shows as /proc/self/environ, and unsets them.
/// Called before other threads exist.
void hide_secrets_in_environment();

/// Overwrites the values of secrets among the program's arguments, which every user can read in /proc/<pid>/cmdline.
/// `given` holds the settings that were read from them.
void hide_secrets_in_arguments(int argc, char** argv, const Variables& given);

}  // namespace echodb
