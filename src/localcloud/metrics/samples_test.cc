#include "localcloud/metrics/samples.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

// As HAProxy 2.6 writes it, with fewer columns.
constexpr const char* kStat =
    "# pxname,svname,stot,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,type,rtime,\n"
    "l80,FRONTEND,12,0,9,0,2,1,0,0,,\n"
    "tg-web,10.0.1.2_80,10,0,7,0,2,1,0,2,250,\n"
    "tg-web,10.0.1.3_80,2,0,2,0,0,0,0,2,50,\n"
    "tg-web,BACKEND,12,0,9,0,2,1,0,1,200,\n"
    "\n";

const TargetGroupView kWeb{
    .backend = "tg-web", .dimension = "targetgroup/web/1", .load_balancer = "app/alb/2", .healthy = 2};

const Measurement* Find(const std::vector<Measurement>& all, const std::string& name,
                        const std::map<std::string, std::string>& dimensions) {
  for (const auto& one : all) {
    if (one.metric.name == name && one.metric.dimensions == dimensions) return &one;
  }
  return nullptr;
}

TEST(Samples, OfAServiceCountItsTasks) {
  const auto all =
      ServiceMeasurements("alpha", "web", {{.cpu_percent = 20, .memory_percent = 40}, {80, 60}, {-1, 50}}, 60);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].metric, (MetricId{"AWS/ECS", "CPUUtilization", {{"ClusterName", "alpha"}, {"ServiceName", "web"}}}));
  EXPECT_EQ(all[0].values, (StatisticSet{.count = 2, .sum = 100, .minimum = 20, .maximum = 80}));
  EXPECT_EQ(all[1].values, (StatisticSet{.count = 3, .sum = 150, .minimum = 40, .maximum = 60}));
  EXPECT_EQ(all[1].unit, "Percent");
  EXPECT_TRUE(ServiceMeasurements("alpha", "web", {{}}, 60).empty());
}

TEST(Samples, ReadTheServersOfHaproxy) {
  const BackendCounters counters = ParseStat(kStat);
  ASSERT_EQ(counters.size(), 1u);
  ASSERT_EQ(counters.at("tg-web").size(), 2u);
  const ServerCounters& server = counters.at("tg-web").at("10.0.1.2_80");
  EXPECT_EQ(server.requests(), 10);
  EXPECT_EQ(server.responses[3], 2);
  EXPECT_EQ(server.response_milliseconds, 250);
  EXPECT_TRUE(ParseStat("").empty());
  EXPECT_TRUE(ParseStat("nonsense\n").empty());
}

TEST(Samples, CountWhatCameSince) {
  BackendCounters before = ParseStat(kStat);
  before["tg-web"]["10.0.1.2_80"].responses[1] = 4;
  before["tg-web"]["10.0.1.3_80"].responses[1] = 900;  // a reload came in between
  const BackendCounters since = Since(ParseStat(kStat), before);
  EXPECT_EQ(since.at("tg-web").at("10.0.1.2_80").requests(), 3);
  EXPECT_EQ(since.at("tg-web").at("10.0.1.3_80").requests(), 2);
}

TEST(Samples, OfALoadBalancerAreByTargetGroupAndInAll) {
  const auto all = BalancerMeasurements({kWeb}, ParseStat(kStat), 60);
  const std::map<std::string, std::string> both{{"LoadBalancer", "app/alb/2"}, {"TargetGroup", "targetgroup/web/1"}};
  const std::map<std::string, std::string> balancer{{"LoadBalancer", "app/alb/2"}};
  for (const auto& dimensions : {both, balancer}) {
    ASSERT_NE(Find(all, "RequestCount", dimensions), nullptr);
    EXPECT_EQ(Find(all, "RequestCount", dimensions)->values.sum, 12);
    EXPECT_EQ(Find(all, "HTTPCode_Target_2XX_Count", dimensions)->values.sum, 9);
    EXPECT_EQ(Find(all, "HTTPCode_Target_5XX_Count", dimensions)->values.sum, 1);
    EXPECT_EQ(Find(all, "HTTPCode_Target_3XX_Count", dimensions), nullptr) << "none came";
    const auto& times = Find(all, "TargetResponseTime", dimensions)->values;
    EXPECT_NEAR(times.sum / times.count, (10 * 0.25 + 2 * 0.05) / 12, 1e-9);
  }
  EXPECT_EQ(Find(all, "HealthyHostCount", both)->values.sum, 2);
  EXPECT_EQ(Find(all, "RequestCountPerTarget", {{"TargetGroup", "targetgroup/web/1"}})->values.sum, 6);
  const auto idle = BalancerMeasurements({kWeb}, {}, 60);
  EXPECT_EQ(Find(idle, "RequestCount", both), nullptr);
  EXPECT_EQ(Find(idle, "RequestCountPerTarget", both)->values.sum, 0) << "always reported";
}

}  // namespace
}  // namespace adhoc::localcloud
