#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace echodb {

/// What a target server can do; decided once from `SELECT version()`.
struct ServerVersion {
  int major = 0;
  int minor = 0;
  std::string text;

  [[nodiscard]] bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
};

/// One conversation with a target, whichever way it is reached. One owner at a time. Each call says whether it may be
/// sent twice, because an answer that is lost leaves its sender in doubt. Errors: LeadershipLost, TargetUnreachable,
/// TargetAuthentication, TargetOverloaded, TargetRejected (with ClickHouse's exception code as peer_code()), Stopped.
class TargetClient {
 public:
  using Parameters = std::map<std::string, std::string>;  ///< settings and param_* of one request

  virtual ~TargetClient() = default;

  /// Runs a statement that is safe to repeat and returns what it printed. Add `FORMAT …` to choose how; TabSeparated
  /// otherwise.
  virtual std::string query(std::string_view sql, const Parameters& parameters) = 0;
  std::string query(std::string_view sql) { return query(sql, Parameters()); }
  /// The same for what must not run twice, an EXCHANGE or a RENAME. It may still arrive after its sender gave up.
  virtual std::string query_once(std::string_view sql) = 0;
  /// The same for what may take hours on the server, an INSERT … SELECT of a whole table.
  virtual void query_patiently(std::string_view sql) = 0;

  struct Rows {
    std::span<const Bytes> data = {};  ///< in the insert's format
    std::uint64_t count = 0;           ///< the target must say that it has written so many, where it counts them
  };
  /// Runs `insert`, which ends in FORMAT …, with the parts as its data. Returns when the target has stored all of it.
  /// Safe to repeat, because rows have versions.
  virtual void insert(std::string_view insert, const Rows& rows, const Parameters& parameters) = 0;

  struct RowsInTheMaking {
    std::function<Bytes()> next;  ///< returns some more data, valid until the following call, and nothing at the end
    const std::uint64_t& count;   ///< read once the last data is sent
  };
  /// The same with data that is made while it is sent. What `next` throws ends the request and passes through; after
  /// any failure the target may have stored some of the rows. REQUIRES: `next` leaves this client alone.
  virtual void insert_while(std::string_view insert, const RowsInTheMaking& rows, const Parameters& parameters) = 0;
};

}  // namespace echodb
