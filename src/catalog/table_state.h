#pragma once

#include <string_view>

namespace echodb {

/// Where a table stands. Durable, in `_echodb.tables.state`.
///
///   Pending ──► Copying ◄──► Streaming
///   From each of these to Error and to Dropped, and back to Copying, by way of Pending when the copy comes with
///   another schema; a table that comes back empty, to Streaming.
///
/// Pending    set by setup and by the stream when a table is found whose rows are not in the target, and by the stream
///            while it makes the table that a copy goes into.
/// Copying    set by the stream when it hands the table to the copier; streamed changes are applied meanwhile.
/// Streaming  set by the stream: at once for a table born under our eyes, else when its copy is in.
/// Error      set by the stream when a change cannot be decoded, encoded or accepted; left by a new copy (Copying).
/// Dropped    on record when the source's DROP TABLE has been carried out; kept while it can be replayed.
enum class TableState { Pending, Copying, Streaming, Error, Dropped };

std::string_view to_string(TableState state);
/// Throws Error(ProtocolViolation) for an unknown word.
TableState parse_table_state(std::string_view word);

}  // namespace echodb
