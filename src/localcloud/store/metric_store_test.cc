#include "localcloud/store/metric_store.h"

#include <gtest/gtest.h>

#include "testing/temporary_folder.h"

namespace adhoc::localcloud {
namespace {

const MetricId kCpu{"AWS/ECS", "CPUUtilization", {{"ClusterName", "alpha"}, {"ServiceName", "web"}}};
const MetricId kMemory{"AWS/ECS", "MemoryUtilization", {{"ClusterName", "alpha"}, {"ServiceName", "web"}}};

TEST(MetricStore, KeepsWhatWasMeasuredAcrossARestart) {
  const testing::TemporaryFolder folder;
  {
    MetricStore store(folder.path() / "cloud.db");
    store.Append({{kCpu, 60, StatisticSet::Of(10), "Percent"}, {kMemory, 60, StatisticSet::Of(20), "Percent"}});
    store.Append({{kCpu, 120, {.count = 2, .sum = 30, .minimum = 10, .maximum = 20}, "Percent"}});
  }
  MetricStore store(folder.path() / "cloud.db");
  const auto rows = store.Read(kCpu, 60, 121);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].values, (StatisticSet{.count = 2, .sum = 30, .minimum = 10, .maximum = 20}));
  EXPECT_EQ(rows[1].unit, "Percent");
  EXPECT_EQ(store.Read(kCpu, 60, 120).size(), 1u) << "the end is not included";
  EXPECT_TRUE(store.Read(kCpu, 0, 1000, "Seconds").empty());
  ASSERT_EQ(store.List("AWS/ECS", "").size(), 2u);
  EXPECT_EQ(store.List("", "CPUUtilization").front().metric, kCpu);
  EXPECT_EQ(store.List("", "CPUUtilization").front().last, 120);
  store.Append({{kCpu, 180, StatisticSet::Of(1), "Percent"}});
  EXPECT_EQ(store.Read(kCpu, 0, 1000).size(), 3u) << "the same metric as before the restart";
}

TEST(MetricStore, ForgetsWhatIsOld) {
  MetricStore store(":memory:");
  store.Append({{kCpu, 60, StatisticSet::Of(10), "None"}, {kCpu, 600, StatisticSet::Of(10), "None"}});
  store.Append({{kMemory, 60, StatisticSet::Of(10), "None"}});
  store.DropBefore(100);
  EXPECT_EQ(store.Read(kCpu, 0, 1000).size(), 1u);
  ASSERT_EQ(store.List("", "").size(), 1u);
  store.Append({{kMemory, 700, StatisticSet::Of(10), "None"}});
  EXPECT_EQ(store.Read(kMemory, 0, 1000).size(), 1u) << "a forgotten metric can come back";
  store.Reset();
  EXPECT_TRUE(store.List("", "").empty());
  EXPECT_TRUE(store.Read(kCpu, 0, 1000).empty());
}

}  // namespace
}  // namespace adhoc::localcloud
