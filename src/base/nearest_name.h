#pragma once

#include <span>
#include <string>
#include <string_view>

namespace echodb {

/// The name that a misspelt one was probably meant to be: the fewest letters added, left out, changed or swapped.
/// Empty when none is near. Case counts.
std::string nearest_name(std::string_view misspelt, std::span<const std::string> names);

/// "; did you mean NAME?", or nothing when no name is near.
std::string did_you_mean(std::string_view misspelt, std::span<const std::string> names);

}  // namespace echodb
