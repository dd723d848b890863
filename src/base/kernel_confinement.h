#pragma once

namespace echodb {

/// What this machine's kernel lets a process forbid itself.
struct KernelConfinement {
  bool files = false;     ///< Landlock: which files it may open
  bool programs = false;  ///< seccomp: system calls, such as the ones that start a program
};

/// Asks the kernel; changes nothing.
KernelConfinement kernel_confinement();

}  // namespace echodb
