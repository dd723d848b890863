#pragma once

#include <string_view>

namespace echodb {

/// Where a table stands. Durable, in `_echodb.tables.state`.
///
///   Pending ──► Copying ──► Streaming ──► Dropped
///      └────────────┴────────────┴──► Error
///
/// Pending    set by setup and by the stream when a table is found whose rows are not in the target.
/// Copying    set by the stream when it hands the table to the copier; streamed changes are applied meanwhile.
/// Streaming  set by the stream: at once for a table born under our eyes, else when its copy is in.
/// Error      set by the writer or the stream when a change cannot be decoded, encoded or accepted; says why and where.
/// Dropped    set by the writer when the source's DROP TABLE has been carried out; kept while it can be replayed.
enum class TableState { Pending, Copying, Streaming, Error, Dropped };

std::string_view to_string(TableState state);
/// Throws Error(ProtocolViolation) for an unknown word.
TableState parse_table_state(std::string_view word);

}  // namespace echodb
