#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every cap that is not a setting, named once.
namespace echodb::limits {

using namespace std::chrono_literals;

/// To one host, authentication included.
inline constexpr auto kConnectTimeout = 5s;
/// A peer that acknowledges nothing of what was sent for so long is gone, whatever it may have been doing.
inline constexpr auto kSocketTimeout = 15s;
/// No statement of ours on the source runs longer, but for COPY, which is bounded by its range.
inline constexpr auto kStatementTimeout = 60s;
/// A server that is silent for so long in the middle of a statement will not answer any more.
inline constexpr auto kAnswerTimeout = 75s;
/// How long our own DDL on the source waits for a lock before it lets the application pass.
inline constexpr auto kLockTimeout = 2s;
/// How long a copy waits for one, holding others: well below deadlock_timeout (1 s unless configured), or the server
/// may choose the application's command to end.
inline constexpr auto kCopyLockTimeout = 100ms;
/// A status update goes to the walsender at least this often.
inline constexpr auto kStatusInterval = 5s;
/// The watched tables are compared with the mirrored ones so often, unless ECHODB_INVENTORY_SECONDS says otherwise;
/// while a difference is undecided at least every kInventoryLookAgain.
inline constexpr auto kInventoryInterval = 60s;
inline constexpr auto kInventoryLookAgain = 1s;
/// No transaction with the leader's lock lasts longer, whatever the leadership does: the next one begins at half of it.
inline constexpr auto kLeadershipTransactionMax = 10s;
/// SIGTERM to exit, for every role.
inline constexpr auto kGracePeriod = 10s;
/// A table whose rows have not got through for so long, while others' do, and fill the memory: its turn is over.
inline constexpr auto kStuckTableTimeout = 5s;
/// One insert, from the first byte to ClickHouse's answer.
inline constexpr auto kInsertTimeout = 300s;
inline constexpr auto kQueryTimeout = 60s;
/// A statement that writes all of a table anew inside ClickHouse, which may take hours.
inline constexpr auto kWholeTableTimeout = 24h;
/// Heap of one copy range. A range becomes one part in ClickHouse, and larger ones are less work to merge; a table's
/// last ones are smaller, so that the workers that copy it end together.
inline constexpr std::size_t kCopyRangeBytesMax = 128ULL << 20;
inline constexpr std::size_t kCopyRangeBytesMin = 32ULL << 20;
/// An insert of copied rows ends after so much, or so long: far within kInsertTimeout, and within what a server that
/// has refused it listens to before it breaks off.
inline constexpr std::size_t kCopyInsertBytes = 128ULL << 20;
inline constexpr auto kCopyInsertTime = 60s;
inline constexpr std::size_t kPostgresPageBytes = 8192;

/// What a worker may use, unless ECHODB_MEMORY_BYTES_MAX says otherwise.
inline constexpr std::uint64_t kMemoryBytesMax = 256ULL << 20;
/// Rows on their way may have one part in so many of it before reading waits: what holds them has room to grow, and
/// copies, connections and the program itself need some as well.
inline constexpr std::uint64_t kMemoryPerRows = 2;

// A check of a table (verify/). Memory: a range's keys and digests, twice; or the digests of a part of a table whose
// key has no common order, 16 bytes a row and side; and the keys in doubt.

/// Rows of a key range: compared as a whole, and one by one when the whole differs. Fewer when rows are wide.
inline constexpr std::size_t kCheckRangeRowsMax = 200'000;
inline constexpr std::size_t kCheckRangeBytes = 64ULL << 20;
/// Rows that are decoded at once.
inline constexpr std::size_t kCheckBatchRows = 20'000;
inline constexpr std::size_t kCheckBatchBytes = 8ULL << 20;
/// Rows whose digests are held at once, of each side, where there are no key ranges.
inline constexpr std::size_t kCheckPartRowsMax = 8'000'000;
/// Rows that may be in doubt at once; a table with more is too different to be looked at row by row.
inline constexpr std::size_t kCheckCandidatesMax = 200'000;
/// Keys of one look at rows in doubt.
inline constexpr std::size_t kCheckLookKeys = 1'000;
/// Mismatches that a result names; the others are counted.
inline constexpr std::size_t kCheckMismatchesNamed = 100;
/// A row that changes between every two looks at it is given up after so many.
inline constexpr int kCheckLooksMax = 12;
/// One statement of a check on the target.
inline constexpr auto kCheckQueryTimeout = 600s;
/// Of a table without a key, rows that change all the time are counted in one transaction on the source; no longer.
inline constexpr auto kCheckMomentTimeout = 20s;
/// How long a check waits for a slot that nobody reads.
inline constexpr auto kCheckIdleSlotTimeout = 15s;

// HTTP servers (server/, embedded/). A client is trusted while its last request had the password or the token.

inline constexpr unsigned kClickHouseConnectionsMax = 256;
inline constexpr unsigned kEndpointConnectionsMax = 64;
/// The request line and the headers of one request; a URL of 1 MB fits.
inline constexpr std::size_t kHttpHeaderBytesMax = 1280ULL << 10;
/// From a connection's start, or the end of its last request, to the end of the next header: in all, however it
/// trickles.
inline constexpr auto kHttpHeaderTimeout = 10s;
/// The same for a trusted client, which keeps connections.
inline constexpr auto kHttpIdleTimeout = 300s;
/// The two while more than one in kHttpScarceShare of the connections is taken.
inline constexpr auto kHttpScarceHeaderTimeout = 1s;
inline constexpr auto kHttpScarceIdleTimeout = 10s;
inline constexpr unsigned kHttpScarceShare = 2;
/// One address other than loopback may have one of so many connections before its clients are trusted.
inline constexpr unsigned kHttpPeerShare = 4;
/// A trusted client's body brings at least so much in every window. Nothing of ours waits longer for an insert's rows.
inline constexpr auto kHttpBodyWindow = 120s;
inline constexpr std::uint64_t kHttpBodyBytesMin = 1024;
/// A client that is not trusted takes its answer within this time.
inline constexpr auto kHttpAnswerTimeout = 60s;
/// A body that nothing is done with is read so far, which keeps the connection; what is larger is refused unread.
inline constexpr std::size_t kHttpIgnoredBodyBytesMax = 64ULL << 10;
/// After such a refusal the client may send for so long until it has read why.
inline constexpr auto kHttpLingerTime = 2s;
/// Checks that are asked for over HTTP and not answered yet.
inline constexpr unsigned kCheckRequestsMax = 8;

/// Sessions of `session_id` in the embedded ClickHouse; each takes about 2 MB.
inline constexpr std::size_t kClickHouseSessionsMax = 128;

/// /ready says so when for so long nothing that was sent to ClickHouse got through.
inline constexpr auto kNotReadyAfter = 10s;
/// The same of a ClickHouse that does not even refuse.
inline constexpr auto kSilentTargetTimeout = 60s;

}  // namespace echodb::limits
