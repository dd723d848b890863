#include "cli/up_command.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/smoke.h"
#include "cli/up_screen.h"
#include "cli/up_stack.h"

namespace echodb {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{500};

/// Nothing when the worker does not answer in a way that can be shown; it may be on its way up or down.
std::optional<ReplicationProgress> look_at_worker(const std::string& url) {
  try {
    return fetch_progress(url);
  } catch (const Error& error) {
    log::warn("{}", error.what());
    return std::nullopt;
  }
}

/// The leader's, or while there is none whatever a worker says.
std::optional<ReplicationProgress> look_at_workers(const UpStack& stack) {
  std::optional<ReplicationProgress> seen;
  for (const std::string& url : stack.worker_urls()) {
    std::optional<ReplicationProgress> progress = look_at_worker(url);
    if (progress && progress->state != "follower") return progress;
    if (!seen) seen = std::move(progress);
  }
  return seen;
}

void watch(UpStack& stack, UpScreen& screen, const StopSignals& stop) {
  screen.show_overview(stack);
  while (!stop.requested()) {
    stack.tend(kBetweenLooks);
    if (!stop.requested()) screen.show(look_at_workers(stack));
  }
}

void stop_all(UpStack& stack, UpScreen& screen) {
  screen.say("stopping");
  for (const std::string& unclean : stack.stop()) screen.say(unclean);
  screen.say("stopped");
}

}  // namespace

int up_command(const Settings& settings, const UpOptions& options) {
  StopSignals stop;
  if (options.smoke) return smoke_command(settings, stop);
  UpScreen screen;
  auto say = [&](const std::string& sentence) { screen.say(sentence); };
  auto notice = [&](const std::string& sentence) {
    log::warn("{}", sentence);
    screen.say(sentence);
  };
  UpStack stack({.settings = settings,
                 .variables = options.flags,
                 .workers = options.workers,
                 .accept_new_source = options.accept_new_source,
                 .step = say,
                 .notice = notice},
                stop);
  try {
    stack.start();
    watch(stack, screen, stop);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::Stopped) throw;
  }
  stop_all(stack, screen);
  return 0;
}

}  // namespace echodb
