#include "embedded/chdb_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

#include "base/error.h"

namespace echodb {
namespace {

constexpr const char* kRemedy = "run script/bootstrap, or set ECHODB_CHDB_LIBRARY to the path of libchdb.so";

template <typename Function>
void resolve(void* library, const char* name, Function& function) {
  void* symbol = dlsym(library, name);
  if (symbol == nullptr) {
    throw Error(ErrorCode::MissingBinary, fmt::format("libchdb.so has no function {}: not version 26.7", name),
                kRemedy);
  }
  function = reinterpret_cast<Function>(symbol);
}

}  // namespace

std::string find_chdb_library(const std::string& configured_path) {
  if (!configured_path.empty()) return std::filesystem::absolute(configured_path);
  std::filesystem::path installed(ECHODB_DEFAULT_CHDB_LIBRARY);
  return std::filesystem::exists(installed) ? installed.string() : "libchdb.so";
}

ChdbLibrary load_chdb_library(const std::string& path) {
  // RTLD_LOCAL: the library brings its own copies of OpenSSL, zlib and others, which must not replace ours.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    throw Error(ErrorCode::MissingBinary, fmt::format("cannot load libchdb: {}", reason == nullptr ? path : reason),
                kRemedy);
  }
  ChdbLibrary chdb;
  chdb.path = path;
  resolve(library, "chdb_connect", chdb.connect);
  resolve(library, "chdb_close_conn", chdb.close);
  resolve(library, "chdb_query_with_params_n", chdb.query);
  resolve(library, "chdb_classify_query_n", chdb.classify);
  resolve(library, "chdb_stream_insert_with_params_n", chdb.insert);
  resolve(library, "chdb_stream_append", chdb.insert_append);
  resolve(library, "chdb_stream_done", chdb.insert_done);
  resolve(library, "chdb_stream_insert_error", chdb.insert_error);
  resolve(library, "chdb_destroy_insert_stream", chdb.insert_destroy);
  resolve(library, "chdb_result_error", chdb.result_error);
  resolve(library, "chdb_result_buffer", chdb.result_buffer);
  resolve(library, "chdb_result_length", chdb.result_length);
  resolve(library, "chdb_result_rows_read", chdb.result_rows);
  resolve(library, "chdb_result_bytes_read", chdb.result_bytes);
  resolve(library, "chdb_result_storage_rows_read", chdb.result_rows_read);
  resolve(library, "chdb_result_storage_bytes_read", chdb.result_bytes_read);
  resolve(library, "chdb_result_rows_written", chdb.result_rows_written);
  resolve(library, "chdb_result_bytes_written", chdb.result_bytes_written);
  resolve(library, "chdb_destroy_query_result", chdb.result_destroy);
  // Its handlers turn a crash into a hang; ours is the default action, and the supervisor starts us again.
  void (*set_signal_handlers_enabled)(int) = nullptr;
  resolve(library, "chdb_set_signal_handlers_enabled", set_signal_handlers_enabled);
  set_signal_handlers_enabled(0);
  return chdb;
}

}  // namespace echodb
