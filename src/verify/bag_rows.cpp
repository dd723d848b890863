#include "verify/bag_rows.h"

#include <fmt/format.h>

#include <numeric>

#include "replication/target_look_up.h"
#include "verify/rows_parser.h"

namespace echodb {

std::string hash_literal(const RowHash& hash) { return fmt::format("unhex('{}')", hex(hash)); }

void read_bag_rows(const CheckedTable& table, TargetReader& target, const std::string& condition,
                   const std::function<void(const BagRow&)>& on_row) {
  std::vector<std::size_t> columns;
  std::vector<ValueDigest> digests;
  std::string list;
  if (!table.in_place) {
    columns.resize(table.plan->columns().size());
    std::iota(columns.begin(), columns.end(), 0);
    for (std::size_t column : columns) {
      digests.emplace_back(table.target_types[column]);
      list += table.quoted(column) + ", ";
    }
  } else {
    list = table.row_digest() + ", ";
  }
  list += fmt::format("{}, {}, {}, {}, {}, {}", kVersionColumn, kRowHashColumn, kLsnColumn, kOrdinalColumn,
                      kChangeColumn, kIsDeletedColumn);
  constexpr std::size_t kExtraBytes = sizeof(RowHash) + 3 * sizeof(std::uint64_t) + 1;
  const TargetReader::OnRows on_rows = [&](TargetRows& piece) {
    RowBinaryReader extra(as_bytes(piece.extra));
    for (std::size_t row = 0; row < piece.rows(); ++row) {
      BagRow one{.identity = {}, .version = piece.versions[row]};
      one.identity.hash = extra.read<RowHash>();
      one.identity.lsn = extra.read<std::uint64_t>();
      one.identity.ordinal = extra.read<std::uint64_t>();
      one.change = extra.read<std::uint64_t>();
      one.deleted = extra.read<std::uint8_t>() != 0;
      DigestFold fold;
      for (std::size_t column = 0; column < digests.size(); ++column) {
        fold.add(digests[column].of(*piece.columns[column], row));
      }
      one.digest = table.in_place ? piece.digests[row] : fold.value();
      on_row(one);
    }
  };
  RowsParser parser(table, columns, {.digests = table.in_place, .extra_bytes = kExtraBytes}, on_rows);
  target.read_raw(list, condition, [&](Bytes bytes) { parser.consume(bytes); });
  parser.finish();
}

}  // namespace echodb
