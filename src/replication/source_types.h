#pragma once

#include <map>

#include "columns/container_text.h"
#include "postgres/connection.h"

namespace echodb {

/// Types as the source's catalog describes them: looked up by number, never by a value of theirs. Borrows the
/// connection. To be made anew for every batch: a number that was a type's may be another's once it was dropped.
class SourceTypes {
 public:
  explicit SourceTypes(PostgresConnection& source) : source_(source) {}

  /// One query for a type and all that its values can consist of, none for PostgreSQL's own types, which are all base
  /// types here: whatever they consist of is PostgreSQL's too. Valid as long as this. Throws Error(SchemaMismatch) when
  /// the source no longer has the type.
  const TypeParts& parts(Oid type);

 private:
  PostgresConnection& source_;
  std::map<Oid, TypeParts> known_;
};

}  // namespace echodb
