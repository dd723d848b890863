#pragma once

#include "base/error.h"
#include "postgres/lsn.h"

namespace echodb {

/// Tells a walsender that can never get past a record of its log from one that has had bad luck. PostgreSQL 15 and
/// older write a logical message of nearly 1 GB, which any role may emit, and then cannot allocate the memory to read
/// it: "invalid memory alloc request size 1073741824". The stream ends with that error every time, before the same
/// place. Lack of memory of the moment (class 53), a shutdown (57P) and lost connections are other errors.
///
/// Used by the leader's thread.
class UnreadableLog {
 public:
  /// The stream has ended with this error while the slot was confirmed up to `confirmed`. True when it has so often in
  /// a row that the slot has to be made again; counting begins anew then.
  bool ended(const Error& error, Lsn confirmed);

 private:
  int times_ = 0;
  Lsn confirmed_;
  std::string sqlstate_;
};

}  // namespace echodb
