#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace echodb {

enum class StatementShape {
  Incomplete,      ///< more of the text is needed to say
  WithoutData,     ///< a statement and nothing else, INSERT … SELECT among them
  InsertWithData,  ///< an INSERT whose data follows in the same text
};

/// Where an INSERT ends and its data begins.
struct StatementSplit {
  StatementShape shape = StatementShape::Incomplete;
  std::size_t header_size = 0;  ///< of "INSERT INTO t (a, b) SETTINGS x = 1", without FORMAT and VALUES
  std::string format;           ///< of the data, "Values" for VALUES
  std::size_t data_offset = 0;
};

/// Splits what a client sent, as ClickHouse's own parser does: after VALUES or FORMAT x, blanks up to and with the
/// first line end are skipped; everything after that is data, whatever it looks like. `complete` says that no more
/// text comes.
StatementSplit split_statement(std::string_view text, bool complete);

}  // namespace echodb
