#include "verify/json_document.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace echodb {
namespace {

using nlohmann::json;

json normal(const json& value);

/// Puts a member where its dotted name leads.
void put(json& object, std::string_view path, json value) {
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) {
    if (object.contains(path) && object[std::string(path)].is_object() && value.is_object()) {
      object[std::string(path)].update(value, true);
    } else {
      object[std::string(path)] = std::move(value);
    }
    return;
  }
  json& inner = object[std::string(path.substr(0, dot))];
  if (!inner.is_object()) inner = json::object();
  put(inner, path.substr(dot + 1), std::move(value));
}

json normal_object(const json& value) {
  json object = json::object();
  for (const auto& [name, member] : value.items()) {
    json kept = normal(member);
    if (kept.is_null() || (kept.is_object() && kept.empty())) continue;
    put(object, name, std::move(kept));
  }
  return object;
}

json normal(const json& value) {
  constexpr double kInt64Limit = 9223372036854775808.0;
  if (value.is_object()) return normal_object(value);
  if (value.is_array()) {
    json array = json::array();
    for (const json& element : value) array.push_back(normal(element));
    return array;
  }
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) == number && std::abs(number) < kInt64Limit) return static_cast<std::int64_t>(number);
    if (std::trunc(number) == number && number > 0 && number < 2 * kInt64Limit) {
      return static_cast<std::uint64_t>(number);
    }
  }
  return value;
}

}  // namespace

std::string normal_json(std::string_view text) {
  json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return std::string(text);
  return normal(document).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace echodb
