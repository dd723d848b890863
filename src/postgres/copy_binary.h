#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "postgres/tuple_value.h"

namespace echodb {

/// Receives the rows of a COPY on the thread that feeds the parser. What it throws passes through.
class CopyRowHandler {
 public:
  virtual ~CopyRowHandler() = default;
  /// The values are Null or Binary and valid during the call only.
  virtual void on_row(std::span<const TupleValue> row) = 0;
};

/// Parses what `COPY … TO STDOUT (FORMAT binary)` sends, in chunks cut anywhere. A row that lies in one chunk is
/// handed on in place; only a row across two is gathered first. One owner at a time; one COPY per parser.
class CopyBinaryParser {
 public:
  struct Shape {
    std::size_t columns;  ///< of every row; another count is a protocol violation
  };
  explicit CopyBinaryParser(Shape shape) : row_(shape.columns) {}

  /// Calls the handler for each row that ends in this chunk. Throws Error(ProtocolViolation) naming the row and the
  /// offset in the stream; the parser is of no use afterwards.
  void consume(Bytes chunk, CopyRowHandler& handler);

  /// To be called when the server has said that the COPY is done: throws when the trailer has not been seen.
  void finish() const;

  [[nodiscard]] std::uint64_t rows() const { return rows_; }

 private:
  enum class State { Header, Rows, Done };

  /// The size of the header, row or trailer that `bytes` begin with; when they end before it does, at least how much
  /// of it is known to be there (more than bytes.size()).
  std::size_t measure(Bytes bytes);
  std::size_t measure_header(Bytes bytes) const;
  std::size_t measure_row(Bytes bytes);
  /// Acts on a whole unit: `row_` holds its values when it is a row.
  void accept(std::size_t size, CopyRowHandler& handler);
  void consume_pending(Bytes& chunk, CopyRowHandler& handler);
  [[noreturn]] void fail(const char* why) const;

  State state_ = State::Header;
  bool trailer_measured_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t consumed_bytes_ = 0;  ///< up to the unit in hand
  ByteBuffer pending_;                ///< the beginning of a unit whose rest has not arrived
  std::vector<TupleValue> row_;
};

}  // namespace echodb
