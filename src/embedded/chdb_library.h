#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace echodb {

// Handles of libchdb's C interface (chdb.h, 26.7); the package brings no header, so the part used is declared here.
struct ChdbResultHandle;
struct ChdbInsertHandle;
struct ChdbConnectionBody;
using ChdbConnectionHandle = ChdbConnectionBody**;

/// What chdb_classify_query_n reports; layout chdb_query_analysis_v1.
struct ChdbQueryAnalysis {
  std::uint32_t struct_size = sizeof(ChdbQueryAnalysis);
  std::uint32_t statement_count = 0;  ///< 0: does not parse
  std::uint32_t flags = 0;
  std::uint32_t query_class = 0;
};

/// libchdb, loaded once and never unloaded: its threads live as long as the process.
struct ChdbLibrary {
  ChdbConnectionHandle (*connect)(int, char**) = nullptr;
  void (*close)(ChdbConnectionHandle) = nullptr;
  ChdbResultHandle* (*query)(ChdbConnectionBody*, const char*, std::size_t, const char*, std::size_t,
                             const char* const*, const std::size_t*, const char* const*, const std::size_t*,
                             std::size_t) = nullptr;
  int (*classify)(ChdbConnectionBody*, const char*, std::size_t, const char*, std::size_t,
                  ChdbQueryAnalysis*) = nullptr;
  ChdbInsertHandle* (*insert)(ChdbConnectionBody*, const char*, std::size_t, const char*, std::size_t,
                              const char* const*, const std::size_t*, const char* const*, const std::size_t*,
                              std::size_t) = nullptr;
  int (*insert_append)(ChdbInsertHandle*, const void*, std::size_t) = nullptr;
  ChdbResultHandle* (*insert_done)(ChdbInsertHandle*) = nullptr;
  const char* (*insert_error)(ChdbInsertHandle*) = nullptr;
  void (*insert_destroy)(ChdbInsertHandle*) = nullptr;
  const char* (*result_error)(ChdbResultHandle*) = nullptr;
  char* (*result_buffer)(ChdbResultHandle*) = nullptr;
  std::size_t (*result_length)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_rows)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_bytes)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_rows_read)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_bytes_read)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_rows_written)(ChdbResultHandle*) = nullptr;
  std::uint64_t (*result_bytes_written)(ChdbResultHandle*) = nullptr;
  void (*result_destroy)(ChdbResultHandle*) = nullptr;
  std::string path;
};

/// Where the library is: the path given, else where script/bootstrap puts it, else whatever the loader finds.
std::string find_chdb_library(const std::string& configured_path);

/// Loads it and turns its signal handlers off. Throws Error(MissingBinary).
ChdbLibrary load_chdb_library(const std::string& path);

}  // namespace echodb
