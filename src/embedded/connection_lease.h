#pragma once

#include <memory>
#include <string>

#include "embedded/chdb_engine.h"
#include "embedded/clickhouse_request.h"

namespace echodb {

/// One request's hold on a connection, with the request's database, settings and role in force. Afterwards the
/// connection goes back to its session; without a session, it serves another request with the same wishes only if this
/// one called leave_clean() and took no role.
class ConnectionLease {
 public:
  /// `default_database` serves a request that names none. Throws when the query id is running already.
  ConnectionLease(ChdbEngine& engine, ConnectionWishes wishes, const std::string& default_database,
                  const std::string& query_id);
  ~ConnectionLease();
  ConnectionLease(const ConnectionLease&) = delete;
  ConnectionLease& operator=(const ConnectionLease&) = delete;

  ChdbConnection& connection() { return *connection_; }
  /// The statement has succeeded and left nothing in the connection.
  void leave_clean() { clean_ = true; }
  /// The statement has succeeded.
  void leave_changed() { succeeded_ = true; }

 private:
  void take();
  void apply_settings();
  void release();
  void return_to_session();

  ChdbEngine& engine_;
  const ConnectionWishes wishes_;
  const ConnectionState pooled_;  ///< what the pool is asked for
  const std::unique_ptr<RunningQueryIds::Claim> query_id_;
  std::unique_ptr<ChdbConnection> connection_;
  bool clean_ = false;
  bool succeeded_ = false;
};

}  // namespace echodb
