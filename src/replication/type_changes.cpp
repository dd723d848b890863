#include "replication/type_changes.h"

#include <algorithm>
#include <utility>

namespace echodb {
namespace {

constexpr Oid kFirstOfUsers = 16'384;

/// Of what a domain or a range is, is not known here.
bool may_hold_rows(TypeKind kind) {
  return kind == TypeKind::Composite || kind == TypeKind::Domain || kind == TypeKind::Range ||
         kind == TypeKind::Multirange;
}

}  // namespace

bool TypeChanges::has(const TableSchema& schema, std::size_t kind) {
  return std::ranges::any_of(schema.columns, [&](const Column& column) {
    const bool own = std::max(column.type.oid, column.type.element_oid) >= kFirstOfUsers;
    return own && (kind == Own || may_hold_rows(column.type.kind) || may_hold_rows(column.type.element_kind));
  });
}

void TypeChanges::run_began(Lsn at) {
  began_ = at;
  changed_last_.fill(at);
}

void TypeChanges::changed(const TypeChangedMessage& message, Lsn lsn) {
  std::optional<Lsn>& first = changed_now_[message.of_rows ? Rows : Own];
  if (!first) first = lsn;
}

std::optional<Lsn> TypeChanges::after(const TableVersion& version) const {
  std::optional<Lsn> latest;
  for (std::size_t kind = 0; kind < Kinds; ++kind) {
    if (version.lsn >= changed_last_[kind] || !has(version.schema, kind)) continue;
    latest = std::max(latest.value_or(changed_last_[kind]), changed_last_[kind]);
  }
  return latest;
}

bool TypeChanges::has_missed(const MirroredTable& table) const {
  for (std::size_t kind = 0; kind < Kinds; ++kind) {
    const std::optional<Lsn>& first = changed_now_[kind];
    if (first && table.described.value_or(began_) > *first && has(table.schema(), kind)) return true;
  }
  return false;
}

std::set<Oid> TypeChanges::transaction_ended(Lsn commit) {
  for (std::size_t kind = 0; kind < Kinds; ++kind) {
    if (std::exchange(changed_now_[kind], std::nullopt)) changed_last_[kind] = commit;
  }
  return std::exchange(described_, {});
}

}  // namespace echodb
