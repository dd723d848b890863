#pragma once

#include <functional>
#include <memory>
#include <string>

#include "embedded/clickhouse_request.h"
#include "embedded/running_select.h"
#include "server/http_server.h"

namespace echodb {

/// Sends a SELECT's output. The first part is held back until it is clear whether the statement fails at once, so
/// that a failure there is thrown, and small results get their length and their counts. A failure after the status
/// has gone out is written behind the rows as ClickHouse does it, between markers with `exception_tag`, and the
/// connection is closed without the last chunk.
struct SelectResponseOptions {
  ResponseWishes wishes;
  std::string exception_tag;
  std::function<std::string(const Error&)> describe;  ///< the failure's text for the client
};

struct SelectResponse {
  std::string body;  ///< complete, unless there is a stream
  std::unique_ptr<HttpBodySource> stream;
  StatementCounts counts;
};

SelectResponse respond_with_select(std::unique_ptr<RunningSelect> select, SelectResponseOptions options);

/// The whole body in the client's coding.
std::string encode_whole(const ResponseWishes& wishes, std::string_view body);

}  // namespace echodb
