#include "config/unknown_variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/nearest_name.h"

namespace echodb {
namespace {

/// What files for an installation with PeerDB hold besides: of no effect here, and no mistake.
constexpr std::array<const char*, 11> kOfOtherParts{"CLICKHOUSE_NATIVE_PORT",
                                                    "PEERDB_CATALOG_HOST",
                                                    "PEERDB_CATALOG_PORT",
                                                    "PEERDB_CATALOG_USER",
                                                    "PEERDB_CATALOG_PASSWORD",
                                                    "PEERDB_CATALOG_DATABASE",
                                                    "PEERDB_HOST",
                                                    "PEERDB_PORT",
                                                    "PEERDB_USER",
                                                    "PEERDB_PASSWORD",
                                                    "PEERDB_UI_PORT"};

}  // namespace

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  std::ranges::transform(setting_descriptions(), std::back_inserter(names), &SettingDescription::name);
  return names;
}

std::vector<std::string> describe_unknown_variables(const Variables& env_file, const std::vector<std::string>& others) {
  std::vector<std::string> known = setting_names();
  std::ranges::copy(others, std::back_inserter(known));
  std::ranges::copy(kOfOtherParts, std::back_inserter(known));
  std::vector<std::string> sentences;
  for (const auto& [name, value] : env_file) {
    if (name.starts_with(kOurPrefix) || std::ranges::find(known, name) != known.end()) continue;
    sentences.push_back(
        fmt::format("{} in .env has no effect: there is no such setting{}", name, did_you_mean(name, known)));
  }
  return sentences;
}

}  // namespace echodb
