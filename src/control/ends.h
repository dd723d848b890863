#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "catalog/store.h"
#include "config/settings.h"
#include "control/source_identity.h"
#include "replication/bookmark.h"

namespace echodb {

/// Both ends of a stream, compared with what the other one remembers of it: the catalog is in the source, the bookmark
/// (replication/bookmark.h) in the target.
///
///   target's bookmark                                   catalog: id A, number 1004
///   none, or with another id                            another target, or emptied               loss
///   id A, number 1003                                   an earlier state of the target           loss
///   another stream's, or another source's that the      somebody else's target                   owner
///     catalog knows nothing of
///   this stream's, of a position beyond the catalog's   the source went back                     source.fault
struct EndsComparison {
  std::optional<StreamRecord> stream;  ///< the catalog's record, if there is one; perhaps under an earlier name
  std::optional<Bookmark> bookmark;    ///< the target's, if it has one
  std::string owner = {};              ///< whose the target is, when it is somebody else's; empty otherwise
  SourceComparison source;             ///< with a fault only if the target is this stream's
  std::string target_loss = {};        ///< why the target may lack what it had acknowledged; empty: it does not
};

/// Changes nothing. May run beside a worker that writes both.
EndsComparison compare_ends(const Settings& settings, CatalogStore& catalog, std::stop_token stop);

/// The catalog's record of this database's stream. A stream is called what its database is, and a database may get
/// another name: then it is the one whose slot is in this database, or that the target has a bookmark of with this
/// database's oid. A copy of a database (CREATE DATABASE … TEMPLATE) has the catalog's rows, and neither of the two.
std::optional<StreamRecord> find_own_stream(const Settings& settings, CatalogStore& catalog, std::stop_token stop);

/// Why the target may lack what it had acknowledged to this stream; empty: it does not.
std::string target_loss(const StreamRecord& stream, const std::optional<Bookmark>& bookmark,
                        const std::string& target_database);

/// The error that keeps everybody but the owner away from a target.
Error target_taken(const Settings& settings, const std::string& owner);

}  // namespace echodb
