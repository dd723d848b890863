#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace echodb {

/// One request as it arrived.
struct HttpCall {
  std::string query_id;
  std::string text;  ///< all of it
  std::string body;
};

/// An HTTP server of few words: what `answer` returns is sent as it is, and the connection closed. It listens on a free
/// port of the loopback address, in a thread of its own.
class HttpScript {
 public:
  using Answer = std::function<std::string(const HttpCall&)>;

  explicit HttpScript(Answer answer) : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 16);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~HttpScript() {
    thread_.request_stop();
    thread_.join();
    close(listener_);
  }
  HttpScript(const HttpScript&) = delete;
  HttpScript& operator=(const HttpScript&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd watched{listener_, POLLIN, 0};
      if (poll(&watched, 1, 20) <= 0) continue;
      int connection = accept(listener_, nullptr, nullptr);
      std::string reply = answer_(read_call(connection));
      static_cast<void>(!::send(connection, reply.data(), reply.size(), MSG_NOSIGNAL));
      shutdown(connection, SHUT_WR);
      char rest[1024];
      while (read(connection, rest, sizeof(rest)) > 0) {
      }
      close(connection);
    }
  }

  static std::string between(const std::string& text, const std::string& before, const char* ends) {
    auto at = text.find(before);
    if (at == std::string::npos) return {};
    at += before.size();
    return text.substr(at, text.find_first_of(ends, at) - at);
  }

  static bool is_whole(const std::string& text) {
    auto head = text.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    if (text.find("Transfer-Encoding: chunked") < head) return text.ends_with("0\r\n\r\n");
    std::string length = between(text, "Content-Length: ", "\r");
    return text.size() >= head + 4 + (length.empty() ? 0 : std::stoul(length));
  }

  static HttpCall read_call(int connection) {
    HttpCall call;
    char block[4096];
    while (!is_whole(call.text)) {
      auto size = read(connection, block, sizeof(block));
      if (size <= 0) break;
      call.text.append(block, static_cast<std::size_t>(size));
    }
    call.query_id = between(call.text, "query_id=", "& ");
    auto head = call.text.find("\r\n\r\n");
    if (head != std::string::npos) call.body = call.text.substr(head + 4);
    return call;
  }

  Answer answer_;
  int listener_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

}  // namespace echodb
