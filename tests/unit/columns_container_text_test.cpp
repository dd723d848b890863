#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "columns/container_text.h"
#include "wire_bytes.h"

namespace echodb {
namespace {

constexpr Oid kText = 25;
constexpr Oid kBox = 603;
constexpr Oid kPair = 16400;
constexpr Oid kPairs = 16401;
constexpr Oid kWord = 16402;
constexpr Oid kDeeper = 16403;
constexpr Oid kWords = 16404;
constexpr Oid kSpan = 16405;
constexpr Oid kSpans = 16406;
constexpr Oid kMood = 16407;
constexpr Oid kBoxes = 16408;
constexpr Oid kCheckedPair = 16409;
constexpr Oid kPairSpan = 16410;
constexpr Oid kRecord = 2249;

const std::map<Oid, TypeParts> kTypes{
    {kText, {.kind = TypeKind::Base}},
    {kBox, {.kind = TypeKind::Base, .delimiter = ';'}},
    {kPair, {.kind = TypeKind::Composite}},
    {kPairs, {.kind = TypeKind::Array, .of = kPair}},
    {kWord, {.kind = TypeKind::Domain, .of = kText}},
    {kDeeper, {.kind = TypeKind::Domain, .of = kWord}},
    {kWords, {.kind = TypeKind::Array, .of = kDeeper}},
    {kSpan, {.kind = TypeKind::Range, .of = kDeeper}},
    {kSpans, {.kind = TypeKind::Multirange, .of = kSpan}},
    {kMood, {.kind = TypeKind::Enum}},
    {kBoxes, {.kind = TypeKind::Array, .of = kBox}},
    {kCheckedPair, {.kind = TypeKind::Domain, .of = kPair}},
    {kPairSpan, {.kind = TypeKind::Range, .of = kPair}},
    {kRecord, {.kind = TypeKind::Pseudo}},
};

/// The text of a value whose leaves are their own text.
std::string text_of(Oid type, const WireBytes& value) {
  const ContainerReader reader{.parts = [](Oid of) -> const TypeParts& { return kTypes.at(of); },
                               .leaf = [](Oid, Bytes leaf) { return std::string(as_text(leaf)); }};
  return reader.text(type, value.bytes());
}

WireBytes pair(std::string_view left, std::string_view right) {
  return WireBytes().i32(2).i32(kText).counted(left).i32(kDeeper).counted(right);
}

struct Dimension {
  int length;
  int lower;
};

WireBytes array(Oid element, const std::vector<Dimension>& dimensions) {
  WireBytes bytes;
  bytes.i32(static_cast<std::int64_t>(dimensions.size())).i32(0).i32(element);
  for (const Dimension& dimension : dimensions) bytes.i32(dimension.length).i32(dimension.lower);
  return bytes;
}

WireBytes words(std::initializer_list<std::string_view> elements) {
  WireBytes bytes = array(kDeeper, {{.length = static_cast<int>(elements.size()), .lower = 1}});
  for (std::string_view element : elements) bytes.counted(element);
  return bytes;
}

ErrorCode code_of(Oid type, const WireBytes& value) {
  try {
    static_cast<void>(text_of(type, value));
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::Stopped;
}

TEST(ContainerText, CompositesQuoteWhatTheirGrammarUses) {
  EXPECT_EQ(text_of(kPair, pair("1", "a")), "(1,a)");
  EXPECT_EQ(text_of(kPair, pair("", "a b")), R"(("","a b"))");
  EXPECT_EQ(text_of(kPair, pair(R"(a"b)", R"(a\b)")), R"=(("a""b","a\\b"))=");
  EXPECT_EQ(text_of(kPair, pair("(", ")")), R"=(("(",")"))=");
  EXPECT_EQ(text_of(kPair, pair("a,b", "{[;]}")), R"=(("a,b",{[;]}))=");
  EXPECT_EQ(text_of(kPair, pair("a\nb", "null")), "(\"a\nb\",null)");
  EXPECT_EQ(text_of(kPair, pair("\v", "\xC2\xA0")), "(\"\v\",\xC2\xA0)");
}

TEST(ContainerText, NullsOfCompositesAreNothing) {
  EXPECT_EQ(text_of(kPair, WireBytes().i32(0)), "()");
  EXPECT_EQ(text_of(kPair, WireBytes().i32(1).i32(kDeeper).i32(-1)), "()");
  EXPECT_EQ(text_of(kPair, WireBytes().i32(3).i32(kText).i32(-1).i32(kMood).counted("so so").i32(kWord).i32(-1)),
            R"=((,"so so",))=");
}

TEST(ContainerText, ArraysQuoteWhatTheirGrammarUses) {
  EXPECT_EQ(text_of(kWords, words({"a", "", "NULL", "nUlL", "nulls"})), R"({a,"","NULL","nUlL",nulls})");
  EXPECT_EQ(text_of(kWords, words({R"(a"b)", R"(a\b)", "a,b", "a;b", "{", "}", "(", " "})),
            R"({"a\"b","a\\b","a,b",a;b,"{","}",(," "})");
  EXPECT_EQ(text_of(kWords, array(kDeeper, {{.length = 2, .lower = 1}}).i32(-1).counted("x")), "{NULL,x}");
  EXPECT_EQ(text_of(kBoxes, array(kBox, {{.length = 2, .lower = 1}}).counted("(1,1),(0,0)").counted("a;b")),
            R"=({(1,1),(0,0);"a;b"})=");
}

TEST(ContainerText, ArraysSayTheirBoundsWhereTheyDoNotBeginAtOne) {
  EXPECT_EQ(text_of(kWords, array(kDeeper, {})), "{}");
  EXPECT_EQ(text_of(kWords, array(kDeeper, {{.length = 0, .lower = 5}})), "{}");
  EXPECT_EQ(text_of(kWords, array(kDeeper, {{.length = 2, .lower = 2}}).counted("a").counted("b")), "[2:3]={a,b}");
  const std::vector<Dimension> square{{.length = 2, .lower = 1}, {.length = 2, .lower = 1}};
  EXPECT_EQ(text_of(kWords, array(kDeeper, square).counted("a").counted("b").i32(-1).counted("d")), "{{a,b},{NULL,d}}");
  const std::vector<Dimension> shifted{
      {.length = 1, .lower = 1}, {.length = 2, .lower = -3}, {.length = 1, .lower = 0}};
  EXPECT_EQ(text_of(kWords, array(kDeeper, shifted).counted("a").counted("b")), "[1:1][-3:-2][0:0]={{{a},{b}}}");
}

constexpr int kEmpty = 1;
constexpr int kBothInclusive = 2 | 4;
constexpr int kLowerInfinite = 8;
constexpr int kUpperInfinite = 16;

TEST(ContainerText, RangesQuoteTheirBounds) {
  EXPECT_EQ(text_of(kSpan, WireBytes().i8(kEmpty)), "empty");
  EXPECT_EQ(text_of(kSpan, WireBytes().i8(kLowerInfinite | kUpperInfinite)), "(,)");
  EXPECT_EQ(text_of(kSpan, WireBytes().i8(kBothInclusive).counted("a").counted("")), R"([a,""])");
  EXPECT_EQ(text_of(kSpan, WireBytes().i8(kUpperInfinite).counted(R"(a"\ )")), R"=(("a""\\ ",))=");
  EXPECT_EQ(text_of(kPairSpan, WireBytes().i8(2).counted(pair("1", "x").text()).counted(pair("2", "").text())),
            R"=(["(1,x)","(2,"""")"))=");
}

TEST(ContainerText, MultirangesHaveTheirRangesUnquoted) {
  EXPECT_EQ(text_of(kSpans, WireBytes().i32(0)), "{}");
  const std::string first = WireBytes().i8(kBothInclusive).counted("a").counted("b c").text();
  const std::string second = WireBytes().i8(kUpperInfinite).counted("d").text();
  EXPECT_EQ(text_of(kSpans, WireBytes().i32(2).counted(first).counted(second)), R"=({[a,"b c"],(d,)})=");
}

TEST(ContainerText, EachContainerQuotesThoseInsideIt) {
  const std::string inner = pair("1", R"(x"\)").text();
  WireBytes pairs = array(kCheckedPair, {{.length = 3, .lower = 1}});
  pairs.counted(inner).i32(-1).counted(pair("2", "y").text());
  EXPECT_EQ(text_of(kPairs, pairs), R"=({"(1,\"x\"\"\\\\\")",NULL,"(2,y)"})=");
  const WireBytes outer = WireBytes()
                              .i32(3)
                              .i32(kCheckedPair)
                              .counted(inner)
                              .i32(kPairs)
                              .counted(pairs.text())
                              .i32(kSpan)
                              .counted(WireBytes().i8(kEmpty).text());
  EXPECT_EQ(text_of(kPair, outer),
            R"=(("(1,""x""""\\\\"")","{""(1,\\""x\\""\\""\\\\\\\\\\"")"",NULL,""(2,y)""}",empty))=");
}

TEST(ContainerText, LeavesHaveTheirBaseTypesAndComeInOrder) {
  std::vector<std::pair<Oid, std::string>> leaves;
  const ContainerReader reader{.parts = [](Oid of) -> const TypeParts& { return kTypes.at(of); },
                               .leaf =
                                   [&](Oid type, Bytes leaf) {
                                     leaves.emplace_back(type, as_text(leaf));
                                     return std::string("t");
                                   }};
  const WireBytes value = WireBytes()
                              .i32(4)
                              .i32(kDeeper)
                              .counted("a")
                              .i32(kMood)
                              .counted("glad")
                              .i32(kBoxes)
                              .counted(array(kBox, {{.length = 1, .lower = 1}}).counted("b").text())
                              .i32(kSpan)
                              .counted(WireBytes().i8(kLowerInfinite).counted("c").text());
  EXPECT_EQ(reader.text(kCheckedPair, value.bytes()), R"=((t,glad,{t},"(,t)"))=");
  const std::vector<std::pair<Oid, std::string>> expected{{kText, "a"}, {kBox, "b"}, {kText, "c"}};
  EXPECT_EQ(leaves, expected);
}

TEST(ContainerText, RefusesWhatNoSendFunctionWrites) {
  EXPECT_EQ(code_of(kPair, WireBytes().i32(-1)), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kPair, WireBytes().i32(2).i32(kText).counted("a")), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kPair, WireBytes().i32(1).i32(kText).i32(-2)), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kPair, WireBytes().i32(0).i8(0)), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kPair, WireBytes().i32(1).i32(kRecord).counted("")), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kWords, WireBytes().i32(7).i32(0).i32(kText)), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kWords, WireBytes().i32(0).i32(2).i32(kText)), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kWords, array(kText, {{.length = -1, .lower = 1}})), ErrorCode::ProtocolViolation);
  EXPECT_EQ(code_of(kWords, array(kText, {{.length = 0x7FFFFFFF, .lower = 1}})), ErrorCode::ProtocolViolation);
}

TEST(ContainerText, RefusesTypesNestedWithoutEnd) {
  std::string value = WireBytes().i32(0).text();
  for (int depth = 0; depth < 100; ++depth) value = WireBytes().i32(1).i32(kPair).counted(value).text();
  EXPECT_EQ(code_of(kPair, WireBytes().raw(value)), ErrorCode::UnsupportedValue);
}

}  // namespace
}  // namespace echodb
