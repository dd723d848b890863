#include "control/holder_watch.h"

#include <algorithm>

namespace echodb {

void HolderWatch::look(std::vector<LeaderSession> sessions, std::string endings, Clock::time_point now) {
  std::map<std::string, Seen> seen;
  for (LeaderSession& session : sessions) {
    auto before = sessions_.find(session.id);
    const bool same = before != sessions_.end() && before->second.session.last_seen == session.last_seen;
    const Clock::time_point since = same ? before->second.since : now;
    const std::string id = session.id;
    seen.insert_or_assign(id, Seen{.session = std::move(session), .since = since});
  }
  sessions_ = std::move(seen);
  endings_ = std::move(endings);
}

std::vector<LeaderSession> HolderWatch::silent_holders(std::chrono::milliseconds longest, Clock::time_point now) const {
  std::vector<LeaderSession> silent;
  for (const auto& [id, seen] : sessions_) {
    if (seen.session.holds && !seen.session.last_seen.empty() && now - seen.since > longest) {
      silent.push_back(seen.session);
    }
  }
  return silent;
}

void HolderWatch::note_ended(const std::string& id) {
  auto seen = sessions_.find(id);
  if (seen != sessions_.end() && !seen->second.session.last_seen.empty()) ended_.emplace(id, seen->second.since);
}

HolderWatch::Clock::time_point HolderWatch::silent_since(const std::vector<std::string>& sessions,
                                                         Clock::time_point otherwise) const {
  Clock::time_point since = otherwise;
  for (const std::string& id : sessions) {
    auto ended = ended_.find(id);
    if (ended != ended_.end()) since = std::min(since, ended->second);
  }
  return since;
}

bool HolderWatch::were_closed(const std::vector<std::string>& sessions, const std::string& endings) const {
  return !endings.empty() && endings == endings_ && !sessions.empty() &&
         std::ranges::all_of(sessions, [&](const std::string& id) { return sessions_.contains(id); });
}

HolderWatch::Clock::time_point may_write_until(const OpenEpoch& earlier, bool process_ended, const HolderWatch& watch,
                                               const std::string& endings, HolderWatch::Clock::time_point lock_taken) {
  constexpr auto kNoLonger = HolderWatch::Clock::time_point::min();
  if (process_ended) return kNoLonger;
  if (earlier.direct && !earlier.has_sessions && watch.were_closed(earlier.sessions, endings)) return kNoLonger;
  return watch.silent_since(earlier.sessions, lock_taken) + earlier.lease_lasts;
}

}  // namespace echodb
