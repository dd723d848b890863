#pragma once

#include <fmt/format.h>

#include <string_view>

#include "base/bytes.h"
#include "columns/type_map.h"

namespace echodb {

/// Turns one form of a value into the text that the column holds. The result lies in the value itself or in `scratch`,
/// whose content is the decoder's.
using StringDecoder = std::string_view (*)(Bytes value, fmt::memory_buffer& scratch);

/// nullptr: the bytes are the text.
struct StringDecoders {
  StringDecoder binary = nullptr;
  StringDecoder text = nullptr;
};

/// How a String column of this form reads its values. Rendered forms print what PostgreSQL's output function prints.
StringDecoders string_decoders(ValueForm form);

}  // namespace echodb
