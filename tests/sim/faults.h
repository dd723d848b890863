#pragma once

#include <string_view>

#include "base/error.h"
#include "sim/baton.h"
#include "sim/random.h"

namespace echodb::sim {

/// How often what happens, in a thousand calls.
struct FaultRates {
  unsigned refused = 0;        ///< for good
  unsigned busy = 0;           ///< try again later
  unsigned never_arrived = 0;  ///< the connection broke before the request was read
  unsigned answer_lost = 0;    ///< it was done, and its sender does not hear of it
  unsigned late = 0;           ///< the sender gave up, and it is done later
  unsigned crash = 0;          ///< the process dies, at each point where it waits for somebody
};

/// Sets the rate with this name to none. Throws std::invalid_argument when there is none of that name.
void leave_out(FaultRates& rates, std::string_view name);

/// What the world does to the calls of one run.
class Faults {
 public:
  enum class Fate { Done, Refused, Busy, NeverArrived, AnswerLost, Late };

  Faults(Random& random, Baton& baton, const FaultRates& rates) : random_(random), baton_(baton), rates_(rates) {}

  /// Nothing goes wrong any more.
  void cease() { rates_ = {}; }
  /// What becomes of the next call. Time passes before it arrives.
  Fate next();
  /// Time passes before its sender hears of it; or the process dies.
  void answer();

 private:
  void wait();
  Fate choose();

  Random& random_;
  Baton& baton_;
  FaultRates rates_;
};

}  // namespace echodb::sim
