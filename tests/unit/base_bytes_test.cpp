#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "base/bytes.h"

namespace echodb {
namespace {

using namespace std::string_view_literals;

template <typename Read>
void expect_refused(std::string_view bytes, Read read) {
  ByteReader reader(as_bytes(bytes));
  try {
    read(reader);
    ADD_FAILURE() << "read beyond the end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ProtocolViolation);
  }
}

TEST(ByteReader, ReadsBigEndianIntegersOfEverySize) {
  ByteReader reader(as_bytes("\x01\x01\x02\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08"sv));
  EXPECT_EQ(reader.read<std::uint8_t>(), 0x01);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x0102);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x01020304U);
  EXPECT_EQ(reader.read<std::uint64_t>(), 0x0102030405060708U);
  EXPECT_NO_THROW(reader.expect_end());
}

TEST(ByteReader, KeepsTheSignOfSignedIntegers) {
  ByteReader reader(as_bytes("\xFF\xFF\xFE\xFF\xFF\xFF\xFD\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC"sv));
  EXPECT_EQ(reader.read<std::int8_t>(), -1);
  EXPECT_EQ(reader.read<std::int16_t>(), -2);
  EXPECT_EQ(reader.read<std::int32_t>(), -3);
  EXPECT_EQ(reader.read<std::int64_t>(), -4);
}

TEST(ByteReader, ReadsTextUpToItsZeroAndConsumesTheZero) {
  ByteReader reader(as_bytes("abc\0\0d"sv));
  EXPECT_EQ(reader.read_c_string(), "abc");
  EXPECT_EQ(reader.read_c_string(), "");
  EXPECT_EQ(reader.remaining(), 1U);
}

TEST(ByteReader, RefusesTextWithoutItsZero) {
  expect_refused("abc", [](ByteReader& reader) { reader.read_c_string(); });
  expect_refused("", [](ByteReader& reader) { reader.read_c_string(); });
}

TEST(ByteReader, RefusesIntegersThatAreCut) {
  expect_refused("", [](ByteReader& reader) { reader.read<std::uint8_t>(); });
  expect_refused("\x01", [](ByteReader& reader) { reader.read<std::int16_t>(); });
  expect_refused("\x01\x01\x01", [](ByteReader& reader) { reader.read<std::int32_t>(); });
  expect_refused("\x01\x01\x01\x01\x01\x01\x01", [](ByteReader& reader) { reader.read<std::int64_t>(); });
}

TEST(ByteReader, RefusesMoreBytesThanThereAre) {
  expect_refused("abc", [](ByteReader& reader) { reader.read_bytes(4); });
  expect_refused("abc", [](ByteReader& reader) { reader.read_bytes(std::size_t(-1)); });
}

TEST(ByteReader, StaysWhereItWasAfterARefusedRead) {
  ByteReader reader(as_bytes("abc"sv));
  EXPECT_THROW(reader.read<std::int32_t>(), Error);
  EXPECT_EQ(as_text(reader.read_bytes(3)), "abc");
}

TEST(ByteReader, RefusesBytesLeftOver) {
  expect_refused("a", [](ByteReader& reader) { reader.expect_end(); });
}

TEST(ByteBuffer, AppendsIntegersLittleEndian) {
  ByteBuffer buffer;
  buffer.append_little_endian(std::uint32_t{0x01020304});
  buffer.append_little_endian(std::int16_t{-2});
  EXPECT_EQ(buffer.text(), "\x04\x03\x02\x01\xFE\xFF"sv);
}

TEST(ByteBuffer, AppendsVarUintsOfEveryLength) {
  const std::pair<std::uint64_t, std::string_view> cases[] = {
      {0, "\0"sv},           {127, "\x7F"sv},     {128, "\x80\x01"sv},
      {16383, "\xFF\x7F"sv}, {300, "\xAC\x02"sv}, {~std::uint64_t{0}, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"sv},
  };
  for (const auto& [value, bytes] : cases) {
    ByteBuffer buffer;
    buffer.append_var_uint(value);
    EXPECT_EQ(buffer.text(), bytes) << value;
  }
}

TEST(ByteBuffer, AppendsAStringAfterItsLength) {
  ByteBuffer buffer;
  buffer.append_string("abc");
  buffer.append_string("");
  EXPECT_EQ(buffer.text(),
            "\x03"
            "abc\0"sv);
}

TEST(ByteBuffer, KeepsWhatItHoldsWhileItGrows) {
  ByteBuffer buffer;
  std::string expected;
  for (int i = 0; i < 10'000; ++i) {
    std::string piece = std::to_string(i);
    buffer.append(piece);
    expected += piece;
  }
  EXPECT_EQ(buffer.text(), expected);
  EXPECT_GE(buffer.capacity(), buffer.size());
}

TEST(ByteBuffer, KeepsItsMemoryOverClear) {
  ByteBuffer buffer;
  buffer.append(std::string(1000, 'x'));
  const std::byte* memory = buffer.data();
  std::size_t capacity = buffer.capacity();
  buffer.clear();
  EXPECT_TRUE(buffer.empty());
  buffer.append(std::string(1000, 'y'));
  EXPECT_EQ(buffer.data(), memory);
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(ByteBuffer, TruncateForgetsTheEnd) {
  ByteBuffer buffer;
  buffer.append("abcdef");
  buffer.truncate(2);
  buffer.append("x");
  EXPECT_EQ(buffer.text(), "abx");
}

TEST(ByteBuffer, ReserveMakesRoomWithoutContent) {
  ByteBuffer buffer;
  buffer.reserve(5000);
  EXPECT_GE(buffer.capacity(), 5000U);
  EXPECT_TRUE(buffer.empty());
}

TEST(ByteBuffer, MovesItsMemory) {
  ByteBuffer from;
  from.append("content");
  const std::byte* memory = from.data();
  ByteBuffer to(std::move(from));
  EXPECT_EQ(to.text(), "content");
  EXPECT_EQ(to.data(), memory);
  ByteBuffer assigned;
  assigned.append("old");
  assigned = std::move(to);
  EXPECT_EQ(assigned.text(), "content");
}

}  // namespace
}  // namespace echodb
