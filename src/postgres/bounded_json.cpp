#include "postgres/bounded_json.h"

#include "base/error.h"

namespace echodb {
namespace {

/// A message with a table, its columns, their types: 5.
constexpr int kDepthMax = 16;

}  // namespace

nlohmann::json parse_bounded_json(std::string_view text) {
  auto within_bounds = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kDepthMax) throw Error(ErrorCode::ProtocolViolation, "JSON is nested too deeply");
    return true;
  };
  try {
    return nlohmann::json::parse(text, within_bounds);
  } catch (const nlohmann::json::exception& fault) {
    throw Error(ErrorCode::ProtocolViolation, std::string("not JSON: ") + fault.what());
  }
}

}  // namespace echodb
