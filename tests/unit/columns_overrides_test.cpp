#include "column_testing.h"
#include "columns/default_expression.h"
#include "columns/type_override.h"

// A column whose ClickHouse type the operator chose: exact, or refused.
namespace echodb::unit {
namespace {

ColumnType of(Oid oid, std::string declared = "x") { return {.oid = oid, .declared = std::move(declared)}; }

TargetType overridden(Oid oid, std::string override_type, bool nullable = false) {
  return target_type(of(oid),
                     {.server = kCurrentServer, .nullable = nullable, .override_type = std::move(override_type)});
}

std::string text_of(const TargetType& type, std::string_view text) {
  auto column = make_column(type);
  column->append_text(text);
  std::string out;
  column->put_text(0, out);
  return out;
}

std::string refusal(const TargetType& type, std::string_view text) {
  return error_of([&] { from_text(type, text); });
}

TEST(Overrides, EveryTypeMayBecomeItsText) {
  for (Oid oid : {16U, 17U, 23U, 700U, 1082U, 1184U, 1700U, 2950U, 869U, 790U, 3802U, 16500U}) {
    EXPECT_EQ(overridden(oid, "String", true).column_type, "Nullable(String)") << oid;
    EXPECT_EQ(overridden(oid, "LowCardinality(String)", true).column_type, "LowCardinality(Nullable(String))") << oid;
    EXPECT_EQ(overridden(oid, " String ").native_type, "String") << oid;
    EXPECT_FALSE(overridden(oid, "String").fell_back_to_text) << oid;
  }
  EXPECT_EQ(from_binary(overridden(23, "String"), "ffffffff").substr(1), "-1");
  // A bytea is a String of its bytes anyway; its text it becomes only when it must hold every value.
  EXPECT_EQ(from_binary(overridden(17, "String"), "00ff"), std::string("\2\0\xff", 3));
  const TargetType bytea =
      target_type(of(17), {.server = kCurrentServer, .nullable = false, .width = ColumnWidth::Text});
  EXPECT_EQ(from_binary(bytea, "00ff").substr(1), "\\x00ff");
  EXPECT_EQ(from_text(bytea, "a\\\\\\377").substr(1), "\\x615cff");
  EXPECT_EQ(from_binary(overridden(701, "String"), "3fb999999999999a").substr(1), "0.1");
  EXPECT_EQ(from_binary(overridden(16, "String"), "01").substr(1), "t");
}

TEST(Overrides, TheTypeItHasAnywayIsNoOverride) {
  EXPECT_EQ(overridden(23, "Int32"), base_type(23));
  EXPECT_EQ(overridden(1184, "DateTime64(6,'UTC')"), base_type(1184));
  EXPECT_EQ(overridden(2950, "UUID"), base_type(2950));
}

TEST(Overrides, NumbersBecomeWholeNumbersOrAreRefused) {
  EXPECT_EQ(to_hex(from_text(overridden(1700, "Int8"), "-128.000")), "80");
  EXPECT_EQ(to_hex(from_binary(overridden(1700, "Int64"), "000200010000000000010002")), "1227000000000000");
  EXPECT_EQ(to_hex(from_binary(overridden(21, "Int64"), "ffff")), "ffffffffffffffff");
  EXPECT_EQ(to_hex(from_binary(overridden(26, "UInt64"), "ffffffff")), "ffffffff00000000");
  const std::string most_256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  const std::string most_int256 = "57896044618658097711785492504343953926634992332820282019728792003956564819967";
  EXPECT_EQ(text_of(overridden(1700, "UInt256"), most_256), most_256);
  EXPECT_EQ(text_of(overridden(1700, "Int256"), most_int256), most_int256);
  EXPECT_EQ(text_of(overridden(1700, "Int256"), "-" + most_int256), "-" + most_int256);
  EXPECT_EQ(text_of(overridden(1700, "Int256"), most_int256.substr(0, 76) + "7"), most_int256);
  for (const auto& [wanted, text] :
       std::initializer_list<std::pair<const char*, std::string>>{{"Int8", "128"},
                                                                  {"Int8", "-129"},
                                                                  {"Int16", "40000"},
                                                                  {"UInt8", "-1"},
                                                                  {"UInt8", "256"},
                                                                  {"UInt64", "18446744073709551616"},
                                                                  {"Int64", "9223372036854775808"},
                                                                  {"Int64", "1.5"},
                                                                  {"Int64", "NaN"},
                                                                  {"UInt256", most_256.substr(0, 77) + "6"},
                                                                  {"UInt256", most_256 + "0"},
                                                                  {"Int256", most_int256.substr(0, 76) + "8"}}) {
    EXPECT_EQ(refusal(overridden(1700, wanted), text), "unsupported_value") << wanted << " " << text;
  }
  EXPECT_EQ(text_of(overridden(1700, "Int8"), "-128"), "-128");
  EXPECT_EQ(text_of(overridden(1700, "UInt8"), "-0"), "0");
  for (std::string_view text : {"", "-", ".", "1x", "x", "1.x"}) {
    EXPECT_EQ(refusal(overridden(1700, "Int64"), text), "protocol_violation") << text;
  }
}

TEST(Overrides, NumbersBecomeDecimalsOrAreRefused) {
  EXPECT_EQ(overridden(23, "Decimal(12,2)").column_type, "Decimal(12, 2)");
  EXPECT_EQ(text_of(overridden(23, "Decimal(12, 2)"), "-5"), "-5.00");
  EXPECT_EQ(to_hex(from_binary(overridden(23, "Decimal(4, 1)"), "00000005")), "32000000");
  EXPECT_EQ(overridden(1700, "Decimal(20)").column_type, "Decimal(20, 0)");
  EXPECT_EQ(refusal(overridden(23, "Decimal(4, 2)"), "100"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1700, "Decimal(4, 2)"), "0.001"), "unsupported_value");
}

TEST(Overrides, MomentsKeepEveryDigitOrAreRefused) {
  EXPECT_EQ(overridden(1184, "DateTime64(3, 'Europe/Berlin')", true).column_type,
            "Nullable(DateTime64(3, 'Europe/Berlin'))");
  EXPECT_EQ(text_of(overridden(1184, "DateTime64(3, 'Europe/Berlin')"), "2024-01-01 00:00:00.125+00"),
            "2024-01-01 00:00:00.125000+00");
  EXPECT_EQ(to_hex(from_text(overridden(1184, "DateTime64(0)"), "1970-01-01 00:00:01+00")), "0100000000000000");
  EXPECT_EQ(to_hex(from_text(overridden(1184, "DateTime64(9)"), "1970-01-01 00:00:00.000001+00")), "e803000000000000");
  EXPECT_EQ(to_hex(from_text(overridden(1114, "DateTime('UTC')"), "2106-02-07 06:28:15")), "ffffffff");
  EXPECT_EQ(to_hex(from_text(overridden(1082, "Date"), "2149-06-06")), "ffff");
  EXPECT_EQ(refusal(overridden(1184, "DateTime64(3)"), "2024-01-01 00:00:00.0001+00"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1184, "DateTime64(9)"), "2262-04-12 00:00:00+00"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1184, "DateTime"), "1969-12-31 23:59:59+00"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1184, "DateTime"), "2106-02-07 06:28:16+00"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1184, "DateTime"), "2024-01-01 00:00:00.5+00"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1082, "Date"), "1969-12-31"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(1082, "Date"), "2149-06-07"), "unsupported_value");
}

TEST(Overrides, AddressesAreHostsOrRefused) {
  EXPECT_EQ(to_hex(from_text(overridden(869, "IPv4"), "1.2.3.4")), "04030201");
  EXPECT_EQ(to_hex(from_binary(overridden(650, "IPv4"), "0220010401020304")), "04030201");
  EXPECT_EQ(to_hex(from_text(overridden(869, "IPv6"), "::1")), "00000000000000000000000000000001");
  EXPECT_EQ(to_hex(from_text(overridden(869, "IPv6"), "1.2.3.4")), "00000000000000000000ffff01020304");
  EXPECT_EQ(text_of(overridden(869, "IPv6"), "1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(text_of(overridden(869, "IPv6"), "2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(text_of(overridden(869, "IPv4"), "255.0.0.1"), "255.0.0.1");
  EXPECT_EQ(refusal(overridden(869, "IPv4"), "10.0.0.1/8"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(869, "IPv4"), "::1"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(869, "IPv6"), "::1/64"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(869, "IPv6"), "::ffff:1.2.3.4"), "unsupported_value");
  EXPECT_EQ(refusal(overridden(869, "IPv4"), "1.2.3"), "protocol_violation");
}

TEST(Overrides, JsonHoldsObjectsAndNothingThatWouldChange) {
  for (Oid oid : {114U, 3802U}) {
    const TargetType type = overridden(oid, "JSON", true);
    EXPECT_EQ(type.column_type, "Nullable(JSON)");
    for (std::string_view text :
         {R"({})", R"( {"a": 1, "b": {"a": [1, 2.5, "x", {"a": null}]}})", R"({"a": 18446744073709551615})",
          R"({"a": -9223372036854775808, "b": 1.0, "c": 1e3, "d": 0.1, "e": -0.0})",
          R"({"k": [{"x": 1}, {"x": 1}]})"}) {
      EXPECT_EQ(from_text(type, text).substr(10), text);
    }
    for (std::string_view text :
         {"[]", "null", "1", "\"x\"", " [1]", R"({"a": 1, "a": 2})", R"({"a": {"b": 1}, "a.b": 2})",
          R"({"a": 18446744073709551616})", R"({"a": -9223372036854775809})", R"({"a": 1e400})",
          R"({"a": 12345678901234567890.123})", R"({"k": [{"x": 1, "x": 1}]})"}) {
      EXPECT_EQ(refusal(type, text), "unsupported_value") << text;
    }
    EXPECT_EQ(refusal(type, "{"), "protocol_violation");
  }
  EXPECT_EQ(from_binary(overridden(3802, "JSON"), "017b7d").substr(9), "{}");
  EXPECT_EQ(error_of([] { from_binary(overridden(3802, "JSON"), "015b5d"); }), "unsupported_value");
}

TEST(Overrides, WhatIsNotPossibleIsRefusedByName) {
  const TypeOptions options{.server = kCurrentServer, .nullable = true, .override_type = "IPv4"};
  try {
    check_override("public.users.age", of(23, "integer"), options);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::InvalidConfiguration);
    EXPECT_EQ(error.detail("column"), "public.users.age");
    EXPECT_NE(error.message().find("integer cannot become IPv4"), std::string::npos);
    EXPECT_NE(error.remedy().find("Decimal(p, s)"), std::string::npos);
  }
  check_override("public.users.ip", of(869, "inet"), options);
  for (const auto& [oid, wanted] :
       std::initializer_list<std::pair<Oid, const char*>>{{25, "Int64"},
                                                          {23, "Decimal(80, 2)"},
                                                          {23, "Decimal(4, 5)"},
                                                          {1114, "DateTime"},
                                                          {1114, "DateTime64(3)"},
                                                          {1114, "DateTime64(3, 'Asia/Tokyo')"},
                                                          {1184, "DateTime64(10)"},
                                                          {1184, "DateTime64(3, 'x', 'y')"},
                                                          {1184, "DateTime('a'')')"},
                                                          {23, "Nullable(Int64)"},
                                                          {1082, "DateTime"},
                                                          {3802, "JSON(a Int64)"},
                                                          {23, ""}}) {
    if (std::string_view(wanted).empty()) continue;
    EXPECT_EQ(error_of([&] { overridden(oid, wanted); }), "invalid_configuration") << wanted;
  }
  const ColumnType ints{.oid = 1007, .kind = TypeKind::Array, .declared = "integer[]", .element_oid = 23};
  EXPECT_EQ(error_of([&] {
              target_type(ints, {.server = kCurrentServer, .nullable = false, .override_type = "Array(Int64)"});
            }),
            "invalid_configuration");
  EXPECT_EQ(target_type(ints, {.server = kCurrentServer, .nullable = false, .override_type = "String"}).form,
            ValueForm::SourceText);
  EXPECT_EQ(
      error_of([&] { target_type(of(3802), {.server = kOldServer, .nullable = false, .override_type = "JSON"}); }),
      "invalid_configuration");
}

TEST(Overrides, NamesThatNoColumnCanBecomeAreRefusedAtTheStart) {
  for (const char* name : {"String", "LowCardinality(String)", "Int128", "Decimal(10, 2)", "DateTime64(3, 'UTC')",
                           "DateTime", "IPv6", "JSON", "Date", "UUID"}) {
    EXPECT_EQ(error_of([&] { check_override_name(name); }), "nothing was thrown") << name;
  }
  for (const char* name : {"", "Strings", "Int7", "Decimal", "FixedString(3)", "Nullable(String)", "DateTime64"}) {
    EXPECT_EQ(error_of([&] { check_override_name(name); }), "invalid_configuration") << name;
  }
}

}  // namespace
}  // namespace echodb::unit
