#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace echodb {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "echodb: assertion failed: %s at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace echodb
