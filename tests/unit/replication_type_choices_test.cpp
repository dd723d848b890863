#include <gtest/gtest.h>

#include "replication/type_choices.h"

namespace echodb {
namespace {

const ServerVersion kServer{.major = 26, .minor = 7, .text = "26.7"};
constexpr Oid kJsonb = 3802;
constexpr Oid kNumeric = 1700;

Column column(std::int16_t attnum, std::string name, Oid oid) {
  Column made;
  made.attnum = attnum;
  made.name = std::move(name);
  made.type = {.oid = oid, .declared = "some type"};
  return made;
}

Column list(std::int16_t attnum, std::string name, Oid oid, Oid element) {
  Column made = column(attnum, std::move(name), oid);
  made.type.kind = TypeKind::Array;
  made.type.element_oid = element;
  return made;
}

/// (id integer PRIMARY KEY, document jsonb, amount numeric, tags text[])
TableSchema orders() {
  TableSchema made;
  made.schema = "public";
  made.name = "orders";
  made.columns = {column(1, "id", 23), column(2, "document", kJsonb), column(3, "amount", kNumeric),
                  list(4, "tags", 1009, 25)};
  made.columns.front().not_null = true;
  made.primary_key = {1};
  return made;
}

std::vector<std::string> types(const TableSchema& table) {
  std::vector<std::string> chosen;
  for (const Column& column : table.columns) chosen.push_back(column.chosen_type);
  return chosen;
}

using Types = std::vector<std::string>;

TEST(TypeChoices, AreMadeOnce) {
  TableSchema table = orders();
  choose_types(table, nullptr, {.server = kServer});
  EXPECT_EQ(types(table), (Types{"Int32", "String", "Decimal(76, 20)", "Array(String)"}));
  const TypeChoices others{.server = kServer, .unbounded_numeric = UnboundedNumeric::Text, .json = JsonForm::Json};
  choose_types(table, nullptr, others);
  EXPECT_EQ(types(table), (Types{"Int32", "String", "Decimal(76, 20)", "Array(String)"}));
  EXPECT_EQ(column_target_type(table, table.columns[2], others).column_type, "Nullable(Decimal(76, 20))");
  const std::vector<KeptType> kept = kept_types(table, others);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].column + " " + kept[0].type + " " + kept[0].today, "document String JSON");
  EXPECT_EQ(kept[1].column + " " + kept[1].type + " " + kept[1].today, "amount Decimal(76, 20) String");
}

TEST(TypeChoices, AreKeptByNumberAndTypeNotByName) {
  TableSchema before = orders();
  choose_types(before, nullptr, {.server = kServer, .json = JsonForm::Json});
  TableSchema after = orders();
  after.columns[1].name = "renamed";
  after.columns[2].type.oid = 25;
  after.columns.push_back(column(5, "document", kJsonb));
  keep_types(after, before);
  EXPECT_EQ(types(after), (Types{"Int32", "JSON", "", "Array(String)", ""}));
}

TEST(TypeChoices, AnArrayOfAnotherTypeKeepsRoomForItsNulls) {
  const TypeChoices roomy{.server = kServer, .arrays = ArrayChoice::Variant};
  TableSchema before = orders();
  choose_types(before, nullptr, roomy);
  TableSchema after = orders();
  after.columns[3].type.element_oid = 1043;
  keep_types(after, before);
  choose_types(after, &before, {.server = kServer});
  EXPECT_EQ(after.columns[3].chosen_type, "Variant(Array(Nullable(String)), String)");
}

TEST(TypeChoices, AreTakenFromATargetThatIsThere) {
  TableSchema table = orders();
  adopt_types(table,
              {{"id", "Int32"},
               {"document", "Nullable(JSON)"},
               {"amount", "Nullable(UUID)"},
               {"tags", "Variant(Array(Nullable(String)), String)"}},
              {.server = kServer});
  EXPECT_EQ(types(table), (Types{"Int32", "JSON", "", "Variant(Array(Nullable(String)), String)"}));
}

TEST(TypeChoices, AKeyHasATypeThatCanBeSorted) {
  TableSchema table = orders();
  choose_types(table, nullptr, {.server = kServer, .json = JsonForm::Json});
  table.columns[1].not_null = true;
  table.primary_key = {2};
  const TypeChoices choices{.server = kServer, .json = JsonForm::Json};
  choose_types(table, nullptr, choices);
  EXPECT_EQ(table.columns[1].chosen_type, "String");
}

TEST(TypeChoices, ARuleThatCannotBeFollowedChoosesNothing) {
  TableSchema table = orders();
  const TypeChoices choices{.server = kServer, .columns = {{.pattern = "public.orders.id", .type = "IPv4"}}};
  choose_types(table, nullptr, choices);
  EXPECT_EQ(table.columns[0].chosen_type, "");
  EXPECT_THROW(column_target_type(table, table.columns[0], choices), Error);
  EXPECT_EQ(table.columns[1].chosen_type, "String");
}

}  // namespace
}  // namespace echodb
