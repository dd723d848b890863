#include "base/nearest_name.h"

#include <algorithm>
#include <vector>

namespace echodb {
namespace {

/// One letter in so many may be wrong.
constexpr std::size_t kLettersPerSlip = 5;

/// How many slips turn one name into the other, as in "POSTGRES_HOTS": two neighbours swapped are one.
std::size_t slips_between(std::string_view left, std::string_view right) {
  std::vector<std::vector<std::size_t>> slips(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
  for (std::size_t i = 0; i <= left.size(); ++i) {
    for (std::size_t j = 0; j <= right.size(); ++j) {
      std::size_t& here = slips[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      here = slips[i - 1][j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      here = std::min({here, slips[i - 1][j] + 1, slips[i][j - 1] + 1});
      bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) here = std::min(here, slips[i - 2][j - 2] + 1);
    }
  }
  return slips[left.size()][right.size()];
}

}  // namespace

std::string nearest_name(std::string_view misspelt, std::span<const std::string> names) {
  std::string nearest;
  std::size_t fewest = std::max<std::size_t>(misspelt.size() / kLettersPerSlip, 1) + 1;
  for (const std::string& name : names) {
    std::size_t slips = slips_between(misspelt, name);
    if (slips >= fewest) continue;
    fewest = slips;
    nearest = name;
  }
  return nearest;
}

std::string did_you_mean(std::string_view misspelt, std::span<const std::string> names) {
  std::string nearest = nearest_name(misspelt, names);
  return nearest.empty() ? std::string() : "; did you mean " + nearest + "?";
}

}  // namespace echodb
