#include "columns/text_rendering.h"

#include <cstdlib>
#include <iterator>
#include <limits>

#include "columns/calendar.h"
#include "columns/numeric_binary.h"
#include "columns/value_errors.h"

namespace echodb {
namespace {

using Scratch = fmt::memory_buffer;

std::string_view finished(const Scratch& scratch) { return {scratch.data(), scratch.size()}; }

template <typename... Arguments>
void print(Scratch& scratch, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(scratch), format, std::forward<Arguments>(arguments)...);
}

/// A group of four decimal digits, of which the first `count` are wanted.
void print_group(Scratch& scratch, std::uint32_t group, int count = 4) {
  const char digits[] = {static_cast<char>('0' + group / 1000), static_cast<char>('0' + group / 100 % 10),
                         static_cast<char>('0' + group / 10 % 10), static_cast<char>('0' + group % 10)};
  scratch.append(digits, digits + count);
}

std::string_view numeric_text(Bytes value, Scratch& scratch) {
  NumericBinary numeric(value);
  switch (numeric.sign()) {
    case NumericBinary::Sign::NotANumber: return "NaN";
    case NumericBinary::Sign::PositiveInfinity: return "Infinity";
    case NumericBinary::Sign::NegativeInfinity: return "-Infinity";
    case NumericBinary::Sign::Negative: scratch.push_back('-'); break;
    case NumericBinary::Sign::Positive: break;
  }
  if (numeric.weight() < 0) {
    scratch.push_back('0');
  } else {
    print(scratch, "{}", numeric.digit_at(numeric.weight()));
    for (int power = numeric.weight() - 1; power >= 0; --power) print_group(scratch, numeric.digit_at(power));
  }
  if (numeric.display_scale() == 0) return finished(scratch);
  scratch.push_back('.');
  int power = -1;
  for (int left = numeric.display_scale(); left > 0; left -= 4) {
    print_group(scratch, numeric.digit_at(power--), left < 4 ? left : 4);
  }
  return finished(scratch);
}

void print_date(Scratch& scratch, const CivilDate& date) {
  print(scratch, "{:04}-{:02}-{:02}", date.year > 0 ? date.year : 1 - date.year, date.month, date.day);
}

/// HH:MM:SS, with as much of a fraction as is not zero.
void print_time(Scratch& scratch, std::int64_t micros) {
  const std::int64_t seconds = micros / kMicrosPerSecond;
  print(scratch, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  std::int64_t fraction = micros % kMicrosPerSecond;
  if (fraction == 0) return;
  int digits = 6;
  for (; fraction % 10 == 0; fraction /= 10) --digits;
  print(scratch, ".{:0{}}", fraction, digits);
}

std::string_view date_text(Bytes value, Scratch& scratch) {
  expect_width(value, 4, "date");
  const auto days = load_big_endian<std::int32_t>(value.data());
  if (days == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (days == std::numeric_limits<std::int32_t>::min()) return "-infinity";
  const CivilDate date = civil_from_days(days + kPostgresEpochDays);
  print_date(scratch, date);
  if (date.year <= 0) scratch.append(std::string_view(" BC"));
  return finished(scratch);
}

std::string_view any_timestamp_text(Bytes value, Scratch& scratch, std::string_view zone) {
  expect_width(value, 8, "timestamp");
  const auto micros = load_big_endian<std::int64_t>(value.data());
  if (micros == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (micros == std::numeric_limits<std::int64_t>::min()) return "-infinity";
  std::int64_t days = micros / kMicrosPerDay;
  if (micros % kMicrosPerDay < 0) --days;
  const CivilDate date = civil_from_days(days + kPostgresEpochDays);
  print_date(scratch, date);
  scratch.push_back(' ');
  print_time(scratch, micros - days * kMicrosPerDay);
  scratch.append(zone);
  if (date.year <= 0) scratch.append(std::string_view(" BC"));
  return finished(scratch);
}

std::string_view timestamp_text(Bytes value, Scratch& scratch) { return any_timestamp_text(value, scratch, ""); }
std::string_view timestamptz_text(Bytes value, Scratch& scratch) { return any_timestamp_text(value, scratch, "+00"); }

std::string_view time_text(Bytes value, Scratch& scratch) {
  expect_width(value, 8, "time");
  print_time(scratch, load_big_endian<std::int64_t>(value.data()));
  return finished(scratch);
}

std::string_view timetz_text(Bytes value, Scratch& scratch) {
  expect_width(value, 12, "timetz");
  print_time(scratch, load_big_endian<std::int64_t>(value.data()));
  // PostgreSQL counts the zone in seconds west of UTC and prints it east of it.
  const auto west = load_big_endian<std::int32_t>(value.data() + 8);
  const int seconds = std::abs(west);
  print(scratch, "{}{:02}", west <= 0 ? '+' : '-', seconds / 3600);
  if (seconds % 3600 != 0) print(scratch, ":{:02}", seconds / 60 % 60);
  if (seconds % 60 != 0) print(scratch, ":{:02}", seconds % 60);
  return finished(scratch);
}

std::string_view bit_text(Bytes value, Scratch& scratch) {
  ByteReader reader(value);
  const auto bits = reader.read<std::int32_t>();
  const Bytes packed = reader.read_bytes(reader.remaining());
  if (bits < 0 || packed.size() != (static_cast<std::size_t>(bits) + 7) / 8) malformed_value("bit");
  for (std::size_t bit = 0; bit < static_cast<std::size_t>(bits); ++bit) {
    const auto byte = std::to_integer<unsigned>(packed[bit / 8]);
    scratch.push_back((byte >> (7 - bit % 8) & 1) != 0 ? '1' : '0');
  }
  return finished(scratch);
}

std::string_view lsn_text(Bytes value, Scratch& scratch) {
  expect_width(value, 8, "pg_lsn");
  print(scratch, "{:X}/{:X}", load_big_endian<std::uint32_t>(value.data()),
        load_big_endian<std::uint32_t>(value.data() + 4));
  return finished(scratch);
}

/// macaddr and macaddr8.
std::string_view macaddr_text(Bytes value, Scratch& scratch) {
  if (value.size() != 6 && value.size() != 8) malformed_value("macaddr");
  for (std::byte byte : value) {
    print(scratch, "{}{:02x}", scratch.size() == 0 ? "" : ":", std::to_integer<unsigned>(byte));
  }
  return finished(scratch);
}

template <typename T>
std::string_view integer_text(Bytes value, Scratch& scratch) {
  expect_width(value, sizeof(T), "unsigned integer");
  print(scratch, "{}", load_big_endian<T>(value.data()));
  return finished(scratch);
}

std::string_view tid_text(Bytes value, Scratch& scratch) {
  expect_width(value, 6, "tid");
  print(scratch, "({},{})", load_big_endian<std::uint32_t>(value.data()),
        load_big_endian<std::uint16_t>(value.data() + 4));
  return finished(scratch);
}

std::string_view jsonb_text(Bytes value, Scratch& /*scratch*/) {
  constexpr std::byte kVersion{1};
  if (value.empty() || value[0] != kVersion) malformed_value("jsonb");
  return as_text(value.subspan(1));
}

/// "char" holds zero, which prints as nothing.
std::string_view char_text(Bytes value, Scratch& /*scratch*/) {
  expect_width(value, 1, "char");
  return as_text(value[0] == std::byte{0} ? Bytes() : value);
}

unsigned hex_digit(std::byte byte) {
  const auto digit = std::to_integer<unsigned char>(byte);
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  malformed_value("bytea");
}

/// bytea_output escape: a backslash is doubled, other bytes may be three octal digits behind one.
std::string_view bytea_from_escapes(std::string_view text, Scratch& scratch) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      scratch.push_back(text[at]);
    } else if (at + 1 < text.size() && text[at + 1] == '\\') {
      scratch.push_back(text[++at]);
    } else {
      unsigned byte = 0;
      for (std::size_t place = 1; place <= 3; ++place) {
        if (at + place >= text.size() || text[at + place] < '0' || text[at + place] > '7') malformed_value("bytea");
        byte = byte * 8 + static_cast<unsigned>(text[at + place] - '0');
      }
      if (byte > 0xFF) malformed_value("bytea");
      scratch.push_back(static_cast<char>(byte));
      at += 3;
    }
  }
  return finished(scratch);
}

std::string_view bytea_from_text(Bytes value, Scratch& scratch) {
  if (!as_text(value).starts_with("\\x")) return bytea_from_escapes(as_text(value), scratch);
  if (value.size() % 2 != 0) malformed_value("bytea");
  for (std::size_t at = 2; at < value.size(); at += 2) {
    scratch.push_back(static_cast<char>(hex_digit(value[at]) << 4 | hex_digit(value[at + 1])));
  }
  return finished(scratch);
}

}  // namespace

StringDecoders string_decoders(ValueForm form) {
  switch (form) {
    case ValueForm::Char: return {.binary = char_text};
    case ValueForm::Jsonb: return {.binary = jsonb_text};
    case ValueForm::Bytea: return {.text = bytea_from_text};
    case ValueForm::NumericText: return {.binary = numeric_text};
    case ValueForm::DateText: return {.binary = date_text};
    case ValueForm::TimestampText: return {.binary = timestamp_text};
    case ValueForm::TimestampTzText: return {.binary = timestamptz_text};
    case ValueForm::TimeText: return {.binary = time_text};
    case ValueForm::TimeTzText: return {.binary = timetz_text};
    case ValueForm::BitText: return {.binary = bit_text};
    case ValueForm::LsnText: return {.binary = lsn_text};
    case ValueForm::MacaddrText: return {.binary = macaddr_text};
    case ValueForm::UInt32Text: return {.binary = integer_text<std::uint32_t>};
    case ValueForm::UInt64Text: return {.binary = integer_text<std::uint64_t>};
    case ValueForm::TidText: return {.binary = tid_text};
    default: return {};
  }
}

}  // namespace echodb
