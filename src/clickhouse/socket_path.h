#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace echodb {

/// A Unix socket's address of any length: libcurl, like the kernel, takes 108 characters.
class SocketPath {
 public:
  explicit SocketPath(const std::string& path) : text_(path) {
    if (path.size() < sizeof(sockaddr_un::sun_path)) return;
    std::filesystem::path whole(path);
    directory_ = open(whole.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    text_ = fmt::format("/proc/self/fd/{}/{}", directory_, whole.filename().string());
  }
  ~SocketPath() {
    if (directory_ >= 0) close(directory_);
  }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  int directory_ = -1;
};

}  // namespace echodb
