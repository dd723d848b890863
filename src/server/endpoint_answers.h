#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/http_server.h"

namespace echodb {

// What the endpoints of all our servers have in common.

/// A name that is not UTF-8 must not cost the whole answer: it is mended.
HttpResponse json_response(unsigned status, const nlohmann::json& body);

/// Scrapers name one of the two text formats; programs that take anything, or JSON before text, get JSON.
bool asks_for_prometheus(const HttpRequest& request);

}  // namespace echodb
