#pragma once

#include <cstdint>

namespace echodb {

// What one version of PostgreSQL can do and another cannot, by the number that libpq gives it: 150018 for 15.18.

/// The oldest version we replicate from: a publication that publishes partitions by their root came with it.
inline constexpr int kServerVersionMin = 130000;

/// pgoutput sends values as bytes when asked, and what pg_logical_emit_message wrote. Before that values come as text,
/// and our messages as rows of `_echodb.messages`.
constexpr bool streams_bytes_and_messages(int server_version) { return server_version >= 140000; }

/// How values come in the stream.
enum class ValueFormat : std::uint8_t {
  Binary,  ///< as their type's send function writes them; text where the type has none
  Text,    ///< as the type's output function writes them
};

/// A condition on ctid reads those pages only, not the whole table.
constexpr bool scans_by_ctid(int server_version) { return server_version >= 140000; }

/// A publication can carry STORED generated columns, and has to: without them the server refuses an UPDATE or DELETE of
/// a published table whose replica identity contains one.
constexpr bool publishes_generated_columns(int server_version) { return server_version >= 180000; }

/// Slots that standbys have too, when they synchronise slots: the stream goes on with a promoted one.
constexpr bool has_failover_slots(int server_version) { return server_version >= 170000; }

/// It counts how sessions end, in shared memory: whoever no longer sees a session finds it counted. Version 14 counts
/// as well, in a process of its own that hears of it by datagrams, later or never.
constexpr bool counts_session_endings(int server_version) { return server_version >= 150000; }

}  // namespace echodb
