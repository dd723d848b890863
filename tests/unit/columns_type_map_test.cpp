#include "column_testing.h"

namespace echodb::testing {
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
  for (std::int32_t typmod : {-1, numeric_typmod(77, 0), numeric_typmod(2, 77), numeric_typmod(70, -10)}) {
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

TEST(TypeMap, ArraysAreVariantsOnlyWhereTheyMayBeNull) {
  EXPECT_EQ(array_of(23).column_type, "Array(Nullable(Int32))");
  EXPECT_EQ(array_of(23, true).column_type, "Variant(Array(Nullable(Int32)), String)");
  EXPECT_EQ(array_of(1700, false, numeric_typmod(10, 2)).column_type, "Array(Nullable(Decimal(10, 2)))");
}

TEST(TypeMap, EverythingElseIsTextFromTheSource) {
  const TypeOptions options{.server = kCurrentServer, .nullable = true};
  const ColumnType others[] = {{.oid = 869 /* inet */, .declared = "inet"},
                               {.oid = 16500, .declared = "citext"},
                               {.oid = 16501, .kind = TypeKind::Composite, .declared = "pair"},
                               {.oid = 3904, .kind = TypeKind::Range, .declared = "int4range"},
                               {.oid = 4451, .kind = TypeKind::Multirange, .declared = "int4multirange"},
                               {.oid = 1041, .kind = TypeKind::Array, .declared = "inet[]", .element_oid = 869}};
  for (const ColumnType& other : others) {
    const TargetType type = target_type(other, options);
    EXPECT_EQ(type.column_type, "Nullable(String)") << other.declared;
    EXPECT_EQ(type.form, ValueForm::SourceText) << other.declared;
    EXPECT_EQ(type.source_oid, other.oid) << other.declared;
    EXPECT_TRUE(type.fell_back_to_text) << other.declared;
    EXPECT_FALSE(type.array) << other.declared;
  }
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
  EXPECT_EQ(on_old_server(ints, false).column_type, "Array(Nullable(Int32))");
  EXPECT_EQ(on_old_server(ints, true).column_type, "Nullable(String)");
  EXPECT_EQ(on_old_server(ints, true).form, ValueForm::SourceText);
}

}  // namespace
}  // namespace echodb::testing
