#include <gtest/gtest.h>

#include "columns/make_column.h"
#include "verify/json_document.h"
#include "verify/row_digest.h"

namespace echodb {
namespace {

TargetType type(ValueForm form, const std::string& name, bool nullable = false) {
  return {.column_type = name, .native_type = name, .value_type = name, .form = form, .nullable = nullable};
}

std::uint64_t digest(const TargetType& of, std::string_view text) {
  auto column = make_column(of);
  column->append_text(text);
  return ValueDigest(of).of(*column, 0);
}

// The numbers are what ClickHouse answers to xxHash64 of the same values.
TEST(RowDigest, IsTheOneOfClickHouse) {
  EXPECT_EQ(digest(type(ValueForm::Int32, "Int32"), "5"), 14111056568482183481U);
  EXPECT_EQ(digest(type(ValueForm::Text, "String"), "abc"), 4952883123889572249U);
  EXPECT_EQ(digest(type(ValueForm::Text, "String"), ""), 17241709254077376921U);
  EXPECT_EQ(digest(type(ValueForm::Float64, "Float64"), "-0"), 4558309869707674848U);
  EXPECT_EQ(digest(type(ValueForm::Date, "Date32"), "1950-01-01"), 13067723517584691269U);
  DigestFold fold;
  fold.add(digest(type(ValueForm::Int32, "Int32"), "5"));
  fold.add(digest(type(ValueForm::Text, "String"), "abc"));
  EXPECT_EQ(fold.value(), kProbeFold);
}

TEST(RowDigest, IsTheSameWhetherTheColumnCanHoldNullOrNot) {
  EXPECT_EQ(digest(type(ValueForm::Int32, "Int32", true), "5"), digest(type(ValueForm::Int32, "Int32"), "5"));
  EXPECT_EQ(digest(type(ValueForm::Text, "String", true), "abc"), digest(type(ValueForm::Text, "String"), "abc"));
}

TEST(RowDigest, TellsNullFromNothing) {
  const TargetType text = type(ValueForm::Text, "String", true);
  auto column = make_column(text);
  column->append_null();
  EXPECT_NE(ValueDigest(text).of(*column, 0), digest(text, ""));
}

TEST(RowDigest, TellsTheOrderOfColumns) {
  DigestFold one;
  one.add(1);
  one.add(2);
  DigestFold other;
  other.add(2);
  other.add(1);
  EXPECT_NE(one.value(), other.value());
}

TEST(JsonDocument, HasOneFormForWhatClickHouseDoesNotTellApart) {
  EXPECT_EQ(normal_json(R"({"b": 1.0, "a": {"x": null}, "c.d": 2})"), normal_json(R"({"c":{"d":2},"b":1})"));
  EXPECT_EQ(normal_json(R"({"a": 1e18})"), normal_json(R"({"a":1000000000000000000})"));
  EXPECT_NE(normal_json(R"({"a": 9007199254740993})"), normal_json(R"({"a": 9007199254740992})"));
  EXPECT_EQ(normal_json(R"({"a..b": 1, ".c": 2, "d.": 3})"),
            normal_json(R"({"a":{"":{"b":1}},"":{"c":2},"d":{"":3}})"));
  EXPECT_NE(normal_json(R"({"a": "1"})"), normal_json(R"({"a": 1})"));
  EXPECT_EQ(normal_json("not a document"), "not a document");
}

}  // namespace
}  // namespace echodb
