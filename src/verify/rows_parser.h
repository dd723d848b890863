#pragma once

#include <functional>
#include <span>
#include <string>

#include "verify/target_reader.h"

namespace echodb {

/// Makes builders of rows in RowBinary that arrive in pieces cut anywhere. A row is the columns, the digest, the
/// version, and some bytes for whoever asked for them. One answer per parser; `on_rows` must outlive it.
class RowsParser {
 public:
  struct Tail {
    bool digests = false;         ///< the server's digest of the row comes before its version
    std::size_t extra_bytes = 0;  ///< after it
  };
  RowsParser(const CheckedTable& table, std::span<const std::size_t> columns, Tail tail,
             const TargetReader::OnRows& on_rows);
  RowsParser(const CheckedTable&, std::span<const std::size_t>, Tail, TargetReader::OnRows&&) = delete;

  void consume(Bytes piece);
  /// Throws Error(ProtocolViolation) when the answer ended in the middle of a row.
  void finish();

 private:
  void parse();
  std::size_t parse_row(Bytes rest);
  void hand_over();

  Tail tail_;
  const TargetReader::OnRows& on_rows_;
  std::string buffer_;
  std::size_t parse_from_;  ///< bytes: not before so many have arrived
  TargetRows rows_;
};

}  // namespace echodb
