#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

// Which mutex guards what, in words that clang's -Wthread-safety checks and that mean nothing to other compilers:
//
//   int rows_ ECHODB_GUARDED_BY(mutex_);          is looked at and changed only with the mutex
//   void add() ECHODB_REQUIRES(mutex_);           is called only with the mutex
//   int rows() const ECHODB_EXCLUDES(mutex_);     takes the mutex, so it is called only without
//   [&](int row) ECHODB_REQUIRES(mutex_) { … }    a lambda is no part of the function around it, so it says so too
//
// The standard library's algorithms are not checked: such a lambda goes to none that keeps it for later. What another
// object's mutex guards cannot say so where it stands. It is private in its own object, and handed out by one function
// of the mutex's owner, which requires the mutex: LaneScheduler::of() is one.
#if defined(__clang__)
#define ECHODB_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define ECHODB_THREAD_SAFETY(attribute)
#endif

#define ECHODB_CAPABILITY(name) ECHODB_THREAD_SAFETY(capability(name))
#define ECHODB_SCOPED_CAPABILITY ECHODB_THREAD_SAFETY(scoped_lockable)
#define ECHODB_ACQUIRE(...) ECHODB_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define ECHODB_RELEASE(...) ECHODB_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define ECHODB_GUARDED_BY(mutex) ECHODB_THREAD_SAFETY(guarded_by(mutex))
#define ECHODB_REQUIRES(...) ECHODB_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define ECHODB_EXCLUDES(...) ECHODB_THREAD_SAFETY(locks_excluded(__VA_ARGS__))

namespace echodb {

/// std::mutex, as clang knows it.
class ECHODB_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() ECHODB_ACQUIRE() { mutex_.lock(); }
  void unlock() ECHODB_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds the mutex while it lives.
class ECHODB_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ECHODB_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() ECHODB_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Lets go of a mutex that is held, and takes it again at its own end: for what may take long in the middle of a scope.
class ECHODB_SCOPED_CAPABILITY MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) ECHODB_RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  ~MutexUnlock() ECHODB_RELEASE() { mutex_.lock(); }
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mutex_;
};

/// Where threads wait for each other. A wait lets go of the mutex, and may end without a reason: it stands in a loop of
/// the function that has the mutex, which looks whether that has come true which is waited for:
///
///     while (ready_.empty() && !stop.stop_requested()) changed_.wait(mutex_, stop);
///
/// (Of a predicate that is handed over clang cannot see that it is called with the mutex.)
class Condition {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  /// For a notification.
  void wait(Mutex& mutex) ECHODB_REQUIRES(mutex) { condition_.wait(mutex); }

  /// For a notification or the stop.
  void wait(Mutex& mutex, const std::stop_token& stop) ECHODB_REQUIRES(mutex) {
    condition_.wait(mutex, stop, OneWait());
  }

  /// For a notification, the time or the stop. False when one of the latter two has come.
  template <typename Clock, typename Duration>
  bool wait_until(Mutex& mutex, const std::stop_token& stop, const std::chrono::time_point<Clock, Duration>& time)
      ECHODB_REQUIRES(mutex) {
    condition_.wait_until(mutex, stop, time, OneWait());
    return !stop.stop_requested() && Clock::now() < time;
  }

  /// For a notification or the time. False when the time has come.
  template <typename Clock, typename Duration>
  bool wait_until(Mutex& mutex, const std::chrono::time_point<Clock, Duration>& time) ECHODB_REQUIRES(mutex) {
    return wait_until(mutex, {}, time);
  }

 private:
  /// The standard library waits for a stop only together with a predicate: with this one, once.
  struct OneWait {
    bool waited = false;
    bool operator()() { return std::exchange(waited, true); }
  };

  std::condition_variable_any condition_;
};

}  // namespace echodb
