#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "postgres/table_schema.h"

namespace echodb {

/// One type, as far as its values' text depends on it. None of this ever changes while the type exists.
struct TypeParts {
  TypeKind kind = TypeKind::Base;
  /// The element's type of an array, the bounds' of a range, the range of a multirange, and what a domain is a domain
  /// over, which may be another domain; otherwise 0.
  Oid of = 0;
  char delimiter = ',';  ///< typdelim: between the elements of an array of this type
};

/// Puts the text of a value together from its binary form, exactly as PostgreSQL's output functions do:
///
///   composite    count:int32 {type:oid size:int32 byte{size}}{count}        (1,"a b",)      record_out
///   array        dimensions:int32 flags:int32 element:oid                   {1,NULL,"a b"}  array_out
///                {length:int32 lower:int32}{dimensions} {size:int32 byte{size}}*
///   range, multirange: columns/range_text.cpp                               [1,"2 3")       range_out, multirange_out
///   domain       as the type that it is a domain over
///   enum         its label
///
/// A size of -1 is NULL. Worked example: a composite of int4 1 and of a domain over text that holds `a"` is, in hex,
/// 00000002 00000017 00000004 00000001 <oid of the domain> 00000002 6122, and its text is (1,"a""").
///
/// What is left, the *leaves*, are values of base types, and their text is asked for.
struct ContainerReader {
  /// What the types of the value and inside it are; asked again for each value.
  std::function<const TypeParts&(Oid type)> parts;
  /// The text of a value of a base type, called in the order in which the values stand.
  std::function<std::string(Oid type, Bytes value)> leaf;

  /// Throws Error(ProtocolViolation) for bytes that follow no such grammar, Error(UnsupportedValue) for a text that
  /// PostgreSQL could not print either, being 1 GB or more.
  [[nodiscard]] std::string text(Oid type, Bytes value) const { return text_at(0, type, value); }

 private:
  [[nodiscard]] std::string text_at(int depth, Oid type, Bytes value) const;
  [[nodiscard]] std::string composite(int depth, Bytes value) const;
  [[nodiscard]] std::string array(int depth, Bytes value) const;
};

}  // namespace echodb
