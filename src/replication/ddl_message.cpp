#include "replication/ddl_message.h"

#include "base/error.h"
#include "postgres/bounded_json.h"

namespace echodb {
namespace {

DdlMessage parse(const nlohmann::json& message) {
  const auto& op = message.at("op").get_ref<const std::string&>();
  if (op == "table") {
    std::string snapshot = message.at("table").dump();
    TableSchema schema = parse_table_schema(snapshot);
    return TableMessage{.tag = message.at("tag").get<std::string>(),
                        .published = message.at("published").get<bool>(),
                        .empty = message.value("empty", true),
                        .schema = std::move(schema),
                        .snapshot = std::move(snapshot)};
  }
  if (op == "type") return TypeChangedMessage{message.at("type").get<Oid>(), message.value("of_rows", false)};
  Oid oid = message.at("oid").get<Oid>();
  if (op == "drop") return DropMessage{oid};
  if (op == "rewrite") return RewriteMessage{oid, message.at("plain").get<bool>()};
  if (op == "unwatch") return UnwatchMessage{oid};
  if (op == "lost") {
    return LostMessage{oid, message.at("reason").get<std::string>(), message.at("exclusive").get<bool>()};
  }
  if (op == "recopy") {
    return RecopyMessage{oid, message.at("reason").get<std::string>(), message.value("types_changed", false)};
  }
  if (op == "refused") {
    return RefusedMessage{oid, message.at("table").get<std::string>(), message.at("reason").get<std::string>()};
  }
  throw Error(ErrorCode::ProtocolViolation, "schema message of unknown kind '" + op + "'");
}

}  // namespace

Oid relation_of(const DdlMessage& message) {
  if (const auto* table = std::get_if<TableMessage>(&message)) return table->schema.oid;
  return std::visit(
      [](const auto& of_kind) {
        if constexpr (requires { of_kind.oid; }) return of_kind.oid;
        return Oid{0};
      },
      message);
}

void ask_for_description(PostgresConnection& source, Oid table, std::string_view tag) {
  source.query("SELECT _echodb.describe($1::oid, $2)", {std::to_string(table), tag});
}

DdlMessage parse_ddl_message(std::string_view text) {
  try {
    return parse(parse_bounded_json(text));
  } catch (const nlohmann::json::exception& fault) {
    throw Error(ErrorCode::ProtocolViolation, std::string("not a schema message: ") + fault.what());
  }
}

}  // namespace echodb
