#include "catalog/records.h"

#include <nlohmann/json.hpp>

namespace echodb {

std::string PendingSteps::text() const { return nlohmann::json{{"recopy", recopy}, {"statements", statements}}.dump(); }

PendingSteps PendingSteps::parse(const std::string& text) {
  nlohmann::json from = nlohmann::json::parse(text);
  return {.recopy = from.at("recopy").get<bool>(), .statements = from.at("statements").get<std::vector<std::string>>()};
}

}  // namespace echodb
