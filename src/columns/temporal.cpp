#include "columns/temporal.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "columns/calendar.h"
#include "columns/value_errors.h"
#include "columns/via_text.h"

namespace echodb {
namespace {

constexpr std::int64_t kFirstDay = days_from_civil({1900, 1, 1});
constexpr std::int64_t kLastDay = days_from_civil({2299, 12, 31});

/// Reads the fields of an ISO date or timestamp from left to right.
class IsoReader {
 public:
  IsoReader(std::string_view text, std::string_view type) : text_(text), type_(type) {}

  [[nodiscard]] bool at_end() const { return text_.empty(); }
  [[nodiscard]] bool skip(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  void expect(std::string_view expected) {
    if (!skip(expected)) malformed_value(type_);
  }
  std::int64_t read_number(std::int64_t most = std::numeric_limits<std::int32_t>::max()) {
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
    if (error != std::errc{} || number < 0 || number > most) malformed_value(type_);
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return number;
  }
  std::int64_t read_days() {
    std::int64_t year = read_number();
    expect("-");
    std::int64_t month = read_number(12);
    expect("-");
    std::int64_t day = read_number(31);
    if (month == 0 || day == 0) malformed_value(type_);
    return days_from_civil({year, static_cast<unsigned>(month), static_cast<unsigned>(day)});
  }
  std::int64_t read_micros_of_day() {
    std::int64_t seconds = read_number(24) * 3600;
    expect(":");
    seconds += read_number(59) * 60;
    expect(":");
    seconds += read_number(60);
    std::int64_t micros = seconds * kMicrosPerSecond;
    if (!skip(".")) return micros;
    const std::size_t size_before = text_.size();
    std::int64_t fraction = read_number(kMicrosPerSecond - 1);
    const std::size_t digits = size_before - text_.size();
    if (digits > 6) malformed_value(type_);
    for (std::size_t place = digits; place < 6; ++place) fraction *= 10;
    return micros + fraction;
  }
  /// "+02", "-03:30", "+01:24:30": seconds east of UTC.
  std::int64_t read_zone_seconds() {
    const bool west = skip("-");
    if (!west) expect("+");
    std::int64_t seconds = read_number(24) * 3600;
    if (skip(":")) seconds += read_number(59) * 60;
    if (skip(":")) seconds += read_number(59);
    return west ? -seconds : seconds;
  }

 private:
  std::string_view text_;
  std::string_view type_;
};

void print_days(std::int64_t days, std::string& out) {
  const CivilDate date = civil_from_days(days);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

struct DateCodec {
  using Value = std::int32_t;

  Value from_binary(Bytes value) const {
    expect_width(value, sizeof(Value), "date");
    return checked(load_big_endian<std::int32_t>(value.data()) + kPostgresEpochDays);
  }
  Value from_text(std::string_view value) const {
    if (value == "infinity" || value == "-infinity" || value.ends_with(" BC")) refuse();
    IsoReader reader(value, "date");
    std::int64_t days = reader.read_days();
    if (!reader.at_end()) malformed_value("date");
    return checked(days);
  }
  void to_text(Value days, std::string& out) const { print_days(days, out); }

 private:
  // PostgreSQL's infinities are the ends of its integer's range, and so outside too.
  static Value checked(std::int64_t days) {
    if (days < kFirstDay || days > kLastDay) refuse();
    return static_cast<Value>(days);
  }
  [[noreturn]] static void refuse() {
    unsupported_value("date outside 1900-01-01 … 2299-12-31, or infinite,", "Date32");
  }
};

struct TimestampCodec {
  using Value = std::int64_t;

  Value from_binary(Bytes value) const {
    expect_width(value, sizeof(Value), "timestamp");
    constexpr std::int64_t kEpochMicros = kPostgresEpochDays * kMicrosPerDay;
    const auto micros = load_big_endian<std::int64_t>(value.data());
    if (micros < kFirst - kEpochMicros || micros > kLast - kEpochMicros) refuse();
    return micros + kEpochMicros;
  }
  Value from_text(std::string_view value) const {
    if (value == "infinity" || value == "-infinity" || value.ends_with(" BC")) refuse();
    IsoReader reader(value, "timestamp");
    const std::int64_t days = reader.read_days();
    if (days < kFirstDay - 1 || days > kLastDay + 1) refuse();
    reader.expect(" ");
    std::int64_t micros = days * kMicrosPerDay + reader.read_micros_of_day();
    if (!reader.at_end()) micros -= reader.read_zone_seconds() * kMicrosPerSecond;
    if (!reader.at_end()) malformed_value("timestamp");
    if (micros < kFirst || micros > kLast) refuse();
    return micros;
  }
  /// In UTC, with the zone: the type without one reads past it.
  void to_text(Value micros, std::string& out) const {
    std::int64_t days = micros / kMicrosPerDay;
    if (micros % kMicrosPerDay < 0) --days;
    const std::int64_t of_day = micros - days * kMicrosPerDay;
    const std::int64_t seconds = of_day / kMicrosPerSecond;
    print_days(days, out);
    fmt::format_to(std::back_inserter(out), " {:02}:{:02}:{:02}.{:06}+00", seconds / 3600, seconds / 60 % 60,
                   seconds % 60, of_day % kMicrosPerSecond);
  }

 private:
  static constexpr std::int64_t kFirst = kFirstDay * kMicrosPerDay;
  static constexpr std::int64_t kLast = (kLastDay + 1) * kMicrosPerDay - 1;

  [[noreturn]] static void refuse() {
    unsupported_value("timestamp outside the years 1900 … 2299, or infinite,", "DateTime64(6)");
  }
};

/// ClickHouse's Time64(6), which has a place for 24:00:00.
struct TimeOfDayCodec {
  using Value = std::int64_t;

  Value from_text(std::string_view value) const {
    IsoReader reader(value, "time");
    const std::int64_t micros = reader.read_micros_of_day();
    if (!reader.at_end()) malformed_value("time");
    return micros;
  }
  void to_text(Value micros, std::string& out) const {
    const std::int64_t seconds = micros / kMicrosPerSecond;
    fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                   micros % kMicrosPerSecond);
  }
};

/// ClickHouse's Date: unsigned days.
struct ShortDateCodec {
  using Value = std::uint16_t;

  Value from_text(std::string_view value) const {
    const std::int32_t days = DateCodec().from_text(value);
    if (days < 0 || days > std::numeric_limits<Value>::max()) {
      unsupported_value("date outside 1970-01-01 … 2149-06-06", "Date");
    }
    return static_cast<Value>(days);
  }
  void to_text(Value days, std::string& out) const { print_days(days, out); }
};

/// ClickHouse's DateTime: unsigned seconds.
struct SecondsCodec {
  using Value = std::uint32_t;

  Value from_text(std::string_view value) const {
    const std::int64_t micros = TimestampCodec().from_text(value);
    if (micros % kMicrosPerSecond != 0) unsupported_value("timestamp with a fraction of a second", "DateTime");
    const std::int64_t seconds = micros / kMicrosPerSecond;
    if (seconds < 0 || seconds > std::numeric_limits<Value>::max()) {
      unsupported_value("timestamp outside 1970-01-01 … 2106-02-07 06:28:15", "DateTime");
    }
    return static_cast<Value>(seconds);
  }
  void to_text(Value seconds, std::string& out) const { TimestampCodec().to_text(seconds * kMicrosPerSecond, out); }
};

/// DateTime64 of other than microseconds.
struct TicksCodec {
  using Value = std::int64_t;
  int scale = 0;

  Value from_text(std::string_view value) const {
    const std::int64_t micros = TimestampCodec().from_text(value);
    if (scale < kMicrosScale) {
      if (micros % power() != 0) unsupported_value("timestamp with more digits after the second's point", target());
      return micros / power();
    }
    std::int64_t ticks = 0;
    if (__builtin_mul_overflow(micros, power(), &ticks)) {
      unsupported_value("timestamp after 2262-04-11 23:47:16", target());
    }
    return ticks;
  }
  void to_text(Value ticks, std::string& out) const {
    TimestampCodec().to_text(scale < kMicrosScale ? ticks * power() : ticks / power(), out);
  }

 private:
  static constexpr int kMicrosScale = 6;
  /// Of ten, between these ticks and microseconds.
  [[nodiscard]] std::int64_t power() const {
    std::int64_t power = 1;
    for (int digit = std::abs(scale - kMicrosScale); digit > 0; --digit) power *= 10;
    return power;
  }
  [[nodiscard]] std::string target() const { return fmt::format("DateTime64({})", scale); }
};

}  // namespace

std::unique_ptr<ColumnBuilder> make_temporal_column(const TargetType& type) {
  switch (type.form) {
    case ValueForm::Date: return make_fixed_column<DateCodec>(type);
    case ValueForm::Timestamp: return make_fixed_column<TimestampCodec>(type);
    case ValueForm::ShortDate: return make_read_column<ShortDateCodec>(type);
    case ValueForm::TimeOfDay: return make_read_column<TimeOfDayCodec>(type);
    case ValueForm::Seconds: return make_read_column<SecondsCodec>(type);
    case ValueForm::Ticks: return make_read_column<TicksCodec>(type, {.scale = type.scale});
    default: assertion_failed("a form of dates and times", __FILE__, __LINE__);
  }
}

}  // namespace echodb
