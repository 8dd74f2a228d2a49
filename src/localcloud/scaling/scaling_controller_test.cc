#include "localcloud/scaling/scaling_controller.h"

#include <gtest/gtest.h>

#include "localcloud/metrics/documents.h"
#include "localcloud/scaling/documents.h"
#include "localcloud/scheduler/documents.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

using namespace localcloud;  // NOLINT(google-build-using-namespace): the test is about it
using namespace std::chrono_literals;

constexpr const char* kResource = "service/alpha/web";

struct ScalingControllerTest : ::testing::Test {
  LocalApi api;
  ScalingController controller{api.cloud()};

  void SetUp() override {
    const auto txn = api.store().Begin();
    txn->Put(ecs::kServices, "alpha/web",
             {{"status", "ACTIVE"},
              {"desiredCount", 1},
              {"deployments", Json::array({{{"status", "PRIMARY"}, {"desiredCount", 1}}})}});
    txn->Commit();
  }
  Json Call(const std::string& operation, const Json& more = Json::object()) {
    Json input{{"ServiceNamespace", "ecs"}, {"ResourceId", kResource}, {"ScalableDimension", kServiceDimension}};
    input.update(more);
    return api.Call("application-autoscaling", operation, input);
  }
  Json Track(double target, Json more = Json::object()) {
    more.update({{"TargetValue", target},
                 {"PredefinedMetricSpecification", {{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}}}});
    return Call("PutScalingPolicy", {{"PolicyName", "cpu"},
                                     {"PolicyType", "TargetTrackingScaling"},
                                     {"TargetTrackingScalingPolicyConfiguration", more}});
  }
  Json Targets() {
    return api.Call("application-autoscaling", "DescribeScalableTargets",
                    {{"ServiceNamespace", "ecs"}, {"ResourceIds", {kResource}}})["ScalableTargets"];
  }
  int Desired() {
    const Json service = api.Document(ecs::kServices, "alpha/web");
    EXPECT_EQ(service["deployments"][0]["desiredCount"], service["desiredCount"]);
    return service["desiredCount"];
  }
  void Measure(double cpu) {
    api.cloud().metrics.Append({{{"AWS/ECS", "CPUUtilization", {{"ClusterName", "alpha"}, {"ServiceName", "web"}}},
                                 api.cloud().Now() - 10,
                                 StatisticSet::Of(cpu),
                                 "Percent"}});
  }
  void SetAlarm(const std::string& name, const char* state) {
    api.Call("cloudwatch", "SetAlarmState", {{"AlarmName", name}, {"StateValue", state}, {"StateReason", "test"}});
  }
};

TEST_F(ScalingControllerTest, TargetTrackingGoesByItsAlarms) {
  Call("RegisterScalableTarget", {{"MinCapacity", 1}, {"MaxCapacity", 4}});
  const Json alarms = Track(50)["Alarms"];
  ASSERT_EQ(alarms.size(), 2u);
  const std::string high = alarms[0]["AlarmName"];
  const std::string low = alarms[1]["AlarmName"];
  EXPECT_EQ(high.rfind("TargetTracking-service/alpha/web-AlarmHigh-", 0), 0u);
  controller.Pass();
  EXPECT_EQ(Desired(), 1);

  Measure(90);
  SetAlarm(high, "ALARM");
  controller.Pass();
  EXPECT_EQ(Desired(), 2);
  controller.Pass();
  EXPECT_EQ(Desired(), 2) << "once for one alarm";
  const Json activities = Call("DescribeScalingActivities")["ScalingActivities"];
  ASSERT_EQ(activities.size(), 1u);
  EXPECT_EQ(activities[0]["Description"], "Setting desired count to 2.");
  EXPECT_EQ(activities[0]["Cause"], "monitor alarm " + high + " in state ALARM triggered policy cpu");

  SetAlarm(high, "OK");
  SetAlarm(low, "ALARM");
  api.clock().Advance(20s);
  Measure(5);
  const auto wait = controller.Pass();
  EXPECT_EQ(Desired(), 2) << "the cooldown is not over";
  EXPECT_EQ(wait, 30s);
  api.clock().Advance(wait);
  Measure(5);
  controller.Pass();
  EXPECT_EQ(Desired(), 1);
  EXPECT_EQ(Call("DescribeScalingActivities")["ScalingActivities"][0]["Description"], "Setting desired count to 1.");
}

TEST_F(ScalingControllerTest, AStepPolicyGoesByTheAlarmThatNamesIt) {
  Call("RegisterScalableTarget", {{"MinCapacity", 1}, {"MaxCapacity", 8}});
  const std::string arn = Call(
      "PutScalingPolicy",
      {{"PolicyName", "up"},
       {"PolicyType", "StepScaling"},
       {"StepScalingPolicyConfiguration",
        {{"AdjustmentType", "ChangeInCapacity"},
         {"Cooldown", 60},
         {"StepAdjustments",
          Json::array({{{"MetricIntervalLowerBound", 0}, {"MetricIntervalUpperBound", 20}, {"ScalingAdjustment", 1}},
                       {{"MetricIntervalLowerBound", 20}, {"ScalingAdjustment", 3}}})}}}})["PolicyARN"];
  api.Call("cloudwatch", "PutMetricAlarm",
           {{"AlarmName", "busy"},
            {"Namespace", "AWS/ECS"},
            {"MetricName", "CPUUtilization"},
            {"Statistic", "Average"},
            {"Dimensions",
             Json::array({{{"Name", "ClusterName"}, {"Value", "alpha"}}, {{"Name", "ServiceName"}, {"Value", "web"}}})},
            {"Period", 10},
            {"EvaluationPeriods", 1},
            {"Threshold", 50},
            {"ComparisonOperator", "GreaterThanThreshold"},
            {"AlarmActions", {arn}}});
  Measure(95);
  controller.Pass();
  EXPECT_EQ(Desired(), 1);
  SetAlarm("busy", "ALARM");
  controller.Pass();
  EXPECT_EQ(Desired(), 4);
  EXPECT_EQ(api.Call("cloudwatch", "DescribeAlarmHistory",
                     {{"AlarmName", "busy"}, {"HistoryItemType", "Action"}})["AlarmHistoryItems"][0]["HistorySummary"],
            "Successfully executed action " + arn);
  api.clock().Advance(61s);
  Measure(60);
  controller.Pass();
  EXPECT_EQ(Desired(), 5) << "it goes on while the alarm does";
}

TEST_F(ScalingControllerTest, AScheduledActionMovesTheBounds) {
  Call("RegisterScalableTarget", {{"MinCapacity", 1}, {"MaxCapacity", 4}});
  controller.Pass();
  Call("PutScheduledAction", {{"ScheduledActionName", "morning"},
                              {"Schedule", "rate(10 minutes)"},
                              {"ScalableTargetAction", {{"MinCapacity", 3}}}});
  EXPECT_EQ(controller.Pass(), 600s);
  EXPECT_EQ(Desired(), 1);
  api.clock().Advance(600s);
  controller.Pass();
  EXPECT_EQ(Desired(), 3);
  EXPECT_EQ(Call("DescribeScalingActivities")["ScalingActivities"][0]["Cause"],
            "scheduled action name morning was triggered");
  EXPECT_EQ(Targets()[0]["MinCapacity"], 3);
  EXPECT_EQ(controller.Pass(), 600s) << "and again";
}

TEST_F(ScalingControllerTest, RegisteringBringsTheServiceWithinItsBounds) {
  Call("RegisterScalableTarget", {{"MinCapacity", 2}, {"MaxCapacity", 4}});
  controller.Pass();
  EXPECT_EQ(Desired(), 2);
  const auto by_hand = api.store().Begin();
  ecs::SetDesiredCount(by_hand->Edit(ecs::kServices, "alpha/web"), 0);
  by_hand->Commit();
  controller.Pass();
  EXPECT_EQ(Desired(), 0) << "what a person sets stays until a policy says otherwise";
}

TEST_F(ScalingControllerTest, ADeletedServiceTakesItsPoliciesAndAlarmsAlong) {
  Call("RegisterScalableTarget", {{"MinCapacity", 1}, {"MaxCapacity", 4}});
  Track(50);
  const auto txn = api.store().Begin();
  txn->Edit(ecs::kServices, "alpha/web")["status"] = "INACTIVE";
  txn->Commit();
  controller.Pass();
  EXPECT_TRUE(Targets().empty());
  EXPECT_TRUE(Call("DescribeScalingPolicies")["ScalingPolicies"].empty());
  EXPECT_TRUE(api.Call("cloudwatch", "DescribeAlarms")["MetricAlarms"].empty());
}

}  // namespace
}  // namespace adhoc::testing
