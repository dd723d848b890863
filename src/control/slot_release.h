#pragma once

#include <stop_token>
#include <string>

#include "catalog/store.h"
#include "config/settings.h"
#include "control/source_watch.h"

namespace echodb {

/// Gives the slot up before the source's disk is full of what it retains, or when nothing more comes out of it. The
/// catalog knows first: from then on the stream has to be begun again, which setup() does once ClickHouse answers.
void release_slot(const Settings& settings, SourceWatch& watch, CatalogStore& catalog, const std::string& why,
                  std::stop_token stop);

}  // namespace echodb
