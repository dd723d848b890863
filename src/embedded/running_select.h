#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/mutex.h"
#include "embedded/connection_lease.h"
#include "embedded/file_descriptor.h"
#include "embedded/statement_text.h"

namespace echodb {

/// A SELECT that writes its output, as ClickHouse formats it, into a pipe, from a thread of its own. The pipe is the
/// back-pressure: a result of any size takes a megabyte. libchdb's own streaming starts the format anew with each
/// block, so JSON or CSVWithNames would come out as several documents. Destroyed before its end, it is killed.
class RunningSelect {
 public:
  struct Options {
    std::string format;  ///< unless the statement says FORMAT
    std::string query_id;
    bool leaves_clean = true;  ///< the connection may serve other requests afterwards
  };

  RunningSelect(ChdbEngine& engine, std::unique_ptr<ConnectionLease> lease, const StatementText& statement,
                const StatementParameters& parameters, Options options);
  ~RunningSelect();
  RunningSelect(const RunningSelect&) = delete;
  RunningSelect& operator=(const RunningSelect&) = delete;

  /// Waits for output; 0: the statement has succeeded and this is all. Throws what made it fail.
  std::size_t read(std::span<std::byte> into);
  /// After the end.
  [[nodiscard]] StatementCounts counts() const;

 private:
  void execute(const std::string& sql, const StatementParameters& parameters);
  void kill() ECHODB_REQUIRES(mutex_);
  ChdbEngine& engine_;
  const Options options_;
  std::unique_ptr<ConnectionLease> lease_;
  FileDescriptor read_end_;
  FileDescriptor write_end_;

  mutable Mutex mutex_;
  Condition finished_;
  bool done_ ECHODB_GUARDED_BY(mutex_) = false;
  StatementCounts counts_ ECHODB_GUARDED_BY(mutex_);
  std::optional<Error> failure_ ECHODB_GUARDED_BY(mutex_);
};

}  // namespace echodb
