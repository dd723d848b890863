#pragma once

namespace echodb {

/// Prints the broken assumption and aborts. A restart is safe at any instant, going on with broken state is not.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace echodb

/// A programmer's assumption, checked in every build. For input from outside, throw `Error`.
#define ECHO_ASSERT(expression) \
  (static_cast<bool>(expression) ? void(0) : ::echodb::assertion_failed(#expression, __FILE__, __LINE__))
