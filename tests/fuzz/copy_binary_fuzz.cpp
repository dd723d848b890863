// Any stream gives the same rows and the same verdict in one chunk as in chunks of any size.
// Input: a byte for the columns, a byte for the chunk size, the stream.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "postgres/copy_binary.h"

namespace echodb {
namespace {

class Rows : public CopyRowHandler {
 public:
  void on_row(std::span<const TupleValue> row) override {
    for (const TupleValue& value : row) {
      text += static_cast<char>(value.kind);
      text += std::to_string(value.value.size());
      text += as_text(value.value);
    }
    text += '\n';
  }
  std::string text;
};

/// The rows, and how it ended.
std::string outcome(Bytes stream, std::size_t columns, std::size_t chunk_bytes) {
  CopyBinaryParser parser({.columns = columns});
  Rows rows;
  try {
    while (!stream.empty()) {
      // In memory of its own, so that a value borrowed from an earlier chunk is found by the sanitizer.
      std::vector<std::byte> chunk(stream.begin(),
                                   stream.begin() + static_cast<std::ptrdiff_t>(std::min(chunk_bytes, stream.size())));
      parser.consume(chunk, rows);
      stream = stream.subspan(chunk.size());
    }
    parser.finish();
  } catch (const Error& error) {
    ECHO_ASSERT(error.code() == ErrorCode::ProtocolViolation);
    return rows.text + error.what();
  }
  return rows.text;
}

}  // namespace
}  // namespace echodb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::size_t columns = data[0];
  std::size_t chunk_bytes = std::max<std::size_t>(data[1], 1);
  echodb::Bytes stream = std::as_bytes(std::span(data + 2, size - 2));
  ECHO_ASSERT(echodb::outcome(stream, columns, size) == echodb::outcome(stream, columns, chunk_bytes));
  return 0;
}
