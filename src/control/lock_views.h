#pragma once

#include "postgres/connection.h"

namespace echodb {

/// Creates the views of catalog/lock_views.sql where they are missing. Error(SourcePrivilege) says what to grant.
void install_lock_views(PostgresConnection& source);

}  // namespace echodb
