#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "postgres/copy_binary.h"
#include "wire_bytes.h"

namespace echodb {
namespace {

/// Writes each row down as text, and where its first value lies.
class RowTranscript : public CopyRowHandler {
 public:
  void on_row(std::span<const TupleValue> row) override {
    for (const TupleValue& value : row) {
      text += value.kind == TupleValue::Kind::Null ? "null " : fmt::format("'{}' ", as_text(value.value));
    }
    text += "; ";
    if (!row.empty()) first_values.push_back(row[0].value.data());
  }
  std::string text;
  std::vector<const std::byte*> first_values;
};

WireBytes header() { return WireBytes().raw(std::string_view("PGCOPY\n\xFF\r\n\0", 11)).i32(0).i32(0); }

/// Three rows of two columns with a NULL, an empty value and a longer one.
WireBytes rows() {
  return header().i16(2).counted("ab").i32(-1).i16(2).counted("").counted("c").i16(2).counted("longer").counted("z");
}
WireBytes stream() { return rows().i16(-1); }
constexpr const char* kExpected = "'ab' null ; '' 'c' ; 'longer' 'z' ; ";

std::string parsed(Bytes stream, std::size_t chunk_bytes, std::size_t columns = 2) {
  CopyBinaryParser parser({.columns = columns});
  RowTranscript transcript;
  while (!stream.empty()) {
    std::size_t size = std::min(chunk_bytes, stream.size());
    // A copy of its own for each chunk, so that a sanitizer sees a value borrowed from an earlier one.
    std::vector<std::byte> chunk(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
    parser.consume(chunk, transcript);
    stream = stream.subspan(size);
  }
  parser.finish();
  return transcript.text;
}

std::string refused_rows(Bytes stream, std::size_t columns = 2) {
  try {
    std::string text = parsed(stream, stream.size() + 1, columns);
    ADD_FAILURE() << "parsed as: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ProtocolViolation);
    return error.what();
  }
  return {};
}

TEST(CopyBinary, ReadsRowsFromOneChunk) { EXPECT_EQ(parsed(stream().bytes(), 1000), kExpected); }

TEST(CopyBinary, ReadsTheSameFromChunksOfAnySize) {
  WireBytes whole = stream();
  for (std::size_t chunk_bytes = 1; chunk_bytes <= whole.bytes().size(); ++chunk_bytes) {
    SCOPED_TRACE(fmt::format("chunks of {} bytes", chunk_bytes));
    EXPECT_EQ(parsed(whole.bytes(), chunk_bytes), kExpected);
  }
}

TEST(CopyBinary, ReadsTheWorkedExample) {
  const char example[] =
      "\x50\x47\x43\x4F\x50\x59\x0A\xFF\x0D\x0A\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\xFF\xFF\xFF\xFF\xFF\xFF";
  std::string bytes(example, sizeof example - 1);
  EXPECT_EQ(parsed(as_bytes(bytes), 1000), "'" + std::string("\0\0\0\x07", 4) + "' null ; ");
}

TEST(CopyBinary, ReadsAnEmptyTable) { EXPECT_EQ(parsed(header().i16(-1).bytes(), 1000), ""); }

TEST(CopyBinary, ReadsRowsWithoutColumns) {
  EXPECT_EQ(parsed(header().i16(0).i16(0).i16(-1).bytes(), 1000, 0), "; ; ");
}

TEST(CopyBinary, CountsRows) {
  CopyBinaryParser parser({.columns = 2});
  RowTranscript transcript;
  parser.consume(stream().bytes(), transcript);
  EXPECT_EQ(parser.rows(), 3U);
}

TEST(CopyBinary, HandsOnWholeRowsInPlace) {
  WireBytes first = header().i16(1).counted("ab").i16(1);
  WireBytes second = WireBytes().counted("straddles").i16(1).counted("cd").i16(-1);
  CopyBinaryParser parser({.columns = 1});
  RowTranscript transcript;
  parser.consume(first.bytes(), transcript);
  parser.consume(second.bytes(), transcript);
  parser.finish();
  EXPECT_EQ(transcript.text, "'ab' ; 'straddles' ; 'cd' ; ");
  EXPECT_EQ(transcript.first_values[0], first.bytes().data() + 25);
  EXPECT_EQ(transcript.first_values[2], second.bytes().data() + 13 + 6);
}

TEST(CopyBinary, IsRefusedWhenCutAtAnyByte) {
  WireBytes whole = stream();
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    SCOPED_TRACE(fmt::format("cut to {} bytes", size));
    EXPECT_NE(refused_rows(whole.bytes().first(size)), "");
  }
}

TEST(CopyBinary, IsRefusedWithOneByteMore) {
  for (int byte = 0; byte < 256; ++byte) EXPECT_NE(refused_rows(stream().i8(byte).bytes()), "");
}

TEST(CopyBinary, RefusesAnotherSignatureAtTheFirstWrongByte) {
  std::string whole = stream().text();
  for (std::size_t at = 0; at < 11; ++at) {
    std::string wrong = whole;
    wrong[at] ^= 1;
    CopyBinaryParser parser({.columns = 2});
    RowTranscript transcript;
    EXPECT_THROW(parser.consume(as_bytes(wrong).first(at + 1), transcript), Error) << "byte " << at;
  }
}

TEST(CopyBinary, RefusesCriticalFlagsAndIgnoresTheOthers) {
  auto with_flags = [](std::int64_t flags) {
    return WireBytes().raw(std::string_view("PGCOPY\n\xFF\r\n\0", 11)).i32(flags).i32(0).i16(-1);
  };
  for (int bit = 0; bit < 16; ++bit) EXPECT_EQ(parsed(with_flags(1LL << bit).bytes(), 1000), "");
  for (int bit = 16; bit < 32; ++bit) EXPECT_NE(refused_rows(with_flags(1LL << bit).bytes()), "");
}

TEST(CopyBinary, SkipsTheHeadersExtension) {
  WireBytes extended = WireBytes().raw(std::string_view("PGCOPY\n\xFF\r\n\0", 11)).i32(0).counted("future");
  extended.i16(1).counted("x").i16(-1);
  for (std::size_t chunk_bytes = 1; chunk_bytes <= extended.bytes().size(); ++chunk_bytes) {
    EXPECT_EQ(parsed(extended.bytes(), chunk_bytes, 1), "'x' ; ");
  }
}

TEST(CopyBinary, RefusesNegativeLengths) {
  std::string said = refused_rows(header().i16(2).i32(-2).i32(-1).i16(-1).bytes());
  EXPECT_NE(said.find("negative length"), std::string::npos) << said;
  EXPECT_NE(refused_rows(WireBytes().raw(std::string_view("PGCOPY\n\xFF\r\n\0", 11)).i32(0).i32(-1).bytes()), "");
}

TEST(CopyBinary, RefusesRowsOfAnotherWidth) {
  for (int columns : {-2, 0, 1, 3}) EXPECT_NE(refused_rows(header().i16(columns).bytes()), "");
}

TEST(CopyBinary, NamesTheRowAndTheOffset) {
  std::string said = refused_rows(header().i16(2).counted("ab").i32(-1).i16(7).bytes());
  EXPECT_NE(said.find("row=2 offset=31"), std::string::npos) << said;
}

TEST(CopyBinary, SaysSoWhenTheLastRowIsCut) {
  std::string said = refused_rows(rows().i16(2).bytes());
  EXPECT_NE(said.find("in the middle of a row"), std::string::npos) << said;
}

TEST(CopyBinary, SaysSoWhenTheTrailerIsMissing) {
  std::string said = refused_rows(rows().bytes());
  EXPECT_NE(said.find("trailer"), std::string::npos) << said;
}

}  // namespace
}  // namespace echodb
