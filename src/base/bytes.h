#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace echodb {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Loads a big-endian integer (PostgreSQL's wire order) from memory that holds at least sizeof(T) bytes.
template <typename T>
inline T load_big_endian(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  return value;
}

/// Reads one message front to back, big-endian. Every read checks what is left; a parser ends with `expect_end()`,
/// so short and trailing bytes are both errors. Borrows the memory: it must outlive the reader and what it returns.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }

  template <typename T>
  T read() {
    need(sizeof(T));
    T value = load_big_endian<T>(next_);
    next_ += sizeof(T);
    return value;
  }

  Bytes read_bytes(std::size_t count) {
    need(count);
    Bytes bytes(next_, count);
    next_ += count;
    return bytes;
  }

  /// Text up to the terminating zero, which is consumed and not returned.
  std::string_view read_c_string() {
    const void* zero = remaining() == 0 ? nullptr : std::memchr(next_, 0, remaining());
    if (zero == nullptr) fail("text without its terminating zero");
    auto size = static_cast<std::size_t>(static_cast<const std::byte*>(zero) - next_);
    std::string_view text(reinterpret_cast<const char*>(next_), size);
    next_ += size + 1;
    return text;
  }

  void expect_end() const {
    if (next_ != end_) fail("bytes left over after the message's last field");
  }

 private:
  void need(std::size_t count) const {
    if (remaining() < count) fail("message ends in the middle of a field");
  }
  [[noreturn]] static void fail(const char* why) { throw Error(ErrorCode::ProtocolViolation, why); }

  const std::byte* next_;
  const std::byte* end_;
};

/// A growing run of bytes, little-endian (ClickHouse's order). Keeps its capacity over `clear()`, so that a reused
/// batch allocates nothing. Unlike std::string it grows without zero-filling what is written next.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& other) noexcept;
  ByteBuffer& operator=(ByteBuffer&& other) noexcept;
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ~ByteBuffer();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::byte* data() { return data_; }
  [[nodiscard]] Bytes bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const { return as_text(bytes()); }

  void clear() { size_ = 0; }
  /// Forgets everything after `size`, which must not exceed size().
  void truncate(std::size_t size) { size_ = size; }
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }

  /// Makes room for `count` bytes at the end and returns where to write them.
  std::byte* extend(std::size_t count) {
    if (capacity_ - size_ < count) grow(size_ + count);
    std::byte* at = data_ + size_;
    size_ += count;
    return at;
  }

  void append(Bytes bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void append(std::string_view text) { append(as_bytes(text)); }

  template <typename T>
  void append_little_endian(T value) {
    static_assert(std::is_trivially_copyable_v<T> && std::endian::native == std::endian::little);
    std::memcpy(extend(sizeof(T)), &value, sizeof(T));
  }

  /// LEB128, as ClickHouse writes lengths and counts.
  void append_var_uint(std::uint64_t value) {
    while (value >= 0x80) {
      append_little_endian(static_cast<std::uint8_t>(value | 0x80));
      value >>= 7;
    }
    append_little_endian(static_cast<std::uint8_t>(value));
  }

  /// A length and the bytes: how Native and RowBinary hold a String.
  void append_string(std::string_view text) {
    append_var_uint(text.size());
    append(text);
  }

 private:
  void grow(std::size_t least);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace echodb
