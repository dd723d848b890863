#pragma once

#include <fmt/format.h>

namespace echodb {

/// Adds the number as PostgreSQL's output function prints it with extra_float_digits 1: the fewest digits that lie
/// nearer to it than to every other float, plain from 1e-4 to below 1e15 (1e6 for float), scientific elsewhere.
void print_float(fmt::memory_buffer& out, double value);
void print_float(fmt::memory_buffer& out, float value);

}  // namespace echodb
