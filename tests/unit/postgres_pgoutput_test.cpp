#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "postgres/pgoutput.h"
#include "wire_bytes.h"

namespace echodb {
namespace {

/// Writes each call down as one line, so that a test compares text.
class MessageTranscript : public PgoutputHandler {
 public:
  void on_begin(const BeginMessage& m) override {
    text = fmt::format("begin {} time={} xid={}", to_string(m.final_lsn), m.commit_time.count(), m.xid);
  }
  void on_commit(const CommitMessage& m) override {
    text =
        fmt::format("commit {} end={} time={}", to_string(m.commit_lsn), to_string(m.end_lsn), m.commit_time.count());
  }
  void on_origin(const OriginMessage& m) override {
    text = fmt::format("origin {} {}", to_string(m.commit_lsn), m.name);
  }
  void on_relation(const RelationMessage& m) override {
    text = fmt::format("relation {} {}.{} identity={}", m.oid, m.schema, m.name, static_cast<char>(m.replica_identity));
    for (const RelationColumn& c : m.columns) {
      text += fmt::format(" ({}{} {} {})", c.is_key ? "key " : "", c.name, c.type_oid, c.typmod);
    }
  }
  void on_type(const TypeMessage& m) override { text = fmt::format("type {} {}.{}", m.oid, m.schema, m.name); }
  void on_insert(const InsertMessage& m) override { text = fmt::format("insert {}{}", m.relation, row(m.row)); }
  void on_update(const UpdateMessage& m) override {
    text = fmt::format("update {}", m.relation);
    if (m.old_kind != OldRow::None) text += fmt::format(" {}{}", static_cast<char>(m.old_kind), row(m.old));
    text += " ->" + row(m.row);
  }
  void on_delete(const DeleteMessage& m) override {
    text = fmt::format("delete {} {}{}", m.relation, static_cast<char>(m.old_kind), row(m.old));
  }
  void on_truncate(const TruncateMessage& m) override {
    text = fmt::format("truncate{}{}", m.cascade ? " cascade" : "", m.restart_identity ? " restart" : "");
    for (Oid oid : m.relations) text += fmt::format(" {}", oid);
  }
  void on_logical_message(const LogicalMessage& m) override {
    text = fmt::format("message{} {} {} '{}'", m.transactional ? " transactional" : "", to_string(m.lsn), m.prefix,
                       as_text(m.content));
  }

  std::string text;

 private:
  static std::string row(std::span<const TupleValue> values) {
    std::string out;
    for (const TupleValue& v : values) out += fmt::format(" {}:'{}'", static_cast<char>(v.kind), as_text(v.value));
    return out;
  }
};

std::string decoded(Bytes message) {
  PgoutputDecoder decoder;
  MessageTranscript transcript;
  decoder.decode(message, transcript);
  return transcript.text;
}
std::string decoded(const WireBytes& message) { return decoded(message.bytes()); }

/// What the decoder says against a message that it must refuse.
std::string refused_message(Bytes message) {
  PgoutputDecoder decoder;
  MessageTranscript transcript;
  try {
    decoder.decode(message, transcript);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ProtocolViolation);
    EXPECT_EQ(transcript.text, "") << "the handler was called with half a message";
    return error.what();
  }
  ADD_FAILURE() << "decoded as: " << transcript.text;
  return {};
}
std::string refused_message(const WireBytes& message) { return refused_message(message.bytes()); }

WireBytes key_row() { return WireBytes().i16(2).letter('b').counted("k").letter('n'); }
WireBytes new_row() { return WireBytes().i16(2).letter('b').counted("l").letter('t').counted("new"); }

struct Sample {
  std::string name;
  WireBytes message;
  std::string expected;

  friend void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }
};

/// One message of every kind and form.
std::vector<Sample> samples() {
  return {
      {"Begin", WireBytes('B').i64(0x16B374D848).i64(42).i32(77), "begin 16/B374D848 time=42 xid=77"},
      {"Commit", WireBytes('C').i8(0).i64(0x100).i64(0x130).i64(-5), "commit 0/100 end=0/130 time=-5"},
      {"Origin", WireBytes('O').i64(0x99).cstring("other"), "origin 0/99 other"},
      {"Relation",
       WireBytes('R')
           .i32(16385)
           .cstring("public")
           .cstring("t")
           .letter('d')
           .i16(2)
           .i8(1)
           .cstring("id")
           .i32(23)
           .i32(-1)
           .i8(0)
           .cstring("v")
           .i32(1700)
           .i32(655366),
       "relation 16385 public.t identity=d (key id 23 -1) (v 1700 655366)"},
      {"RelationOfNoColumns", WireBytes('R').i32(1).cstring("").cstring("t").letter('n').i16(0),
       "relation 1 pg_catalog.t identity=n"},
      {"Type", WireBytes('Y').i32(16390).cstring("public").cstring("mood"), "type 16390 public.mood"},
      {"Insert",
       WireBytes('I').i32(16385).letter('N').i16(3).letter('b').counted("\x07").letter('n').letter('t').counted("hi"),
       "insert 16385 b:'\x07' n:'' t:'hi'"},
      {"InsertOfEmptyValue", WireBytes('I').i32(9).letter('N').i16(1).letter('t').counted(""), "insert 9 t:''"},
      {"Update", WireBytes('U').i32(9).letter('N').i16(2).letter('b').counted("k").letter('u'),
       "update 9 -> b:'k' u:''"},
      {"UpdateWithKey", WireBytes('U').i32(9).letter('K').raw(key_row().text()).letter('N').raw(new_row().text()),
       "update 9 K b:'k' n:'' -> b:'l' t:'new'"},
      {"UpdateWithOldRow", WireBytes('U').i32(9).letter('O').raw(key_row().text()).letter('N').raw(new_row().text()),
       "update 9 O b:'k' n:'' -> b:'l' t:'new'"},
      {"DeleteByKey", WireBytes('D').i32(9).letter('K').raw(key_row().text()), "delete 9 K b:'k' n:''"},
      {"DeleteByOldRow", WireBytes('D').i32(9).letter('O').raw(key_row().text()), "delete 9 O b:'k' n:''"},
      {"Truncate", WireBytes('T').i32(2).i8(3).i32(5).i32(6), "truncate cascade restart 5 6"},
      {"TruncateCascade", WireBytes('T').i32(1).i8(1).i32(5), "truncate cascade 5"},
      {"TruncateRestartIdentity", WireBytes('T').i32(1).i8(2).i32(5), "truncate restart 5"},
      {"TruncateOfOne", WireBytes('T').i32(1).i8(0).i32(5), "truncate 5"},
      {"Message", WireBytes('M').i8(1).i64(0x77).cstring("echodb").counted("{}"),
       "message transactional 0/77 echodb '{}'"},
      {"MessageOutsideTransaction", WireBytes('M').i8(0).i64(0x78).cstring("p").counted(std::string("\0x", 2)),
       std::string("message 0/78 p '\0x'", 19)},
  };
}

class EveryPgoutputMessage : public ::testing::TestWithParam<Sample> {};

TEST_P(EveryPgoutputMessage, IsDecoded) { EXPECT_EQ(decoded(GetParam().message), GetParam().expected); }

TEST_P(EveryPgoutputMessage, IsRefusedWhenCutAtAnyByte) {
  Bytes whole = GetParam().message.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    SCOPED_TRACE(fmt::format("cut to {} of {} bytes", size, whole.size()));
    // A copy of just these bytes, so that a sanitizer sees a read beyond them.
    std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(refused_message(cut), "");
  }
}

TEST_P(EveryPgoutputMessage, IsRefusedWithOneByteMore) {
  for (int byte = 0; byte < 256; ++byte) {
    SCOPED_TRACE(fmt::format("followed by byte {}", byte));
    EXPECT_NE(refused_message(WireBytes(GetParam().message).i8(byte)), "");
  }
}

TEST_P(EveryPgoutputMessage, DecodesTheSameAfterARefusedOne) {
  PgoutputDecoder decoder;
  MessageTranscript transcript;
  Bytes whole = GetParam().message.bytes();
  EXPECT_THROW(decoder.decode(whole.first(whole.size() - 1), transcript), Error);
  decoder.decode(whole, transcript);
  EXPECT_EQ(transcript.text, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Pgoutput, EveryPgoutputMessage, testing::ValuesIn(samples()),
                         [](const auto& sample) { return sample.param.name; });

TEST(Pgoutput, DecodesTheWorkedExample) {
  const char example[] =
      "\x49\x00\x00\x40\x01\x4E\x00\x03\x62\x00\x00\x00\x04\x00\x00\x00\x07\x6E\x62\x00\x00\x00\x02\x68\x69";
  std::string message(example, sizeof example - 1);
  EXPECT_EQ(decoded(as_bytes(message)), "insert 16385 b:'" + std::string("\0\0\0\x07", 4) + "' n:'' b:'hi'");
}

TEST(Pgoutput, RejectsBeginWithoutFinalLsn) {
  EXPECT_NE(refused_message(WireBytes('B').i64(0).i64(42).i32(77)).find("final LSN"), std::string::npos);
}

TEST(Pgoutput, RejectsCommitThatEndsBeforeItBegins) {
  refused_message(WireBytes('C').i8(0).i64(0x130).i64(0x100).i64(0));
}

TEST(Pgoutput, RejectsCommitWithoutLsn) { refused_message(WireBytes('C').i8(0).i64(0).i64(0).i64(0)); }

TEST(Pgoutput, RejectsUnknownFlags) {
  refused_message(WireBytes('C').i8(1).i64(0x100).i64(0x130).i64(0));
  refused_message(WireBytes('T').i32(1).i8(4).i32(5));
  refused_message(WireBytes('M').i8(2).i64(1).cstring("p").counted(""));
  refused_message(
      WireBytes('R').i32(1).cstring("s").cstring("t").letter('d').i16(1).i8(2).cstring("c").i32(23).i32(-1));
}

TEST(Pgoutput, RejectsUnknownReplicaIdentity) {
  refused_message(WireBytes('R').i32(1).cstring("s").cstring("t").letter('x').i16(0));
}

TEST(Pgoutput, RejectsUnknownValueKind) {
  EXPECT_NE(refused_message(WireBytes('I').i32(1).letter('N').i16(1).letter('z')).find("'z'"), std::string::npos);
}

TEST(Pgoutput, RejectsRowsUnderAnotherMarker) {
  refused_message(WireBytes('I').i32(1).letter('O').i16(0));
  refused_message(WireBytes('D').i32(1).letter('N').i16(0));
  refused_message(WireBytes('U').i32(1).letter('x').i16(0));
  refused_message(WireBytes('U').i32(1).letter('K').i16(0).letter('O').i16(0));
}

TEST(Pgoutput, RejectsNegativeCountsAndLengths) {
  refused_message(WireBytes('I').i32(1).letter('N').i16(-1));
  refused_message(WireBytes('I').i32(1).letter('N').i16(1).letter('b').i32(-1));
  refused_message(WireBytes('R').i32(1).cstring("s").cstring("t").letter('d').i16(-1));
  refused_message(WireBytes('T').i32(-1).i8(0));
  refused_message(WireBytes('M').i8(0).i64(1).cstring("p").i32(-1));
}

TEST(Pgoutput, RejectsTruncateThatAnnouncesMoreThanItHolds) {
  std::string said = refused_message(WireBytes('T').i32(0x7FFFFFFF).i8(0).i32(5));
  EXPECT_NE(said.find("2147483647 relations announced"), std::string::npos) << said;
}

TEST(Pgoutput, RefusesMessagesOfLaterVersionsByName) {
  const std::vector<std::pair<char, std::string>> later{
      {'S', "Stream Start"},    {'E', "Stream Stop"},       {'c', "Stream Commit"},
      {'A', "Stream Abort"},    {'b', "Begin Prepare"},     {'P', "Prepare"},
      {'K', "Commit Prepared"}, {'r', "Rollback Prepared"}, {'p', "Stream Prepare"}};
  for (const auto& [kind, name] : later) {
    std::string said = refused_message(WireBytes(kind).i32(1));
    EXPECT_NE(said.find(name), std::string::npos) << said;
  }
}

TEST(Pgoutput, RefusesEveryKindThatHasNoName) {
  const std::string known = "BCORYIUDTMSEcAbPKrp";
  for (int kind = 0; kind < 256; ++kind) {
    if (known.find(static_cast<char>(kind)) != std::string::npos) continue;
    std::string said = refused_message(WireBytes(static_cast<char>(kind)).i32(1));
    EXPECT_NE(said.find("unknown kind"), std::string::npos) << said;
  }
}

TEST(Pgoutput, LetsTheHandlersOwnErrorThroughAsItIs) {
  class Refusing : public MessageTranscript {
    void on_insert(const InsertMessage&) override { throw Error(ErrorCode::SchemaMismatch, "no such table"); }
  };
  PgoutputDecoder decoder;
  Refusing handler;
  try {
    decoder.decode(WireBytes('I').i32(1).letter('N').i16(0).bytes(), handler);
    FAIL() << "the handler's error was lost";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no such table");
  }
}

TEST(Pgoutput, BorrowsValuesFromTheMessage) {
  class Addresses : public MessageTranscript {
   public:
    void on_insert(const InsertMessage& m) override { value = m.row[0].value; }
    Bytes value;
  };
  WireBytes message = WireBytes('I').i32(1).letter('N').i16(1).letter('b').counted("abc");
  PgoutputDecoder decoder;
  Addresses handler;
  decoder.decode(message.bytes(), handler);
  EXPECT_EQ(handler.value.data(), message.bytes().data() + message.bytes().size() - 3);
}

}  // namespace
}  // namespace echodb
