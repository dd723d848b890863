#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/catalog.h"
#include "sim/random.h"
#include "sim/source.h"
#include "sim/target.h"

namespace echodb::sim {

/// What applications, operators and strangers do, one step at a time.
class Workload {
 public:
  Workload(Random& random, Source& source, Target& target, const Catalog& catalog);

  /// Tables with rows that are there before EchoDB is.
  void prepare();
  /// The next step: a transaction, most of the time.
  void step();
  /// Somebody drops, empties and makes anew target tables now and then, and puts another target in its place, or an
  /// earlier state of it.
  void allow_strangers() { strangers_ = true; }
  /// Where they are allowed, somebody empties a table that EchoDB has looked at, or makes it anew.
  void harm_table();
  /// Somebody has done so since this was asked last.
  [[nodiscard]] bool take_deed() { return std::exchange(deed_done_, false); }
  /// Rows of which memory is soon full.
  void flood();

 private:
  void strange_deed();
  void transaction();
  void statement();
  bool change_table(Oid table);
  void rewrite(Oid table);
  void write_row(Oid table);
  Oid create_table();
  void swap_names();
  Oid any_table();
  Oid any_type();
  std::string free_name();
  SourceRow row_of(const SourceTable& table, std::int64_t key);
  std::optional<std::string> value(Oid type);

  enum class Change { Drop, Truncate, Rename, AddColumn, DropColumn, RenameColumn, Rewrite };

  Random& random_;
  Source& source_;
  Target& target_;
  const Catalog& catalog_;
  // Every run has its own mix: two commands that come often meet in ways in which seven that come seldom do not.
  std::vector<Change> changes_;
  unsigned swaps_ = 0;  ///< of a thousand statements
  bool strangers_ = false;
  bool deed_done_ = false;
  bool has_ddl_ = false;  ///< the transaction at hand
};

}  // namespace echodb::sim
