#include "replication/source_types.h"

#include <fmt/format.h>

#include "replication/source_types.sql.h"

namespace echodb {
namespace {

/// FirstNormalObjectId of PostgreSQL's access/transam.h: no object of an application has a smaller number.
constexpr Oid kFirstNormalOid = 16384;

}  // namespace

const TypeParts& SourceTypes::parts(Oid type) {
  static const TypeParts kBuiltIn;
  if (type < kFirstNormalOid) return kBuiltIn;
  if (auto known = known_.find(type); known != known_.end()) return known->second;
  QueryResult rows = source_.query(std::string(sql::source_types), {std::to_string(type)});
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::string_view kind = rows.text(row, 1);
    const std::string_view delimiter = rows.text(row, 3);
    if (kind.size() != 1 || delimiter.size() != 1) {
      throw Error(ErrorCode::ProtocolViolation, "pg_type has a kind or a delimiter that is no character");
    }
    known_[static_cast<Oid>(rows.number(row, 0))] = {.kind = static_cast<TypeKind>(kind.front()),
                                                     .of = static_cast<Oid>(rows.number(row, 2)),
                                                     .delimiter = delimiter.front()};
  }
  auto found = known_.find(type);
  if (found == known_.end()) {
    throw Error(ErrorCode::SchemaMismatch,
                fmt::format("the type {} was dropped while values of it were waiting for their text", type),
                "the table has to be copied again");
  }
  return found->second;
}

}  // namespace echodb
