// From what was measured to datapoints: a statistic of each period. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/store/metric_store.h"

namespace adhoc::localcloud {

struct Datapoint {
  double time = 0;  // where its period begins
  double value = 0;
  std::string unit;
};

// Average, Sum, Minimum, Maximum, SampleCount, or p0 … p100 with fractions. Others of AWS (tm90, IQM …) are not.
bool IsStatistic(std::string_view text);

// The statistic of rows that belong together. Nothing without rows, and when it is a percentile of statistic sets whose
// values are not known any more.
std::optional<double> Compute(std::string_view statistic, const std::vector<MetricStore::Row>& rows);

// Rows by the period that they are in, ascending; periods begin at `anchor` and before and after it.
struct PeriodRows {
  double time = 0;
  std::vector<MetricStore::Row> rows;
};
std::vector<PeriodRows> SplitByPeriod(const std::vector<MetricStore::Row>& rows, double period, double anchor = 0);

std::vector<Datapoint> Datapoints(const std::vector<MetricStore::Row>& rows, std::string_view statistic, double period);

}  // namespace adhoc::localcloud
