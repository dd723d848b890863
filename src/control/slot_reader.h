#pragma once

#include <optional>
#include <stop_token>

#include "catalog/store.h"
#include "postgres/connection.h"

namespace echodb {

struct SlotReaderOptions {
  bool worker_can = true;  ///< false: a worker cannot make the stream again, only end its run
};

/// For a setup that is no worker's, when the stream is to be made again. A worker that leads looks every second whether
/// `streams.remake` is set, ends its run and makes the stream again itself: setup does not do the same at the same
/// time, but waits for it. Returns the stream that it made; or nullopt when the slot is free and it is for setup to
/// make it: because nobody leads, or who leads has not done it in a minute. Error(SlotBusy) when the slot is still read
/// after a minute. REQUIRES: `streams.remake` is set.
std::optional<StreamRecord> await_slot_reader(PostgresConnection& source, const StreamRecord& stream,
                                              const SlotReaderOptions& options, CatalogStore& catalog,
                                              const std::stop_token& stop);

}  // namespace echodb
