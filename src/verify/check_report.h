#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "postgres/lsn.h"

namespace echodb {

/// What a check of a table found. `Unknown` is neither: the table is being copied, stopped, changes too fast, or one of
/// the servers would not answer.
enum class Verdict { Equal, Different, Unknown };

std::string_view to_string(Verdict verdict);
std::string_view to_string(CheckMode mode);
/// nullopt for an unknown word.
std::optional<CheckMode> parse_check_mode(std::string_view word);

/// A row that differs, in words: never its values, but those of its key.
struct ReportedMismatch {
  std::string key;  ///< a JSON object
  std::string_view kind;
  std::vector<std::string> columns;
};

struct CheckReport {
  std::string table;  ///< schema.name
  CheckMode mode = CheckMode::Fingerprint;
  Verdict verdict = Verdict::Unknown;
  std::string reason;  ///< why it could not be told, or what the target lacks
  std::string note;    ///< what the verdict does not speak of: rows of tables that inherit from it
  std::uint64_t source_rows = 0;
  std::uint64_t target_rows = 0;
  std::uint64_t rows_compared = 0;
  std::uint64_t mismatched = 0;  ///< all of them; `mismatches` names the first
  std::uint64_t undecided = 0;
  std::vector<ReportedMismatch> mismatches;
  Lsn position;  ///< everything that was compared is as of this position or a later one
  std::chrono::system_clock::time_point at;
  std::chrono::milliseconds duration{0};
  std::vector<std::string> repairs;  ///< what was done, in words
  bool needs_copy = false;           ///< only a new copy can repair it; not in the JSON
};

nlohmann::json to_json(const CheckReport& report);

}  // namespace echodb
