#pragma once

namespace echodb {

/// From now on this thread and those it starts can execute no program (execve and execveat fail with EPERM) and can
/// neither read nor write another process's memory. It cannot be undone. Call it before threads are started. False
/// when the kernel has no seccomp; then nothing is forbidden.
bool forbid_programs();

}  // namespace echodb
