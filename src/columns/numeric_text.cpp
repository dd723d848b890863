#include "columns/numeric_binary.h"
#include "columns/render.h"

namespace echodb::render {
namespace {

/// A group of four decimal digits, of which the first `count` are wanted.
void print_group(Scratch& scratch, std::uint32_t group, int count = 4) {
  const char digits[] = {static_cast<char>('0' + group / 1000), static_cast<char>('0' + group / 100 % 10),
                         static_cast<char>('0' + group / 10 % 10), static_cast<char>('0' + group % 10)};
  scratch.append(digits, digits + count);
}

}  // namespace

std::string_view numeric(Bytes value, Scratch& scratch) {
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

}  // namespace echodb::render
