#include "replication/copied_rows.h"

#include "config/limits.h"

namespace echodb {
namespace {

/// A row's ctid as a number: block and line pointer.
std::uint64_t place(const TupleValue& ctid) {
  ByteReader reader(ctid.value);
  std::uint64_t block = reader.read<std::uint32_t>();
  std::uint64_t line = reader.read<std::uint16_t>();
  reader.expect_end();
  return block << 16 | line;
}

}  // namespace

CopiedRows::CopiedRows(PostgresConnection& source, const std::string& sql, std::shared_ptr<const TablePlan> plan,
                       Options options)
    : source_(source),
      options_(std::move(options)),
      parser_({.columns = plan->columns().size() + (plan->is_bag() ? 1 : 0)}),
      batch_(std::move(plan)) {
  source_.start_copy_out(sql);
}

bool CopiedRows::begin_insert() {
  insert_began_ = std::chrono::steady_clock::now();
  insert_bytes_ = 0;
  return part_ < parts_.size() || read_block();
}

Bytes CopiedRows::next() {
  while (true) {
    while (part_ < parts_.size()) {
      Bytes part = parts_[part_++];
      insert_bytes_ += part.size();
      if (!part.empty()) return part;
    }
    if (insert_is_full() || !read_block()) return {};
  }
}

bool CopiedRows::insert_is_full() const {
  return insert_bytes_ >= limits::kCopyInsertBytes ||
         std::chrono::steady_clock::now() - insert_began_ >= limits::kCopyInsertTime;
}

bool CopiedRows::block_is_full() const {
  return batch_.rows() >= options_.block_rows_max || batch_bytes_ >= options_.block_bytes_max;
}

/// Replaces the block by the next one; false when there is none.
bool CopiedRows::read_block() {
  batch_.clear();
  batch_bytes_ = 0;
  while (!at_end_ && !block_is_full()) {
    if (std::optional<PostgresConnection::CopyMessage> message = source_.receive()) {
      parser_.consume(message->bytes(), *this);
    } else {
      parser_.finish();
      at_end_ = true;
    }
  }
  if (batch_.rows() == 0) return false;
  options_.completed(batch_);
  rows_ += batch_.rows();
  block_.emplace(batch_.block());
  parts_ = block_->parts();
  part_ = 0;
  return true;
}

void CopiedRows::on_row(std::span<const TupleValue> row) {
  if (batch_.plan().is_bag()) {
    batch_.add_copied_row(row.first(row.size() - 1),
                          {.place = options_.place_base + place(row.back()), .texts = options_.texts});
  } else {
    batch_.add_copied_row(row, {.place = 0, .texts = options_.texts});
  }
  for (const TupleValue& value : row) batch_bytes_ += value.value.size() + 1;
}

}  // namespace echodb
