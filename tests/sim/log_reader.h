#pragma once

#include <set>
#include <vector>

#include "replication/applier.h"
#include "sim/source.h"

namespace echodb::sim {

/// A session of the walsender: reads the log from a position on, message by message.
class LogReader {
 public:
  LogReader(const Source& source, Lsn start);

  /// Hands the next message over; false when there is none.
  bool next(Applier& applier);

 private:
  void tell_relation(Applier& applier, const LoggedChange& change);
  void tell(Applier& applier, const LoggedChange& change);

  const Source& source_;
  std::size_t transaction_ = 0;
  std::size_t change_ = 0;
  bool begun_ = false;
  std::map<Oid, std::shared_ptr<const TableSchema>> relations_;  ///< told of, as they were then
};

}  // namespace echodb::sim
