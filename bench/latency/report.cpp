#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/error.h"

namespace echodb {
namespace {

/// Upper edges of the histogram's bars, in milliseconds; the last bar has none.
constexpr std::array<double, 12> kEdgesMs{2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 200, 500};
constexpr double kBarWidth = 50;

Sample flattened(const std::vector<Sample>& samples) {
  Sample all;
  for (const Sample& sample : samples) all.insert(all.end(), sample.begin(), sample.end());
  return all;
}

std::vector<double> visible_ms(const Sample& sample) {
  std::vector<double> values;
  for (const Measurement& one : sample) values.push_back(one.visible_ms);
  return values;
}

std::vector<double> commit_ms(const Sample& sample) {
  std::vector<double> values;
  for (const Measurement& one : sample) values.push_back(one.commit_ms);
  return values;
}

/// How fine the measure is: a row can have been visible one poll earlier.
double mean_poll_ms(const Sample& sample) {
  double spent = 0;
  int polls = 0;
  for (const Measurement& one : sample) {
    spent += one.visible_ms;
    polls += one.polls;
  }
  return spent / polls;
}

void print_summary(const std::string& name, const Sample& sample) {
  Summary summary = summarize(visible_ms(sample));
  fmt::print("{:<10} {:>4} commits   median {:7.2f} ms   min {:7.2f}   max {:7.2f}   p99 {:7.2f}\n", name,
             sample.size(), summary.median, summary.min, summary.max, summary.p99);
}

void print_histogram(const Sample& sample) {
  std::array<std::size_t, kEdgesMs.size() + 1> counts{};
  for (double value : visible_ms(sample)) {
    auto edge = std::ranges::upper_bound(kEdgesMs, value);
    ++counts[static_cast<std::size_t>(edge - kEdgesMs.begin())];
  }
  auto most = static_cast<double>(std::ranges::max(counts));
  for (std::size_t bar = 0; bar < counts.size(); ++bar) {
    if (counts[bar] == 0) continue;
    std::string label = bar < kEdgesMs.size() ? fmt::format("< {:.0f} ms", kEdgesMs[bar])
                                              : fmt::format(">= {:.0f} ms", kEdgesMs.back());
    auto width = static_cast<std::size_t>(std::ceil(kBarWidth * static_cast<double>(counts[bar]) / most));
    fmt::print("{:>10} {:>5} {}\n", label, counts[bar], std::string(width, '#'));
  }
}

nlohmann::json to_json(const Sample& sample) {
  Summary summary = summarize(visible_ms(sample));
  return {{"commits", sample.size()},        {"median_ms", summary.median},
          {"min_ms", summary.min},           {"max_ms", summary.max},
          {"p99_ms", summary.p99},           {"visible_ms", visible_ms(sample)},
          {"poll_ms", mean_poll_ms(sample)}, {"commit_median_ms", summarize(commit_ms(sample)).median}};
}

}  // namespace

Summary summarize(std::vector<double> values) {
  ECHO_ASSERT(!values.empty());
  std::ranges::sort(values);
  std::size_t half = values.size() / 2;
  double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  auto rank = static_cast<std::size_t>(std::ceil(0.99 * static_cast<double>(values.size())));
  return {.median = median, .min = values.front(), .max = values.back(), .p99 = values[rank - 1]};
}

void print_report(const std::vector<Sample>& samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) print_summary(fmt::format("sample {}", i + 1), samples[i]);
  Sample all = flattened(samples);
  print_summary("all", all);
  fmt::print("the commit itself: median {:.2f} ms; one poll: mean {:.2f} ms\n\n", summarize(commit_ms(all)).median,
             mean_poll_ms(all));
  print_histogram(all);
}

void write_json(const std::string& path, const std::vector<Sample>& samples) {
  nlohmann::json report{
      {"benchmark", "latency"}, {"all", to_json(flattened(samples))}, {"samples", nlohmann::json::array()}};
  for (const Sample& sample : samples) report["samples"].push_back(to_json(sample));
  std::ofstream file(path);
  file << report.dump(2) << '\n';
  file.close();
  if (!file) throw Error(ErrorCode::SystemFailure, "cannot write " + path);
}

}  // namespace echodb
