#include "base/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace echodb {

Wakeup::Wakeup() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw Error(ErrorCode::SystemFailure, std::string("eventfd: ") + std::strerror(errno));
}

Wakeup::~Wakeup() { close(fd_); }

// Neither call can fail in a way that matters: a full counter and an empty one are the states asked for.
void Wakeup::notify() noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] ssize_t written = write(fd_, &one, sizeof one);
}

void Wakeup::drain() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] ssize_t taken = read(fd_, &count, sizeof count);
}

}  // namespace echodb
