// The stream of COPY … TO STDOUT (FORMAT binary).
// Format: PostgreSQL documentation, COPY, "Binary Format"; written by src/backend/commands/copyto.c. Integers are
// big-endian; a value's bytes are what its type's send function writes, the same as pgoutput's 'b' values.
//
//   stream  := header { row } trailer
//   header  := "PGCOPY\n" FF 0D 0A 00 flags:int32 extension_length:int32 extension
//   row     := columns:int16 { length:int32 value }        length -1: NULL, no value follows
//   trailer := -1:int16
//
// Flags 16 to 31 change how the rows are read, so an unknown one is an error (bit 16 announced OIDs until PostgreSQL
// 12); flags 0 to 15 and the extension are to be ignored by readers that do not know them.
//
// Worked example: COPY (SELECT 7::int4, NULL::text) TO STDOUT (FORMAT binary)
//   50 47 43 4F 50 59 0A FF 0D 0A 00  00000000  00000000     header
//   0002  00000004 00000007  FFFFFFFF                        2 columns: 4 bytes, 7; NULL
//   FFFF                                                     trailer
//
// The server sends the header with the first row, then a row per CopyData message, but the protocol does not promise
// it. So a chunk is walked in units (header, row or trailer): a unit that lies in the chunk is used in place, and the
// beginning of one that does not waits in `pending_` for exactly the bytes it lacks.

#include "postgres/copy_binary.h"

#include <algorithm>
#include <string>

namespace echodb {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "PGCOPY\n\xFF\r\n\0"sv;
constexpr std::size_t kHeaderBytes = kSignature.size() + 2 * sizeof(std::int32_t);
constexpr std::uint32_t kCriticalFlags = 0xFFFF0000;
constexpr std::int16_t kTrailer = -1;
constexpr std::int32_t kNull = -1;

}  // namespace

void CopyBinaryParser::consume(Bytes chunk, CopyRowHandler& handler) {
  if (!pending_.empty()) consume_pending(chunk, handler);
  while (!chunk.empty()) {
    std::size_t size = measure(chunk);
    if (size > chunk.size()) return pending_.append(chunk);
    accept(size, handler);
    chunk = chunk.subspan(size);
  }
}

/// Moves bytes from the chunk to the unit that waits, as many as it is known to lack, until it is whole. Each round
/// walks the unit anew; that happens only to a row across two chunks, and its columns are few.
void CopyBinaryParser::consume_pending(Bytes& chunk, CopyRowHandler& handler) {
  for (;;) {
    std::size_t size = measure(pending_.bytes());
    if (size <= pending_.size()) {
      accept(size, handler);
      pending_.clear();
      return;
    }
    if (chunk.empty()) return;
    std::size_t taken = std::min(size - pending_.size(), chunk.size());
    pending_.append(chunk.first(taken));
    chunk = chunk.subspan(taken);
  }
}

void CopyBinaryParser::finish() const {
  if (!pending_.empty()) fail("COPY ended in the middle of a row");
  if (state_ != State::Done) fail("COPY ended without its trailer");
}

std::size_t CopyBinaryParser::measure(Bytes bytes) {
  switch (state_) {
    case State::Header: return measure_header(bytes);
    case State::Rows: return measure_row(bytes);
    case State::Done: break;
  }
  fail("COPY goes on after its trailer");
}

std::size_t CopyBinaryParser::measure_header(Bytes bytes) const {
  std::size_t compared = std::min(bytes.size(), kSignature.size());
  if (as_text(bytes.first(compared)) != kSignature.substr(0, compared)) fail("COPY does not begin with its signature");
  if (bytes.size() < kHeaderBytes) return kHeaderBytes;
  auto flags = load_big_endian<std::uint32_t>(bytes.data() + kSignature.size());
  if ((flags & kCriticalFlags) != 0) fail("COPY has flags that change its format");
  auto extension = load_big_endian<std::int32_t>(bytes.data() + kSignature.size() + sizeof flags);
  if (extension < 0) fail("the header's extension has a negative length");
  return kHeaderBytes + static_cast<std::size_t>(extension);
}

std::size_t CopyBinaryParser::measure_row(Bytes bytes) {
  std::size_t size = sizeof(std::int16_t);
  if (bytes.size() < size) return size;
  auto columns = load_big_endian<std::int16_t>(bytes.data());
  trailer_measured_ = columns == kTrailer;
  if (trailer_measured_) return size;
  if (columns < 0 || static_cast<std::size_t>(columns) != row_.size()) fail("a row has another number of columns");
  for (TupleValue& value : row_) {
    const std::size_t at = size + sizeof(std::int32_t);
    if (bytes.size() < at) return at;
    auto length = load_big_endian<std::int32_t>(bytes.data() + size);
    size = at;
    if (length == kNull) {
      value = {TupleValue::Kind::Null, {}};
      continue;
    }
    if (length < 0) fail("a value has a negative length");
    size += static_cast<std::size_t>(length);
    if (bytes.size() < size) return size;
    value = {TupleValue::Kind::Binary, bytes.subspan(at, static_cast<std::size_t>(length))};
  }
  return size;
}

void CopyBinaryParser::accept(std::size_t size, CopyRowHandler& handler) {
  if (state_ == State::Header) {
    state_ = State::Rows;
  } else if (trailer_measured_) {
    state_ = State::Done;
  } else {
    handler.on_row(row_);
    ++rows_;
  }
  consumed_bytes_ += size;
}

void CopyBinaryParser::fail(const char* why) const {
  throw Error(ErrorCode::ProtocolViolation, why)
      .with("row", std::to_string(rows_ + 1))
      .with("offset", std::to_string(consumed_bytes_));
}

}  // namespace echodb
