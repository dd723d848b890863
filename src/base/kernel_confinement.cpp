#include "base/kernel_confinement.h"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace echodb {

KernelConfinement kernel_confinement() {
  const bool files = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
  // Without a filter this is refused for its missing address where there are filters, and as unknown where not.
  const bool programs = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr) != 0 && errno == EFAULT;
  return {.files = files, .programs = programs};
}

}  // namespace echodb
