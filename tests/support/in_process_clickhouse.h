#pragma once

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace echodb::unit {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// A real ClickHouse inside the test: libchdb, on a database in memory. Data goes in by the streaming insert, which
/// takes any bytes. Errors are std::runtime_error with ClickHouse's text.
class InProcessClickHouse {
 public:
  /// ECHODB_CHDB_LIBRARY, else where script/bootstrap puts it; empty when there is none.
  static std::string library_path() {
    if (const char* configured = std::getenv("ECHODB_CHDB_LIBRARY"); configured != nullptr) return configured;
    auto path = std::filesystem::path(__FILE__).parent_path() / "../../node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
    return std::filesystem::exists(path) ? path.string() : std::string();
  }

  /// Why a test has to be skipped; empty when it has not.
  static std::string unavailable_reason() {
    if (kSanitized)
      return "libchdb brings its own allocator and cannot be loaded under the address or thread sanitizer";
    if (library_path().empty()) return "no libchdb.so: run script/bootstrap or set ECHODB_CHDB_LIBRARY";
    return {};
  }

  InProcessClickHouse() {
    library_ = dlopen(library_path().c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) throw std::runtime_error(dlerror());
    function<void(int)>("chdb_set_signal_handlers_enabled")(0);
    std::string program = "echodb";
    std::string no_async_insert = "--async_insert=0";
    char* arguments[] = {program.data(), no_async_insert.data()};
    connection_ = function<void**(int, char**)>("chdb_connect")(2, arguments);
    if (connection_ == nullptr) throw std::runtime_error("chdb_connect failed");
    query("CREATE DATABASE IF NOT EXISTS tests");
    query("USE tests");
  }
  InProcessClickHouse(const InProcessClickHouse&) = delete;
  InProcessClickHouse& operator=(const InProcessClickHouse&) = delete;
  // The library stays loaded: its threads outlive the connection.
  ~InProcessClickHouse() { function<void(void**)>("chdb_close_conn")(connection_); }

  std::string query(std::string_view sql, std::string_view format = "TabSeparated") {
    using Query = void*(void*, const char*, std::size_t, const char*, std::size_t);
    return take(function<Query>("chdb_query_n")(*connection_, sql.data(), sql.size(), format.data(), format.size()));
  }

  /// `statement` without its FORMAT clause.
  void insert_native(std::string_view statement, const std::vector<Bytes>& parts) {
    using Insert = void*(void*, const char*, std::size_t, const char*, std::size_t);
    constexpr std::string_view kFormat = "Native";
    void* stream = function<Insert>("chdb_stream_insert_n")(*connection_, statement.data(), statement.size(),
                                                            kFormat.data(), kFormat.size());
    int failed = 0;
    for (Bytes part : parts) {
      failed |= function<int(void*, const void*, std::size_t)>("chdb_stream_append")(stream, part.data(), part.size());
    }
    std::string error;
    if (const char* text = function<const char*(void*)>("chdb_stream_insert_error")(stream); text != nullptr)
      error = text;
    if (failed == 0 && error.empty()) {
      try {
        take(function<void*(void*)>("chdb_stream_done")(stream));
      } catch (const std::runtime_error& refused) {
        error = refused.what();
      }
    }
    function<void(void*)>("chdb_destroy_insert_stream")(stream);
    if (failed != 0 || !error.empty()) throw std::runtime_error("insert refused: " + error);
  }

 private:
  template <typename Signature>
  Signature* function(const char* name) const {
    void* address = dlsym(library_, name);
    if (address == nullptr) throw std::runtime_error(std::string("libchdb has no ") + name);
    return reinterpret_cast<Signature*>(address);
  }

  std::string take(void* result) const {
    if (result == nullptr) throw std::runtime_error("libchdb gave no result");
    std::string text;
    std::string error;
    if (const char* failure = function<const char*(void*)>("chdb_result_error")(result); failure != nullptr) {
      error = failure;
    } else if (std::size_t size = function<std::size_t(void*)>("chdb_result_length")(result); size != 0) {
      text.assign(function<const char*(void*)>("chdb_result_buffer")(result), size);
    }
    function<void(void*)>("chdb_destroy_query_result")(result);
    if (!error.empty()) throw std::runtime_error(error);
    return text;
  }

  void* library_ = nullptr;
  void** connection_ = nullptr;
};

}  // namespace echodb::unit
