#include "embedded/response_format.h"

#include <algorithm>
#include <array>

namespace echodb {

std::string_view content_type_of(std::string_view format) {
  constexpr std::array<std::string_view, 14> kBinary{
      "Native",         "Parquet",      "Arrow",     "ArrowStream", "ORC",         "Avro", "Protobuf",
      "ProtobufSingle", "ProtobufList", "CapnProto", "MsgPack",     "BSONEachRow", "Npy",  "RawBLOB"};
  if (std::find(kBinary.begin(), kBinary.end(), format) != kBinary.end() || format.starts_with("RowBinary")) {
    return "application/octet-stream";
  }
  if (format.starts_with("JSON") || format == "PrettyJSONEachRow" || format == "PrettyNDJSON" ||
      format == "JSONLines" || format == "NDJSON") {
    bool by_lines = format.find("EachRow") != std::string_view::npos || format.find("Lines") != std::string_view::npos;
    bool one_document = format == "JSONObjectEachRow" || !(by_lines || format.find("NDJSON") != std::string_view::npos);
    return one_document ? "application/json; charset=UTF-8" : "application/x-ndjson; charset=UTF-8";
  }
  if (format.starts_with("CSV")) {
    return format.find("WithNames") == std::string_view::npos ? "text/csv; charset=UTF-8; header=absent"
                                                              : "text/csv; charset=UTF-8; header=present";
  }
  if (format.starts_with("TabSeparated") || format.starts_with("TSV")) {
    return "text/tab-separated-values; charset=UTF-8";
  }
  if (format == "XML") return "application/xml; charset=UTF-8";
  return "text/plain; charset=UTF-8";
}

}  // namespace echodb
