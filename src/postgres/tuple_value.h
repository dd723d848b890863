#pragma once

#include "base/bytes.h"

namespace echodb {

/// One column of a row as it came over the wire. The bytes are borrowed from the message.
struct TupleValue {
  enum class Kind : char {
    Null = 'n',
    Unchanged = 'u',  ///< a toasted value that the UPDATE did not touch and pgoutput did not send
    Text = 't',       ///< what the type's output function writes
    Binary = 'b',     ///< what the type's send function writes
  };

  Kind kind = Kind::Null;
  Bytes value;  ///< empty for Null and Unchanged
};

}  // namespace echodb
