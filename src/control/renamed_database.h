#pragma once

#include <stop_token>
#include <string>

#include "catalog/store.h"
#include "config/settings.h"
#include "postgres/connection.h"

namespace echodb {

// A database that got another name (ALTER DATABASE … RENAME). Its stream was called what the database was, and its slot
// is for life: the stream takes the database's new name and goes on from the slot that it has.

/// Gives this database's stream the name that the database has now, if it is called otherwise.
void follow_database_name(const Settings& settings, CatalogStore& catalog, std::stop_token stop);

/// Drops what the database has of streams under its earlier names, beside the one of `slot`: their rows in the catalog,
/// and their slots, which would retain log for ever. One that somebody reads stays, and is named. `earlier_name`: of
/// the database, as the target knows it; empty when it does not.
void drop_orphans(PostgresConnection& source, CatalogStore& catalog, const StreamRecord& stream,
                  const std::string& earlier_name);

}  // namespace echodb
