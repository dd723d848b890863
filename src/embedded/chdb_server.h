#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace echodb {

struct ChdbServerOptions {
  std::string host;
  std::uint16_t port;
  std::string user;
  std::string password;
  std::string database;                    ///< created; what a request without a database runs in
  std::string directory;                   ///< the server's own, made when missing
  std::string library;                     ///< path of libchdb.so; empty: found as find_chdb_library() says
  std::string log_file;                    ///< stays writable
  std::vector<std::string> allowed_hosts;  ///< as PageGuard::Options
  std::vector<std::string> allowed_origins;
};

/// The Unix socket in a server's directory. Only its user and root may connect; the password is asked for there as
/// well. Its connections are others than the port's, so whoever fills those does not keep EchoDB's own programs out.
std::filesystem::path chdb_socket(const std::filesystem::path& directory);

/// Serves ClickHouse's HTTP interface from libchdb, on a port and on chdb_socket(), until SIGTERM, SIGINT or SIGHUP. It
/// makes the process its own: standard input, working directory, signal mask and what files may be opened change for
/// good. Throws when it cannot start; otherwise it does not return, but ends the process with 0: libchdb's threads
/// outlive its connections, and a normal exit would pull the ground from under them.
[[noreturn]] void run_chdb_server(const ChdbServerOptions& options);

}  // namespace echodb
