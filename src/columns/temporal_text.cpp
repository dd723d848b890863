#include <cstdlib>
#include <limits>

#include "columns/calendar.h"
#include "columns/render.h"
#include "columns/value_errors.h"

// DateStyle ISO, the time zone UTC.
namespace echodb::render {
namespace {

void print_date(Scratch& scratch, const CivilDate& date) {
  print(scratch, "{:04}-{:02}-{:02}", date.year > 0 ? date.year : 1 - date.year, date.month, date.day);
}

std::string_view any_timestamp(Bytes value, Scratch& scratch, std::string_view zone) {
  expect_width(value, 8, "timestamp");
  const auto micros = load_big_endian<std::int64_t>(value.data());
  if (micros == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (micros == std::numeric_limits<std::int64_t>::min()) return "-infinity";
  std::int64_t days = micros / kMicrosPerDay;
  if (micros % kMicrosPerDay < 0) --days;
  const CivilDate day = civil_from_days(days + kPostgresEpochDays);
  print_date(scratch, day);
  scratch.push_back(' ');
  print_time(scratch, micros - days * kMicrosPerDay);
  add(scratch, zone);
  if (day.year <= 0) add(scratch, " BC");
  return finished(scratch);
}

}  // namespace

void print_time(Scratch& scratch, std::int64_t micros) {
  const std::int64_t seconds = micros / kMicrosPerSecond;
  print(scratch, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  std::int64_t fraction = micros % kMicrosPerSecond;
  if (fraction == 0) return;
  int digits = 6;
  for (; fraction % 10 == 0; fraction /= 10) --digits;
  print(scratch, ".{:0{}}", fraction, digits);
}

std::string_view date(Bytes value, Scratch& scratch) {
  expect_width(value, 4, "date");
  const auto days = load_big_endian<std::int32_t>(value.data());
  if (days == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (days == std::numeric_limits<std::int32_t>::min()) return "-infinity";
  const CivilDate day = civil_from_days(days + kPostgresEpochDays);
  print_date(scratch, day);
  if (day.year <= 0) add(scratch, " BC");
  return finished(scratch);
}

std::string_view timestamp(Bytes value, Scratch& scratch) { return any_timestamp(value, scratch, ""); }
std::string_view timestamptz(Bytes value, Scratch& scratch) { return any_timestamp(value, scratch, "+00"); }

std::string_view time(Bytes value, Scratch& scratch) {
  expect_width(value, 8, "time");
  print_time(scratch, load_big_endian<std::int64_t>(value.data()));
  return finished(scratch);
}

std::string_view timetz(Bytes value, Scratch& scratch) {
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

}  // namespace echodb::render
