#include "postgres/table_schema.h"

#include <algorithm>

#include "base/error.h"
#include "postgres/bounded_json.h"

namespace echodb {
namespace {

using nlohmann::json;

char letter(const json& value) {
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() ? '\0' : text.front();
}

ColumnType parse_type(const json& from) {
  ColumnType type;
  type.oid = from.at("oid").get<Oid>();
  type.typmod = from.at("typmod").get<std::int32_t>();
  type.kind = static_cast<TypeKind>(letter(from.at("kind")));
  type.declared = from.at("declared").get<std::string>();
  if (type.kind == TypeKind::Array) {
    type.element_oid = from.at("element_oid").get<Oid>();
    type.element_kind = static_cast<TypeKind>(letter(from.at("element_kind")));
  }
  // Entries from before there was such a field lack it.
  type.extension_type = from.value("extension_type", std::string());
  return type;
}

Column parse_column(const json& from) {
  Column column;
  column.attnum = from.at("attnum").get<std::int16_t>();
  column.name = from.at("name").get<std::string>();
  column.type = parse_type(from.at("type"));
  column.not_null = from.at("not_null").get<bool>();
  column.generated = from.at("generated").get<bool>();
  // As above.
  column.virtual_expression = from.value("virtual_expression", std::string());
  if (const json& missing = from.at("missing_value"); !missing.is_null())
    column.missing_value = missing.get<std::string>();
  return column;
}

/// Columns are found by their numbers from here on, so each is there once and keys name no other.
void require_sound(const TableSchema& table) {
  constexpr std::size_t kColumnsMax = 1600;  // MaxHeapAttributeNumber
  if (table.columns.size() > kColumnsMax) throw Error(ErrorCode::ProtocolViolation, "a table has too many columns");
  std::int16_t last = 0;
  for (const Column& column : table.columns) {
    if (column.attnum <= last) throw Error(ErrorCode::ProtocolViolation, "a table's columns are not in order");
    last = column.attnum;
  }
  for (const auto* key : {&table.primary_key, &table.identity_index}) {
    for (std::int16_t attnum : *key) {
      if (table.find_column(attnum) == nullptr) {
        throw Error(ErrorCode::ProtocolViolation, "a table's key has a column that the table does not have");
      }
    }
  }
}

TableSchema parse(const json& from) {
  TableSchema table;
  table.oid = from.at("oid").get<Oid>();
  table.schema = from.at("schema").get<std::string>();
  table.name = from.at("name").get<std::string>();
  table.relkind = letter(from.at("relkind"));
  table.replica_identity = static_cast<ReplicaIdentity>(letter(from.at("replica_identity")));
  table.partition_parent = from.at("partition_root").get<Oid>();
  table.relfilenode = from.at("relfilenode").get<Oid>();
  for (const json& column : from.at("columns")) table.columns.push_back(parse_column(column));
  table.primary_key = from.at("primary_key").get<std::vector<std::int16_t>>();
  table.identity_index = from.at("identity_index").get<std::vector<std::int16_t>>();
  require_sound(table);
  return table;
}

}  // namespace

const Column* TableSchema::find_column(std::int16_t attnum) const {
  auto found = std::ranges::find(columns, attnum, &Column::attnum);
  return found == columns.end() ? nullptr : &*found;
}

bool same_values(const ColumnType& left, const ColumnType& right) {
  ColumnType renamed = left;
  renamed.declared = right.declared;
  return renamed == right;
}

TableSchema parse_table_schema(std::string_view text) {
  try {
    return parse(parse_bounded_json(text));
  } catch (const json::exception& fault) {
    throw Error(ErrorCode::ProtocolViolation, std::string("not a table snapshot: ") + fault.what());
  }
}

}  // namespace echodb
