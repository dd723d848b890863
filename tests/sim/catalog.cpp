#include "sim/catalog.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"

namespace echodb::sim {

std::string where_it_is(const TableRecord& table) {
  return fmt::format(
      "{} is {} in the target, {}{}", table.oid, table.target_name, to_string(table.state),
      table.earlier_names.empty() ? "" : fmt::format(", or still {}", fmt::join(table.earlier_names, " or ")));
}

/// A transaction of the catalog: done, or not, or done and nobody hears of it.
template <typename Work>
auto Catalog::call(Work work) {
  using Fate = Faults::Fate;
  const Fate fate = faults_ == nullptr ? Fate::Done : faults_->next();
  if (fate == Fate::NeverArrived || fate == Fate::Busy)
    throw Error(ErrorCode::SourceUnreachable, "the catalog is away");
  if constexpr (std::is_void_v<decltype(work())>) {
    work();
    if (faults_ != nullptr) faults_->answer();
    if (fate == Fate::AnswerLost) throw Error(ErrorCode::SourceUnreachable, "the catalog's answer was lost");
  } else {
    auto answer = work();
    if (faults_ != nullptr) faults_->answer();
    return answer;
  }
}

void Catalog::save_applied(const std::string&, Lsn applied) {
  call([&] { stream_.applied = applied; });
}

void Catalog::save_target(const std::string&, const std::string& target_id, std::uint64_t number) {
  call([&] {
    stream_.target_id = target_id;
    stream_.target_number = number;
  });
}

void Catalog::request_remake(const std::string& reason) {
  call([&] { stream_.remake = reason; });
}

void Catalog::create_stream(const StreamRecord& stream, const std::vector<TableRecord>& tables) {
  call([&] {
    stream_ = stream;
    tables_.clear();
    ranges_.clear();
    notes_.clear();
    names_kept_.clear();
    for (const TableRecord& table : tables) {
      tables_[table.oid] = table;
      names_kept_[table.oid] = table.target_name;
    }
  });
}

std::map<Oid, TargetNote> Catalog::load_target_notes(const std::string&) {
  return call([&] { return notes_; });
}

void Catalog::save_target_note(const std::string&, Oid table, const TargetNote& note) {
  call([&] {
    if (tables_.contains(table)) notes_[table] = note;
  });
}

std::vector<TableRecord> Catalog::load_tables(const std::string&) {
  return call([&] {
    std::vector<TableRecord> all;
    for (const auto& [oid, table] : tables_) {
      if (!table.versions.empty()) all.push_back(table);
    }
    return all;
  });
}

void Catalog::put_version(Oid table, const TableVersion& version) {
  std::vector<TableVersion>& versions = tables_.at(table).versions;
  std::erase_if(versions, [&](const TableVersion& known) { return known.lsn == version.lsn; });
  versions.push_back(version);
  std::ranges::sort(versions, {}, &TableVersion::lsn);
}

void Catalog::save_table(const std::string&, const TableRecord& table, const TableVersion* version) {
  call([&] {
    log::debug("-- saved: {}", where_it_is(table));
    TableRecord& stored = tables_[table.oid];
    std::vector<TableVersion> versions = std::move(stored.versions);
    stored = table;
    stored.versions = std::move(versions);
    stored.target_kept = false;
    if (!table.target_kept) notes_.erase(table.oid);
    if (version != nullptr) put_version(table.oid, *version);
  });
}

void Catalog::announce_version(const std::string&, Oid table, const TableVersion& version) {
  call([&] {
    if (!tables_.contains(table)) throw Error(ErrorCode::SourceRejected, "a version of a table that is not there");
    put_version(table, version);
  });
}

void Catalog::prune(const std::string&, Lsn confirmed) {
  call([&] {
    for (auto& [oid, table] : tables_) {
      std::vector<TableVersion>& versions = table.versions;
      while (versions.size() > 1 && versions[1].lsn <= confirmed) versions.erase(versions.begin());
      if (table.copied && *table.copied <= confirmed) {
        table.copied.reset();
        table.copy_snapshot.clear();
      }
    }
    std::erase_if(tables_, [&](const auto& entry) {
      const TableRecord& table = entry.second;
      return table.dropped && *table.dropped <= confirmed && table.error.empty();
    });
    std::erase_if(notes_, [&](const auto& entry) { return !tables_.contains(entry.first); });
  });
}

std::vector<CopyRange> Catalog::load_ranges(const std::string&, Oid table) {
  return call([&] { return ranges_[table]; });
}

void Catalog::replace_ranges(const std::string&, Oid table, const std::vector<CopyRange>& ranges) {
  call([&] { ranges_[table] = ranges; });
}

void Catalog::finish_range(const std::string&, Oid table, const CopyRange& range) {
  call([&] {
    for (CopyRange& stored : ranges_[table]) {
      if (stored.number != range.number || stored.copy != range.copy) continue;
      stored.done = true;
      stored.rows = range.rows;
      return;
    }
    throw Error(ErrorCode::SchemaMismatch, "the table is being copied anew");
  });
}

void Catalog::journal(const JournalEntry&) {
  call([] {});
}

}  // namespace echodb::sim
