#pragma once

#include <string>

namespace echodb {

/// A random word of this process, the same for as long as it lives: it tells apart two workers of one name.
const std::string& process_token();

/// Where and since when this process runs: the kernel's boot id, the namespace of process ids, the id, the start in
/// ticks since the boot. Empty where the kernel does not say.
std::string process_mark();

/// True only when it is certain that the process of this mark is no more: it ran under this kernel, in the namespace of
/// this process, and its id is nobody's, or that of a process with another start.
bool process_has_ended(const std::string& mark);

}  // namespace echodb
