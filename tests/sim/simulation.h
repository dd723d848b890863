#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/settings.h"
#include "replication/applier.h"
#include "replication/bookmark.h"
#include "sim/catalog.h"
#include "sim/comparison.h"
#include "sim/faults.h"
#include "sim/log_reader.h"
#include "sim/source.h"
#include "sim/target.h"
#include "sim/workload.h"

namespace echodb::sim {

inline constexpr const char* kStream = "simulated";
inline constexpr const char* kDatabase = "mirror";
inline const ServerVersion kServer{.major = 26, .minor = 5, .text = "26.5"};

/// One stream, from a seed: a source, a target and a catalog in memory, the real engine between them, and a world that
/// refuses, delays, loses and kills. At the end nothing goes wrong any more, and both sides have to become equal.
class Simulation {
 public:
  Simulation(std::uint64_t seed, const std::vector<std::string>& without);

  [[nodiscard]] std::optional<Finding> run();

 private:
  class Life;

  void install();
  [[nodiscard]] Bookmark begin(TargetClient& client);
  void make_stream_again(TargetClient& client);
  void note_false_alarm(const std::string& words);
  void live_once(bool is_last);
  [[nodiscard]] std::shared_ptr<StoredTable> target_of(Applier& applier, const LoggedChange& change) const;
  void check_ahead(Applier& applier, Lsn position);

  Random random_;
  Settings settings_;
  FaultRates rates_;
  Source source_;
  Target target_;
  Catalog catalog_;
  Workload workload_;
  std::size_t steps_left_;
  std::size_t lives_left_;
  unsigned flood_ = 0;             ///< of a thousand steps
  unsigned late_pace_ = 0;         ///< of a thousand: what is late runs in a turn
  Lsn slot_on_disk_;               ///< where the slot goes back to when PostgreSQL crashes
  std::size_t checked_ahead_ = 0;  ///< transactions of the log
  // Changes up to here may be missing from the target until copies are in: of all tables, and of one.
  Lsn all_left_to_copies_;
  std::map<Oid, Lsn> left_to_copies_;
  bool target_harmed_ = false;  ///< by somebody, since the stream was made
  bool at_rest_ = false;
  std::optional<Finding> finding_;
};

}  // namespace echodb::sim
