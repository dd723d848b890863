#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "catalog/stream_catalog.h"
#include "replication/copy_board.h"
#include "replication/copy_job.h"
#include "replication/writer_tools.h"

namespace echodb {

/// How far the copies of this process are.
struct CopyProgress {
  std::atomic<std::uint64_t> rows_copied{0};
  std::atomic<std::uint64_t> rows_to_copy{0};  ///< the source's estimate for the same jobs
  std::atomic<bool> rows_to_copy_known{true};  ///< false: the source never counted some of the tables
};

/// What one of the copier's threads reads the source and writes the target with. Of use until it is asked to stop: what
/// was cut short leaves it in the middle of something. Errors: those of the two servers; Stopped; SchemaMismatch when
/// the table is not what the job says.
class CopyReader {
 public:
  virtual ~CopyReader() = default;

  /// Cuts the table into ranges: those of an earlier run that the job goes on with, or new ones, which are stored. A
  /// table without a key is copied as well. False: the job has still to wait for transactions, and is to be planned
  /// later.
  [[nodiscard]] virtual bool plan(CopyWork& work) = 0;
  /// Copies the range and stores that it is done. False: somebody has locked the table; it is to be tried later.
  [[nodiscard]] virtual bool copy_range(CopyWork& work) = 0;
  /// Up to where the copy has seen everything, once all of it is in.
  virtual Lsn end_of_log() = 0;

  /// After a failure of one of these: what it has counted as progress no longer counts, and the next call begins with
  /// connections of its own.
  virtual void give_up() = 0;
};

/// What a reader is made with.
struct CopyReaderParts {
  StreamCatalog& catalog;
  CopyProgress& progress;
  std::function<void(CopyEvent)> emit;
  std::stop_token stop;
};
using MakeCopyReader = std::function<std::unique_ptr<CopyReader>(const CopyReaderParts&)>;

struct CopyReaderOptions {
  PostgresSettings source;
  ClickHouseSettings clickhouse;
  TypeChoices choices;
  ValueFormat streamed = ValueFormat::Binary;  ///< how the values of keyless tables come
  std::uint64_t block_rows_max = 50'000;
  std::uint64_t block_bytes_max = 4ULL << 20;
};
/// With COPY from PostgreSQL into ClickHouse.
std::unique_ptr<CopyReader> make_copy_reader(const CopyReaderOptions& options, const CopyReaderParts& parts);

}  // namespace echodb
