#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "clickhouse/table_ddl.h"
#include "column_testing.h"
#include "columns/default_expression.h"
#include "columns/source_text.h"
#include "postgres_values.h"
#include "support/in_process_clickhouse.h"

// Blocks as the replicator sends them, written into a real ClickHouse and read back.
namespace echodb::unit {
namespace {

class Roundtrip : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (InProcessClickHouse::unavailable_reason().empty()) server_ = std::make_unique<InProcessClickHouse>();
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    if (server_ == nullptr) GTEST_SKIP() << InProcessClickHouse::unavailable_reason();
  }

  /// Stores the column as `v` of table `t`, beside its row number `row`.
  static void store(const TargetType& type, const ColumnBuilder& column) {
    server_->query("DROP TABLE IF EXISTS t");
    server_->query("CREATE TABLE t (row UInt64, v " + type.column_type + ") ENGINE = MergeTree ORDER BY row");
    std::vector<std::uint64_t> numbers(column.rows());
    for (std::size_t row = 0; row < numbers.size(); ++row) numbers[row] = row;
    NativeBlock block({.columns = 2, .rows = column.rows()});
    block.begin_column("row", "UInt64");
    block.append_borrowed(std::as_bytes(std::span(numbers)));
    block.begin_column("v", column.type_name());
    column.write(block);
    server_->insert_native("INSERT INTO t (row, v)", block.parts());
  }

  /// The column as ClickHouse gives it back.
  static std::unique_ptr<ColumnBuilder> stored(const TargetType& type) {
    const std::string rows = server_->query("SELECT v FROM t ORDER BY row", "RowBinary");
    auto column = make_column(type);
    RowBinaryReader reader(as_bytes(rows));
    while (!reader.at_end()) column->append_row_binary(reader);
    return column;
  }

  /// A column that is added with this text as its default holds the text's value in the rows that were there.
  static void expect_default(const TargetType& type, std::string_view text) {
    const std::string expression = default_expression(type, text);
    server_->query("DROP TABLE IF EXISTS t");
    server_->query("CREATE TABLE t (row UInt64) ENGINE = MergeTree ORDER BY row");
    server_->query("INSERT INTO t SELECT 1");
    server_->query(add_column_sql({"tests", "t"}, {"v", type.column_type, expression}, {.after = "row"}));
    EXPECT_EQ(to_hex(native_data(*stored(type))), to_hex(from_text(type, text))) << type.column_type << " " << text;
  }

  static std::unique_ptr<InProcessClickHouse> server_;
};
std::unique_ptr<InProcessClickHouse> Roundtrip::server_;

/// As ClickHouse prints it among tabs.
std::string escaped(std::string text) {
  for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 2)) text.insert(at, "\\");
  return text;
}

std::map<std::string, std::vector<PostgresValue>> values_by_type() {
  std::map<std::string, std::vector<PostgresValue>> groups;
  for (const PostgresValue& value : postgres_values()) groups[value.declared].push_back(value);
  return groups;
}

TEST_F(Roundtrip, EveryTypeComesBackAsItWent) {
  for (const auto& [declared, values] : values_by_type()) {
    for (bool nullable : {false, true}) {
      const TargetType type = type_of(values.front(), nullable);
      SCOPED_TRACE(declared + " as " + type.column_type);
      auto column = make_column(type);
      for (const PostgresValue& value : values) {
        column->append_binary(as_bytes(from_hex(value.binary_hex)));
        if (nullable) column->append_null();
        column->append_default();
      }
      store(type, *column);
      auto back = stored(type);
      ASSERT_EQ(back->rows(), column->rows());
      EXPECT_EQ(to_hex(native_data(*back)), to_hex(native_data(*column)));
      ByteBuffer row_binary;
      for (std::size_t row = 0; row < column->rows(); ++row) column->put_row_binary(row, row_binary);
      EXPECT_EQ(to_hex(row_binary.text()), to_hex(server_->query("SELECT v FROM t ORDER BY row", "RowBinary")));
    }
  }
}

TEST_F(Roundtrip, ClickHousePrintsWhatPostgresPrints) {
  const std::set<ValueForm> printed_alike{
      ValueForm::Int16, ValueForm::Int32,   ValueForm::Int64,    ValueForm::UInt32,      ValueForm::Uuid,
      ValueForm::Date,  ValueForm::Decimal, ValueForm::TimeText, ValueForm::NumericText, ValueForm::TimeTzText};
  for (const auto& [declared, values] : values_by_type()) {
    const TargetType type = type_of(values.front(), true);
    if (type.is_array() || !printed_alike.contains(type.form)) continue;
    SCOPED_TRACE(declared + " as " + type.column_type);
    auto column = make_column(type);
    std::string expected;
    for (const PostgresValue& value : values) {
      column->append_binary(as_bytes(from_hex(value.binary_hex)));
      expected += value.text + "\n";
    }
    store(type, *column);
    EXPECT_EQ(server_->query("SELECT v FROM t ORDER BY row SETTINGS output_format_decimal_trailing_zeros = 1"),
              expected);
  }
}

TEST_F(Roundtrip, TimestampsReadTheSameUnderAnySessionTimeZone) {
  const TargetType type = base_type(1114);
  auto column = make_column(type);
  column->append_text("2024-02-29 12:34:56.000001");
  column->append_text("1900-01-01 00:00:00");
  store(type, *column);
  EXPECT_EQ(server_->query("SELECT v FROM t ORDER BY row SETTINGS session_timezone = 'Asia/Kolkata'"),
            "2024-02-29 12:34:56.000001\n1900-01-01 00:00:00.000000\n");
}

TEST_F(Roundtrip, FloatsKeepEveryBit) {
  const TargetType type = base_type(701);
  auto column = make_column(type);
  for (std::string_view text : {"0.1", "NaN", "Infinity", "-Infinity", "-0", "5e-324"}) column->append_text(text);
  store(type, *column);
  EXPECT_EQ(server_->query("SELECT reinterpretAsUInt64(v) FROM t ORDER BY row"),
            "4591870180066957722\n9221120237041090560\n9218868437227405312\n18442240474082181120\n"
            "9223372036854775808\n1\n");
}

TEST_F(Roundtrip, EnumsAreSentAsStringsIntoLowCardinality) {
  for (bool nullable : {false, true}) {
    const TargetType type = target_type({.oid = 16400, .kind = TypeKind::Enum, .declared = "mood"},
                                        {.server = kCurrentServer, .nullable = nullable});
    auto column = make_column(type);
    column->append_binary(as_bytes("happy"));
    if (nullable) column->append_null();
    column->append_text("sad");
    store(type, *column);
    const std::string stored_type = nullable ? "LowCardinality(Nullable(String))" : "LowCardinality(String)";
    EXPECT_EQ(server_->query("SELECT DISTINCT toTypeName(v) FROM t"), stored_type + "\n");
    EXPECT_EQ(native_data(*stored(type)), native_data(*column));
  }
}

TEST_F(Roundtrip, NullableArraysTellNullFromEmpty) {
  const TargetType type = array_of(23, true);
  EXPECT_EQ(type.column_type, "Variant(Array(Nullable(Int32)), String)");
  auto column = make_column(type);
  column->append_text("{1,NULL,3}");
  column->append_null();
  column->append_text("{}");
  column->append_text("{4}");
  store(type, *column);
  EXPECT_EQ(server_->query("SELECT v, v IS NULL, length(v), v[1], v = [4] FROM t ORDER BY row"),
            "[1,NULL,3]\t0\t3\t1\t0\n\\N\t1\t\\N\t\\N\t\\N\n[]\t0\t0\t\\N\t0\n[4]\t0\t1\t4\t1\n");
}

TEST_F(Roundtrip, IrregularArraysStandBesideTheOthersAsTheirText) {
  const TargetType type = array_of(23, true);
  auto column = make_column(type);
  column->append_text("{{1,2},{3,4}}");
  column->append_text("{1,NULL}");
  column->append_null();
  column->append_text("[0:1]={5,6}");
  // int4[][] of the one element 1: its text is the source's to give.
  column->append_binary(as_bytes(from_hex("000000020000000000000017000000010000000100000001000000010000000400000001")));
  const std::vector<std::optional<std::string>> texts{"{{1}}"};
  ASSERT_EQ(column->source_text()->pending(), 1U);
  column->source_text()->resolve(texts);
  store(type, *column);
  EXPECT_EQ(server_->query("SELECT v, variantType(v), v.`Array(Nullable(Int32))`, v.String FROM t ORDER BY row"),
            "{{1,2},{3,4}}\tString\t[]\t{{1,2},{3,4}}\n[1,NULL]\tArray(Nullable(Int32))\t[1,NULL]\t\\N\n"
            "\\N\tNone\t[]\t\\N\n[0:1]={5,6}\tString\t[]\t[0:1]={5,6}\n{{1}}\tString\t[]\t{{1}}\n");
  EXPECT_EQ(to_hex(native_data(*stored(type))), to_hex(native_data(*column)));
}

TEST_F(Roundtrip, AnArrayColumnThatLosesItsNotNullKeepsItsValues) {
  const TargetType before = array_of(23);
  auto column = make_column(before);
  column->append_text("{1,2}");
  store(before, *column);
  server_->query("ALTER TABLE t MODIFY COLUMN v " + array_of(23, true).column_type);
  EXPECT_EQ(native_data(*stored(array_of(23, true))), from_text(array_of(23, true), "{1,2}"));
}

TEST_F(Roundtrip, DefaultsOfIrregularArraysAreTheirText) {
  for (Oid element : {Oid{23}, Oid{25}}) {
    const TargetType type = array_of(element, true);
    for (std::string_view text : {"{{1,2},{3,4}}", "[0:1]={1,2}", R"([1:1][2:2]={{"quo\"te"}})"}) {
      const std::string expression = default_expression(type, text);
      server_->query("DROP TABLE IF EXISTS t");
      server_->query("CREATE TABLE t (row UInt64) ENGINE = MergeTree ORDER BY row");
      server_->query("INSERT INTO t SELECT 1");
      server_->query(add_column_sql({"tests", "t"}, {"v", type.column_type, expression}, {.after = "row"}));
      EXPECT_EQ(to_hex(native_data(*stored(type))), to_hex(from_text(type, text))) << text;
    }
  }
}

TEST_F(Roundtrip, DefaultExpressionsAreTheValueItself) {
  // Each takes a table of its own.
  constexpr std::size_t kValuesOfATypeMax = 8;
  for (const auto& [declared, values] : values_by_type()) {
    for (const PostgresValue& value : std::span(values).first(std::min(values.size(), kValuesOfATypeMax))) {
      SCOPED_TRACE(value.declared + " " + value.text);
      expect_default(type_of(value, true), value.text);
    }
  }
}

struct OverriddenValues {
  Oid oid;
  std::string wanted;
  std::vector<std::string> texts;
  std::string printed;  ///< by ClickHouse
};

TEST_F(Roundtrip, OverriddenTypesComeBackAsTheyWent) {
  const OverriddenValues cases[] = {{20, "Int256", {"-9223372036854775808", "5"}, "-9223372036854775808\n5\n"},
                                    {1700,
                                     "UInt128",
                                     {"340282366920938463463374607431768211455", "0"},
                                     "340282366920938463463374607431768211455\n0\n"},
                                    {1700, "Int8", {"-128", "127.0"}, "-128\n127\n"},
                                    {23, "Decimal(20, 4)", {"-2147483648", "7"}, "-2147483648\n7\n"},
                                    {869, "IPv4", {"1.2.3.4", "255.255.255.255"}, "1.2.3.4\n255.255.255.255\n"},
                                    {869, "IPv6", {"1.2.3.4", "2001:db8::1"}, "::ffff:1.2.3.4\n2001:db8::1\n"},
                                    {1082, "Date", {"1970-01-01", "2149-06-06"}, "1970-01-01\n2149-06-06\n"},
                                    {1114,
                                     "DateTime('UTC')",
                                     {"1970-01-01 00:00:00", "2106-02-07 06:28:15"},
                                     "1970-01-01 00:00:00\n2106-02-07 06:28:15\n"},
                                    {1184,
                                     "DateTime64(3, 'Europe/Berlin')",
                                     {"1900-01-01 00:00:00+00", "2024-07-01 10:00:00.125+00"},
                                     "1900-01-01 01:00:00.000\n2024-07-01 12:00:00.125\n"},
                                    {1184,
                                     "DateTime64(9, 'UTC')",
                                     {"1900-01-01 00:00:00.000001+00", "2262-04-11 23:47:16.854775+00"},
                                     "1900-01-01 00:00:00.000001000\n2262-04-11 23:47:16.854775000\n"},
                                    {23, "LowCardinality(String)", {"1", "-1"}, "1\n-1\n"},
                                    {16, "String", {"t", "f"}, "t\nf\n"}};
  for (const OverriddenValues& values : cases) {
    for (bool nullable : {false, true}) {
      const TargetType type =
          target_type({.oid = values.oid, .declared = {}},
                      {.server = kCurrentServer, .nullable = nullable, .override_type = values.wanted});
      SCOPED_TRACE(type.column_type);
      auto column = make_column(type);
      for (const std::string& text : values.texts) column->append_text(text);
      if (nullable) column->append_null();
      column->append_default();
      store(type, *column);
      EXPECT_EQ(server_->query("SELECT v FROM t WHERE row < 2 ORDER BY row"), values.printed);
      EXPECT_EQ(server_->query("SELECT DISTINCT toTypeName(v) FROM t"), escaped(type.column_type) + "\n");
      EXPECT_EQ(to_hex(native_data(*stored(type))), to_hex(native_data(*column)));
      for (const std::string& text : values.texts) expect_default(type, text);
    }
  }
}

TEST_F(Roundtrip, JsonKeepsItsTextsAsTexts) {
  const TargetType type =
      target_type({.oid = 114, .declared = {}}, {.server = kCurrentServer, .nullable = false, .json = JsonForm::Json});
  auto column = make_column(type);
  for (std::string_view text : {R"({"s":"2024-01-01 00:00:00.100"})", R"({"s":"2024-01-01"})", R"({"s":"17"})"}) {
    column->append_text(text);
  }
  server_->query("DROP TABLE IF EXISTS t");
  server_->query("CREATE TABLE t (v JSON) ENGINE = MergeTree ORDER BY tuple()");
  NativeBlock block({.columns = 1, .rows = 3});
  block.begin_column("v", column->type_name());
  column->write(block);
  server_->insert_native(
      "INSERT INTO t (v) SETTINGS input_format_try_infer_dates = 0, input_format_try_infer_datetimes = 0",
      block.parts());
  EXPECT_EQ(server_->query("SELECT v FROM t"),
            "{\"s\":\"2024-01-01 00:00:00.100\"}\n{\"s\":\"2024-01-01\"}\n{\"s\":\"17\"}\n");
}

TEST_F(Roundtrip, JsonIsReadBackAsString) {
  for (bool nullable : {false, true}) {
    const TargetType type = target_type({.oid = 3802, .declared = {}},
                                        {.server = kCurrentServer, .nullable = nullable, .json = JsonForm::Json});
    auto column = make_column(type);
    column->append_text(R"({"a": 1, "b": {"c": [1, 2.5, "x"]}})");
    column->append_default();
    store(type, *column);
    EXPECT_EQ(server_->query("SELECT v FROM t ORDER BY row"),
              std::string(R"({"a":1,"b":{"c":[1,2.5,"x"]}})") + (nullable ? "\n\\N\n" : "\n{}\n"));
    EXPECT_EQ(server_->query("SELECT v.b.c FROM t WHERE row = 0"), "[1,2.5,'x']\n");
    const std::string rows = server_->query(
        "SELECT v FROM t ORDER BY row SETTINGS output_format_binary_write_json_as_string = 1", "RowBinary");
    auto back = make_column(type);
    RowBinaryReader reader(as_bytes(rows));
    while (!reader.at_end()) back->append_row_binary(reader);
    ASSERT_EQ(back->rows(), 2U);
    EXPECT_EQ(back->is_null(1), nullable);
    std::string text;
    back->put_text(0, text);
    EXPECT_EQ(text, R"({"a":1,"b":{"c":[1,2.5,"x"]}})");
  }
}

TEST_F(Roundtrip, VectorsAreArraysOfFloats) {
  for (bool nullable : {false, true}) {
    const TargetType type =
        target_type({.oid = 16500, .declared = "vector(3)", .extension_type = "vector"},
                    {.server = kCurrentServer, .nullable = nullable, .arrays = ArrayChoice::Variant});
    auto column = make_column(type);
    // As pgvector's vector_send writes '[1,-2.5,0]': the dimensions, two bytes unused, the floats.
    column->append_binary(as_bytes(from_hex("000300003f800000c020000000000000")));
    column->append_text("[1,-2.5,0]");
    column->append_default();
    store(type, *column);
    EXPECT_EQ(server_->query("SELECT v FROM t ORDER BY row"),
              std::string("[1,-2.5,0]\n[1,-2.5,0]\n") + (nullable ? "\\N\n" : "[]\n"));
    EXPECT_EQ(to_hex(native_data(*stored(type))), to_hex(native_data(*column)));
    std::string text;
    column->put_text(0, text);
    EXPECT_EQ(text, "[1,-2.5,0]");
    expect_default(type, "[1,-2.5,0]");
    EXPECT_EQ(error_of([&] { column->append_text("[1,]"); }), "protocol_violation");
    EXPECT_EQ(error_of([&] { column->append_text("1,2"); }), "protocol_violation");
    EXPECT_EQ(error_of([&] { column->append_binary(as_bytes(from_hex("000200003f800000"))); }), "protocol_violation");
  }
}

TEST_F(Roundtrip, ResolvedSourceTextIsAPlainString) {
  const TargetType type = base_type(790 /* money */, true);
  auto column = make_column(type);
  auto* source_text = dynamic_cast<SourceTextColumn*>(column.get());
  ASSERT_NE(source_text, nullptr);
  column->append_binary(as_bytes(from_hex("00000000000004d2")));
  column->append_null();
  column->append_text("$0.05");
  const std::vector<std::optional<std::string>> texts{"$12.34"};
  source_text->resolve(texts);
  store(type, *column);
  EXPECT_EQ(server_->query("SELECT v FROM t ORDER BY row"), "$12.34\n\\N\n$0.05\n");
  EXPECT_EQ(native_data(*stored(type)), native_data(*column));
}

TEST_F(Roundtrip, ATableOfOursKeepsTheHighestVersionAndHidesTombstones) {
  TableDefinition table{.table = {"tests", "odd `name"},
                        .columns = {{"id", "Nullable(Int32)", {}}, {"quo`te\\d", "String", "'x'"}},
                        .extra_columns = {},
                        .key = {"id"},
                        .nullable_key = true};
  server_->query(create_table_sql(table, kCurrentServer));
  const std::string into =
      "INSERT INTO " + qualified(table.table) + " (id, _peerdb_is_deleted, _peerdb_version) VALUES ";
  server_->query(into + "(1, 0, 5), (2, 0, 5), (NULL, 0, 5)");
  server_->query(into + "(1, 1, 6), (2, 0, 4)");
  EXPECT_EQ(server_->query("SELECT id, `quo\\`te\\\\d` FROM " + qualified(table.table) + " FINAL ORDER BY id"),
            "2\tx\n\\N\tx\n");
  server_->query(rename_column_sql(table.table, {.from = "quo`te\\d", .to = "plain"}));
  server_->query(add_column_sql(table.table, {"first", "Int8", "7"}, {}));
  server_->query(modify_column_sql(table.table, {"first", "Int64", "7"}));
  server_->query(drop_column_sql(table.table, "plain"));
  EXPECT_EQ(server_->query("SELECT name, type FROM system.columns WHERE table = 'odd `name' ORDER BY position"),
            "first\tInt64\nid\tNullable(Int32)\n_peerdb_synced_at\tDateTime64(9)\n_peerdb_is_deleted\tUInt8\n"
            "_peerdb_version\tUInt64\n");
  server_->query(truncate_table_sql(table.table));
  EXPECT_EQ(server_->query("SELECT count() FROM " + qualified(table.table)), "0\n");
  server_->query(drop_table_sql(table.table));
}

TEST_F(Roundtrip, ABagKeepsEqualRowsApart) {
  TableDefinition bag{
      .table = {"tests", "bag"}, .columns = {{"v", "Int32", {}}}, .extra_columns = bag_columns(), .key = bag_key()};
  server_->query(create_table_sql(bag, kCurrentServer));
  server_->query(
      "INSERT INTO bag (v, _echodb_row_hash, _echodb_lsn, _echodb_ordinal, _peerdb_version) VALUES "
      "(1, 'h', 5, 0, 5), (1, 'h', 5, 1, 5), (1, 'h', 5, 1, 6)");
  EXPECT_EQ(server_->query("SELECT count() FROM bag FINAL"), "2\n");
  server_->query(drop_table_sql(bag.table));
}

}  // namespace
}  // namespace echodb::unit
