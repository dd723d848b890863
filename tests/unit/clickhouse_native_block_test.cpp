#include <gtest/gtest.h>

#include <string>

#include "clickhouse/native_block.h"

namespace echodb {
namespace {

std::string joined(const NativeBlock& block) {
  std::string bytes;
  for (Bytes part : block.parts()) bytes += as_text(part);
  return bytes;
}

TEST(NativeBlock, PutsHeadersAndDataInOrder) {
  const std::string borrowed = "borrowed";
  NativeBlock block({.columns = 2, .rows = 300});
  block.begin_column("a", "Int8");
  block.append_borrowed(as_bytes(borrowed));
  block.begin_column("b", "UInt8");
  block.append_copy(as_bytes(std::string("copied")));
  EXPECT_EQ(joined(block),
            "\x02\xac\x02\x01"
            "a\x04Int8borrowed\x01"
            "b\x05UInt8copied");
  EXPECT_EQ(block.size(), joined(block).size());
}

TEST(NativeBlock, CopiesNothingThatIsBorrowed) {
  const std::string borrowed(1000, 'x');
  NativeBlock block({.columns = 1, .rows = 1});
  block.begin_column("a", "String");
  block.append_borrowed(as_bytes(borrowed));
  block.append_borrowed({});
  ASSERT_EQ(block.parts().size(), 2U);
  EXPECT_EQ(block.parts()[1].data(), as_bytes(borrowed).data());
}

TEST(NativeBlock, KeepsItsOwnBytesWhileTheyGrow) {
  NativeBlock block({.columns = 1, .rows = 1});
  std::string expected = "\x01\x01";
  const std::string borrowed = "|";
  for (int piece = 0; piece < 1000; ++piece) {
    block.append_copy(as_bytes(std::string("0123456789")));
    block.append_borrowed(as_bytes(borrowed));
    expected += "0123456789|";
  }
  EXPECT_EQ(joined(block), expected);
}

}  // namespace
}  // namespace echodb
