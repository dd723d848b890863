#pragma once

#include <string>
#include <vector>

#include "sim/random.h"
#include "sim/source.h"
#include "sim/target.h"

namespace echodb::sim {

/// What applications, operators and strangers do, one step at a time.
class Workload {
 public:
  Workload(Random& random, Source& source, Target& target) : random_(random), source_(source), target_(target) {}

  /// Tables with rows that are there before EchoDB is.
  void prepare();
  /// The next step: a transaction, most of the time.
  void step();
  /// Somebody drops target tables now and then.
  void allow_strangers() { strangers_ = true; }
  /// Rows of which memory is soon full.
  void flood();

 private:
  void transaction();
  void statement();
  bool change_table(Oid table);
  void write_row(Oid table);
  void create();
  void swap_names();
  Oid any_table();
  std::string free_name();
  SourceRow row_of(const SourceTable& table, std::int64_t key);
  std::optional<std::string> value();

  Random& random_;
  Source& source_;
  Target& target_;
  bool strangers_ = false;
  bool has_ddl_ = false;  ///< the transaction at hand
};

}  // namespace echodb::sim
