#pragma once

#include <memory>
#include <string>

#include "columns/fixed_column.h"
#include "columns/text_rendering.h"
#include "columns/type_map.h"

namespace echodb {

/// A codec for overridden types: the binary form is first rendered as text, and the text is what `Codec` reads.
template <typename Codec>
struct ViaText {
  using Value = typename Codec::Value;
  StringDecoder render;  ///< nullptr: the binary form is the text
  Codec codec;

  Value from_binary(Bytes value) const {
    if (render == nullptr) return codec.from_text(as_text(value));
    fmt::memory_buffer scratch;
    return codec.from_text(render(value, scratch));
  }
  Value from_text(std::string_view value) const { return codec.from_text(value); }
  void to_text(Value value, std::string& out) const { codec.to_text(value, out); }
};

/// The column of a codec that reads both forms, or of one that reads text when the type asks for it.
template <typename Codec>
std::unique_ptr<ColumnBuilder> make_fixed_column(const TargetType& type, Codec codec = {}) {
  if (type.read_as) {
    const ViaText<Codec> via{.render = string_decoders(*type.read_as).binary, .codec = codec};
    return std::make_unique<FixedColumn<ViaText<Codec>>>(type.native_type, type.nullable, via);
  }
  return std::make_unique<FixedColumn<Codec>>(type.native_type, type.nullable, codec);
}

/// The same for a codec that reads text only.
template <typename Codec>
std::unique_ptr<ColumnBuilder> make_read_column(const TargetType& type, Codec codec = {}) {
  ECHO_ASSERT(type.read_as.has_value());
  const ViaText<Codec> via{.render = string_decoders(*type.read_as).binary, .codec = codec};
  return std::make_unique<FixedColumn<ViaText<Codec>>>(type.native_type, type.nullable, via);
}

}  // namespace echodb
