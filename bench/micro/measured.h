#pragma once

namespace echodb {

/// Runs `body`. Only what happens in here counts when instructions are counted: see bench/micro/instructions.
template <typename Body>
[[gnu::noinline]] void measured(const Body& body) {
  body();
}

}  // namespace echodb
