#include "server/endpoint_answers.h"

#include <nlohmann/json.hpp>

namespace echodb {

using nlohmann::json;

HttpResponse json_response(unsigned status, const json& body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n",
          .stream = nullptr};
}

bool asks_for_prometheus(const HttpRequest& request) {
  const std::string* accept = request.header("accept");
  if (accept == nullptr || accept->find("application/json") != std::string::npos) return false;
  return accept->find("text/plain") != std::string::npos ||
         accept->find("application/openmetrics-text") != std::string::npos;
}

}  // namespace echodb
