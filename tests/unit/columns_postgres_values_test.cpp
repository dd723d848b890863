#include "column_testing.h"
#include "postgres_values.h"

namespace echodb::testing {
namespace {

TEST(PostgresValues, BinaryAndTextFormsGiveTheSameColumn) {
  const auto values = postgres_values();
  ASSERT_GE(values.size(), 160U);
  for (const PostgresValue& value : values) {
    SCOPED_TRACE(value.declared + " " + value.text);
    for (bool nullable : {false, true}) {
      const TargetType type = type_of(value, nullable);
      EXPECT_NE(type.form, ValueForm::SourceText);
      EXPECT_EQ(to_hex(from_binary(type, value.binary_hex)), to_hex(from_text(type, value.text)));
    }
  }
}

TEST(PostgresValues, ValuesThatBecomeStringsAreTheTextPostgresPrints) {
  std::size_t compared = 0;
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type = type_of(value, false);
    if (type.array || type.value_type != "String" || type.form == ValueForm::Bytea) continue;
    SCOPED_TRACE(value.declared + " " + value.text);
    ByteBuffer expected;
    expected.append_string(value.text);
    EXPECT_EQ(to_hex(from_binary(type, value.binary_hex)), to_hex(expected.text()));
    ++compared;
  }
  EXPECT_GE(compared, 40U);
}

TEST(PostgresValues, EveryShorterOrLongerBinaryFormIsRefused) {
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type = type_of(value, false);
    const bool any_length =
        type.form == ValueForm::Text || type.form == ValueForm::Bytea || type.form == ValueForm::Jsonb;
    if (any_length && !type.array) continue;
    SCOPED_TRACE(value.declared + " " + value.text);
    for (std::size_t size = 0; size < value.binary_hex.size(); size += 2) {
      if (type.form == ValueForm::MacaddrText && size == 12) continue;
      EXPECT_EQ(error_of([&] { from_binary(type, value.binary_hex.substr(0, size)); }), "protocol_violation");
    }
    if (type.form != ValueForm::MacaddrText || value.declared == "macaddr8") {
      EXPECT_EQ(error_of([&] { from_binary(type, value.binary_hex + "00"); }), "protocol_violation");
    }
  }
}

}  // namespace
}  // namespace echodb::testing
