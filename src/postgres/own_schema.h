#pragma once

#include "postgres/connection.h"

namespace echodb {

/// The functions of the schema `_echodb` run with the rights of EchoDB's role, in its own sessions and, as triggers, in
/// everybody's; and its views and tables are read with them. Whoever owns one of these objects could have his own code
/// run so. Throws Error(SourcePrivilege) when the schema is there and it, or an object in it, belongs to another role
/// than this session's that is no superuser; before anything in it is read.
void require_own_schema(PostgresConnection& connection);

}  // namespace echodb
