#include "embedded/supervisor.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace echodb {

void Supervisor::start(ChildCommand command, Prepare prepare) {
  Member member{std::move(command), std::move(prepare), std::nullopt, Clock::now(), {}, kPauseMin};
  member.child.emplace(member.command);
  members_.push_back(std::move(member));
}

void Supervisor::note_end(Member& member, const ExitStatus& status) {
  member.child.reset();
  if (Clock::now() - member.started >= kSettled) member.pause = kPauseMin;
  member.start_again = Clock::now() + member.pause;
  notice_(fmt::format("{} ended unexpectedly ({}), see {}; it starts again in {:.1f} s", member.command.name,
                      to_string(status), member.command.log_file.string(),
                      std::chrono::duration<double>(member.pause).count()));
  member.pause = std::min(member.pause * 2, kPauseMax);
}

void Supervisor::start_again(Member& member) {
  member.started = Clock::now();
  try {
    if (member.prepare) member.prepare();
    member.child.emplace(member.command);
    notice_(fmt::format("{} was started again", member.command.name));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::Stopped) throw;
    member.start_again = Clock::now() + member.pause;
    member.pause = std::min(member.pause * 2, kPauseMax);
    notice_(fmt::format("{} could not be started again: {}", member.command.name, error.what()));
  }
}

void Supervisor::tend() {
  for (Member& member : members_) {
    if (member.child) {
      if (auto status = member.child->poll()) note_end(member, *status);
    } else if (Clock::now() >= member.start_again) {
      start_again(member);
    }
  }
}

std::optional<ExitStatus> Supervisor::ended(const std::string& name) {
  for (Member& member : members_) {
    if (member.command.name == name && member.child) return member.child->poll();
  }
  return std::nullopt;
}

std::vector<int> Supervisor::descriptors() const {
  std::vector<int> all;
  for (const Member& member : members_) {
    if (member.child) all.push_back(member.child->ended_descriptor());
  }
  return all;
}

pid_t Supervisor::pid(const std::string& name) const {
  auto member = std::ranges::find_if(members_, [&](const Member& each) { return each.command.name == name; });
  return member == members_.end() || !member->child ? 0 : member->child->pid();
}

std::vector<std::string> Supervisor::stop() {
  std::vector<std::string> unclean;
  while (!members_.empty()) {
    Member& last = members_.back();
    if (last.child) {
      ExitStatus status = last.child->stop();
      if (!status.clean()) unclean.push_back(fmt::format("{} ended with {}", last.command.name, to_string(status)));
    }
    members_.pop_back();
  }
  return unclean;
}

}  // namespace echodb
