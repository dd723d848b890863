#include "column_testing.h"
#include "columns/source_text.h"
#include "postgres_values.h"

// What every builder promises, tried with every value of every type.
namespace echodb::unit {
namespace {

std::string of_texts(const TargetType& type, std::initializer_list<std::string_view> texts) {
  auto column = make_column(type);
  for (std::string_view text : texts) column->append_text(text);
  return native_data(*column);
}

TEST(Builders, TruncateTakesRowsAwayAgain) {
  for (const PostgresValue& value : postgres_values()) {
    for (bool nullable : {false, true}) {
      const TargetType type = type_of(value, nullable);
      SCOPED_TRACE(value.declared + " " + value.text);
      auto column = make_column(type);
      column->append_text(value.text);
      column->append_default();
      column->append_text(value.text);
      column->truncate(1);
      EXPECT_EQ(column->rows(), 1U);
      EXPECT_EQ(native_data(*column), from_text(type, value.text));
      column->truncate(0);
      EXPECT_EQ(column->rows(), 0U);
    }
  }
}

TEST(Builders, AppendFromCopiesValuesAndNulls) {
  for (const PostgresValue& value : postgres_values()) {
    for (bool nullable : {false, true}) {
      const TargetType type = type_of(value, nullable);
      SCOPED_TRACE(value.declared + " " + value.text);
      auto from = make_column(type);
      from->append_default();
      from->append_text(value.text);
      from->append_default();
      auto to = make_column(type);
      for (std::size_t row = 0; row < 3; ++row) to->append_from(*from, row);
      EXPECT_EQ(native_data(*to), native_data(*from));
      // Out of itself, often enough for its memory to move.
      auto self = make_column(type);
      auto expected = make_column(type);
      self->append_text(value.text);
      for (int row = 0; row < 100; ++row) self->append_from(*self, 0);
      for (int row = 0; row < 101; ++row) expected->append_text(value.text);
      EXPECT_EQ(native_data(*self), native_data(*expected));
    }
  }
}

TEST(Builders, RowBinaryAndTextOfARowReadBackAsTheRow) {
  for (const PostgresValue& value : postgres_values()) {
    for (bool nullable : {false, true}) {
      const TargetType type = type_of(value, nullable);
      SCOPED_TRACE(value.declared + " " + value.text);
      auto from = make_column(type);
      from->append_default();
      from->append_text(value.text);
      auto to = make_column(type);
      ByteBuffer row_binary;
      for (std::size_t row = 0; row < 2; ++row) from->put_row_binary(row, row_binary);
      RowBinaryReader reader(row_binary.bytes());
      while (!reader.at_end()) to->append_row_binary(reader);
      EXPECT_EQ(to_hex(native_data(*to)), to_hex(native_data(*from)));
      EXPECT_EQ(from->is_null(0), nullable);
      ASSERT_FALSE(from->is_null(1));
      std::string text;
      from->put_text(1, text);
      EXPECT_EQ(to_hex(from_text(type, text)), to_hex(from_text(type, value.text))) << text;
    }
  }
}

TEST(Builders, TextOfARowIsExact) {
  auto text_of = [](const TargetType& type, std::string_view text) {
    auto column = make_column(type);
    column->append_text(text);
    std::string out;
    column->put_text(0, out);
    return out;
  };
  for (std::string_view text : {"-0.05", "0.00", "-1234567.89", "99.10"}) {
    for (int precision : {9, 18, 38, 76}) {
      EXPECT_EQ(text_of(base_type(1700, false, numeric_typmod(precision, 2)), text), text);
    }
  }
  EXPECT_EQ(text_of(base_type(1700, false, numeric_typmod(3, 3)), "-0.001"), "-0.001");
  EXPECT_EQ(text_of(base_type(1700, false, numeric_typmod(76, 0)), std::string(76, '9')), std::string(76, '9'));
  EXPECT_EQ(text_of(base_type(1184), "1969-12-31 23:59:59.000001+00"), "1969-12-31 23:59:59.000001+00");
  EXPECT_EQ(text_of(base_type(1082), "1900-01-01"), "1900-01-01");
  EXPECT_EQ(text_of(base_type(701), "5e-324"), "5e-324");
  EXPECT_EQ(text_of(base_type(701), "-Infinity"), "-inf");
  EXPECT_EQ(text_of(base_type(17), R"(\x00ff)"), R"(\x00ff)");
  EXPECT_EQ(text_of(array_of(25), R"({a,NULL,"NULL","q\"\\"})"), R"({"a",NULL,"NULL","q\"\\"})");
}

TEST(Builders, IrregularArraysKeepTheirPlaceAmongOtherRows) {
  const TargetType type = array_of(23, true);
  auto column = make_column(type);
  for (std::string_view text : {"{1}", "{{2}}", "{3}", "[0:0]={4}"}) column->append_text(text);
  column->append_null();
  auto copy = make_column(type);
  for (std::size_t row = 5; row-- > 0;) copy->append_from(*column, row);
  std::string text;
  copy->put_text(1, text);
  copy->put_text(3, text);
  EXPECT_EQ(text, "[0:0]={4}{{2}}");
  ByteBuffer row_binary;
  for (std::size_t row = 0; row < 5; ++row) column->put_row_binary(row, row_binary);
  RowBinaryReader reader(row_binary.bytes());
  auto back = make_column(type);
  while (!reader.at_end()) back->append_row_binary(reader);
  EXPECT_EQ(to_hex(native_data(*back)), to_hex(native_data(*column)));
  column->truncate(2);
  EXPECT_EQ(native_data(*column), of_texts(type, {"{1}", "{{2}}"}));
  column->truncate(1);
  column->append_text("{5}");
  EXPECT_EQ(native_data(*column), of_texts(type, {"{1}", "{5}"}));
}

TEST(Builders, ClearKeepsNothing) {
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type = type_of(value, true);
    auto column = make_column(type);
    column->append_null();
    column->append_text(value.text);
    EXPECT_GT(column->bytes(), 0U);
    column->clear();
    EXPECT_EQ(column->rows(), 0U);
    column->append_text(value.text);
    EXPECT_EQ(native_data(*column), from_text(type, value.text));
  }
}

TEST(Builders, ARefusedValueLeavesNoRowBehind) {
  for (const PostgresValue& value : postgres_values()) {
    const TargetType type = type_of(value, true);
    if (type.form == ValueForm::Text && !type.is_array()) continue;
    SCOPED_TRACE(value.declared + " " + value.text);
    auto column = make_column(type);
    column->append_text(value.text);
    const std::string broken = from_hex(value.binary_hex.substr(0, value.binary_hex.size() / 4 * 2));
    if (broken.size() * 2 != value.binary_hex.size() && type.form != ValueForm::Bytea &&
        !(type.form == ValueForm::Jsonb && !broken.empty())) {
      EXPECT_EQ(error_of([&] { column->append_binary(as_bytes(broken)); }), "protocol_violation");
    }
    column->truncate(1);
    column->append_text(value.text);
    EXPECT_EQ(native_data(*column), of_texts(type, {value.text, value.text}));
  }
}

TEST(Builders, NullIsRefusedWhereTheColumnHasNone) {
  for (const TargetType& type : {base_type(23), base_type(25), base_type(869), array_of(23)}) {
    auto column = make_column(type);
    EXPECT_EQ(error_of([&] { column->append_null(); }), "unsupported_value") << type.column_type;
    EXPECT_EQ(column->rows(), 0U);
    column->append_default();
    EXPECT_EQ(column->rows(), 1U);
  }
}

TEST(Builders, RowBinaryThatEndsInsideAValueIsRefused) {
  for (const TargetType& type : {base_type(23, true), base_type(25, true), base_type(2950), array_of(23, true)}) {
    auto column = make_column(type);
    RowBinaryReader reader{Bytes()};
    EXPECT_EQ(error_of([&] { column->append_row_binary(reader); }), "protocol_violation") << type.column_type;
  }
}

TEST(SourceText, PendingValuesAreWhatWasSentInRowOrder) {
  SourceTextColumn column(base_type(1186, true));
  column.append_binary(as_bytes("first"));
  column.append_null();
  column.append_text("known");
  column.append_binary(as_bytes("second"));
  column.append_binary(as_bytes("gone"));
  column.truncate(4);
  EXPECT_EQ(column.source_oid(), 1186U);
  ASSERT_EQ(column.pending(), 2U);
  const auto pending = column.pending_values();
  EXPECT_EQ(as_text(pending[0]), "first");
  EXPECT_EQ(as_text(pending[1]), "second");
  const std::vector<std::optional<std::string>> texts{"1 day", "2 days"};
  column.resolve(texts);
  EXPECT_EQ(column.pending(), 0U);
  EXPECT_EQ(native_data(column), std::string("\0\1\0\0", 4) +
                                     "\x05"
                                     "1 day" +
                                     std::string(1, '\0') +
                                     "\x05"
                                     "known" +
                                     "\x06"
                                     "2 days");
}

TEST(SourceText, CopiedPendingValuesStayPending) {
  SourceTextColumn column(base_type(1186, true));
  column.append_binary(as_bytes("first"));
  for (int copies = 0; copies < 50; ++copies) column.append_from(column, 0);
  EXPECT_EQ(column.pending(), 51U);
  EXPECT_EQ(as_text(column.pending_values().back()), "first");
}

TEST(SourceText, AnAnswerOfAnotherSizeIsRefused) {
  SourceTextColumn column(base_type(1186, true));
  column.append_binary(as_bytes("first"));
  EXPECT_EQ(error_of([&] { column.resolve({}); }), "protocol_violation");
  const std::vector<std::optional<std::string>> null{std::nullopt};
  EXPECT_EQ(error_of([&] { column.resolve(null); }), "protocol_violation");
  EXPECT_EQ(column.pending(), 1U);
}

}  // namespace
}  // namespace echodb::unit
