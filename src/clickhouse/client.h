#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "config/settings.h"

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

/// One keep-alive connection to ClickHouse's HTTP interface. One owner at a time; every call has a deadline and ends
/// early with Error(Stopped) when its stop token says so. Nothing is sent through a closed gate or without the permit
/// of the settings, where they have any. Nothing counts as an answer but what ClickHouse says to the very statement
/// that was sent (server_answer.h). Errors: LeadershipLost, TargetUnreachable, TargetAuthentication, TargetOverloaded,
/// TargetRejected (with ClickHouse's exception code as peer_code()).
class ClickHouseClient {
 public:
  using Parameters = std::map<std::string, std::string>;  ///< settings and param_* of one request

  explicit ClickHouseClient(ClickHouseSettings settings, std::stop_token stop = {});
  ~ClickHouseClient();
  ClickHouseClient(ClickHouseClient&&) noexcept;
  ClickHouseClient& operator=(ClickHouseClient&&) noexcept;

  /// Runs a statement and returns what it printed. Add `FORMAT …` to choose how; TabSeparated otherwise.
  std::string query(std::string_view sql, const Parameters& parameters = {});
  /// The same for what must not run twice, an EXCHANGE or a RENAME: libcurl, which sends a request again by itself when
  /// a connection that it kept ends without an answer, gets a new connection for it.
  std::string query_once(std::string_view sql);
  /// The same for what may take hours on the server, an INSERT … SELECT of a whole table.
  void query_patiently(std::string_view sql);
  /// Runs a statement and hands over what it prints as it comes; an exception of `consume` ends the request and passes
  /// through. The answer is complete on the server before its first byte leaves, so a failure is never taken for rows.
  void read(std::string_view sql, const std::function<void(Bytes)>& consume, const Parameters& parameters = {});

  struct Rows {
    std::span<const Bytes> data = {};  ///< in the insert's format
    std::uint64_t count = 0;           ///< ClickHouse must say that it has written so many, where it counts them
  };
  /// Runs `insert`, which ends in FORMAT …, with the parts as its data. Returns when ClickHouse has stored all of it.
  void insert(std::string_view insert, const Rows& rows, const Parameters& parameters = {});

  struct RowsInTheMaking {
    std::function<Bytes()> next;  ///< returns some more data, valid until the following call, and nothing at the end
    const std::uint64_t& count;   ///< read once the last data is sent
  };
  /// The same with data that is made while it is sent. What `next` throws ends the request and passes through; after
  /// any failure ClickHouse may have stored some of the rows. REQUIRES: `next` leaves this client alone.
  void insert_while(std::string_view insert, const RowsInTheMaking& rows, const Parameters& parameters = {});

  ServerVersion server_version();
  /// Statements run in this database from now on; the database given at the start may not exist yet.
  void use_database(std::string database);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `name` in backquotes, escaped.
std::string quote_identifier(std::string_view name);
/// 'text' as a ClickHouse string literal.
std::string quote_literal(std::string_view text);

}  // namespace echodb
