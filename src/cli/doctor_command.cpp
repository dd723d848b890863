#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/own_servers.h"
#include "control/doctor.h"
#include "control/security.h"

namespace echodb {
namespace {

using Severity = Finding::Severity;

const char* word_of(Severity severity) {
  switch (severity) {
    case Severity::Fatal: return "error";
    case Severity::Warning: return "warning";
    case Severity::Ok: return "ok";
  }
  return "error";
}

void print_text(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    fmt::print("{:<8} {}\n", word_of(finding.severity), finding.what);
    if (!finding.remedy.empty()) fmt::print("         what to do: {}\n", finding.remedy);
  }
}

void print_json(const std::vector<Finding>& findings) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    all.push_back({{"severity", word_of(finding.severity)}, {"what", finding.what}, {"remedy", finding.remedy}});
  }
  fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace

/// 0 when all is well, 1 with warnings, 2 with errors.
int doctor_command(const Settings& settings, const DoctorOptions& options) {
  std::vector<Finding> findings;
  if (options.security) {
    findings = examine_security(settings, {});
  } else {
    findings = examine(settings, {});
    std::ranges::move(examine_what_setup_made(settings, {}), std::back_inserter(findings));
    std::ranges::move(examine_own_passwords(settings), std::back_inserter(findings));
    std::ranges::stable_sort(findings, {}, &Finding::severity);
  }
  if (options.json) {
    print_json(findings);
  } else {
    print_text(findings);
  }
  if (findings.empty() || findings.front().severity == Severity::Ok) return 0;
  return findings.front().severity == Severity::Warning ? 1 : 2;
}

}  // namespace echodb
