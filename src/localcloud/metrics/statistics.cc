#include "localcloud/metrics/statistics.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace adhoc::localcloud {
namespace {

std::optional<double> PercentOf(std::string_view statistic) {
  if (!statistic.starts_with('p')) return std::nullopt;
  const std::string_view digits = statistic.substr(1);
  double percent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc() || end != digits.data() + digits.size() || percent < 0 || percent > 100) return std::nullopt;
  return percent;
}

// Between the two nearest ranks.
std::optional<double> Percentile(double percent, const std::vector<MetricStore::Row>& rows) {
  std::vector<std::pair<double, double>> values;  // with their counts
  double count = 0;
  for (const auto& row : rows) {
    if (row.values.count > 1 && row.values.minimum != row.values.maximum) return std::nullopt;
    values.emplace_back(row.values.minimum, row.values.count);
    count += row.values.count;
  }
  std::sort(values.begin(), values.end());
  const double rank = percent / 100 * (count - 1);
  const auto at = [&](double position) {
    double passed = 0;
    for (const auto& [value, times] : values) {
      passed += times;
      if (position < passed) return value;
    }
    return values.back().first;
  };
  const double below = at(std::floor(rank));
  return below + (at(std::ceil(rank)) - below) * (rank - std::floor(rank));
}

}  // namespace

bool IsStatistic(std::string_view text) {
  for (const std::string_view known : {"Average", "Sum", "Minimum", "Maximum", "SampleCount"}) {
    if (text == known) return true;
  }
  return PercentOf(text).has_value();
}

std::optional<double> Compute(std::string_view statistic, const std::vector<MetricStore::Row>& rows) {
  StatisticSet all;
  for (const auto& row : rows) all.Add(row.values);
  if (all.count == 0) return std::nullopt;
  if (statistic == "Average") return all.sum / all.count;
  if (statistic == "Sum") return all.sum;
  if (statistic == "Minimum") return all.minimum;
  if (statistic == "Maximum") return all.maximum;
  if (statistic == "SampleCount") return all.count;
  const auto percent = PercentOf(statistic);
  return percent ? Percentile(*percent, rows) : std::nullopt;
}

std::vector<PeriodRows> SplitByPeriod(const std::vector<MetricStore::Row>& rows, double period, double anchor) {
  std::vector<PeriodRows> periods;
  for (const auto& row : rows) {
    const double begin = anchor + std::floor((row.time - anchor) / period) * period;
    if (periods.empty() || periods.back().time != begin) periods.push_back({begin, {}});
    periods.back().rows.push_back(row);
  }
  return periods;
}

std::vector<Datapoint> Datapoints(const std::vector<MetricStore::Row>& rows, std::string_view statistic,
                                  double period) {
  std::vector<Datapoint> points;
  for (const auto& [time, in_it] : SplitByPeriod(rows, period)) {
    if (const auto value = Compute(statistic, in_it)) points.push_back({time, *value, in_it.front().unit});
  }
  return points;
}

}  // namespace adhoc::localcloud
