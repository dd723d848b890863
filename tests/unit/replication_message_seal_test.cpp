#include <gtest/gtest.h>

#include "replication/message_seal.h"

namespace echodb {
namespace {

constexpr Xid kXid = 4711;
constexpr Lsn kHere{100};
constexpr std::string_view kText = R"({"op":"drop","oid":7})";

std::string sealed(const MessageSeal& seal, std::string_view text, Xid xid) {
  return seal.code(text, xid) + " " + std::string(text);
}

TEST(MessageSeal, ComputesHmacSha256) {
  // RFC 4231, test case 2, is HMAC-SHA256 of this text under this key; ours begins with a number and a space.
  MessageSeal seal("Jefe");
  EXPECT_EQ(seal.code("x", 1), seal.code("x", 1));
  EXPECT_EQ(seal.code("do ya want for nothing?", 1).size(), 64U);
}

TEST(MessageSeal, OpensWhatItSealed) {
  MessageSeal seal("key");
  EXPECT_EQ(seal.open(sealed(seal, kText, kXid), kXid, kHere), kText);
}

TEST(MessageSeal, RefusesAnotherTransactionsMessage) {
  MessageSeal seal("key");
  EXPECT_FALSE(seal.open(sealed(seal, kText, kXid), kXid + 1, kHere));
}

TEST(MessageSeal, RefusesAnotherKeysMessage) {
  EXPECT_FALSE(MessageSeal("key").open(sealed(MessageSeal("other"), kText, kXid), kXid, kHere));
}

TEST(MessageSeal, RefusesEveryChangedByte) {
  MessageSeal seal("key");
  std::string whole = sealed(seal, kText, kXid);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(seal.open(changed, kXid, kHere)) << at;
    EXPECT_FALSE(seal.open(whole.substr(0, at), kXid, kHere)) << at;
  }
}

TEST(MessageSeal, TakesAnEarlierVersionsMessagesUpToTheirEnd) {
  MessageSeal seal("key", Lsn{100});
  EXPECT_EQ(seal.open(kText, kXid, Lsn{99}), kText);
  EXPECT_FALSE(seal.open(kText, kXid, Lsn{100}));
  EXPECT_FALSE(MessageSeal("key").open(kText, kXid, Lsn{99}));
}

}  // namespace
}  // namespace echodb
