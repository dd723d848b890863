#include "verify/rows_parser.h"

#include <algorithm>

#include "columns/make_column.h"
#include "config/limits.h"

namespace echodb {
namespace {

/// What may have arrived before another attempt is made at reading whole rows of it.
constexpr std::size_t kParseBytes = 256 << 10;

}  // namespace

RowsParser::RowsParser(const CheckedTable& table, std::span<const std::size_t> columns, Tail tail,
                       const TargetReader::OnRows& on_rows)
    : tail_(tail), on_rows_(on_rows), parse_from_(kParseBytes) {
  for (std::size_t column : columns) rows_.columns.push_back(make_column(table.target_types[column]));
}

void RowsParser::consume(Bytes piece) {
  buffer_.append(as_text(piece));
  if (buffer_.size() < parse_from_) return;
  parse();
  // A row longer than that is tried again when twice as much of it is there.
  parse_from_ = std::max(kParseBytes, 2 * buffer_.size());
}

void RowsParser::finish() {
  parse();
  if (!buffer_.empty()) throw Error(ErrorCode::ProtocolViolation, "ClickHouse's answer ends in the middle of a row");
}

void RowsParser::parse() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const std::size_t size = parse_row(as_bytes(std::string_view(buffer_).substr(done)));
    if (size == 0) break;
    done += size;
    if (rows_.rows() >= limits::kCheckBatchRows) hand_over();
  }
  buffer_.erase(0, done);
  hand_over();
}

/// The size of the row that was added, 0 when it is not whole yet.
std::size_t RowsParser::parse_row(Bytes rest) {
  const std::size_t before = rows_.rows();
  RowBinaryReader reader(rest);
  try {
    for (auto& column : rows_.columns) column->append_row_binary(reader);
    const std::uint64_t digest = tail_.digests ? reader.read<std::uint64_t>() : 0;
    const auto version = reader.read<std::uint64_t>();
    rows_.extra += as_text(reader.read_bytes(tail_.extra_bytes));
    rows_.versions.push_back(version);
    if (tail_.digests) rows_.digests.push_back(digest);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::ProtocolViolation) throw;
    for (auto& column : rows_.columns) column->truncate(before);
    return 0;
  }
  return rest.size() - reader.remaining();
}

void RowsParser::hand_over() {
  if (rows_.rows() == 0) return;
  on_rows_(rows_);
  for (auto& column : rows_.columns) column->clear();
  rows_.digests.clear();
  rows_.versions.clear();
  rows_.extra.clear();
}

}  // namespace echodb
