#include "replication/copy_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/limits.h"

namespace echodb {
namespace {

/// format() is the type's output function, and num_nulls() tells NULL from a row of NULLs.
std::string as_text(const std::string& name) {
  return fmt::format("CASE WHEN num_nulls({0}) = 0 THEN format('%s', {0}) END", name);
}

std::set<std::int16_t> without_send_function(Oid table, PostgresConnection& source) {
  QueryResult found = source.query(
      "SELECT a.attnum FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
      "WHERE a.attrelid = $1::oid AND a.attnum > 0 AND t.typsend = 0",
      {std::to_string(table)});
  std::set<std::int16_t> attnums;
  for (std::size_t row = 0; row < found.rows(); ++row) attnums.insert(static_cast<std::int16_t>(found.number(row, 0)));
  return attnums;
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

void mark_as_one_copy(std::vector<CopyRange>& ranges, std::uint64_t number) {
  for (CopyRange& range : ranges) range.copy = number;
}

CopiedTexts copied_texts(const TablePlan& plan, Oid table, ValueFormat streamed, PostgresConnection& source) {
  CopiedTexts texts;
  if (!plan.is_bag()) {
    for (const PlannedColumn& column : plan.columns()) texts.push_back(column.type.form == ValueForm::SourceText);
  } else if (streamed == ValueFormat::Text) {
    texts.resize(plan.columns().size(), true);
  } else {
    const std::set<std::int16_t> lacking = without_send_function(table, source);
    for (const PlannedColumn& column : plan.columns()) texts.push_back(lacking.contains(column.attnum));
  }
  return texts;
}

std::string copied_list(const TablePlan& plan, const CopiedTexts& texts) {
  std::string list;
  for (std::size_t index = 0; index < texts.size(); ++index) {
    if (!list.empty()) list += ", ";
    const std::string name = quote_sql_identifier(plan.columns()[index].source_name);
    list += texts[index] ? as_text(name) : name;
  }
  return list;
}

std::string copy_sql(const TablePlan& plan, const std::string& relation_name, const CopyRange& range,
                     const CopiedTexts& texts) {
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
