#include <gtest/gtest.h>

#include "replication/type_choices.h"

namespace echodb {
namespace {

const ServerVersion kChoosingServer{.major = 26, .minor = 7, .text = "26.7"};
constexpr Oid kJsonbOid = 3802;
constexpr Oid kNumericOid = 1700;

Column numbered_column(std::int16_t attnum, std::string name, Oid oid) {
  Column made;
  made.attnum = attnum;
  made.name = std::move(name);
  made.type = {.oid = oid, .declared = "some type"};
  return made;
}

Column array_column(std::int16_t attnum, std::string name, Oid oid, Oid element) {
  Column made = numbered_column(attnum, std::move(name), oid);
  made.type.kind = TypeKind::Array;
  made.type.element_oid = element;
  return made;
}

/// (id integer PRIMARY KEY, document jsonb, amount numeric, tags text[])
TableSchema orders_table() {
  TableSchema made;
  made.schema = "public";
  made.name = "orders";
  made.columns = {numbered_column(1, "id", 23), numbered_column(2, "document", kJsonbOid),
                  numbered_column(3, "amount", kNumericOid), array_column(4, "tags", 1009, 25)};
  made.columns.front().not_null = true;
  made.primary_key = {1};
  return made;
}

std::vector<std::string> chosen_types(const TableSchema& table) {
  std::vector<std::string> chosen;
  for (const Column& column : table.columns) chosen.push_back(column.chosen_type);
  return chosen;
}

using ChosenTypes = std::vector<std::string>;

TEST(TypeChoices, AreMadeOnce) {
  TableSchema table = orders_table();
  choose_types(table, nullptr, {.server = kChoosingServer});
  EXPECT_EQ(chosen_types(table), (ChosenTypes{"Int32", "String", "Decimal(76, 20)", "Array(String)"}));
  const TypeChoices others{
      .server = kChoosingServer, .unbounded_numeric = UnboundedNumeric::Text, .json = JsonForm::Json};
  choose_types(table, nullptr, others);
  EXPECT_EQ(chosen_types(table), (ChosenTypes{"Int32", "String", "Decimal(76, 20)", "Array(String)"}));
  EXPECT_EQ(column_target_type(table, table.columns[2], others).column_type, "Nullable(Decimal(76, 20))");
  const std::vector<KeptType> kept = kept_types(table, others);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].column + " " + kept[0].type + " " + kept[0].today, "document String JSON");
  EXPECT_EQ(kept[1].column + " " + kept[1].type + " " + kept[1].today, "amount Decimal(76, 20) String");
}

TEST(TypeChoices, AreKeptByNumberAndTypeNotByName) {
  TableSchema before = orders_table();
  choose_types(before, nullptr, {.server = kChoosingServer, .json = JsonForm::Json});
  TableSchema after = orders_table();
  after.columns[1].name = "renamed";
  after.columns[2].type.oid = 25;
  after.columns.push_back(numbered_column(5, "document", kJsonbOid));
  keep_types(after, before);
  EXPECT_EQ(chosen_types(after), (ChosenTypes{"Int32", "JSON", "", "Array(String)", ""}));
}

TEST(TypeChoices, AnArrayOfAnotherTypeKeepsRoomForItsNulls) {
  const TypeChoices roomy{.server = kChoosingServer, .arrays = ArrayChoice::Variant};
  TableSchema before = orders_table();
  choose_types(before, nullptr, roomy);
  TableSchema after = orders_table();
  after.columns[3].type.element_oid = 1043;
  keep_types(after, before);
  choose_types(after, &before, {.server = kChoosingServer});
  EXPECT_EQ(after.columns[3].chosen_type, "Variant(Array(Nullable(String)), String)");
}

TEST(TypeChoices, AreTakenFromATargetThatIsThere) {
  TableSchema table = orders_table();
  adopt_types(table,
              {{"id", "Int32"},
               {"document", "Nullable(JSON)"},
               {"amount", "Nullable(UUID)"},
               {"tags", "Variant(Array(Nullable(String)), String)"}},
              {.server = kChoosingServer});
  EXPECT_EQ(chosen_types(table), (ChosenTypes{"Int32", "JSON", "", "Variant(Array(Nullable(String)), String)"}));
}

TEST(TypeChoices, AKeyHasATypeThatCanBeSorted) {
  TableSchema table = orders_table();
  choose_types(table, nullptr, {.server = kChoosingServer, .json = JsonForm::Json});
  table.columns[1].not_null = true;
  table.primary_key = {2};
  const TypeChoices choices{.server = kChoosingServer, .json = JsonForm::Json};
  choose_types(table, nullptr, choices);
  EXPECT_EQ(table.columns[1].chosen_type, "String");
}

TEST(TypeChoices, ARuleThatCannotBeFollowedChoosesNothing) {
  TableSchema table = orders_table();
  const TypeChoices choices{.server = kChoosingServer, .columns = {{.pattern = "public.orders.id", .type = "IPv4"}}};
  choose_types(table, nullptr, choices);
  EXPECT_EQ(table.columns[0].chosen_type, "");
  EXPECT_THROW(column_target_type(table, table.columns[0], choices), Error);
  EXPECT_EQ(table.columns[1].chosen_type, "String");
}

}  // namespace
}  // namespace echodb
