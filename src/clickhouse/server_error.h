#pragma once

#include <string_view>

#include "base/error.h"

namespace echodb {

/// What ClickHouse's answer to a failed request means to us. The body reads "Code: 60. DB::Exception: …"; codes are
/// those of ClickHouse's ErrorCodes.cpp.
Error clickhouse_error(int http_status, std::string_view body);

/// ClickHouse's exception code in such a body; 0 when there is none.
int exception_code_in(std::string_view body);

}  // namespace echodb
