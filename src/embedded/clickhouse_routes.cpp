#include "embedded/clickhouse_routes.h"

#include <fmt/format.h>

namespace echodb {
namespace {

class FixedAnswer : public HttpExchange {
 public:
  FixedAnswer(unsigned status, HttpFields headers, std::string body) {
    response_.status = status;
    response_.headers = std::move(headers);
    response_.body = std::move(body);
  }
  std::optional<HttpResponse> early_answer() override { return std::move(response_); }
  void on_body(Bytes) override {}
  HttpResponse finish() override { return std::move(response_); }

 private:
  HttpResponse response_;
};

HttpFields text_headers(const ClickHouseServerIdentity& identity) {
  return {{"Content-Type", "text/html; charset=UTF-8"}, {"X-ClickHouse-Server-Display-Name", identity.display_name}};
}

std::unique_ptr<HttpExchange> answer_ok(const ClickHouseServerIdentity& identity) {
  return std::make_unique<FixedAnswer>(200, text_headers(identity), "Ok.\n");
}

}  // namespace

HttpHandler clickhouse_handler(ChdbEngine& engine, const ClickHouseServerIdentity& identity) {
  return [&engine, &identity](HttpRequest request) -> std::unique_ptr<HttpExchange> {
    bool reads = request.method == "GET" || request.method == "HEAD";
    bool liveness = request.path == "/ping" || request.path == "/replicas_status";
    if (reads && (liveness || (request.path == "/" && request.parameters.empty()))) return answer_ok(identity);
    if (request.method == "OPTIONS")
      return std::make_unique<FixedAnswer>(204, HttpFields{{"Allow", "GET, HEAD, POST, PUT, OPTIONS"}}, "");
    if (request.path == "/" && (reads || request.method == "POST" || request.method == "PUT")) {
      return std::make_unique<ClickHouseExchange>(engine, identity, request);
    }
    return std::make_unique<FixedAnswer>(
        404, text_headers(identity),
        fmt::format("There is no handle {}\n\nUse / or /ping for health checks.\nOr /replicas_status for more "
                    "sophisticated health checks.\n\nSend queries from your program with POST method or GET "
                    "/?query=...\n",
                    request.path));
  };
}

}  // namespace echodb
