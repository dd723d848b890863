#include <cstdlib>
#include <limits>

#include "columns/calendar.h"
#include "columns/render.h"
#include "columns/value_errors.h"

// IntervalStyle postgres: "1 year 2 mons -3 days +04:05:06.789".
namespace echodb::render {
namespace {

class IntervalPrinter {
 public:
  explicit IntervalPrinter(Scratch& scratch) : scratch_(scratch) {}

  void part(std::int64_t value, std::string_view unit) {
    if (value == 0) return;
    print(scratch_, "{}{}{} {}{}", empty_ ? "" : " ", after_negative_ && value > 0 ? "+" : "", value, unit,
          value == 1 ? "" : "s");
    // A sign is printed where it differs from that of the part before.
    after_negative_ = value < 0;
    empty_ = false;
  }

  void time(std::int64_t micros) {
    if (micros == 0 && !empty_) return;
    if (!empty_) scratch_.push_back(' ');
    if (micros < 0) {
      scratch_.push_back('-');
    } else if (after_negative_) {
      scratch_.push_back('+');
    }
    // Not by negation, which the smallest number does not survive.
    const std::int64_t seconds = std::abs(micros / kMicrosPerSecond);
    print(scratch_, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    std::int64_t fraction = std::abs(micros % kMicrosPerSecond);
    if (fraction == 0) return;
    int digits = 6;
    for (; fraction % 10 == 0; fraction /= 10) --digits;
    print(scratch_, ".{:0{}}", fraction, digits);
  }

 private:
  Scratch& scratch_;
  bool empty_ = true;
  bool after_negative_ = false;
};

}  // namespace

// micros:int64 days:int32 months:int32
std::string_view interval(Bytes value, Scratch& scratch) {
  expect_width(value, 16, "interval");
  const auto micros = load_big_endian<std::int64_t>(value.data());
  const auto days = load_big_endian<std::int32_t>(value.data() + 8);
  const auto months = load_big_endian<std::int32_t>(value.data() + 12);
  // PostgreSQL 17 took the largest and the smallest interval for the infinities.
  using Small = std::numeric_limits<std::int32_t>;
  using Large = std::numeric_limits<std::int64_t>;
  if (micros == Large::max() && days == Small::max() && months == Small::max()) return "infinity";
  if (micros == Large::min() && days == Small::min() && months == Small::min()) return "-infinity";
  IntervalPrinter printer(scratch);
  printer.part(months / 12, "year");
  printer.part(months % 12, "mon");
  printer.part(days, "day");
  printer.time(micros);
  return finished(scratch);
}

}  // namespace echodb::render
