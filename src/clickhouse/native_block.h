#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace echodb {

/// One block of ClickHouse's Native format, as a list of byte runs: the small headers are held here, the column data
/// is borrowed from the builders, so nothing large is copied between decoding and the socket.
///
/// Grammar (https://clickhouse.com/docs/en/interfaces/formats#native, over HTTP, so without a protocol revision):
///   block  := columns:varuint rows:varuint column{columns}
///   column := name:string type:string data
class NativeBlock {
 public:
  struct Shape {
    std::size_t columns;
    std::size_t rows;
  };
  explicit NativeBlock(Shape shape);

  /// Starts the next column; its data follows by `append_copy` and `append_borrowed`.
  void begin_column(std::string_view name, std::string_view type);
  void append_copy(Bytes bytes);
  /// The memory must stay until the block has been sent.
  void append_borrowed(Bytes bytes);

  /// The block's bytes in order. Valid until the next append.
  [[nodiscard]] std::vector<Bytes> parts() const;
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Part {
    const std::byte* borrowed;  ///< nullptr: `offset` into own_
    std::size_t offset;
    std::size_t size;
  };
  void add_own(std::size_t from);

  ByteBuffer own_;
  std::vector<Part> parts_;
  std::size_t size_ = 0;
};

}  // namespace echodb
