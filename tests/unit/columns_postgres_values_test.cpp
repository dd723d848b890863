#include "column_testing.h"
#include "postgres_values.h"

namespace echodb::unit {
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
    if (type.is_array() || type.value_type != "String" || type.form == ValueForm::Bytea) continue;
    SCOPED_TRACE(value.declared + " " + value.text);
    ByteBuffer expected;
    expected.append_string(value.text);
    EXPECT_EQ(to_hex(from_binary(type, value.binary_hex)), to_hex(expected.text()));
    ++compared;
  }
  EXPECT_GE(compared, 40U);
}

TEST(PostgresValues, AsTextEveryValueIsTheTextPostgresPrints) {
  std::size_t compared = 0;
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type =
        target_type(column_type_of(value), {.server = kCurrentServer, .nullable = false, .width = ColumnWidth::Text});
    EXPECT_EQ(type.column_type, "String");
    if (type.form == ValueForm::SourceText) continue;
    SCOPED_TRACE(value.declared + " " + value.text);
    ByteBuffer expected;
    expected.append_string(value.text);
    EXPECT_EQ(to_hex(from_binary(type, value.binary_hex)), to_hex(expected.text()));
    EXPECT_EQ(to_hex(from_text(type, value.text)), to_hex(expected.text()));
    ++compared;
  }
  EXPECT_GE(compared, 600U);
}

TEST(PostgresValues, OverriddenNumbersAreTheSameFromBothForms) {
  std::size_t held = 0;
  for (const PostgresValue& value : postgres_values()) {
    const bool is_number =
        value.oid == 20 || value.oid == 21 || value.oid == 23 || value.oid == 26 || value.oid == 1700;
    if (!is_number) continue;
    for (const char* wanted : {"Int8", "Int64", "UInt256", "Decimal(18, 4)", "Decimal(76, 38)"}) {
      const TargetType type =
          target_type(column_type_of(value), {.server = kCurrentServer, .nullable = false, .override_type = wanted});
      SCOPED_TRACE(value.declared + " " + value.text + " as " + wanted);
      std::string binary;
      std::string text;
      const std::string refused = error_of([&] { binary = from_binary(type, value.binary_hex); });
      EXPECT_EQ(refused, error_of([&] { text = from_text(type, value.text); }));
      EXPECT_EQ(to_hex(binary), to_hex(text));
      held += binary.empty() ? 0 : 1;
    }
  }
  EXPECT_GE(held, 60U);
}

TEST(PostgresValues, EveryShorterOrLongerBinaryFormIsRefused) {
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type = type_of(value, false);
    const bool any_length =
        type.form == ValueForm::Text || type.form == ValueForm::Bytea || type.form == ValueForm::Jsonb;
    if (any_length && !type.is_array()) continue;
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
}  // namespace echodb::unit
