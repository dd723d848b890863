#pragma once

#include <string>
#include <string_view>

namespace echodb {

/// `name` in backquotes, escaped.
std::string quote_identifier(std::string_view name);
/// 'text' as a ClickHouse string literal.
std::string quote_literal(std::string_view text);

}  // namespace echodb
