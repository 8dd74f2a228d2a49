#include "localcloud/metrics/statistics.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

MetricStore::Row At(double time, double value, double count = 1) {
  return {.time = time, .values = StatisticSet::Of(value, count), .unit = "Percent"};
}

TEST(Statistics, OfWhatWasMeasured) {
  const std::vector<MetricStore::Row> rows{At(0, 10), At(1, 30), At(2, 20, 2)};
  const std::pair<const char*, double> expected[] = {{"Average", 20},    {"Sum", 80}, {"Minimum", 10}, {"Maximum", 30},
                                                     {"SampleCount", 4}, {"p50", 20}, {"p100", 30},    {"p0", 10}};
  for (const auto& [statistic, value] : expected) {
    EXPECT_TRUE(IsStatistic(statistic)) << statistic;
    EXPECT_EQ(Compute(statistic, rows), value) << statistic;
  }
  for (const char* unknown : {"tm90", "p101", "p", "average", "px"}) EXPECT_FALSE(IsStatistic(unknown)) << unknown;
  EXPECT_EQ(Compute("Sum", {}), std::nullopt);
}

TEST(Statistics, KnowNoPercentileOfASetWhoseValuesAreLost) {
  const MetricStore::Row set{.time = 0, .values = {.count = 3, .sum = 6, .minimum = 1, .maximum = 3}, .unit = ""};
  EXPECT_EQ(Compute("p90", {set}), std::nullopt);
  EXPECT_EQ(Compute("Average", {set}), 2);
}

TEST(Statistics, PeriodsBeginAtMultiplesOfTheirLength) {
  const auto points = Datapoints({At(59, 1), At(60, 2), At(119, 4), At(300, 8)}, "Sum", 60);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0].time, 0);
  EXPECT_EQ(points[1].time, 60);
  EXPECT_EQ(points[1].value, 6);
  EXPECT_EQ(points[2].time, 300);
  const auto anchored = SplitByPeriod({At(59, 1), At(89, 1), At(90, 1)}, 60, 90);
  ASSERT_EQ(anchored.size(), 2u);
  EXPECT_EQ(anchored[0].time, 30);
  EXPECT_EQ(anchored[1].time, 90);
}

}  // namespace
}  // namespace adhoc::localcloud
