#include "verify/check_report.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/utc_text.h"

namespace echodb {
namespace {

constexpr std::array<std::string_view, 4> kModes{"count", "sample", "fingerprint", "full"};

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::Equal: return "equal";
    case Verdict::Different: return "different";
    case Verdict::Unknown: break;
  }
  return "unknown";
}

std::string_view to_string(CheckMode mode) { return kModes[static_cast<std::size_t>(mode)]; }

std::optional<CheckMode> parse_check_mode(std::string_view word) {
  for (std::size_t mode = 0; mode < kModes.size(); ++mode) {
    if (kModes[mode] == word) return static_cast<CheckMode>(mode);
  }
  return std::nullopt;
}

nlohmann::json to_json(const CheckReport& report) {
  using nlohmann::json;
  json mismatches = json::array();
  for (const ReportedMismatch& mismatch : report.mismatches) {
    mismatches.push_back({{"key", json::parse(mismatch.key)}, {"kind", mismatch.kind}, {"columns", mismatch.columns}});
  }
  const std::uint64_t difference = report.source_rows > report.target_rows ? report.source_rows - report.target_rows
                                                                           : report.target_rows - report.source_rows;
  json all{{"table", report.table},
           {"mode", to_string(report.mode)},
           {"result", to_string(report.verdict)},
           {"match", report.verdict == Verdict::Equal
                         ? json(true)
                         : json(report.verdict == Verdict::Different ? json(false) : json(nullptr))},
           {"postgres_count", report.source_rows},
           {"clickhouse_count", report.target_rows},
           {"difference", difference},
           {"rows_compared", report.rows_compared},
           {"mismatched", report.mismatched},
           {"undecided", report.undecided},
           {"mismatches", std::move(mismatches)},
           {"lsn", to_string(report.position)},
           {"timestamp", utc_text(report.at)},
           {"duration_ms", report.duration.count()},
           {"reason", report.reason.empty() ? json(nullptr) : json(report.reason)}};
  if (!report.note.empty()) all["note"] = report.note;
  if (!report.repairs.empty()) all["repairs"] = report.repairs;
  return all;
}

}  // namespace echodb
