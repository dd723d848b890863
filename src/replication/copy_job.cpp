#include "replication/copy_job.h"

#include <fmt/format.h>

#include "config/limits.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

constexpr int kTidRangeScanSince = 140000;

/// What stands for a column in the SELECT list. Values that only the source can render come as their text; format()
/// is the type's output function, and num_nulls() tells NULL from a row of NULLs. A keyless table's values come as
/// they are in the stream, so that their hashes agree.
std::string expression(const PlannedColumn& column, bool is_bag) {
  std::string name = quote_sql_identifier(column.source_name);
  if (column.type.form != ValueForm::SourceText || is_bag) return name;
  return fmt::format("CASE WHEN num_nulls({0}) = 0 THEN format('%s', {0}) END", name);
}

}  // namespace

std::vector<CopyRange> cut_ranges(const std::vector<HeapSize>& heaps, int server_version) {
  constexpr std::uint64_t kPages = limits::kCopyRangeBytes / limits::kPostgresPageBytes;
  std::vector<CopyRange> ranges;
  for (const HeapSize& heap : heaps) {
    for (std::uint64_t first = 0;; first += kPages) {
      bool last = first + kPages >= heap.pages || server_version < kTidRangeScanSince;
      CopyRange range{.number = static_cast<int>(ranges.size()),
                      .relation = heap.relation,
                      .relfilenode = heap.relfilenode,
                      .first_block = first};
      if (!last) range.end_block = first + kPages;
      ranges.push_back(range);
      if (last) break;
    }
  }
  return ranges;
}

std::string copy_sql(const TablePlan& plan, const std::string& relation_name, const CopyRange& range) {
  std::string list;
  for (const PlannedColumn& column : plan.columns()) {
    if (!list.empty()) list += ", ";
    list += expression(column, plan.is_bag());
  }
  if (plan.is_bag()) list += list.empty() ? "ctid" : ", ctid";
  std::string where;
  if (range.first_block > 0) where += fmt::format(" WHERE ctid >= '({},0)'::tid", range.first_block);
  if (range.end_block) {
    where += fmt::format("{} ctid < '({},0)'::tid", where.empty() ? " WHERE" : " AND", *range.end_block);
  }
  return fmt::format("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT (FORMAT binary)", list, relation_name, where);
}

}  // namespace echodb
