#include <gtest/gtest.h>

#include "base/error.h"
#include "replication/ddl_message.h"

namespace echodb {
namespace {

constexpr const char* kTableMessage =
    R"({"op":"table","tag":"CREATE TABLE","published":true,"table":{"oid":7,"schema":"public","name":"t","relkind":"r",
        "replica_identity":"d","relfilenode":7,"partition_root":0,"primary_key":[1],"identity_index":[],
        "columns":[{"attnum":1,"name":"id","not_null":true,"generated":false,"missing_value":null,
                    "type":{"oid":23,"typmod":-1,"kind":"b","declared":"integer"}}]}})";

TEST(DdlMessage, ReadsATable) {
  DdlMessage message = parse_ddl_message(kTableMessage);
  const auto& table = std::get<TableMessage>(message);
  EXPECT_EQ(table.tag, "CREATE TABLE");
  EXPECT_TRUE(table.published);
  EXPECT_EQ(table.schema.qualified_name(), "public.t");
  EXPECT_EQ(table.schema.key(), std::vector<std::int16_t>{1});
  EXPECT_EQ(parse_table_schema(table.snapshot), table.schema) << "what is stored reads back the same";
}

TEST(DdlMessage, ReadsTheOthers) {
  EXPECT_EQ(std::get<DropMessage>(parse_ddl_message(R"({"op":"drop","oid":7})")).oid, 7U);
  EXPECT_TRUE(std::get<RewriteMessage>(parse_ddl_message(R"({"op":"rewrite","oid":7,"plain":true})")).plain);
  EXPECT_EQ(std::get<UnwatchMessage>(parse_ddl_message(R"({"op":"unwatch","oid":7})")).oid, 7U);
  auto lost = std::get<LostMessage>(parse_ddl_message(R"({"op":"lost","oid":7,"reason":"r","exclusive":true})"));
  EXPECT_EQ(lost.reason, "r");
  EXPECT_TRUE(lost.exclusive);
  EXPECT_EQ(std::get<RecopyMessage>(parse_ddl_message(R"({"op":"recopy","oid":7,"reason":"r"})")).reason, "r");
  EXPECT_FALSE(std::get<RecopyMessage>(parse_ddl_message(R"({"op":"recopy","oid":7,"reason":"r"})")).types_changed);
  EXPECT_TRUE(std::get<RecopyMessage>(parse_ddl_message(R"({"op":"recopy","oid":7,"reason":"r","types_changed":true})"))
                  .types_changed);
  auto refused = std::get<RefusedMessage>(parse_ddl_message(R"({"op":"refused","oid":7,"table":"a.b","reason":"r"})"));
  EXPECT_EQ(refused.table, "a.b");
}

std::string with(std::string_view from, std::string_view to) {
  std::string text(kTableMessage);
  return text.replace(text.find(from), from.size(), to);
}

TEST(DdlMessage, RefusesATableThatContradictsItself) {
  EXPECT_NO_THROW(parse_ddl_message(with(R"("attnum":1)", R"("attnum":1)")));
  EXPECT_THROW(parse_ddl_message(with(R"("primary_key":[1])", R"("primary_key":[2])")), Error);
  EXPECT_THROW(parse_ddl_message(with(R"("identity_index":[])", R"("identity_index":[-1])")), Error);
  EXPECT_THROW(parse_ddl_message(with(R"("attnum":1)", R"("attnum":0)")), Error);
  EXPECT_THROW(parse_ddl_message(with(R"("kind":"b")", R"("kind":"a")")), Error) << "an array without an element";
}

TEST(DdlMessage, RefusesWhatIsNestedTooDeeply) {
  std::string deep = R"({"op":)" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_THROW(parse_ddl_message(deep), Error);
  EXPECT_THROW(parse_ddl_message(std::string(200'000, '[')), Error);
}

TEST(DdlMessage, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "{", "[]", "{}", R"({"op":"merge","oid":7})", R"({"op":"drop"})",
                           R"({"op":"drop","oid":"x"})", R"({"op":"table","tag":"CREATE TABLE","published":true})"}) {
    EXPECT_THROW(parse_ddl_message(text), Error) << text;
  }
}

}  // namespace
}  // namespace echodb
