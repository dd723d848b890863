#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/connection.h"

namespace echodb {
namespace {

/// An answer of one column, as libpq hands it over.
QueryResult answer(const std::vector<std::string>& values) {
  PGresult* result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  std::string name = "value";
  PGresAttDesc column{
      .name = name.data(), .tableid = 0, .columnid = 0, .format = 0, .typid = 0, .typlen = -1, .atttypmod = -1};
  PQsetResultAttrs(result, 1, &column);
  for (std::size_t row = 0; row < values.size(); ++row) {
    std::string value = values[row];
    PQsetvalue(result, static_cast<int>(row), 0, value.data(), static_cast<int>(value.size()));
  }
  return QueryResult(result);
}

template <typename Read>
void expect_violation(Read read) {
  try {
    read();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::ProtocolViolation) << error.what();
  }
}

TEST(QueryResult, RefusesARowThatTheAnswerDoesNotHave) {
  const QueryResult none = answer({});
  expect_violation([&] { (void)none.text(0, 0); });
  expect_violation([&] { (void)none.number(0, 0); });
  expect_violation([&] { (void)none.boolean(0, 0); });
  expect_violation([&] { (void)none.is_null(0, 0); });
  const QueryResult one = answer({"1"});
  expect_violation([&] { (void)one.text(1, 0); });
  expect_violation([&] { (void)one.text(0, 1); });
  EXPECT_EQ(one.text(0, 0), "1");
}

TEST(QueryResult, RefusesANumberThatIsNone) {
  const QueryResult values = answer({"18446744073709551615", "", "-1", "12 ", "x", "18446744073709551616"});
  EXPECT_EQ(values.number(0, 0), 18446744073709551615ULL);
  for (std::size_t row = 1; row < values.rows(); ++row) expect_violation([&] { (void)values.number(row, 0); });
}

}  // namespace
}  // namespace echodb
