#include "catalog/table_state.h"

#include <array>
#include <string>
#include <utility>

#include "base/error.h"

namespace echodb {
namespace {

constexpr std::array<std::pair<TableState, std::string_view>, 5> kWords{{
    {TableState::Pending, "pending"},
    {TableState::Copying, "copying"},
    {TableState::Streaming, "streaming"},
    {TableState::Error, "error"},
    {TableState::Dropped, "dropped"},
}};

}  // namespace

std::string_view to_string(TableState state) {
  for (const auto& [known, word] : kWords) {
    if (known == state) return word;
  }
  return "unknown";
}

TableState parse_table_state(std::string_view word) {
  for (const auto& [state, known] : kWords) {
    if (known == word) return state;
  }
  throw Error(ErrorCode::ProtocolViolation, "'" + std::string(word) + "' is not a table state");
}

}  // namespace echodb
