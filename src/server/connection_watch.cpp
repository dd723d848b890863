#include "server/connection_watch.h"

#include <netinet/in.h>
#include <pthread.h>

#include <algorithm>

#include "base/log.h"
#include "base/pause.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kLooksMax{500};
constexpr std::chrono::milliseconds kLooksMin{10};

std::string bytes_of(const void* from, std::size_t size) { return {static_cast<const char*>(from), size}; }

/// What connections are counted by: an IPv4 address, or the /64 of an IPv6 address, which one client has to itself.
std::string peer_of(const sockaddr* address) {
  constexpr std::uint32_t kLoopbackNetwork = 127;
  if (address != nullptr && address->sa_family == AF_INET) {
    const auto* inet = reinterpret_cast<const sockaddr_in*>(address);
    if (ntohl(inet->sin_addr.s_addr) >> 24 == kLoopbackNetwork) return {};
    return bytes_of(&inet->sin_addr, sizeof inet->sin_addr);
  }
  if (address != nullptr && address->sa_family == AF_INET6) {
    const in6_addr& inet = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(&inet)) return {};
    if (!IN6_IS_ADDR_V4MAPPED(&inet)) return bytes_of(&inet, 8);
    if (inet.s6_addr[12] == kLoopbackNetwork) return {};
    return bytes_of(&inet.s6_addr[12], 4);
  }
  return {};
}

}  // namespace

ConnectionWatch::ConnectionWatch(ConnectionTimes times, unsigned connections_max)
    : times_(times), connections_max_(connections_max), thread_([this](const std::stop_token& stop) { watch(stop); }) {
  pthread_setname_np(thread_.native_handle(), "http watch");
}

ConnectionWatch::~ConnectionWatch() = default;

bool ConnectionWatch::admits(const sockaddr* address) {
  std::string peer = peer_of(address);
  if (peer.empty()) return true;
  MutexLock lock(mutex_);
  auto held = std::ranges::count_if(connections_, [&](const Connection& connection) ECHODB_REQUIRES(mutex_) {
    return !of(connection).trusted && connection.peer_ == peer;
  });
  return static_cast<unsigned>(held) < std::max(connections_max_ / limits::kHttpPeerShare, 1U);
}

ConnectionWatch::Connection* ConnectionWatch::opened(int descriptor, const sockaddr* address) {
  MutexLock lock(mutex_);
  connections_.emplace_back(descriptor, peer_of(address));
  changed_.notify_all();
  return &connections_.back();
}

void ConnectionWatch::closed(Connection* connection) {
  MutexLock lock(mutex_);
  connections_.remove_if([&](const Connection& open) { return &open == connection; });
}

void ConnectionWatch::enter(Connection& connection, State state) {
  MutexLock lock(mutex_);
  Connection::Progress& progress = of(connection);
  progress.state = state;
  progress.since = Clock::now();
  progress.body_bytes = 0;
}

void ConnectionWatch::trust(Connection& connection, bool trusted) {
  MutexLock lock(mutex_);
  of(connection).trusted = trusted;
}

void ConnectionWatch::body_arrived(Connection& connection, std::uint64_t bytes) {
  MutexLock lock(mutex_);
  of(connection).body_bytes += bytes;
}

void ConnectionWatch::watch(const std::stop_token& stop) {
  auto between = std::clamp(std::min(times_.scarce_header, times_.body_window) / 4, kLooksMin, kLooksMax);
  while (!stop.stop_requested()) {
    await_connection(stop);
    pause(between, stop);
    end_late_ones();
  }
}

void ConnectionWatch::await_connection(const std::stop_token& stop) {
  MutexLock lock(mutex_);
  while (connections_.empty() && !stop.stop_requested()) changed_.wait(mutex_, stop);
}

/// With the lock: a descriptor in the list is open.
void ConnectionWatch::end_late_ones() {
  MutexLock lock(mutex_);
  auto now = Clock::now();
  bool scarce = connections_.size() > connections_max_ / limits::kHttpScarceShare;
  std::size_t ended = 0;
  for (Connection& connection : connections_) {
    Connection::Progress& progress = of(connection);
    if (progress.ended || !is_late(progress, scarce, now)) continue;
    progress.ended = true;
    shutdown(connection.descriptor_, SHUT_RDWR);
    ++ended;
  }
  if (ended > 0) log::debug("{} connections ended whose clients took too long", ended);
}

bool ConnectionWatch::is_late(Connection::Progress& progress, bool scarce, Clock::time_point now) const {
  auto passed = now - progress.since;
  switch (progress.state) {
    case State::Waiting:
      if (progress.trusted) return passed > (scarce ? times_.scarce_idle : times_.idle);
      return passed > (scarce ? times_.scarce_header : times_.header);
    case State::Reading:
      if (!progress.trusted) return passed > times_.header;
      if (passed <= times_.body_window) return false;
      if (progress.body_bytes < limits::kHttpBodyBytesMin) return true;
      progress.since = now;
      progress.body_bytes = 0;
      return false;
    case State::Working: return false;
    case State::Answering: return !progress.trusted && passed > times_.answer;
  }
  return false;
}

}  // namespace echodb
