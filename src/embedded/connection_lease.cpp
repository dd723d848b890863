#include "embedded/connection_lease.h"

#include <utility>

#include "base/log.h"
#include "clickhouse/client.h"

namespace echodb {
namespace {

std::string reset_statement(const ConnectionWishes& wishes) {
  std::string statement = "SET ";
  for (const auto& [name, value] : wishes.settings) statement.append(quote_identifier(name)).append(" = DEFAULT, ");
  statement.resize(statement.size() - 2);
  return statement;
}

/// A session keeps no setting of one request, and a role comes before the settings.
ConnectionState pooled_state(const ConnectionWishes& wishes, const std::string& default_database) {
  bool brings_settings = !wishes.session && wishes.role.empty();
  return {.database = wishes.database.empty() ? default_database : wishes.database,
          .settings = brings_settings ? wishes.settings : ConnectionSettings()};
}

}  // namespace

ConnectionLease::ConnectionLease(ChdbEngine& engine, ConnectionWishes wishes, const std::string& default_database,
                                 const std::string& query_id)
    : engine_(engine),
      wishes_(std::move(wishes)),
      pooled_(pooled_state(wishes_, default_database)),
      query_id_(engine_.query_ids().claim(query_id)) {
  take();
  try {
    apply_settings();
  } catch (...) {
    release();
    throw;
  }
}

ConnectionLease::~ConnectionLease() { release(); }

void ConnectionLease::take() {
  if (!wishes_.session) {
    // Whoever is active sees to it that what idle clients have left goes.
    engine_.sessions().drop_expired();
    connection_ = engine_.pool().take(pooled_);
    return;
  }
  connection_ = engine_.sessions().take(*wishes_.session);
  try {
    if (!connection_) {
      connection_ = engine_.pool().take(pooled_);
    } else if (!wishes_.database.empty()) {
      connection_->query("USE " + quote_identifier(wishes_.database));
    }
  } catch (...) {
    release();
    throw;
  }
}

/// What the connection does not bring yet.
void ConnectionLease::apply_settings() {
  if (!wishes_.role.empty()) connection_->query("SET ROLE " + quote_identifier(wishes_.role));
  if (wishes_.settings.size() > pooled_.settings.size()) connection_->query(set_statement(wishes_.settings));
}

void ConnectionLease::release() {
  if (wishes_.session) {
    return_to_session();
  } else if (clean_ && wishes_.role.empty()) {
    engine_.pool().give_back(pooled_, std::move(connection_));
  }
  connection_.reset();
}

void ConnectionLease::return_to_session() {
  if (!connection_ || wishes_.close_session) {
    engine_.sessions().close(*wishes_.session);
    return;
  }
  try {
    // A failed statement's output would come out with the next result; this result is thrown away.
    if (!clean_ && !succeeded_) connection_->query("SELECT 0", "Null");
    if (!wishes_.settings.empty()) connection_->query(reset_statement(wishes_));
    engine_.sessions().give_back(*wishes_.session, std::move(connection_));
  } catch (const Error& failure) {
    log::warn("session {} is closed, it cannot be used again: {}", wishes_.session->id, failure.what());
    engine_.sessions().close(*wishes_.session);
  }
}

}  // namespace echodb
