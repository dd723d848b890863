#pragma once

#include <span>

#include "replication/found_rows.h"
#include "replication/insert_completion.h"

namespace echodb {

/// Whether the server can be asked for rows by a list of keys of any type, and hides deleted ones.
bool can_look_up(const ServerVersion& server);

/// The most keys to ask for at once, and the most that their values are to take: all are held in memory.
inline constexpr std::size_t kKeysPerLookUp = 1'000;
inline constexpr std::size_t kBytesPerLookUp = 16ULL << 20;

/// The current rows of these keys (each as RowHistory::key has it) in the target: these columns of the plan. Nothing
/// when the target's columns are of other types than the plan's, as they are when the log is read again and the target
/// has been changed already.
FoundRows look_up_in_target(const TablePlan& plan, const InsertTask::Target& target, TargetClient& clickhouse,
                            std::span<const std::string> keys, std::span<const std::size_t> columns);

/// Room enough for what a server may put around a statement: max_query_size is its own length and this.
inline constexpr std::size_t kMaxQuerySizeDefault = 262'144;

/// Bytes as ClickHouse's unhex() reads them.
std::string hex(std::string_view bytes);
std::string hex(const RowHash& hash);

}  // namespace echodb
