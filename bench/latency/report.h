#pragma once

#include <string>
#include <vector>

namespace echodb {

/// One commit and its way to ClickHouse.
struct Measurement {
  double commit_ms = 0;   ///< from sending the statement to PostgreSQL's acknowledgement of the commit
  double visible_ms = 0;  ///< from that acknowledgement to the end of the first SELECT that returned the row
  int polls = 0;          ///< SELECTs up to and with that one
};

using Sample = std::vector<Measurement>;

struct Summary {
  double median = 0;
  double min = 0;
  double max = 0;
  double p99 = 0;  ///< nearest rank
};

/// Of at least one value.
Summary summarize(std::vector<double> values);

/// Prints a line per sample, a line for all of them and a histogram.
void print_report(const std::vector<Sample>& samples);
/// The same with every single latency, for machines.
void write_json(const std::string& path, const std::vector<Sample>& samples);

}  // namespace echodb
