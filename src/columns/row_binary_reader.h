#pragma once

#include <cstring>

#include "base/bytes.h"

namespace echodb {

/// Reads ClickHouse's RowBinary format, little-endian, each read checked. Borrows the memory.
class RowBinaryReader {
 public:
  explicit RowBinaryReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool at_end() const { return bytes_.empty(); }
  [[nodiscard]] std::size_t remaining() const { return bytes_.size(); }

  Bytes read_bytes(std::size_t count) {
    if (bytes_.size() < count) throw Error(ErrorCode::ProtocolViolation, "RowBinary ends in the middle of a value");
    Bytes head = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return head;
  }

  template <typename T>
  T read() {
    T value;
    std::memcpy(&value, read_bytes(sizeof(T)).data(), sizeof(T));
    return value;
  }

  std::uint64_t read_var_uint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto byte = read<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    throw Error(ErrorCode::ProtocolViolation, "RowBinary holds a length of more than 64 bits");
  }

  std::string_view read_string() { return as_text(read_bytes(static_cast<std::size_t>(read_var_uint()))); }

 private:
  Bytes bytes_;
};

}  // namespace echodb
