#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// Whether the texts are the same, in a time that does not tell where they differ.
bool equal_secrets(std::string_view given, std::string_view expected);

/// 192 bits of the kernel's randomness (getrandom(2)) as 32 characters of A-Z, a-z, 0-9, `-` and `_`, which need no
/// quotes in a shell, a URL or a file. Throws Error(SystemFailure).
std::string make_secret();

}  // namespace echodb
