#include <gtest/gtest.h>

#include "localcloud/scheduler/documents.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

constexpr const char* kResource = "service/alpha/web";

struct AutoScaling : ::testing::Test {
  LocalApi api;

  void SetUp() override {
    const auto txn = api.store().Begin();
    txn->Put(localcloud::ecs::kServices, "alpha/web",
             {{"status", "ACTIVE"}, {"desiredCount", 1}, {"deployments", Json::array()}});
    txn->Commit();
  }
  static Json About(const Json& more) {
    Json input{
        {"ServiceNamespace", "ecs"}, {"ResourceId", kResource}, {"ScalableDimension", "ecs:service:DesiredCount"}};
    input.update(more);
    return input;
  }
  Json Call(const std::string& operation, const Json& more = Json::object()) {
    return api.Call("application-autoscaling", operation, About(more));
  }
  std::string ErrorOf(const std::string& operation, const Json& more = Json::object()) {
    return api.ErrorOf("application-autoscaling", operation, About(more));
  }
  Json Targets() {
    return api.Call("application-autoscaling", "DescribeScalableTargets",
                    {{"ServiceNamespace", "ecs"}, {"ResourceIds", {kResource}}})["ScalableTargets"];
  }
  Json Register() { return Call("RegisterScalableTarget", {{"MinCapacity", 1}, {"MaxCapacity", 4}}); }
  static Json Tracking(const Json& metric, double target = 50) {
    return {{"PolicyName", "track"},
            {"PolicyType", "TargetTrackingScaling"},
            {"TargetTrackingScalingPolicyConfiguration",
             {{"TargetValue", target}, {"PredefinedMetricSpecification", metric}}}};
  }
  Json AlarmsOf(const Json& policy) {
    Json alarms = Json::array();
    for (const Json& alarm : policy["Alarms"]) {
      alarms.push_back(
          api.Call("cloudwatch", "DescribeAlarms", {{"AlarmNames", {alarm["AlarmName"]}}})["MetricAlarms"][0]);
    }
    return alarms;
  }
};

TEST_F(AutoScaling, ATargetIsRegisteredOnceAndChangedAfterwards) {
  const std::string arn = Register()["ScalableTargetARN"];
  EXPECT_EQ(Call("RegisterScalableTarget",
                 {{"MaxCapacity", 9}, {"SuspendedState", {{"DynamicScalingInSuspended", true}}}})["ScalableTargetARN"],
            arn);
  const Json targets = Targets();
  ASSERT_EQ(targets.size(), 1u);
  EXPECT_EQ(targets[0]["MinCapacity"], 1);
  EXPECT_EQ(targets[0]["MaxCapacity"], 9);
  EXPECT_EQ(targets[0]["SuspendedState"]["DynamicScalingInSuspended"], true);
  EXPECT_EQ(targets[0]["SuspendedState"]["DynamicScalingOutSuspended"], false);
  const auto tags = [&] {
    return api.Call("application-autoscaling", "ListTagsForResource", {{"ResourceARN", arn}})["Tags"];
  };
  api.Call("application-autoscaling", "TagResource", {{"ResourceARN", arn}, {"Tags", {{"env", "alpha"}}}});
  EXPECT_EQ(tags(), Json({{"env", "alpha"}}));
  api.Call("application-autoscaling", "UntagResource", {{"ResourceARN", arn}, {"TagKeys", {"env"}}});
  EXPECT_TRUE(tags().empty());
  Call("DeregisterScalableTarget");
  EXPECT_EQ(ErrorOf("DeregisterScalableTarget"), "ObjectNotFoundException");
}

TEST_F(AutoScaling, RefusesWhatMakesNoSense) {
  EXPECT_EQ(ErrorOf("RegisterScalableTarget", {{"MinCapacity", 1}}), "ValidationException");
  EXPECT_EQ(ErrorOf("RegisterScalableTarget", {{"MinCapacity", 3}, {"MaxCapacity", 2}}), "ValidationException");
  EXPECT_EQ(
      ErrorOf("RegisterScalableTarget", {{"ResourceId", "service/alpha/none"}, {"MinCapacity", 1}, {"MaxCapacity", 2}}),
      "ValidationException");
  EXPECT_EQ(
      ErrorOf("RegisterScalableTarget", {{"ServiceNamespace", "dynamodb"}, {"MinCapacity", 1}, {"MaxCapacity", 2}}),
      "ValidationException");
  const Json cpu{{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}};
  EXPECT_EQ(ErrorOf("PutScalingPolicy", Tracking(cpu)), "ObjectNotFoundException") << "no target";
  Register();
  EXPECT_EQ(ErrorOf("PutScalingPolicy", Tracking(cpu)), "");
  EXPECT_EQ(ErrorOf("PutScalingPolicy", Tracking(cpu, -1)), "ValidationException");
  EXPECT_EQ(ErrorOf("PutScalingPolicy", Tracking({{"PredefinedMetricType", "DynamoDBReadCapacityUtilization"}})),
            "ValidationException");
  EXPECT_EQ(ErrorOf("PutScalingPolicy", Tracking({{"PredefinedMetricType", "ALBRequestCountPerTarget"}})),
            "ValidationException");
  EXPECT_EQ(ErrorOf("PutScalingPolicy", {{"PolicyName", "steps"}, {"PolicyType", "StepScaling"}}),
            "ValidationException");
  EXPECT_EQ(ErrorOf("DeleteScalingPolicy", {{"PolicyName", "none"}}), "ObjectNotFoundException");
  const auto schedule = [&](const Json& more) {
    Json input{{"ScheduledActionName", "a"}, {"ScalableTargetAction", {{"MinCapacity", 2}}}};
    input.update(more);
    return ErrorOf("PutScheduledAction", input);
  };
  EXPECT_EQ(schedule({{"Schedule", "cron(0 18 * * ? *)"}}), "");
  EXPECT_EQ(schedule({{"Schedule", "cron(0 18 * * *)"}}), "ValidationException");
  EXPECT_EQ(schedule({{"Schedule", "at(2000-01-01T00:00:00)"}}), "ValidationException");
  EXPECT_EQ(schedule({{"Schedule", "cron(0 18 * * ? *)"}, {"Timezone", "Europe/Paris"}}), "ValidationException");
  EXPECT_EQ(ErrorOf("DeleteScheduledAction", {{"ScheduledActionName", "none"}}), "ObjectNotFoundException");
}

TEST_F(AutoScaling, ATrackingPolicyMakesItsAlarms) {
  Register();
  const Json made =
      Call("PutScalingPolicy", Tracking({{"PredefinedMetricType", "ECSServiceAverageMemoryUtilization"}}, 60));
  EXPECT_NE(made["PolicyARN"].get<std::string>().find(":resource/ecs/service/alpha/web:policyName/track"),
            std::string::npos);
  const Json alarms = AlarmsOf(made);
  ASSERT_EQ(alarms.size(), 2u);
  EXPECT_EQ(alarms[0]["MetricName"], "MemoryUtilization");
  EXPECT_EQ(alarms[0]["Threshold"], 60);
  EXPECT_EQ(alarms[0]["ComparisonOperator"], "GreaterThanThreshold");
  EXPECT_EQ(alarms[0]["EvaluationPeriods"], 3);
  EXPECT_EQ(alarms[0]["AlarmActions"], Json({made["PolicyARN"]}));
  EXPECT_EQ(alarms[1]["Threshold"], 54);
  EXPECT_EQ(alarms[1]["Dimensions"][1]["Value"], "web");

  Json only_out = Tracking({{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}});
  only_out["TargetTrackingScalingPolicyConfiguration"]["DisableScaleIn"] = true;
  const Json changed = Call("PutScalingPolicy", only_out);
  EXPECT_EQ(changed["PolicyARN"], made["PolicyARN"]);
  EXPECT_EQ(AlarmsOf(changed).size(), 1u);
  EXPECT_EQ(api.Call("cloudwatch", "DescribeAlarms")["MetricAlarms"].size(), 1u) << "the earlier ones are gone";
  EXPECT_EQ(Call("DescribeScalingPolicies", {{"PolicyNames", {"track"}}})["ScalingPolicies"][0]["Alarms"],
            changed["Alarms"]);
  Call("DeleteScalingPolicy", {{"PolicyName", "track"}});
  EXPECT_TRUE(api.Call("cloudwatch", "DescribeAlarms")["MetricAlarms"].empty());
}

TEST_F(AutoScaling, RequestsPerTargetAreOfAMinute) {
  Register();
  const Json alarms = AlarmsOf(Call("PutScalingPolicy", Tracking({{"PredefinedMetricType", "ALBRequestCountPerTarget"},
                                                                  {"ResourceLabel", "app/alb/1/targetgroup/web/2"}},
                                                                 600)));
  EXPECT_EQ(alarms[0]["Namespace"], "AWS/ApplicationELB");
  EXPECT_EQ(alarms[0]["Statistic"], "Sum");
  EXPECT_EQ(alarms[0]["Dimensions"][0]["Value"], "app/alb/1");
  EXPECT_EQ(alarms[0]["Dimensions"][1]["Value"], "targetgroup/web/2");
  EXPECT_EQ(alarms[0]["Threshold"].get<double>() * 60 / alarms[0]["Period"].get<double>(), 600);
}

TEST_F(AutoScaling, DeregisteringTakesEverythingAlong) {
  Register();
  Call("PutScalingPolicy", Tracking({{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}}));
  Call("PutScheduledAction", {{"ScheduledActionName", "night"},
                              {"Schedule", "cron(0 18 * * ? *)"},
                              {"ScalableTargetAction", {{"MinCapacity", 0}, {"MaxCapacity", 0}}}});
  const Json actions = Call("DescribeScheduledActions", {{"ScheduledActionNames", {"night"}}})["ScheduledActions"];
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(actions[0]["ScalableTargetAction"]["MaxCapacity"], 0);
  Call("DeregisterScalableTarget");
  EXPECT_TRUE(Call("DescribeScalingPolicies")["ScalingPolicies"].empty());
  EXPECT_TRUE(Call("DescribeScheduledActions")["ScheduledActions"].empty());
  EXPECT_TRUE(api.Call("cloudwatch", "DescribeAlarms")["MetricAlarms"].empty());
}

}  // namespace
}  // namespace adhoc::testing
