#include "clickhouse/native_block.h"

namespace echodb {

NativeBlock::NativeBlock(Shape shape) {
  own_.append_var_uint(shape.columns);
  own_.append_var_uint(shape.rows);
  add_own(0);
}

void NativeBlock::begin_column(std::string_view name, std::string_view type) {
  const std::size_t from = own_.size();
  own_.append_string(name);
  own_.append_string(type);
  add_own(from);
}

void NativeBlock::append_copy(Bytes bytes) {
  const std::size_t from = own_.size();
  own_.append(bytes);
  add_own(from);
}

void NativeBlock::append_borrowed(Bytes bytes) {
  if (bytes.empty()) return;
  parts_.push_back({.borrowed = bytes.data(), .offset = 0, .size = bytes.size()});
  size_ += bytes.size();
}

void NativeBlock::add_own(std::size_t from) {
  const std::size_t added = own_.size() - from;
  if (added == 0) return;
  size_ += added;
  // Own bytes that follow own bytes lie behind each other: one part.
  if (!parts_.empty() && parts_.back().borrowed == nullptr) {
    parts_.back().size += added;
  } else {
    parts_.push_back({.borrowed = nullptr, .offset = from, .size = added});
  }
}

std::vector<Bytes> NativeBlock::parts() const {
  std::vector<Bytes> parts;
  parts.reserve(parts_.size());
  for (const Part& part : parts_) {
    parts.emplace_back(part.borrowed != nullptr ? part.borrowed : own_.data() + part.offset, part.size);
  }
  return parts;
}

}  // namespace echodb
