#include "replication/copy_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/limits.h"
#include "postgres/connection.h"
#include "postgres/server_version.h"

namespace echodb {
namespace {

/// What stands for a column in the SELECT list. Values that only the source can render come as their text; format()
/// is the type's output function, and num_nulls() tells NULL from a row of NULLs.
std::string expression(const PlannedColumn& column, CopiedTexts texts) {
  std::string name = quote_sql_identifier(column.source_name);
  if (!comes_as_text(column, texts)) return name;
  return fmt::format("CASE WHEN num_nulls({0}) = 0 THEN format('%s', {0}) END", name);
}

}  // namespace

std::vector<CopyRange> cut_ranges(const std::vector<HeapSize>& heaps, int server_version) {
  constexpr std::uint64_t kPagesMin = limits::kCopyRangeBytesMin / limits::kPostgresPageBytes;
  constexpr std::uint64_t kPagesMax = limits::kCopyRangeBytesMax / limits::kPostgresPageBytes;
  std::vector<CopyRange> ranges;
  for (const HeapSize& heap : heaps) {
    for (std::uint64_t first = 0, pages = 0;; first += pages) {
      std::uint64_t left = heap.pages - std::min(first, heap.pages);
      pages = std::clamp(left / 2, kPagesMin, kPagesMax);
      bool last = pages >= left || !scans_by_ctid(server_version);
      CopyRange range{.number = static_cast<int>(ranges.size()),
                      .relation = heap.relation,
                      .relfilenode = heap.relfilenode,
                      .first_block = first};
      if (!last) range.end_block = first + pages;
      ranges.push_back(range);
      if (last) break;
    }
  }
  return ranges;
}

CopiedTexts copied_texts(const TablePlan& plan, int server_version) {
  if (!plan.is_bag()) return CopiedTexts::SourceText;
  return streams_bytes_and_messages(server_version) ? CopiedTexts::None : CopiedTexts::All;
}

std::string copied_list(const TablePlan& plan, CopiedTexts texts) {
  std::string list;
  for (const PlannedColumn& column : plan.columns()) {
    if (!list.empty()) list += ", ";
    list += expression(column, texts);
  }
  return list;
}

std::string copy_sql(const TablePlan& plan, const std::string& relation_name, const CopyRange& range,
                     CopiedTexts texts) {
  std::string list = copied_list(plan, texts);
  if (plan.is_bag()) list += list.empty() ? "ctid" : ", ctid";
  std::string where;
  if (range.first_block > 0) where += fmt::format(" WHERE ctid >= '({},0)'::tid", range.first_block);
  if (range.end_block) {
    where += fmt::format("{} ctid < '({},0)'::tid", where.empty() ? " WHERE" : " AND", *range.end_block);
  }
  return fmt::format("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT (FORMAT binary)", list, relation_name, where);
}

}  // namespace echodb
