#pragma once

#include <sys/types.h>

#include <filesystem>
#include <vector>

namespace echodb {

class StopSignals;

/// The PostgreSQL processes that live in this data directory at this moment. Every one of them works with the data
/// directory as its working directory, which tells them apart from whatever got a process id that
/// `postmaster.pid` still mentions after a crash or in a restarted container.
std::vector<pid_t> postgres_processes_in(const std::filesystem::path& directory);

/// Cleanly ends a server that outlived the `up` it belonged to, waits until none of its processes is left, and then
/// removes a `postmaster.pid` that nobody stands behind any more. Only for the holder of the data directory's lock.
/// Throws Error(SystemFailure) when it cannot be ended.
void stop_orphaned_postgres(const std::filesystem::path& directory, const StopSignals& stop);

}  // namespace echodb
