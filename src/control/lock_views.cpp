#include "control/lock_views.h"

#include <chrono>
#include <thread>

#include "base/error.h"
#include "catalog/lock_views.sql.h"
#include "postgres/own_schema.h"

namespace echodb {
namespace {

/// Several workers that start at once create the same views: all but one fail, and find them there.
constexpr int kTries = 10;
constexpr std::chrono::milliseconds kPause{50};

bool somebody_was_faster(const Error& error) {
  return error.sqlstate() == "23505" || error.sqlstate() == "42P06" || error.sqlstate() == "42P07";
}

}  // namespace

void install_lock_views(PostgresConnection& source) {
  for (int attempt = 1;; ++attempt) {
    try {
      require_own_schema(source);
      source.execute(std::string(sql::lock_views));
      // The schema may have been made by another role a moment ago.
      require_own_schema(source);
      return;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::SourcePrivilege && !error.sqlstate().empty()) {
        throw Error(ErrorCode::SourcePrivilege, "the schema _echodb cannot be set up in the source: " + error.message(),
                    "grant CREATE on the database to POSTGRES_USER; echodb doctor names all that is missing");
      }
      if (!somebody_was_faster(error) || attempt == kTries) throw;
      std::this_thread::sleep_for(kPause);
    }
  }
}

}  // namespace echodb
