#pragma once

#include <fmt/format.h>

#include <concepts>
#include <functional>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "columns/value_errors.h"

namespace echodb::render {

// The renderers, and what they have in common. Each is a StringDecoder that turns the binary form of a type into the
// text that PostgreSQL's output function prints.

using Scratch = fmt::memory_buffer;

inline std::string_view finished(const Scratch& scratch) { return {scratch.data(), scratch.size()}; }

template <typename... Arguments>
void print(Scratch& scratch, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(scratch), format, std::forward<Arguments>(arguments)...);
}

inline void add(Scratch& scratch, std::string_view text) { scratch.append(text); }

/// HH:MM:SS, with as much of a fraction as is not zero.
void print_time(Scratch& scratch, std::int64_t micros);

std::string_view interval(Bytes value, Scratch& scratch);
std::string_view numeric(Bytes value, Scratch& scratch);
std::string_view date(Bytes value, Scratch& scratch);
std::string_view timestamp(Bytes value, Scratch& scratch);
std::string_view timestamptz(Bytes value, Scratch& scratch);
std::string_view time(Bytes value, Scratch& scratch);
std::string_view timetz(Bytes value, Scratch& scratch);
std::string_view inet(Bytes value, Scratch& scratch);
std::string_view macaddr(Bytes value, Scratch& scratch);
std::string_view point(Bytes value, Scratch& scratch);
std::string_view lseg(Bytes value, Scratch& scratch);
std::string_view box(Bytes value, Scratch& scratch);
std::string_view line(Bytes value, Scratch& scratch);
std::string_view path(Bytes value, Scratch& scratch);
std::string_view polygon(Bytes value, Scratch& scratch);
std::string_view circle(Bytes value, Scratch& scratch);
std::string_view tsvector(Bytes value, Scratch& scratch);
std::string_view tsquery(Bytes value, Scratch& scratch);
std::string_view hstore(Bytes value, Scratch& scratch);
std::string_view bytea(Bytes value, Scratch& scratch);
/// The bytes of a bytea, and its hex form, from its text, which may be hex or escaped.
std::string_view bytes_of_bytea(Bytes text, Scratch& scratch);
std::string_view hex_of_bytea(Bytes text, Scratch& scratch);

template <std::integral T>
std::string_view integer(Bytes value, Scratch& scratch) {
  expect_width(value, sizeof(T), "integer");
  print(scratch, "{}", load_big_endian<T>(value.data()));
  return finished(scratch);
}

/// Ranges of the bounds that `bound` renders, and multiranges of those ranges.
using Renderer = std::string_view (*)(Bytes value, Scratch& scratch);
using BoundRenderer = std::function<std::string_view(Bytes value, Scratch& scratch)>;
void print_range(Bytes value, Scratch& scratch, const BoundRenderer& bound);
void print_multirange(Bytes value, Scratch& scratch, const BoundRenderer& bound);

template <Renderer Bound>
std::string_view range(Bytes value, Scratch& scratch) {
  print_range(value, scratch, Bound);
  return finished(scratch);
}
template <Renderer Bound>
std::string_view multirange(Bytes value, Scratch& scratch) {
  print_multirange(value, scratch, Bound);
  return finished(scratch);
}

}  // namespace echodb::render
