#pragma once

#include <functional>
#include <map>

#include "verify/checked_table.h"
#include "verify/key_rows.h"

namespace echodb {

/// Some rows of the target: the columns that were asked for, and what else was.
struct TargetRows {
  ColumnBuilders columns;
  std::vector<std::uint64_t> digests;   ///< of the rows, when the server computed them
  std::vector<std::uint64_t> versions;  ///< `_peerdb_version`
  std::string extra;                    ///< of each row as many bytes as were asked for

  [[nodiscard]] std::size_t rows() const { return versions.size(); }
};

/// Reads a table's rows from the target, in pieces of bounded size. One thread.
class TargetReader {
 public:
  /// The client is the caller's.
  TargetReader(ClickHouseClient& client, const CheckedTable& table) : table_(table), client_(client) {}

  /// What the server says of all live rows for which the condition holds.
  struct Totals {
    std::uint64_t rows = 0;
    std::uint64_t digest_sum = 0;  ///< modulo 2^64
    Lsn newest;                    ///< the greatest version
  };
  Totals totals(const std::string& condition);
  std::uint64_t count(const std::string& condition);

  enum class Digests { No, Yes };  ///< whether the server computes the rows' digests
  using OnRows = std::function<void(TargetRows&)>;
  /// These columns of the plan, of all live rows for which the condition holds.
  void read(std::span<const std::size_t> columns, Digests digests, const std::string& condition, const OnRows& on_rows);
  /// The same of the rows with these keys, and on an old server maybe of others.
  void read_keys(std::span<const std::size_t> columns, const KeyRows& keys, std::span<const std::size_t> rows,
                 const OnRows& on_rows);

  /// The greatest version that the target holds under each of these keys, tombstones included, by the key's digest.
  std::map<std::uint64_t, std::uint64_t> versions(KeyRows& keys, std::span<const std::size_t> rows);

  /// The condition that holds for these keys, and on an old server maybe for others too.
  std::string key_condition(const KeyRows& keys, std::span<const std::size_t> rows);
  /// Rows and tombstones as they were inserted, not only the live ones.
  void read_raw(const std::string& list, const std::string& condition, const std::function<void(Bytes)>& consume);
  /// The settings of every statement of a check.
  [[nodiscard]] TargetClient::Parameters parameters(std::size_t statement_bytes) const;
  /// A key's columns.
  [[nodiscard]] std::string key_list() const;

  ClickHouseClient& client() { return client_; }

 private:
  std::string ask(const std::string& sql);
  [[nodiscard]] std::string key_literal(const KeyRows& key) const;
  void read_sql(std::span<const std::size_t> columns, Digests digests, const std::string& condition,
                const OnRows& on_rows);

  const CheckedTable& table_;
  ClickHouseClient& client_;
};

}  // namespace echodb
