#include "localcloud/metrics/metrics_controller.h"

#include <gtest/gtest.h>

#include "localcloud/metrics/documents.h"
#include "localcloud/scheduler/documents.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

using namespace localcloud;  // NOLINT(google-build-using-namespace): the test is about it
using namespace std::chrono_literals;

// A HAProxy that has one worker and counts what the test says.
struct CountingHaproxy : proxy::HaproxyCli {
  std::string Run(const std::filesystem::path& directory, const std::string& command) override {
    directories.push_back(directory.filename());
    if (command == "show proc") return "1 master 0 0 0d 2.6\n# workers\n7 worker 0 0 0d 2.6\n# old workers\n";
    EXPECT_EQ(command, "@!7 show stat");
    return "# pxname,svname,hrsp_2xx,type,rtime,\ntg-web,one," + std::to_string(requests) + ",2,20,\n";
  }
  int requests = 0;
  std::vector<std::string> directories;
};

struct Metrics : ::testing::Test {
  LocalApi api;
  CountingHaproxy haproxy;
  MetricsController controller{api.cloud(), haproxy};

  // A running task with a quarter of a CPU and 512 MiB.
  std::string StartTask(const std::string& key, double cpus_used) {
    api.runtime().AddImage("image:" + key, {.cpus_used = cpus_used});
    const std::string id = api.runtime().Create({.name = key, .image = "image:" + key});
    api.runtime().Start(id);
    const auto txn = api.store().Begin();
    txn->Put(ecs::kTasks, "alpha/" + key,
             {{"lastStatus", "RUNNING"},
              {"_service", "web"},
              {"cpu", "256"},
              {"memory", "512"},
              {"containers", Json::array({{{"_id", id}, {"lastStatus", "RUNNING"}}})}});
    txn->Commit();
    return id;
  }
  Json Statistics(const std::string& space, const std::string& name, const Json& dimensions, int period) {
    const double now = ToSeconds(api.clock().Now());
    return api.Call("cloudwatch", "GetMetricStatistics",
                    {{"Namespace", space},
                     {"MetricName", name},
                     {"Dimensions", dimensions},
                     {"Period", period},
                     {"StartTime", now - 3600},
                     {"EndTime", now + 3600},
                     {"Statistics", {"Average", "Sum", "SampleCount"}}})["Datapoints"];
  }
  Json ServiceStatistics(const std::string& name, int period = 60) {
    return Statistics(
        "AWS/ECS", name,
        Json::array({{{"Name", "ClusterName"}, {"Value", "alpha"}}, {{"Name", "ServiceName"}, {"Value", "web"}}}),
        period);
  }
  std::string StateOf(const std::string& alarm) { return api.Document(kAlarms, alarm)["StateValue"]; }
  void Alarm(const std::string& name, int period, double threshold) {
    api.Call("cloudwatch", "PutMetricAlarm",
             {{"AlarmName", name},
              {"Namespace", "AWS/ECS"},
              {"MetricName", "CPUUtilization"},
              {"Statistic", "Average"},
              {"Dimensions", Json::array({{{"Name", "ClusterName"}, {"Value", "alpha"}},
                                          {{"Name", "ServiceName"}, {"Value", "web"}}})},
              {"Period", period},
              {"EvaluationPeriods", 2},
              {"Threshold", threshold},
              {"ComparisonOperator", "GreaterThanThreshold"}});
  }
  // Passes as often as the controller asks for it.
  void Run(Duration duration) {
    const TimePoint end = api.clock().Now() + std::chrono::duration_cast<TimePoint::duration>(duration);
    for (auto wait = controller.Pass(); api.clock().Now() + wait <= end; wait = controller.Pass()) {
      api.clock().Advance(wait);
    }
    api.clock().Advance(end - api.clock().Now());
  }
};

TEST_F(Metrics, OfAServiceAreInPercentOfItsTasksSize) {
  StartTask("one", 0.05);
  StartTask("two", 0.10);
  Run(150s);
  const Json cpu = ServiceStatistics("CPUUtilization");
  ASSERT_GE(cpu.size(), 1u);
  EXPECT_EQ(cpu[0]["SampleCount"], 2) << "one of each task";
  EXPECT_NEAR(cpu[0]["Average"].get<double>(), (0.05 + 0.10) / 2 / 0.25 * 100, 0.1);
  EXPECT_EQ(cpu[0]["Unit"], "Percent");
  EXPECT_NEAR(ServiceStatistics("MemoryUtilization")[0]["Average"].get<double>(), 32.0 / 512 * 100, 0.1);
}

TEST_F(Metrics, AreNeverMoreThanTheSizeAllows) {
  StartTask("one", 1);
  Run(150s);
  EXPECT_EQ(ServiceStatistics("CPUUtilization").back()["Average"], 100);
}

TEST_F(Metrics, AreMeasuredOnceAMinuteUnlessAnAlarmLooksMoreOften) {
  StartTask("one", 0.05);
  Run(300s);
  EXPECT_LE(ServiceStatistics("CPUUtilization", 10).size(), 5u);
  Alarm("quick", 10, 90);
  Run(100s);
  EXPECT_GE(ServiceStatistics("CPUUtilization", 10).size(), 12u);
}

TEST_F(Metrics, AnAlarmGoesOffAndCalmsDown) {
  StartTask("one", 0.5);
  Alarm("busy", 60, 90);
  controller.Pass();
  EXPECT_EQ(StateOf("busy"), "INSUFFICIENT_DATA");
  Run(200s);
  EXPECT_EQ(StateOf("busy"), "ALARM");
  EXPECT_NE(
      api.Document(kAlarms, "busy")["StateReason"].get<std::string>().find("2 out of the last 2 datapoints [100.0"),
      std::string::npos);
  {
    const auto txn = api.store().Begin();
    txn->Erase(ecs::kTasks, "alpha/one");
    txn->Commit();
  }
  StartTask("two", 0.01);
  Run(300s);
  EXPECT_EQ(StateOf("busy"), "OK");
  const Json history = api.Call("cloudwatch", "DescribeAlarmHistory", {{"AlarmName", "busy"}})["AlarmHistoryItems"];
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0]["HistorySummary"], "Alarm updated from ALARM to OK");
  EXPECT_EQ(history[1]["HistorySummary"], "Alarm updated from INSUFFICIENT_DATA to ALARM");
  EXPECT_EQ(history[2]["HistoryItemType"], "ConfigurationUpdate");
}

TEST_F(Metrics, OfALoadBalancerAreWhatItsHaproxyCounts) {
  {
    const auto txn = api.store().Begin();
    const std::string alb = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/alb/2";
    const std::string group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1";
    txn->Put("elbv2.loadbalancers", alb, {{"LoadBalancerArn", alb}, {"LoadBalancerName", "alb"}});
    txn->Put("elbv2.targetgroups", group, {{"TargetGroupName", "web"}, {"LoadBalancerArns", Json::array({alb})}});
    txn->Put("elbv2.targets", group + "|10.0.0.1|80", {{"TargetHealth", {{"State", "healthy"}}}});
    txn->Commit();
  }
  haproxy.requests = 1000;
  Run(60s);
  haproxy.requests = 1030;
  Run(60s);
  EXPECT_EQ(haproxy.directories.front(), "alb-2");
  const Json dimensions = Json::array({{{"Name", "LoadBalancer"}, {"Value", "app/alb/2"}}});
  const Json counts = Statistics("AWS/ApplicationELB", "RequestCount", dimensions, 60);
  ASSERT_EQ(counts.size(), 1u) << "what came before it was first looked at belongs to no period";
  EXPECT_EQ(counts[0]["Sum"], 30);
  EXPECT_EQ(Statistics("AWS/ApplicationELB", "TargetResponseTime", dimensions, 60)[0]["Average"], 0.02);
}

}  // namespace
}  // namespace adhoc::testing
