#include "server/http_message.h"

#include <algorithm>

namespace echodb {
namespace {

const std::string* find_field(const HttpFields& fields, std::string_view name) {
  auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

}  // namespace

const std::string* HttpRequest::parameter(std::string_view name) const { return find_field(parameters, name); }
const std::string* HttpRequest::header(std::string_view lower_case_name) const {
  return find_field(headers, lower_case_name);
}

}  // namespace echodb
