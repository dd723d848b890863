#pragma once

#include <string>
#include <vector>

#include "postgres/connection.h"

namespace echodb {

/// What the publications of a stream are called, by the name of the first.
std::vector<std::string> publication_names(const std::string& publication);

/// One of ours that belongs to a role whose rights we do not have: no table can join it.
struct ForeignPublication {
  std::string name;
  std::string owner;
  std::string remedy;  ///< the statement that gives it back
};
std::vector<ForeignPublication> find_foreign_publications(PostgresConnection& source, const std::string& publication);

/// Makes the publications that are missing, and puts right the options of those that are not as they should be; which
/// tables are in them is for `_echodb.publish` to see to. True when one was made or altered. Error(SourcePrivilege)
/// with the statement for somebody else to run when the role may not.
bool put_publications_right(PostgresConnection& source, const std::string& publication);

}  // namespace echodb
