#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "embedded/chdb_connection.h"
#include "embedded/chdb_sessions.h"
#include "embedded/content_encoding.h"
#include "server/http_server.h"

namespace echodb {

struct ClickHouseCredentials {
  std::string user;
  std::string password;
};

/// How the response is to be sent, apart from what is in it.
struct ResponseWishes {
  ContentEncoding encoding = ContentEncoding::Identity;
  int compression_level = 3;
  std::size_t buffer_bytes = 1 << 20;  ///< held back before the status is sent, so that a failure gets its own
  bool wait_end_of_query = false;      ///< hold everything back, on disk if need be
};

/// What a request asks of the connection it runs on.
struct ConnectionWishes {
  std::string database;  ///< empty: the server's
  std::string role;
  ConnectionSettings settings;
  std::optional<ChdbSessions::Request> session;
  bool close_session = false;
};

/// A request of ClickHouse's HTTP interface, read from URL parameters and headers as ClickHouse reads them: what has
/// no meaning of its own is a setting.
struct ClickHouseRequest {
  std::string query;  ///< of the URL, empty when the body holds it all
  std::string default_format = "TabSeparated";
  bool reads_only = false;  ///< GET and HEAD change nothing
  ContentEncoding body_encoding = ContentEncoding::Identity;
  ResponseWishes response;
  ConnectionWishes connection;
  StatementParameters parameters;
};

/// Throws AUTHENTICATION_FAILED when schemes are mixed, and when a web page puts them into its URL. Without any the
/// user is `default` with an empty password.
ClickHouseCredentials read_credentials(const HttpRequest& http);

/// Throws in ClickHouse's words for what is malformed or not served here.
ClickHouseRequest read_clickhouse_request(const HttpRequest& http);

/// The client's query id, or a new one at each call.
std::string read_query_id(const HttpRequest& http);

}  // namespace echodb
