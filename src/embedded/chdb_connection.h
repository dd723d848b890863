#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "embedded/chdb_library.h"

namespace echodb {

/// What one statement did, as X-ClickHouse-Summary counts it.
struct StatementCounts {
  std::uint64_t read_rows = 0;
  std::uint64_t read_bytes = 0;
  std::uint64_t written_rows = 0;
  std::uint64_t written_bytes = 0;
  std::uint64_t result_rows = 0;
  std::uint64_t result_bytes = 0;
};

/// Values of {name:Type} in a statement.
using StatementParameters = std::vector<std::pair<std::string, std::string>>;

/// Names and values, beyond the profile's.
using ConnectionSettings = std::vector<std::pair<std::string, std::string>>;

/// What a statement leaves behind; numbers are libchdb's.
enum class StatementClass : std::uint32_t { ReadOnly = 0, Mutating = 1, MutatingGlobal = 2, Control = 3, Unknown = 4 };

struct StatementAnalysis {
  std::uint32_t statement_count;
  StatementClass statement_class;
};

/// The output of a statement that has run.
class ChdbResult {
 public:
  ChdbResult(const ChdbLibrary& library, ChdbResultHandle* handle)
      : library_(&library), handle_(handle, Destroy{&library}) {}

  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] StatementCounts counts() const;

 private:
  struct Destroy {
    const ChdbLibrary* library;
    void operator()(ChdbResultHandle* handle) const { library->result_destroy(handle); }
  };
  const ChdbLibrary* library_;
  std::unique_ptr<ChdbResultHandle, Destroy> handle_;
};

/// An INSERT whose data is on its way. Destroyed before done(), it is cancelled: blocks that libchdb has already
/// written stay. The connection must outlive it and takes no other statement meanwhile.
class ChdbInsert {
 public:
  ChdbInsert(const ChdbLibrary& library, ChdbInsertHandle* handle)
      : library_(&library), handle_(handle, Destroy{&library}) {}

  /// Copies the bytes; waits while libchdb is behind. False: the insert has failed, done() says why.
  [[nodiscard]] bool append(Bytes bytes);
  /// Returns when the rows are stored.
  StatementCounts done();

 private:
  struct Destroy {
    const ChdbLibrary* library;
    void operator()(ChdbInsertHandle* handle) const { library->insert_destroy(handle); }
  };
  const ChdbLibrary* library_;
  std::unique_ptr<ChdbInsertHandle, Destroy> handle_;
};

/// One session of the engine: a current database, settings, temporary tables. One owner and one statement at a time.
/// What ClickHouse refuses is thrown as chdb_error().
class ChdbConnection {
 public:
  /// The first connection of the process starts the engine with `arguments`; the others must name the same path.
  ChdbConnection(const ChdbLibrary& library, std::span<const std::string> arguments);
  ~ChdbConnection();
  ChdbConnection(const ChdbConnection&) = delete;
  ChdbConnection& operator=(const ChdbConnection&) = delete;

  /// Runs one statement without data. Its output is in `format` unless it says FORMAT itself.
  ChdbResult query(std::string_view sql, std::string_view format = "TabSeparated",
                   const StatementParameters& parameters = {});
  /// `header` is an INSERT without FORMAT, VALUES and data.
  ChdbInsert insert(std::string_view header, std::string_view format, const StatementParameters& parameters = {});

  [[nodiscard]] StatementAnalysis analyse(std::string_view sql);
  /// Why ClickHouse does not take `sql` as one statement; nothing is run.
  Error syntax_error(std::string_view sql);

 private:
  const ChdbLibrary& library_;
  ChdbConnectionHandle handle_;
};

}  // namespace echodb
