#include "sim/source_client.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "base/error.h"

namespace echodb::sim {
namespace {

class SimSourceClient final : public SourceClient {
 public:
  SimSourceClient(Source& source, Faults& faults) : source_(source), faults_(faults) {}

  bool shows(std::span<const Xid> transactions) override {
    ask();
    return std::ranges::all_of(transactions, [&](Xid xid) { return source_.snapshot().sees(xid); });
  }
  void describe(Oid table, std::string_view tag) override {
    ask();
    source_.describe(table, std::string(tag));
    faults_.answer();
  }
  Lsn flushed() override {
    ask();
    return source_.end_of_log();
  }
  void notify(const std::string&, const std::string&) override { ask(); }
  PostgresConnection& connection() override { throw std::logic_error("the simulated source knows no SQL"); }
  void close() override {}

 private:
  void ask() {
    const Faults::Fate fate = faults_.next();
    if (fate == Faults::Fate::Busy) throw Error(ErrorCode::SourceBusy, "locked by the simulation");
    if (fate == Faults::Fate::NeverArrived) throw Error(ErrorCode::SourceUnreachable, "away by the simulation");
  }

  Source& source_;
  Faults& faults_;
};

}  // namespace

std::unique_ptr<SourceClient> make_sim_source_client(Source& source, Faults& faults) {
  return std::make_unique<SimSourceClient>(source, faults);
}

}  // namespace echodb::sim
