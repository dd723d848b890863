#include "replication/table_phase.h"

#include <array>

namespace echodb {
namespace {

/// In the order of TablePhase.
constexpr std::array kStates{TableState::Pending, TableState::Copying, TableState::Streaming, TableState::Error,
                             TableState::Dropped};
static_assert(kStates.size() == std::variant_size_v<TablePhase>);

}  // namespace

TableState state_of(const TablePhase& phase) { return kStates.at(phase.index()); }

TablePhase phase_of(TableState state) {
  switch (state) {
    case TableState::Pending: return Pending{};
    case TableState::Copying: return Copying{};
    case TableState::Streaming: return Streaming{};
    case TableState::Error: return Stopped{};
    case TableState::Dropped: return Dropped{};
  }
  return Stopped{};
}

}  // namespace echodb
