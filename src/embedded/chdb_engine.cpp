#include "embedded/chdb_engine.h"

#include <utility>

#include "clickhouse/client.h"
#include "embedded/clickhouse_failure.h"
#include "embedded/statement_text.h"

namespace echodb {
namespace {

std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  return text;
}

}  // namespace

std::unique_ptr<RunningQueryIds::Claim> RunningQueryIds::claim(const std::string& id) {
  MutexLock lock(mutex_);
  if (!running_.insert(id).second) {
    throw clickhouse_failure(clickhouse_codes::kSameQueryIdRunning, "Query with id = " + id + " is already running");
  }
  return std::make_unique<Claim>(*this, id);
}

void RunningQueryIds::release(const std::string& id) {
  MutexLock lock(mutex_);
  running_.erase(id);
}

ChdbEngine::ChdbEngine(const ChdbLibrary& library, std::vector<std::string> arguments, const std::string& database)
    : pool_(library, std::move(arguments)) {
  pool_.control("CREATE DATABASE IF NOT EXISTS " + quote_identifier(database));
  version_ = first_line(pool_.control("SELECT version()"));
  timezone_ = first_line(pool_.control("SELECT timezone()"));
}

void ChdbEngine::kill(const std::string& query_id) {
  {
    MutexLock lock(kill_mutex_);
    to_kill_.push_back(query_id);
  }
  MutexLock killing(killing_mutex_);
  std::vector<std::string> query_ids;
  {
    MutexLock lock(kill_mutex_);
    query_ids.swap(to_kill_);
  }
  if (query_ids.empty()) return;  // The statement that has just ended was about this one as well.
  std::string condition;
  for (const auto& id : query_ids) {
    condition.append(condition.empty() ? "" : " OR ");
    condition.append("position(query, " + quote_literal(query_id_tag(id)) + ") > 0");
  }
  pool_.control("KILL QUERY WHERE " + condition + " ASYNC");
}

void ChdbEngine::kill_all() { pool_.control("KILL QUERY WHERE 1 ASYNC"); }

}  // namespace echodb
