#pragma once

#include <string>

#include "catalog/stream_catalog.h"
#include "config/settings.h"
#include "replication/batcher.h"
#include "replication/copier.h"
#include "replication/lane.h"
#include "replication/table_registry.h"
#include "replication/watermark.h"

namespace echodb {

/// The stream's parts that the units of TableLife work with. They outlive these.
struct TableParts {
  const Settings& settings;
  std::string stream;
  StreamCatalog& catalog;
  TableRegistry& registry;
  Watermark& watermark;
  LaneScheduler& lanes;
  Batcher& batcher;
  Copier& copier;
};

}  // namespace echodb
