// Builds columns from the input, writes them as a Native block into a real ClickHouse, reads them back as RowBinary and
// demands the same columns. Values that a column refuses are replaced by its default, which also tries that a refusal
// leaves nothing behind.
//
// input  := columns:uint8 rows:uint8 (type:uint8 nullable:uint8){columns} value{columns x rows}
// value  := choice:uint8 …    0 default, 1 NULL, 2 copy of an earlier row, 3 any bytes, otherwise one of the type's
// shape

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "columns/make_column.h"
#include "columns/source_text.h"
#include "support/in_process_clickhouse.h"

namespace {

using namespace echodb;
using echodb::unit::InProcessClickHouse;

constexpr std::size_t kColumnsMax = 6;
constexpr std::size_t kRowsMax = 64;

/// Takes the input apart; behind its end everything is zero.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size) : bytes_(bytes, size) {}

  std::uint8_t take() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::string take_string(std::size_t size) {
    std::string text;
    while (text.size() < size) text.push_back(static_cast<char>(take()));
    return text;
  }
  std::string take_any_string() { return take_string(take() % 40); }

 private:
  std::span<const std::uint8_t> bytes_;
};

void append_big_endian(std::string& to, std::uint64_t value, std::size_t width) {
  for (std::size_t byte = width; byte-- > 0;) to.push_back(static_cast<char>(value >> (8 * byte) & 0xFF));
}

std::string numeric_shape(Input& input) {
  const std::uint64_t digits = input.take() % 8;
  std::string value;
  append_big_endian(value, digits, 2);
  append_big_endian(value, static_cast<std::uint64_t>(input.take() % 12) - 4, 2);
  append_big_endian(value, input.take() % 2 == 0 ? 0x0000 : 0x4000, 2);
  append_big_endian(value, input.take() % 30, 2);
  for (std::uint64_t digit = 0; digit < digits; ++digit) {
    append_big_endian(value, (input.take() * 256U + input.take()) % 10'000, 2);
  }
  return value;
}

std::string value_shape(ValueForm form, Input& input) {
  constexpr std::uint64_t kMicrosPerDay = 86'400'000'000;
  std::string value;
  switch (form) {
    case ValueForm::Bool: return input.take_string(1);
    case ValueForm::Int16: return input.take_string(2);
    case ValueForm::Int32:
    case ValueForm::UInt32:
    case ValueForm::Float32: return input.take_string(4);
    case ValueForm::Int64:
    case ValueForm::Float64: return input.take_string(8);
    case ValueForm::Uuid: return input.take_string(16);
    case ValueForm::Date: append_big_endian(value, input.take() * 400U - 30'000U, 4); return value;
    case ValueForm::Timestamp:
      append_big_endian(value, (input.take() * 400U) * kMicrosPerDay - input.take() * 997U, 8);
      return value;
    case ValueForm::TimeText: append_big_endian(value, input.take() * 338'823'529U, 8); return value;
    case ValueForm::Decimal:
    case ValueForm::NumericText: return numeric_shape(input);
    case ValueForm::Jsonb: return '\1' + input.take_any_string();
    default: return input.take_any_string();
  }
}

std::string array_shape(ValueForm element, Input& input) {
  constexpr std::uint64_t kIrregular = 5;
  const std::uint64_t length = input.take() % (kIrregular + 1);
  std::string value;
  append_big_endian(value, length == 0 ? 0 : 1, 4);
  append_big_endian(value, 0, 4);
  append_big_endian(value, 0, 4);
  if (length == 0) return value;
  append_big_endian(value, length, 4);
  append_big_endian(value, length == kIrregular ? 0 : 1, 4);
  for (std::uint64_t index = 0; index < length; ++index) {
    if (input.take() % 4 == 0) {
      append_big_endian(value, 0xFFFFFFFF, 4);
      continue;
    }
    const std::string shape = value_shape(element, input);
    append_big_endian(value, shape.size(), 4);
    value += shape;
  }
  return value;
}

TargetType choose_type(Input& input) {
  constexpr std::int32_t kNumeric[] = {(9 << 16 | 2) + 4, (18 << 16 | 5) + 4, (38 << 16 | 10) + 4, (76 << 16 | 20) + 4};
  constexpr Oid kOids[] = {16,   17,   20,   21,   23,   25,   26,   600,  602,  700,  701, 869,
                           1082, 1083, 1184, 1186, 1700, 2950, 3614, 3802, 3904, 3908, 4532};
  constexpr Oid kNumericOid = 1700;
  constexpr Oid kEnum = 20'000;
  const unsigned choice = input.take();
  const unsigned flags = input.take();
  ColumnType type{.oid = kOids[choice % std::size(kOids)], .declared = {}};
  if (type.oid == kNumericOid) type.typmod = flags / 4 % 5 == 4 ? -1 : kNumeric[flags / 4 % 5];
  if (flags / 64 == 1) {
    type.element_oid = type.oid;
    type.kind = TypeKind::Array;
  } else if (flags / 64 == 2) {
    type.oid = kEnum;
    type.kind = TypeKind::Enum;
  }
  return target_type(type, {.server = {.major = 26, .minor = 7, .text = {}},
                            .nullable = flags % 2 == 1,
                            .arrays = static_cast<ArrayChoice>(flags / 2 % 3)});
}

/// Gives some text to the values that only a source can render.
void render_source_texts(ColumnBuilder& column) {
  SourceTextColumn* part = column.source_text();
  if (part == nullptr) return;
  std::vector<std::optional<std::string>> texts;
  while (texts.size() < part->pending()) texts.emplace_back("{{" + std::to_string(texts.size()) + "}}");
  part->resolve(texts);
}

void append_value(ColumnBuilder& column, const TargetType& type, Input& input) {
  const std::size_t rows = column.rows();
  try {
    switch (input.take() % 8) {
      case 0: return column.append_default();
      case 1: return column.append_null();
      case 2: return rows == 0 ? column.append_default() : column.append_from(column, input.take() % rows);
      case 3: return column.append_binary(as_bytes(input.take_any_string()));
      default:
        return column.append_binary(
            as_bytes(type.is_array() ? array_shape(type.form, input) : value_shape(type.form, input)));
    }
  } catch (const Error& refused) {
    if (refused.code() != ErrorCode::UnsupportedValue && refused.code() != ErrorCode::ProtocolViolation) throw;
    column.truncate(rows);
    column.append_default();
  }
}

std::string data_of(const ColumnBuilder& column) {
  NativeBlock block({.columns = 1, .rows = column.rows()});
  column.write(block);
  std::string data;
  for (Bytes part : block.parts()) data += as_text(part);
  return data;
}

struct FuzzedColumn {
  TargetType type;
  std::unique_ptr<ColumnBuilder> column;
};

void expect_same(const std::vector<FuzzedColumn>& columns, Bytes row_binary) {
  std::vector<std::unique_ptr<ColumnBuilder>> back;
  for (const FuzzedColumn& column : columns) back.push_back(make_column(column.type));
  RowBinaryReader reader(row_binary);
  while (!reader.at_end()) {
    for (auto& column : back) column->append_row_binary(reader);
  }
  for (std::size_t index = 0; index < columns.size(); ++index) {
    if (data_of(*back[index]) == data_of(*columns[index].column)) continue;
    std::fprintf(stderr, "column %zu, %s, came back different\n", index, columns[index].type.column_type.c_str());
    std::abort();
  }
}

void round_trip(InProcessClickHouse& server, Input input) {
  std::vector<FuzzedColumn> columns(1 + input.take() % kColumnsMax);
  const std::size_t rows = input.take() % kRowsMax;
  std::string declarations;
  for (FuzzedColumn& column : columns) {
    column.type = choose_type(input);
    column.column = make_column(column.type);
    declarations += declarations.empty() ? "(" : ", ";
    declarations += "c" + std::to_string(&column - columns.data()) + " " + column.type.column_type;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    for (FuzzedColumn& column : columns) append_value(*column.column, column.type, input);
  }
  for (FuzzedColumn& column : columns) render_source_texts(*column.column);
  server.query("DROP TABLE IF EXISTS fuzzed");
  server.query("CREATE TABLE fuzzed " + declarations + ") ENGINE = Memory");
  NativeBlock block({.columns = columns.size(), .rows = rows});
  for (const FuzzedColumn& column : columns) {
    block.begin_column("c" + std::to_string(&column - columns.data()), column.column->type_name());
    column.column->write(block);
  }
  if (rows != 0) server.insert_native("INSERT INTO fuzzed", block.parts());
  const std::string stored = server.query("SELECT * FROM fuzzed", "RowBinary");
  expect_same(columns, as_bytes(stored));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (const std::string reason = InProcessClickHouse::unavailable_reason(); !reason.empty()) {
    std::fprintf(stderr, "skipped: %s\n", reason.c_str());
    std::exit(0);
  }
  static InProcessClickHouse server;
  round_trip(server, Input(bytes, size));
  return 0;
}
