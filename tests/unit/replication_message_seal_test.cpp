#include <gtest/gtest.h>

#include "replication/message_seal.h"

namespace echodb {
namespace {

constexpr Xid kXid = 4711;
constexpr Lsn kHere{100};
constexpr std::string_view kMessageText = R"({"op":"drop","oid":7})";

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
  EXPECT_EQ(seal.open(sealed(seal, kMessageText, kXid), kXid, kHere), kMessageText);
}

TEST(MessageSeal, RefusesAnotherTransactionsMessage) {
  MessageSeal seal("key");
  EXPECT_FALSE(seal.open(sealed(seal, kMessageText, kXid), kXid + 1, kHere));
}

TEST(MessageSeal, RefusesAnotherKeysMessage) {
  EXPECT_FALSE(MessageSeal("key").open(sealed(MessageSeal("other"), kMessageText, kXid), kXid, kHere));
}

TEST(MessageSeal, RefusesEveryChangedByte) {
  MessageSeal seal("key");
  std::string whole = sealed(seal, kMessageText, kXid);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(seal.open(changed, kXid, kHere)) << at;
    EXPECT_FALSE(seal.open(whole.substr(0, at), kXid, kHere)) << at;
  }
}

TEST(MessageSeal, TakesAnEarlierVersionsMessagesUpToTheirEnd) {
  MessageSeal seal("key", Lsn{100});
  EXPECT_EQ(seal.open(kMessageText, kXid, Lsn{99}), kMessageText);
  EXPECT_FALSE(seal.open(kMessageText, kXid, Lsn{100}));
  EXPECT_FALSE(MessageSeal("key").open(kMessageText, kXid, Lsn{99}));
}

}  // namespace
}  // namespace echodb
