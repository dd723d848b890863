#pragma once

#include <cstdint>
#include <string>

namespace echodb {

/// Pieces of pgoutput messages, as PostgreSQL's "Logical Replication Message Formats" describes them.
inline void append_big_endian(std::string& message, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) message += static_cast<char>(value >> shift & 0xFF);
}

inline void append_binary_value(std::string& message, const std::string& value) {
  message += 'b';
  append_big_endian(message, value.size(), 4);
  message += value;
}

}  // namespace echodb
