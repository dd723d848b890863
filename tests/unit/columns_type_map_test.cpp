#include "column_testing.h"

namespace echodb::unit {
namespace {

std::string column_type(Oid oid, std::int32_t typmod = -1) { return base_type(oid, true, typmod).column_type; }

TargetType on_old_server(const ColumnType& type, bool nullable = true) {
  return target_type(type, {.server = kOldServer, .nullable = nullable});
}

TEST(TypeMap, NamesTheTypeOfEveryListedType) {
  EXPECT_EQ(column_type(16), "Nullable(Bool)");
  EXPECT_EQ(column_type(21), "Nullable(Int16)");
  EXPECT_EQ(column_type(23), "Nullable(Int32)");
  EXPECT_EQ(column_type(20), "Nullable(Int64)");
  EXPECT_EQ(column_type(26), "Nullable(UInt32)");
  EXPECT_EQ(column_type(700), "Nullable(Float32)");
  EXPECT_EQ(column_type(701), "Nullable(Float64)");
  EXPECT_EQ(column_type(2950), "Nullable(UUID)");
  EXPECT_EQ(column_type(1082), "Nullable(Date32)");
  EXPECT_EQ(column_type(1114), "Nullable(DateTime64(6, 'UTC'))");
  EXPECT_EQ(column_type(1184), "Nullable(DateTime64(6, 'UTC'))");
  for (Oid oid : {17U, 18U, 19U, 25U, 114U, 142U, 1042U, 1043U, 1083U, 3802U}) {
    EXPECT_EQ(column_type(oid), "Nullable(String)") << oid;
    EXPECT_FALSE(base_type(oid).fell_back_to_text) << oid;
  }
  EXPECT_EQ(base_type(23, false).column_type, "Int32");
}

TEST(TypeMap, ChoosesADecimalThatHoldsTheModifier) {
  EXPECT_EQ(column_type(1700, numeric_typmod(10, 2)), "Nullable(Decimal(10, 2))");
  EXPECT_EQ(column_type(1700, numeric_typmod(76, 76)), "Nullable(Decimal(76, 76))");
  EXPECT_EQ(column_type(1700, numeric_typmod(3, -2)), "Nullable(Decimal(5, 0))");
  EXPECT_EQ(column_type(1700, numeric_typmod(2, 5)), "Nullable(Decimal(5, 5))");
  EXPECT_EQ(column_type(1700), "Nullable(Decimal(76, 20))");
  EXPECT_FALSE(base_type(1700).fell_back_to_text);
  const TargetType text =
      target_type({.oid = 1700, .declared = {}},
                  {.server = kCurrentServer, .nullable = true, .unbounded_numeric = UnboundedNumeric::Text});
  EXPECT_EQ(text.column_type, "Nullable(String)");
  EXPECT_FALSE(text.fell_back_to_text);
  EXPECT_EQ(on_old_server({.oid = 1700, .declared = {}}).column_type, "Nullable(String)");
  for (std::int32_t typmod : {numeric_typmod(77, 0), numeric_typmod(2, 77), numeric_typmod(70, -10)}) {
    const TargetType type = base_type(1700, true, typmod);
    EXPECT_EQ(type.column_type, "Nullable(String)");
    EXPECT_EQ(type.form, ValueForm::NumericText);
    EXPECT_TRUE(type.fell_back_to_text);
  }
}

TEST(TypeMap, EnumsAreLowCardinalityInTheTableAndStringsOnTheWire) {
  const ColumnType mood{.oid = 16400, .kind = TypeKind::Enum, .declared = "mood"};
  const TargetType type = target_type(mood, {.server = kCurrentServer, .nullable = true});
  EXPECT_EQ(type.column_type, "LowCardinality(Nullable(String))");
  EXPECT_EQ(type.native_type, "Nullable(String)");
  EXPECT_FALSE(type.fell_back_to_text);
}

TargetType array(Oid element, const TypeOptions& options, std::int32_t typmod = -1) {
  return target_type(
      {.oid = 1, .typmod = typmod, .kind = TypeKind::Array, .declared = "some[]", .element_oid = element}, options);
}

TEST(TypeMap, ArraysArePlainUntilTheyHaveToHoldNull) {
  TypeOptions options{.server = kCurrentServer, .nullable = true};
  EXPECT_EQ(array(23, options).column_type, "Array(Int32)");
  EXPECT_EQ(array(1700, options, numeric_typmod(10, 2)).column_type, "Array(Decimal(10, 2))");
  options.width = ColumnWidth::NullableElements;
  EXPECT_EQ(array(23, options).column_type, "Array(Nullable(Int32))");
  options.width = ColumnWidth::Widest;
  EXPECT_EQ(array(23, options).column_type, "Variant(Array(Nullable(Int32)), String)");
  EXPECT_EQ(array(1700, options).column_type, "Variant(Array(Nullable(Decimal(76, 38))), String)");
  options.nullable = false;
  EXPECT_EQ(array(23, options).column_type, "Variant(Array(Nullable(Int32)), String)") << "any dimensions";
  options.server = kOldServer;
  EXPECT_EQ(array(23, options).column_type, "Array(Nullable(Int32))") << "there is no wider one";
}

TEST(TypeMap, ArraysHaveRoomForNullWhenThatIsAskedFor) {
  EXPECT_EQ(array_of(23).column_type, "Array(Nullable(Int32))");
  EXPECT_EQ(array_of(23, true).column_type, "Variant(Array(Nullable(Int32)), String)");
  EXPECT_EQ(
      array(23, {.server = kCurrentServer, .nullable = true, .arrays = ArrayChoice::NullableElements}).column_type,
      "Array(Nullable(Int32))");
}

TEST(TypeMap, AColumnStaysWhatItWasMadeAs) {
  const ColumnType bytes{.oid = 17, .declared = "bytea"};
  const ColumnType number{.oid = 1700, .declared = "numeric"};
  const ColumnType document{.oid = 3802, .declared = "jsonb"};
  const ColumnType list{.oid = 1, .kind = TypeKind::Array, .declared = "text[]", .element_oid = 25};
  const ColumnType flag{.oid = 16, .declared = "boolean"};
  const ColumnType day{.oid = 1082, .declared = "date"};
  const ColumnType mood{.oid = 16400, .kind = TypeKind::Enum, .declared = "mood"};
  const std::pair<ColumnType, std::string> made[] = {{bytes, "String"},
                                                     {number, "Decimal(76, 38)"},
                                                     {number, "Decimal(76, 20)"},
                                                     {number, "String"},
                                                     {number, "Int64"},
                                                     {document, "JSON"},
                                                     {document, "LowCardinality(String)"},
                                                     {list, "Array(String)"},
                                                     {list, "Array(Nullable(String))"},
                                                     {list, "Variant(Array(Nullable(String)), String)"},
                                                     {list, "String"},
                                                     {flag, "UInt8"},
                                                     {day, "String"},
                                                     {mood, "String"}};
  for (const auto& [type, chosen] : made) {
    for (const bool nullable : {false, true}) {
      for (const auto numeric : {UnboundedNumeric::Decimal, UnboundedNumeric::Text}) {
        const TargetType kept = target_type(type, {.server = kCurrentServer,
                                                   .nullable = nullable,
                                                   .unbounded_numeric = numeric,
                                                   .json = JsonForm::Json,
                                                   .override_type = "IPv4",
                                                   .chosen_type = chosen});
        EXPECT_EQ(without_nullable(kept.column_type), chosen) << type.declared << " " << kept.column_type;
      }
    }
  }
}

TEST(TypeMap, TypesThatOnlyTheSourceCanRenderAreTextFromTheSource) {
  const TypeOptions options{.server = kCurrentServer, .nullable = true};
  const ColumnType others[] = {
      {.oid = 790 /* money */, .declared = "money"},
      {.oid = 2205 /* regclass */, .declared = "regclass"},
      {.oid = 16500, .declared = "ltree"},
      {.oid = 16501, .kind = TypeKind::Composite, .declared = "pair"},
      {.oid = 16502, .kind = TypeKind::Range, .declared = "float_range"},
      {.oid = 791, .kind = TypeKind::Array, .declared = "money[]", .element_oid = 790},
      {.oid = 16503, .kind = TypeKind::Base, .declared = "geometry", .extension_type = "geometry"},
      {.oid = 16504, .kind = TypeKind::Base, .declared = "halfvec(3)", .extension_type = "halfvec"},
      {.oid = 16506,
       .kind = TypeKind::Array,
       .declared = "vector(3)[]",
       .element_oid = 16505,
       .extension_type = "vector"}};
  for (const ColumnType& other : others) {
    const TargetType type = target_type(other, options);
    EXPECT_EQ(type.column_type, "Nullable(String)") << other.declared;
    EXPECT_EQ(type.form, ValueForm::SourceText) << other.declared;
    EXPECT_EQ(type.source_oid, other.oid) << other.declared;
    EXPECT_TRUE(type.fell_back_to_text) << other.declared;
    EXPECT_FALSE(type.is_array()) << other.declared;
  }
}

TEST(TypeMap, TypesOfKnownExtensionsAreToldByName) {
  const ColumnType citext{.oid = 16500, .declared = "citext", .extension_type = "citext"};
  const ColumnType hstore{.oid = 16501, .declared = "hstore", .extension_type = "hstore"};
  const ColumnType vector{.oid = 16502, .declared = "vector(3)", .extension_type = "vector"};
  const TypeOptions nullable{.server = kCurrentServer, .nullable = true};
  const TypeOptions not_null{.server = kCurrentServer, .nullable = false};
  EXPECT_EQ(target_type(citext, nullable).form, ValueForm::Text);
  EXPECT_FALSE(target_type(citext, nullable).fell_back_to_text);
  EXPECT_EQ(target_type(hstore, nullable).form, ValueForm::HstoreText);
  EXPECT_TRUE(target_type(hstore, nullable).fell_back_to_text);
  EXPECT_EQ(target_type(vector, not_null).column_type, "Array(Float32)");
  EXPECT_EQ(target_type(vector, nullable).column_type, "Array(Float32)");
  EXPECT_EQ(target_type(vector, {.server = kCurrentServer, .nullable = true, .width = ColumnWidth::Widest}).column_type,
            "Variant(Array(Float32), String)");
  EXPECT_EQ(target_type(vector, {.server = kOldServer, .nullable = true}).column_type, "Array(Float32)");
  // The same oids in another database may be anything.
  EXPECT_EQ(target_type({.oid = 16500, .declared = "x"}, nullable).form, ValueForm::SourceText);
}

TEST(TypeMap, JsonIsATypeOfItsOwnWhenAskedForAndThere) {
  for (Oid oid : {114U, 3802U}) {
    const ColumnType column{.oid = oid, .declared = "json"};
    const TargetType type = target_type(column, {.server = kCurrentServer, .nullable = true, .json = JsonForm::Json});
    EXPECT_EQ(type.column_type, "Nullable(JSON)");
    EXPECT_EQ(type.native_type, "Nullable(JSON)");
    EXPECT_EQ(target_type(column, {.server = kOldServer, .nullable = true, .json = JsonForm::Json}).column_type,
              "Nullable(String)");
  }
}

TEST(TypeMap, AsTextEveryTypeIsAString) {
  auto as_text_of = [](ColumnType type) {
    return target_type(
        type, {.server = kCurrentServer, .nullable = false, .override_type = "IPv4", .width = ColumnWidth::Text});
  };
  for (const auto& [oid, form] : std::initializer_list<std::pair<Oid, ValueForm>>{{16, ValueForm::BoolText},
                                                                                  {17, ValueForm::ByteaText},
                                                                                  {23, ValueForm::Int32Text},
                                                                                  {701, ValueForm::Float64Text},
                                                                                  {869, ValueForm::InetText},
                                                                                  {1082, ValueForm::DateText},
                                                                                  {1184, ValueForm::TimestampTzText},
                                                                                  {1700, ValueForm::NumericText},
                                                                                  {2950, ValueForm::UuidText},
                                                                                  {790, ValueForm::SourceText}}) {
    const TargetType type = as_text_of({.oid = oid, .declared = {}});
    EXPECT_EQ(type.column_type, "String") << oid;
    EXPECT_EQ(type.form, form) << oid;
    EXPECT_TRUE(type.fell_back_to_text) << oid;
  }
  const TargetType array =
      as_text_of({.oid = 1182, .kind = TypeKind::Array, .declared = "date[]", .element_oid = 1082});
  EXPECT_EQ(array.form, ValueForm::SourceText);
  EXPECT_FALSE(array.is_array());
}

TEST(TypeMap, AnOldServerGetsTypesItHas) {
  EXPECT_EQ(on_old_server({.oid = 16, .declared = {}}).column_type, "Nullable(UInt8)");
  EXPECT_FALSE(on_old_server({.oid = 16, .declared = {}}).fell_back_to_text);
  for (Oid oid : {1082U, 1114U, 1184U}) {
    const TargetType type = on_old_server({.oid = oid, .declared = {}});
    EXPECT_EQ(type.column_type, "Nullable(String)") << oid;
    EXPECT_TRUE(type.fell_back_to_text) << oid;
  }
  EXPECT_EQ(on_old_server({.oid = 1700, .typmod = numeric_typmod(38, 4), .declared = {}}).column_type,
            "Nullable(Decimal(38, 4))");
  EXPECT_EQ(on_old_server({.oid = 1700, .typmod = numeric_typmod(39, 4), .declared = {}}).column_type,
            "Nullable(String)");
  EXPECT_EQ(on_old_server({.oid = 16400, .kind = TypeKind::Enum, .declared = {}}).column_type, "Nullable(String)");
  const ColumnType ints{.oid = 1007, .kind = TypeKind::Array, .declared = "integer[]", .element_oid = 23};
  EXPECT_EQ(on_old_server(ints, false).column_type, "Array(Int32)");
  EXPECT_EQ(on_old_server(ints, true).column_type, "Array(Int32)");
  const TargetType text = target_type(ints, {.server = kOldServer, .nullable = true, .arrays = ArrayChoice::Variant});
  EXPECT_EQ(text.column_type, "Nullable(String)");
  EXPECT_EQ(text.form, ValueForm::SourceText);
}

}  // namespace
}  // namespace echodb::unit
