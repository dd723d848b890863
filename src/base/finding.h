#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace echodb {

/// Something that was looked at before replication starts, and what came of it.
struct Finding {
  enum class Severity {
    Fatal,    ///< nothing can start before it is remedied
    Warning,  ///< the rest works without it, or it will go wrong some day
    Ok,       ///< as it should be; the words are for whoever wants to know
  };

  Severity severity = Severity::Fatal;
  ErrorCode code = ErrorCode::SourceRejected;
  std::string what;    ///< one sentence, naming the variable concerned
  std::string remedy;  ///< the SQL to run or the variable to set; empty when all is well
};

/// Gathers what the checks find.
class Findings {
 public:
  void fatal(ErrorCode code, std::string what, std::string remedy) {
    all_.push_back({Finding::Severity::Fatal, code, std::move(what), std::move(remedy)});
  }
  void fatal(const Error& error) { fatal(error.code(), error.message(), error.remedy()); }
  void warning(std::string what, std::string remedy) {
    all_.push_back({Finding::Severity::Warning, ErrorCode::InvalidConfiguration, std::move(what), std::move(remedy)});
  }
  void ok(std::string what) { all_.push_back({Finding::Severity::Ok, {}, std::move(what), {}}); }

  /// Something fatal of this kind was found.
  [[nodiscard]] bool has(ErrorCode code) const {
    return std::ranges::any_of(all_, [&](const Finding& finding) {
      return finding.severity == Finding::Severity::Fatal && finding.code == code;
    });
  }

  [[nodiscard]] std::vector<Finding> worst_first() && {
    std::ranges::stable_sort(all_, {}, &Finding::severity);
    return std::move(all_);
  }

 private:
  std::vector<Finding> all_;
};

}  // namespace echodb
