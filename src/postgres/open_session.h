#pragma once

#include <libpq-fe.h>

#include <memory>
#include <stop_token>

#include "config/settings.h"
#include "postgres/connection.h"

// Inside src/postgres only: how a session begins.
namespace echodb {

struct SessionCloser {
  void operator()(PGconn* session) const { PQfinish(session); }
};
using Session = std::unique_ptr<PGconn, SessionCloser>;

/// A session with our options, at the first of the settings' addresses that takes one: each has
/// limits::kConnectTimeout. It is ready for requests that do not block.
///
/// Throws Error(Stopped) soon after `stop` is raised: libpq's own PQconnectdb goes on for as long as every address may
/// take. (Not while a name is looked up; that is up to the system's resolver.) Otherwise what connect_error() says of
/// the last attempt.
Session open_session(const PostgresSettings& settings, ConnectionKind kind, const std::stop_token& stop);

/// Waits until a session's socket is ready for `events` (poll's); false when `until` came first. Throws Error(Stopped).
bool await_socket(const PGconn* session, short events, const std::stop_token& stop,
                  std::chrono::steady_clock::time_point until);

}  // namespace echodb
