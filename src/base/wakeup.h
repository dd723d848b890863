#pragma once

namespace echodb {

/// Lets one thread wait on sockets and on other threads in the same poll(). `notify` may come from any thread and is
/// remembered until `drain`; the file descriptor is readable in between.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void notify() noexcept;
  void drain() noexcept;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace echodb
