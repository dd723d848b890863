#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "postgres/lsn.h"

namespace echodb {
namespace {

TEST(Lsn, IsWrittenAsPostgresWritesIt) {
  EXPECT_EQ(to_string(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(to_string(Lsn{0}), "0/0");
  EXPECT_EQ(to_string(Lsn{0x1000000A0}), "1/A0") << "the low half is not padded";
}

TEST(Lsn, ReadsBackWhatItWrites) {
  for (std::uint64_t value : {0ULL, 1ULL, 0xFFFFFFFFULL, 0x100000000ULL, 0x16B374D848ULL}) {
    EXPECT_EQ(parse_lsn(to_string(Lsn{value})), Lsn{value});
  }
  Lsn last{std::numeric_limits<std::uint64_t>::max()};
  EXPECT_EQ(parse_lsn(to_string(last)), last);
}

TEST(Lsn, ReadsLowerCase) { EXPECT_EQ(parse_lsn("16/b374d848"), Lsn{0x16B374D848}); }

TEST(Lsn, RefusesWhatIsNoPosition) {
  for (const char* text : {"", "/", "0", "0/", "/0", "1/2/3", "x/0", "0/g", "-1/0", "+1/0", " 1/0", "1/0 ", "0x1/0",
                           "100000000/0", "0/100000000"}) {
    try {
      parse_lsn(text);
      ADD_FAILURE() << "accepted '" << text << "'";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::ProtocolViolation) << text;
    }
  }
}

TEST(Lsn, IsOrderedByItsValueAndNoneIsTheLeast) {
  EXPECT_LT(parse_lsn("0/FFFFFFFF"), parse_lsn("1/0"));
  EXPECT_LT(Lsn{}, Lsn{1});
  EXPECT_FALSE(Lsn{});
  EXPECT_TRUE(Lsn{1});
}

}  // namespace
}  // namespace echodb
