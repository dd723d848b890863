#pragma once

#include <string_view>

#include "base/error.h"

namespace echodb {

/// What an error means for whoever met it. The one switch over ErrorCode.
struct ErrorPolicy {
  enum class Action {
    Retry,   ///< the world may change by itself: try again, ever more slowly
    Person,  ///< someone has to do something; trying again is harmless and notices when it was done
    Fail,    ///< trying again cannot help
  };
  Action action;
  /// The very same step may succeed next time although nobody changes anything: a table's step is tried again instead
  /// of stopping the table.
  bool transient;
  std::string_view hint;  ///< for the operator
};

ErrorPolicy error_policy(ErrorCode code);

}  // namespace echodb
