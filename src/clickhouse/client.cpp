#include "clickhouse/client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "clickhouse/server_answer.h"
#include "clickhouse/server_error.h"
#include "clickhouse/server_marks.h"
#include "clickhouse/socket_path.h"
#include "clickhouse/transfer.h"
#include "config/limits.h"

namespace echodb {
namespace {

using Handle = std::unique_ptr<CURL, void (*)(CURL*)>;
using Headers = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

void initialise_once() {
  static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kDone != CURLE_OK) throw Error(ErrorCode::SystemFailure, "libcurl cannot be initialised");
}

/// Whether the server answers at all, found out before rows are sent again.
constexpr std::chrono::seconds kProbeTimeout{5};

constexpr const char* kDatabaseOfAllServers = "system";

/// What a request is made of.
struct Request {
  std::string_view sql_in_url = {};
  std::span<const Bytes> body = {};
  const std::function<Bytes()>* next = nullptr;  ///< the body, when it is made while it is sent
  const std::function<void(Bytes)>* consume = nullptr;
  const ClickHouseClient::Parameters& parameters;
  std::chrono::milliseconds timeout;
  const std::uint64_t* rows = nullptr;  ///< in the body, known at its end
  bool is_question = false;
  bool only_once = false;  ///< never sent again by libcurl
};

/// What was sent and is not acknowledged for so long will not be: the connection is dead.
int on_socket(void*, curl_socket_t socket, curlsocktype) {
  auto milliseconds = static_cast<unsigned>(std::chrono::milliseconds(limits::kSocketTimeout).count());
  // It can only fail on what is no TCP socket, which has no such silence.
  static_cast<void>(setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds));
  return CURL_SOCKOPT_OK;
}

int on_progress(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

Error unreachable(const ClickHouseSettings& to, const char* why) {
  const std::string socket = to.socket.empty() ? "" : fmt::format(" (by its socket {})", to.socket);
  const std::string what = fmt::format("cannot reach ClickHouse at {}:{}{}: {}", to.host, to.port, socket, why);
  if (to.host_assumed) {
    return {
        ErrorCode::TargetUnreachable, what,
        "CLICKHOUSE_HOST is not set, so this is the place of the server that `echodb up` starts: start that, run this "
        "in its directory or with its ECHODB_DATA_DIR, or set CLICKHOUSE_HOST"};
  }
  return {ErrorCode::TargetUnreachable, what,
          socket.empty() ? "check CLICKHOUSE_HOST and CLICKHOUSE_PORT (the HTTP interface)"
                         : "see that `echodb up` runs, and start it again if its data directory was replaced"};
}

}  // namespace

class ClickHouseClient::Impl {
 public:
  Impl(ClickHouseSettings settings, std::stop_token stop)
      : settings_(std::move(settings)),
        socket_(settings_.socket),
        stop_(std::move(stop)),
        handle_(nullptr, &curl_easy_cleanup) {
    initialise_once();
    handle_.reset(curl_easy_init());
    if (handle_ == nullptr) throw Error(ErrorCode::SystemFailure, "libcurl has no handle to give");
  }

  std::string post(const Request& request) {
    failed_in_consuming_ = nullptr;
    try {
      return through_gate(request);
    } catch (const Error&) {
      // It was `consume` that ended it: the server is not to blame.
      if (failed_in_consuming_) std::rethrow_exception(failed_in_consuming_);
      throw;
    }
  }

  ClickHouseSettings settings_;

 private:
  /// Sends when the gate lets it pass, after a probe if the gate wants one, and says how it went.
  std::string through_gate(const Request& request) {
    while (true) {
      AttemptGate::Attempt attempt(settings_.gate.get());
      try {
        std::string answer;
        if (attempt.is_probe()) {
          ask(kProbeTimeout);
        } else {
          answer = send_to_known(request);
        }
        attempt.succeeded();
        if (!attempt.is_probe()) return answer;
      } catch (const Error& error) {
        // The server is not to blame for what ended in the making of the body, or in what becomes of the rows.
        if (failed_in_making_) throw;
        if (failed_in_consuming_) attempt.succeeded();
        // Whatever it says, it answers.
        if (error.code() == ErrorCode::TargetUnreachable) attempt.failed();
        if (error.code() != ErrorCode::TargetUnreachable && error.code() != ErrorCode::Stopped) attempt.succeeded();
        throw;
      }
    }
  }

  std::string send_to_known(const Request& request) {
    std::optional<ServerMarks> marks = KnownServers::instance().find(where());
    if (!marks) marks = ask(limits::kQueryTimeout);
    std::string answer = send(request, *marks);
    // Its answer cannot show which statement it belongs to, so what answered has to show that it is ClickHouse.
    if (marks->mark != AnswerMark::OwnId) ask(limits::kQueryTimeout);
    return answer;
  }

  /// Has the server show that it is ClickHouse, and learns how it marks its answers.
  ServerMarks ask(std::chrono::milliseconds timeout) {
    const Question question = ask_something();
    Bytes body = as_bytes(question.sql);
    ServerMarks marks;
    std::string answer =
        send({.body = std::span(&body, 1), .parameters = {}, .timeout = timeout, .is_question = true}, marks);
    if (answer != question.answer) throw doubted("it cannot tell the sum of two numbers", answer);
    KnownServers::instance().learn(where(), marks);
    return marks;
  }

  /// Returns what was printed, unless it is consumed. `marks` are those to expect; a question's answer sets them.
  std::string send(const Request& request, ServerMarks& marks) {
    failed_in_making_ = false;
    const std::string query_id = next_query_id();
    const std::string url = build_url(request, query_id);
    Headers headers = build_headers(request.next != nullptr);
    CURL* curl = handle_.get();
    Upload upload{.parts = request.body, .next = request.next, .permit = settings_.permit.get()};
    Download download{.curl = curl,
                      .expected = {.query_id = query_id, .marks = marks, .needs_summary = request.consume == nullptr},
                      .is_question = request.is_question,
                      .consume = request.consume};
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    if (!socket_.text().empty()) curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_.text().c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    upload.attach(curl);
    download.attach();
    set_transport(request.timeout);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request.only_once ? 1L : 0L);
    // Last, so that no time passes between the look at the lease and the request.
    if (settings_.permit != nullptr) settings_.permit->expect();
    try {
      perform();
    } catch (Error& error) {
      failed_in_making_ = upload.failure != nullptr;
      failed_in_consuming_ = download.failure;
      if (upload.failure) throw_for_statement(upload.failure, query_id);
      if (was_sent()) error.with(kStatementInDoubt, query_id);
      throw;
    }
    if (request.rows != nullptr) download.expected.rows = *request.rows;
    require_acknowledgement(download);
    if (request.is_question) marks = *download.head.marks(query_id);
    return std::move(download.kept);
  }

  void set_transport(std::chrono::milliseconds timeout) {
    CURL* curl = handle_.get();
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits::kConnectTimeout));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(timeout));
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 5L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 3L);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, &on_socket);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop_);
  }

  static long milliseconds(std::chrono::milliseconds duration) { return static_cast<long>(duration.count()); }

  [[nodiscard]] std::string escape(std::string_view text) const {
    std::unique_ptr<char, void (*)(void*)> escaped(
        curl_easy_escape(handle_.get(), text.data(), static_cast<int>(text.size())), &curl_free);
    return escaped == nullptr ? std::string() : std::string(escaped.get());
  }

  [[nodiscard]] std::string build_url(const Request& request, const std::string& query_id) const {
    const char* scheme = settings_.port == 8443 ? "https" : "http";
    // The answer is complete on the server before its first byte leaves, so a failure has a status of its own, and the
    // summary counts everything.
    std::string url = fmt::format("{}://{}/?wait_end_of_query=1&query_id={}", scheme, where(), escape(query_id));
    // The database may not be there, which is no reason not to answer a question; nor may the user's default one.
    const bool anywhere = settings_.database.empty() || request.is_question;
    url += "&database=" + (anywhere ? std::string(kDatabaseOfAllServers) : escape(settings_.database));
    for (const auto& [name, value] : request.parameters) url += fmt::format("&{}={}", escape(name), escape(value));
    if (!request.sql_in_url.empty()) url += "&query=" + escape(request.sql_in_url);
    return url;
  }

  [[nodiscard]] std::string where() const { return fmt::format("{}:{}", settings_.host, settings_.port); }

  /// Begins like the ids of this epoch, and cannot be guessed.
  [[nodiscard]] std::string next_query_id() const {
    return (settings_.query_id_prefix.empty() ? "echodb-" : settings_.query_id_prefix) + random_token();
  }

  [[nodiscard]] Headers build_headers(bool chunked) const {
    curl_slist* list = nullptr;
    list = curl_slist_append(list, ("X-ClickHouse-User: " + settings_.user).c_str());
    list = curl_slist_append(list, ("X-ClickHouse-Key: " + settings_.password).c_str());
    // Without this, libcurl asks for leave before a large body and loses a round trip.
    list = curl_slist_append(list, "Expect:");
    list = curl_slist_append(list, "Content-Type: application/octet-stream");
    if (chunked) list = curl_slist_append(list, "Transfer-Encoding: chunked");
    return Headers(list, &curl_slist_free_all);
  }

  void perform() {
    CURLcode outcome = curl_easy_perform(handle_.get());
    if (outcome == CURLE_ABORTED_BY_CALLBACK) {
      if (settings_.permit != nullptr) settings_.permit->expect();
      throw Error(ErrorCode::Stopped, "stopped while waiting for ClickHouse");
    }
    // A server that took the connection has its reasons; one that did not is not there.
    if (outcome == CURLE_OPERATION_TIMEDOUT && was_connected()) {
      throw Error(ErrorCode::TargetOverloaded, fmt::format("ClickHouse at {} did not answer in time", where()));
    }
    // HTTP/0.9, or no HTTP at all.
    if (outcome == CURLE_UNSUPPORTED_PROTOCOL || outcome == CURLE_WEIRD_SERVER_REPLY) {
      throw doubted("it does not speak HTTP/1.1", {});
    }
    if (outcome != CURLE_OK) throw unreachable(settings_, curl_easy_strerror(outcome));
  }

  /// An answer counts when it is ClickHouse's and the answer to this statement: server_answer.h.
  void require_acknowledgement(const Download& download) {
    constexpr int kOk = 200;
    const int status = download.status();
    const AnswerHead& head = download.head;
    if (status != kOk || head.exception_code() != 0) {
      const ServerMarks& marks = download.expected.marks;
      const bool is_others = marks.mark == AnswerMark::OwnId && !download.is_question && !head.query_id().empty() &&
                             head.query_id() != download.expected.query_id;
      if (is_others) throw in_doubt("the answer is one to another request", download);
      if (is_refusal_known(status, head, download.kept)) throw clickhouse_error(status, download.kept);
      throw in_doubt(fmt::format("its status is {}", status), download);
    }
    if (std::optional<std::string> doubt = download.doubt()) throw in_doubt(*doubt, download);
    if (head.ends_in_exception(download.tail)) {
      throw Error(ErrorCode::TargetOverloaded, fmt::format("ClickHouse at {} broke an answer off", where()));
    }
  }

  [[nodiscard]] Error doubted(std::string_view why, std::string_view body) const {
    KnownServers::instance().forget(where());
    return not_clickhouse(where(), why, body);
  }

  [[nodiscard]] Error in_doubt(std::string_view why, const Download& download) const {
    return doubted(why, download.kept).with(kStatementInDoubt, download.expected.query_id);
  }

  /// Something of the request has left.
  [[nodiscard]] bool was_sent() const {
    long bytes = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
  }

  /// What ended the making of a body says nothing of what the server does with the part that it has.
  [[noreturn]] static void throw_for_statement(const std::exception_ptr& failure, const std::string& query_id) {
    try {
      std::rethrow_exception(failure);
    } catch (Error& error) {
      error.with(kStatementInDoubt, query_id);
      throw;
    }
  }

  [[nodiscard]] bool was_connected() const {
    curl_off_t connected_after = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONNECT_TIME_T, &connected_after);
    return connected_after > 0;
  }

  const SocketPath socket_;
  std::stop_token stop_;
  Handle handle_;
  bool failed_in_making_ = false;                ///< the last request, by what made its body
  std::exception_ptr failed_in_consuming_ = {};  ///< of what took the last request's rows
};

ClickHouseClient::ClickHouseClient(ClickHouseSettings settings, std::stop_token stop)
    : impl_(std::make_unique<Impl>(std::move(settings), stop)), stop_(std::move(stop)) {}
ClickHouseClient::~ClickHouseClient() = default;
ClickHouseClient::ClickHouseClient(ClickHouseClient&&) noexcept = default;
ClickHouseClient& ClickHouseClient::operator=(ClickHouseClient&&) noexcept = default;

std::string ClickHouseClient::query(std::string_view sql, const Parameters& parameters) {
  Bytes body = as_bytes(sql);
  return impl_->post({.body = std::span(&body, 1), .parameters = parameters, .timeout = limits::kQueryTimeout});
}

std::string ClickHouseClient::query_once(std::string_view sql) {
  Bytes body = as_bytes(sql);
  return impl_->post(
      {.body = std::span(&body, 1), .parameters = {}, .timeout = limits::kQueryTimeout, .only_once = true});
}

void ClickHouseClient::query_patiently(std::string_view sql) {
  Bytes body = as_bytes(sql);
  impl_->post({.body = std::span(&body, 1), .parameters = {}, .timeout = limits::kWholeTableTimeout});
}

void ClickHouseClient::read(std::string_view sql, const std::function<void(Bytes)>& consume,
                            const Parameters& parameters) {
  Bytes body = as_bytes(sql);
  impl_->post({.body = std::span(&body, 1),
               .consume = &consume,
               .parameters = parameters,
               .timeout = limits::kCheckQueryTimeout});
}

void ClickHouseClient::insert(std::string_view insert, const Rows& rows, const Parameters& parameters) {
  impl_->post({.sql_in_url = insert,
               .body = rows.data,
               .parameters = parameters,
               .timeout = limits::kInsertTimeout,
               .rows = &rows.count});
}

void ClickHouseClient::insert_while(std::string_view insert, const RowsInTheMaking& rows,
                                    const Parameters& parameters) {
  impl_->post({.sql_in_url = insert,
               .next = &rows.next,
               .parameters = parameters,
               .timeout = limits::kInsertTimeout,
               .rows = &rows.count});
}

ServerVersion ClickHouseClient::server_version() {
  ServerVersion version;
  version.text = query("SELECT version()");
  while (!version.text.empty() && version.text.back() == '\n') version.text.pop_back();
  const char* end = version.text.data() + version.text.size();
  auto [dot, fault] = std::from_chars(version.text.data(), end, version.major);
  if (fault != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, version.minor).ec != std::errc()) {
    throw Error(ErrorCode::ProtocolViolation, fmt::format("'{}' is not a ClickHouse version", version.text));
  }
  return version;
}

void ClickHouseClient::use_database(std::string database) { impl_->settings_.database = std::move(database); }

}  // namespace echodb
