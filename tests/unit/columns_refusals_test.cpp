#include <limits>

#include "column_testing.h"
#include "columns/value_errors.h"

// Values that the target cannot hold are refused, in both forms; never replaced.
namespace echodb::unit {
namespace {

std::string refused_text(const TargetType& type, std::string_view text) {
  return error_of([&] { from_text(type, text); });
}
std::string refused_binary(const TargetType& type, std::string_view hex) {
  return error_of([&] { from_binary(type, hex); });
}

template <typename T>
std::string big_endian_hex(T value) {
  ByteBuffer bytes;
  bytes.append_little_endian(load_big_endian<T>(std::as_bytes(std::span(&value, 1)).data()));
  return to_hex(bytes.text());
}

TEST(Refusals, DecimalHasNoNanAndNoInfinity) {
  for (int precision : {5, 15, 30, 60}) {
    const TargetType type = base_type(1700, false, numeric_typmod(precision, 2));
    for (std::string_view text : {"NaN", "Infinity", "-Infinity"})
      EXPECT_EQ(refused_text(type, text), "unsupported_value");
    for (std::string_view hex : {"00000000c0000000", "00000000d0000020", "00000000f0000020"}) {
      EXPECT_EQ(refused_binary(type, hex), "unsupported_value");
    }
  }
}

TEST(Refusals, DecimalHasNoRoomForMoreDigits) {
  const TargetType type = base_type(1700, false, numeric_typmod(5, 2));
  EXPECT_EQ(to_hex(from_text(type, "999.99")), "9f860100");
  EXPECT_EQ(to_hex(from_text(type, "-999.99")), "6179feff");
  EXPECT_EQ(to_hex(from_text(type, "000999.990")), "9f860100");
  EXPECT_EQ(refused_text(type, "1000"), "unsupported_value");
  EXPECT_EQ(refused_text(type, "0.001"), "unsupported_value");
  // 1000, 10000, 10000^32767, 0.001, 1.0001, 0.00000001
  for (std::string_view hex : {"000100000000000003e8", "00010001000000000001", "00017fff000000000001",
                               "0001ffff00000003000a", "000200000000000400010001", "0001fffe000000080001"}) {
    EXPECT_EQ(refused_binary(type, hex), "unsupported_value") << hex;
  }
}

TEST(Refusals, UnboundedNumericHas38DigitsOnEitherSideOfThePoint) {
  for (bool nullable : {false, true}) {
    const TargetType type =
        target_type({.oid = 1700, .declared = {}},
                    {.server = kCurrentServer, .nullable = nullable, .unbounded_numeric = UnboundedNumeric::Decimal38});
    const std::string nines(38, '9');
    EXPECT_EQ(error_of([&] { from_text(type, "-" + nines + "." + nines); }), "nothing was thrown");
    EXPECT_EQ(from_text(type, "0001.50" + std::string(60, '0')), from_text(type, "1.5"));
    EXPECT_EQ(refused_text(type, "1" + std::string(38, '0')), "unsupported_value");
    EXPECT_EQ(refused_text(type, "0." + std::string(38, '0') + "1"), "unsupported_value");
    for (std::string_view text : {"NaN", "Infinity", "-Infinity"}) {
      EXPECT_EQ(refused_text(type, text), "unsupported_value") << text;
    }
    // 1e38 and 1e-39; 1e-38 and 9e37 have their places.
    EXPECT_EQ(refused_binary(type, "00010009000000000064"), "unsupported_value");
    EXPECT_EQ(refused_binary(type, "0001fff600000027000a"), "unsupported_value");
    EXPECT_EQ(from_binary(type, "0001fff6000000260064"), from_text(type, "0." + std::string(37, '0') + "1"));
    EXPECT_EQ(from_binary(type, "0001000900000000005a"), from_text(type, "9" + std::string(37, '0')));
  }
  const TargetType array = array_of(1700, true);
  EXPECT_EQ(refused_text(array, "{1,NaN}"), "unsupported_value");
}

TEST(Refusals, MalformedNumericIsAProtocolViolation) {
  const TargetType type = base_type(1700, false, numeric_typmod(5, 2));
  for (std::string_view text : {"", "-", ".", "1e3", "1..3", "abc", "1 "}) {
    EXPECT_EQ(refused_text(type, text), "protocol_violation") << text;
  }
  // A digit of 10000, a negative count, a sign there is none of, a digit too few.
  for (std::string_view hex : {"00010000000000002710", "ffff000000000000", "000000001234000", "0002000000000000ffff"}) {
    EXPECT_EQ(refused_binary(type, hex), "protocol_violation") << hex;
  }
}

TEST(Refusals, DatesOutsideDate32) {
  const TargetType type = base_type(1082);
  for (std::string_view text :
       {"infinity", "-infinity", "1899-12-31", "2300-01-01", "0044-03-15 BC", "5874897-12-31"}) {
    EXPECT_EQ(refused_text(type, text), "unsupported_value") << text;
  }
  using Limits = std::numeric_limits<std::int32_t>;
  constexpr std::int32_t kFirst = -36524;  // 1900-01-01 in days from 2000-01-01
  constexpr std::int32_t kLast = 109572;   // 2299-12-31
  for (std::int32_t days : {kFirst - 1, kLast + 1, Limits::min(), Limits::max()}) {
    EXPECT_EQ(refused_binary(type, big_endian_hex(days)), "unsupported_value") << days;
  }
  EXPECT_EQ(from_binary(type, big_endian_hex(kFirst)), from_text(type, "1900-01-01"));
  EXPECT_EQ(from_binary(type, big_endian_hex(kLast)), from_text(type, "2299-12-31"));
}

TEST(Refusals, TimestampsOutsideDateTime64) {
  for (Oid oid : {Oid{1114}, Oid{1184}}) {
    const TargetType type = base_type(oid);
    for (std::string_view text :
         {"infinity", "-infinity", "1899-12-31 23:59:59.999999", "2300-01-01 00:00:00", "0044-03-15 00:00:00 BC",
          "294276-12-31 23:59:59", "1900-01-01 00:00:00+01", "2299-12-31 23:30:00-01"}) {
      EXPECT_EQ(refused_text(type, text), "unsupported_value") << text;
    }
    using Limits = std::numeric_limits<std::int64_t>;
    constexpr std::int64_t kDay = 86'400'000'000;
    for (std::int64_t micros : {-36524 * kDay - 1, 109573 * kDay, Limits::min(), Limits::max()}) {
      EXPECT_EQ(refused_binary(type, big_endian_hex(micros)), "unsupported_value") << micros;
    }
  }
}

TEST(Refusals, MalformedTimesAreProtocolViolations) {
  for (std::string_view text : {"2024-01-01", "2024-13-01 00:00:00", "2024-00-01 00:00:00", "2024-01-01T00:00:00",
                                "2024-01-01 00:00", "2024-01-01 00:00:00.1234567", "2024-01-01 00:00:00+", "x"}) {
    EXPECT_EQ(refused_text(base_type(1114), text), "protocol_violation") << text;
  }
  EXPECT_EQ(refused_text(base_type(1082), "2024-01-01 BCE"), "protocol_violation");
}

TEST(Refusals, ArraysOfSeveralDimensionsAndOtherBounds) {
  const TargetType type = array_of(23);
  EXPECT_EQ(refused_text(type, "{{1,2},{3,4}}"), "unsupported_value");
  EXPECT_EQ(refused_text(type, "[0:1]={1,2}"), "unsupported_value");
  // int4[][] of one element, and int4[] with the lower bound 0
  EXPECT_EQ(refused_binary(type, "000000020000000000000017000000010000000100000001000000010000000400000001"),
            "unsupported_value");
  EXPECT_EQ(refused_binary(type, "00000001000000000000001700000001000000000000000400000001"), "unsupported_value");
  auto from = make_column(array_of(23, true));
  from->append_text("{{1}}");
  auto to = make_column(type);
  EXPECT_EQ(error_of([&] { to->append_from(*from, 0); }), "unsupported_value");
  EXPECT_EQ(to->rows(), 0U);
}

TEST(Refusals, APlainArrayNamesWhatWouldHoldItsNulls) {
  const TargetType plain =
      target_type({.oid = 1007, .kind = TypeKind::Array, .declared = "integer[]", .element_oid = 23},
                  {.server = kCurrentServer, .nullable = true});
  auto column = make_column(plain);
  auto needs_of = [](auto action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::UnsupportedValue);
      return std::string(error.detail(kNeeds));
    }
    return std::string("nothing was thrown");
  };
  EXPECT_EQ(needs_of([&] { column->append_text("{1,NULL}"); }), kNeedsNullableElements);
  // int4[] of a NULL
  const std::string null_element = from_hex("0000000100000001000000170000000100000001ffffffff");
  EXPECT_EQ(needs_of([&] { column->append_binary(as_bytes(null_element)); }), kNeedsNullableElements);
  EXPECT_EQ(needs_of([&] { column->append_null(); }), kNeedsVariant);
  EXPECT_EQ(needs_of([&] { column->append_text("{{1}}"); }), kNeedsVariant);
  EXPECT_EQ(column->rows(), 0U);
  column->append_text("{1,2}");
  EXPECT_EQ(native_data(*column), from_text(plain, "{1,2}"));
}

TEST(Refusals, MalformedArraysAreProtocolViolations) {
  for (std::string_view text : {"", "{", "{1", "{1,", "{,}", "{1}x", "{\"1}", "{\"1\"2}", "1,2", "{1 2}"}) {
    EXPECT_EQ(refused_text(array_of(23), text), "protocol_violation") << text;
  }
}

TEST(Refusals, AnElementThatIsRefusedRefusesTheArray) {
  const TargetType type = array_of(1082, true);
  auto column = make_column(type);
  EXPECT_EQ(error_of([&] { column->append_text("{2024-01-01,infinity}"); }), "unsupported_value");
  EXPECT_EQ(column->rows(), 0U);
  column->append_text("{2024-01-02}");
  EXPECT_EQ(native_data(*column), from_text(type, "{2024-01-02}"));
}

TEST(Refusals, MalformedScalarsAreProtocolViolations) {
  EXPECT_EQ(refused_text(base_type(21), "32768"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(23), "1x"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(23), ""), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(16), "yes"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(701), "1,5"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(2950), "00112233-4455-6677-8899-aabbccddeef"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(2950), "00112233-4455-6677-8899-aabbccddeegg"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(17), "\\x0"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(17), "\\x0g"), "protocol_violation");
  EXPECT_EQ(refused_text(base_type(17), "\\9"), "protocol_violation");
  EXPECT_EQ(refused_binary(base_type(3802), "027b7d"), "protocol_violation");
}

TEST(Refusals, ByteaEscapesAreRead) {
  EXPECT_EQ(from_text(base_type(17), "a\\\\b\\000\\377"), std::string("\x05"
                                                                      "a\\b\0\xff",
                                                                      6));
}

TEST(Rendering, DatesOutsideTheDecimalCenturies) {
  auto text_column = [](Oid oid) {
    return target_type({.oid = oid, .declared = {}}, {.server = kOldServer, .nullable = false});
  };
  EXPECT_EQ(from_binary(text_column(1082), "7fffffff").substr(1), "infinity");
  EXPECT_EQ(from_binary(text_column(1082), "80000000").substr(1), "-infinity");
  EXPECT_EQ(from_binary(text_column(1082), big_endian_hex(std::int32_t{-746416})).substr(1), "0045-05-20 BC");
  EXPECT_EQ(from_binary(text_column(1082), big_endian_hex(std::int32_t{2145031948})).substr(1), "5874897-12-31");
  EXPECT_EQ(from_binary(text_column(1184), big_endian_hex(std::int64_t{-1})).substr(1),
            "1999-12-31 23:59:59.999999+00");
  EXPECT_EQ(from_binary(text_column(1114), "7fffffffffffffff").substr(1), "infinity");
}

}  // namespace
}  // namespace echodb::unit
