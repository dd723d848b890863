#include "postgres/open_session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netdb.h>
#include <poll.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "config/parse_values.h"
#include "postgres/sql_error.h"

namespace echodb {
namespace {

using Clock = std::chrono::steady_clock;

/// A wait looks at its stop token this often.
constexpr std::chrono::milliseconds kStopCheckInterval{50};

/// How values look as text, also in the stream: where pgoutput has no bytes of a value, it is the walsender that
/// prints.
constexpr std::string_view kTextForms =
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c bytea_output=hex -c extra_float_digits=3";

/// What ALTER DATABASE or ALTER ROLE may have set otherwise, and every server we support knows: an unknown name among
/// the options ends the connection. A backslash keeps the space inside one option. Names without a schema are
/// PostgreSQL's own: in any other schema a role could have put functions, operators and types of the same names, and
/// pg_temp would come first if it were not named.
constexpr std::string_view kBehaviour =
    "-c search_path=pg_catalog,pg_temp -c role=none -c default_transaction_read_only=off -c "
    "default_transaction_deferrable=off "
    "-c default_transaction_isolation=read\\ committed -c standard_conforming_strings=on -c array_nulls=on "
    "-c quote_all_identifiers=off";

std::string session_options(ConnectionKind kind) {
  if (kind == ConnectionKind::Replication) {
    return fmt::format("{} {} -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0",
                       kTextForms, kBehaviour);
  }
  auto milliseconds = [](auto duration) { return std::chrono::milliseconds(duration).count(); };
  // Rows that a policy hides from us would be missing without a word: with this, PostgreSQL refuses instead.
  return fmt::format(
      "{} {} -c row_security=off -c jit=off -c max_parallel_workers_per_gather=0 -c statement_timeout={} -c "
      "lock_timeout={} "
      "-c idle_in_transaction_session_timeout={}",
      kTextForms, kBehaviour, milliseconds(limits::kStatementTimeout), milliseconds(limits::kLockTimeout),
      milliseconds(limits::kStatementTimeout));
}

/// A place where a server may be.
struct Address {
  std::string host;     ///< as it was configured; a path is a Unix socket's
  std::string numeric;  ///< of what the name stands for; empty: libpq looks
  std::string port;
};

/// What a name stands for. Empty for a path, and for a name that nobody knows: libpq says so in its own words.
std::vector<std::string> look_up(const std::string& host) {
  if (host.empty() || host.starts_with('/') || host.starts_with('@')) return {};
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &wanted, &found) != 0) return {};
  std::vector<std::string> numeric;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      numeric.emplace_back(text.data());
    }
  }
  freeaddrinfo(found);
  return numeric;
}

std::vector<Address> addresses_of(const PostgresSettings& settings) {
  std::vector<std::string> hosts = parse_names(settings.host);
  std::vector<std::string> ports = parse_names(settings.ports);
  if (hosts.empty()) hosts.emplace_back();
  std::vector<Address> addresses;
  for (std::size_t n = 0; n < hosts.size(); ++n) {
    std::string port = n < ports.size() ? ports[n] : std::to_string(settings.port);
    std::vector<std::string> numeric = look_up(hosts[n]);
    if (numeric.empty()) numeric.emplace_back();
    for (std::string& each : numeric) addresses.push_back({hosts[n], std::move(each), port});
  }
  return addresses;
}

/// A server that vanished without a word is noticed by its silence: on what we send after kSocketTimeout, on an idle
/// connection by keepalives.
Session begin(const PostgresSettings& settings, ConnectionKind kind, const std::vector<Address>& addresses) {
  std::vector<std::string> hosts;
  std::vector<std::string> numeric;
  std::vector<std::string> ports;
  for (const Address& address : addresses) {
    hosts.push_back(address.host);
    numeric.push_back(address.numeric);
    ports.push_back(address.port);
  }
  std::string silence = std::to_string(std::chrono::milliseconds(limits::kSocketTimeout).count());
  std::vector<std::pair<const char*, std::string>> parameters{
      {"host", fmt::format("{}", fmt::join(hosts, ","))},
      {"hostaddr", fmt::format("{}", fmt::join(numeric, ","))},
      {"port", fmt::format("{}", fmt::join(ports, ","))},
      {"user", settings.user},
      {"password", settings.password},
      {"dbname", settings.database},
      {"application_name", "echodb"},
      {"client_encoding", "UTF8"},
      {"keepalives_idle", "5"},
      {"keepalives_interval", "3"},
      {"keepalives_count", "3"},
      {"tcp_user_timeout", silence},
      {"options", session_options(kind)},
  };
  if (kind == ConnectionKind::Replication) parameters.emplace_back("replication", "database");
  if (settings.host.find(',') != std::string::npos) parameters.emplace_back("target_session_attrs", "read-write");
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : parameters) {
    keys.push_back(key);
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  Session session(PQconnectStartParams(keys.data(), values.data(), /*expand_dbname=*/0));
  if (session == nullptr) throw Error(ErrorCode::SystemFailure, "no memory for a connection to PostgreSQL");
  return session;
}

/// Which of them libpq is at.
std::size_t place_of(const PGconn* session, const std::vector<Address>& addresses) {
  std::string_view host = PQhost(session);
  std::string_view numeric = PQhostaddr(session);
  std::string_view port = PQport(session);
  for (std::size_t n = 0; n < addresses.size(); ++n) {
    const Address& address = addresses[n];
    if (address.host == host && address.port == port && (address.numeric.empty() || address.numeric == numeric)) {
      return n;
    }
  }
  return 0;
}

/// libpq goes from an address that refuses to the next one by itself. One that says nothing it leaves to its caller.
/// Returns the one that has said nothing for too long; nullopt: libpq has come to an end, good or bad.
std::optional<std::size_t> find_silent(PGconn* session, const std::vector<Address>& addresses,
                                       const std::stop_token& stop) {
  std::size_t place = addresses.size();
  Clock::time_point until;
  auto step = PGRES_POLLING_WRITING;
  if (PQstatus(session) == CONNECTION_BAD) return std::nullopt;
  while (step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED) {
    if (std::size_t now_at = place_of(session, addresses); now_at != place) {
      place = now_at;
      until = Clock::now() + limits::kConnectTimeout;
    }
    if (!await_socket(session, step == PGRES_POLLING_READING ? POLLIN : POLLOUT, stop, until)) return place;
    step = PQconnectPoll(session);
  }
  return std::nullopt;
}

}  // namespace

bool await_socket(const PGconn* session, short events, const std::stop_token& stop, Clock::time_point until) {
  pollfd watched{PQsocket(session), events, 0};
  while (true) {
    if (stop.stop_requested()) throw Error(ErrorCode::Stopped, "stopped while waiting for PostgreSQL");
    int ready = poll(&watched, 1, static_cast<int>(kStopCheckInterval.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) throw Error(ErrorCode::SystemFailure, std::strerror(errno));
    if (Clock::now() > until) return false;
  }
}

Session open_session(const PostgresSettings& settings, ConnectionKind kind, const std::stop_token& stop) {
  std::vector<Address> addresses = addresses_of(settings);
  std::string silent;
  while (!addresses.empty()) {
    Session session = begin(settings, kind, addresses);
    std::optional<std::size_t> place = find_silent(session.get(), addresses, stop);
    if (!place && PQstatus(session.get()) == CONNECTION_OK) {
      PQsetnonblocking(session.get(), 1);
      return session;
    }
    if (!place) throw connect_error(silent + message_of(session.get()), settings);
    const Address& address = addresses[*place];
    silent += fmt::format(
        "connection to server at \"{}\"{}, port {} failed: timeout expired\n", address.host,
        address.numeric.empty() || address.numeric == address.host ? "" : " (" + address.numeric + ")", address.port);
    addresses.erase(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(*place) + 1);
  }
  while (silent.ends_with('\n')) silent.pop_back();
  throw connect_error(silent, settings);
}

}  // namespace echodb
