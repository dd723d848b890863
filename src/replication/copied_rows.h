#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "postgres/copy_binary.h"
#include "replication/table_batch.h"

namespace echodb {

/// The rows of one COPY … TO STDOUT (FORMAT binary), as the blocks of a few inserts. They are read while they are sent,
/// so that source and target work at the same time, and no more than one block's rows are in memory. An insert ends
/// before it gets too long for a server's patience.
class CopiedRows final : private CopyRowHandler {
 public:
  struct Options {
    std::uint64_t block_rows_max;
    std::uint64_t block_bytes_max;
    CopiedTexts texts;
    std::uint64_t place_base;                    ///< tables without a key: added to a row's place in its heap
    std::function<void(TableBatch&)> completed;  ///< called for each block before it is sent
  };
  /// Starts the COPY, which has all of the connection until begin_insert() has said that nothing is left.
  CopiedRows(PostgresConnection& source, const std::string& sql, std::shared_ptr<const TablePlan> plan,
             Options options);

  /// False when all rows have been in an insert.
  bool begin_insert();
  /// Some more of the insert's data, valid until the following call; nothing at its end.
  Bytes next();
  /// Those of all blocks so far.
  [[nodiscard]] std::uint64_t rows() const { return rows_; }

 private:
  void on_row(std::span<const TupleValue> row) override;
  bool read_block();
  [[nodiscard]] bool block_is_full() const;
  [[nodiscard]] bool insert_is_full() const;

  PostgresConnection& source_;
  Options options_;
  CopyBinaryParser parser_;
  TableBatch batch_;
  std::uint64_t batch_bytes_ = 0;
  bool at_end_ = false;
  std::optional<NativeBlock> block_;
  std::vector<Bytes> parts_;  ///< of the block
  std::size_t part_ = 0;
  std::chrono::steady_clock::time_point insert_began_;
  std::uint64_t insert_bytes_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace echodb
