#include "sim/faults.h"

#include <array>
#include <map>
#include <stdexcept>
#include <string>

#include "base/log.h"

namespace echodb::sim {

void leave_out(FaultRates& rates, std::string_view name) {
  static const std::map<std::string_view, unsigned FaultRates::*> known{{"refused", &FaultRates::refused},
                                                                        {"busy", &FaultRates::busy},
                                                                        {"never_arrived", &FaultRates::never_arrived},
                                                                        {"answer_lost", &FaultRates::answer_lost},
                                                                        {"late", &FaultRates::late},
                                                                        {"crash", &FaultRates::crash}};
  auto found = known.find(name);
  if (found == known.end()) throw std::invalid_argument("no such fault: " + std::string(name));
  rates.*found->second = 0;
}

void Faults::wait() {
  if (random_.chance(rates_.crash)) {
    log::debug("-- the process dies");
    baton_.crash();
  }
  baton_.pass();
  // One answer in twenty takes long.
  constexpr unsigned kSlow = 50;
  constexpr std::size_t kPassesMax = 30;
  if (!random_.chance(kSlow)) return;
  for (std::size_t left = random_.below(kPassesMax); left > 0; --left) baton_.pass();
}

Faults::Fate Faults::choose() {
  if (random_.chance(rates_.refused)) return Fate::Refused;
  if (random_.chance(rates_.busy)) return Fate::Busy;
  if (random_.chance(rates_.never_arrived)) return Fate::NeverArrived;
  if (random_.chance(rates_.answer_lost)) return Fate::AnswerLost;
  if (random_.chance(rates_.late)) return Fate::Late;
  return Fate::Done;
}

Faults::Fate Faults::next() {
  static constexpr std::array<const char*, 6> kWords{"done", "refused", "busy", "never arrived", "answer lost", "late"};
  wait();
  const Fate fate = choose();
  if (fate != Fate::Done) log::debug("-- {}:", kWords.at(static_cast<std::size_t>(fate)));
  return fate;
}

void Faults::answer() { wait(); }

}  // namespace echodb::sim
