#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

/// Something about the source that a person has to know before replication starts.
struct Finding {
  enum class Severity {
    Fatal,    ///< nothing can start before it is remedied
    Warning,  ///< the rest works without it
  };

  Severity severity = Severity::Fatal;
  ErrorCode code = ErrorCode::SourceRejected;
  std::string what;    ///< one sentence, naming the variable concerned
  std::string remedy;  ///< the SQL to run or the variable to set
};

/// Looks at everything that replication needs from the source and returns all that is missing, worst first; empty when
/// the source is ready. Only reads. Throws what the connection throws.
std::vector<Finding> preflight(PostgresConnection& source, const Settings& settings);

/// Throws one Error with every fatal finding and its remedy; its code is the first one's. Does nothing without any.
void require_no_fatal(const std::vector<Finding>& findings);

}  // namespace echodb
