#pragma once

#include <string>
#include <vector>

#include "postgres/connection.h"

namespace echodb {

// The installation: what setup makes in the source besides the slot (control/made_objects.sql). `_echodb.made` has each
// object as setup left it; anything that differs was dropped, altered or restored by somebody, also when it has been
// put back by hand since. What the log could not tell meanwhile is what has to be copied again.

/// An object that is not as setup left it.
struct InstallationFault {
  enum class Hole {
    SchemaChanges,  ///< a trigger or a function: what became of tables may have gone unheard, no row has
    Rows,           ///< a publication: rows of any table may have been left out
  };
  std::string what;  ///< "the publication echodb is gone"
  Hole hole = Hole::SchemaChanges;
  bool columns_only = false;  ///< a table or view of ours has other columns: of another version, if that is installed

  bool operator==(const InstallationFault&) const = default;
};
using InstallationFaults = std::vector<InstallationFault>;

/// Empty when all is as it was left. REQUIRES: a stream was set up with this publication. Only reads, and needs no
/// function of ours. Where nothing was noted, by an earlier version, only a publication that is gone is a fault.
InstallationFaults find_installation_faults(PostgresConnection& source, const std::string& publication);

/// All of them as one clause, with commas between; empty when there is none of this kind.
std::string list_faults(const InstallationFaults& faults, InstallationFault::Hole hole);
std::string list_faults(const InstallationFaults& faults);

struct NoteOptions {
  std::string publication;
  bool publications_too = true;    ///< false: setup has not touched them
  bool must_describe_all = false;  ///< a hole: until note_described() the installation counts as unfinished
};
/// Part of setup's transaction: what is there now is as it should be.
void note_installation(PostgresConnection& source, const NoteOptions& options);
/// Every table has been described since.
void note_described(PostgresConnection& source);

}  // namespace echodb
