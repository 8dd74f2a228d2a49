#include "localcloud/scaling/documents.h"

#include <fmt/format.h>

#include "localcloud/metrics/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kActivities = 1000;
constexpr double kLowShare = 0.9;  // of the target, below which a service is scaled in

Json Dimension(const char* name, const std::string& value) { return {{"Name", name}, {"Value", value}}; }

// What a target tracking policy looks at, in the members of an alarm.
Json MetricMembers(const std::string& resource_id, const Json& configuration) {
  if (const auto given = configuration.find("CustomizedMetricSpecification"); given != configuration.end()) {
    Json members{{"Namespace", given->at("Namespace")},
                 {"MetricName", given->at("MetricName")},
                 {"Statistic", given->at("Statistic")},
                 {"Dimensions", given->value("Dimensions", Json::array())}};
    if (given->contains("Unit")) members["Unit"] = given->at("Unit");
    return members;
  }
  const Json& given = configuration.at("PredefinedMetricSpecification");
  const std::string type = given.at("PredefinedMetricType");
  if (type == "ALBRequestCountPerTarget") {
    const std::string label = given.value("ResourceLabel", "");
    const auto group = label.find("/targetgroup/");
    return {{"Namespace", "AWS/ApplicationELB"},
            {"MetricName", "RequestCountPerTarget"},
            {"Statistic", "Sum"},
            {"Dimensions", Json::array({Dimension("LoadBalancer", label.substr(0, group)),
                                        Dimension("TargetGroup", label.substr(group + 1))})}};
  }
  const std::string key = ServiceKeyOf(resource_id);
  const auto slash = key.find('/');
  return {{"Namespace", "AWS/ECS"},
          {"MetricName", type == "ECSServiceAverageCPUUtilization" ? "CPUUtilization" : "MemoryUtilization"},
          {"Statistic", "Average"},
          {"Dimensions", Json::array({Dimension("ClusterName", key.substr(0, slash)),
                                      Dimension("ServiceName", key.substr(slash + 1))})}};
}

}  // namespace

std::string ServiceKeyOf(const std::string& resource_id) {
  constexpr std::string_view kPrefix = "service/";
  if (!resource_id.starts_with(kPrefix)) return "";
  const std::string key = resource_id.substr(kPrefix.size());
  const auto slash = key.find('/');
  return slash == std::string::npos || key.find('/', slash + 1) != std::string::npos ? "" : key;
}

TrackingPace PaceOf(const Settings& settings) {
  if (settings.timing.factor < 1) return {};
  return {.period = 60, .periods_high = 3, .periods_low = 15, .cooldown = 300};
}

void PutTrackingAlarms(Cloud& cloud, Store::Transaction& txn, Json& policy) {
  DeleteTrackingAlarms(cloud, txn, policy);
  policy["Alarms"] = Json::array();
  const auto configuration = policy.find("TargetTrackingScalingPolicyConfiguration");
  if (configuration == policy.end()) return;
  const TrackingPace pace = PaceOf(cloud.settings);
  const std::string resource_id = policy.at("ResourceId");
  Json alarm = MetricMembers(resource_id, *configuration);
  alarm["Period"] = pace.period;
  alarm["AlarmActions"] = Json::array({policy.at("PolicyARN")});
  alarm["AlarmDescription"] = fmt::format("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {}.",
                                          policy.at("PolicyARN").get<std::string>());
  // Sums are of a minute in a policy.
  const double target =
      configuration->at("TargetValue").get<double>() * (alarm["Statistic"] == "Sum" ? pace.period / kMinute : 1);
  const auto put = [&](const char* which, const char* comparison, double threshold, int periods) {
    const std::string name = fmt::format("TargetTracking-{}-{}-{}", resource_id, which, cloud.random.Uuid());
    alarm["AlarmName"] = name;
    alarm["ComparisonOperator"] = comparison;
    alarm["Threshold"] = threshold;
    alarm["EvaluationPeriods"] = periods;
    PutAlarm(cloud, txn, alarm);
    policy["Alarms"].push_back({{"AlarmName", name}, {"AlarmARN", txn.Find(kAlarms, name)->at("AlarmArn")}});
  };
  put("AlarmHigh", "GreaterThanThreshold", target, pace.periods_high);
  if (!configuration->value("DisableScaleIn", false)) {
    put("AlarmLow", "LessThanThreshold", target * kLowShare, pace.periods_low);
  }
}

void DeleteTrackingAlarms(Cloud& cloud, Store::Transaction& txn, const Json& policy) {
  for (const Json& alarm : policy.value("Alarms", Json::array())) DeleteAlarm(cloud, txn, alarm.at("AlarmName"));
}

void DeleteScalableTarget(Cloud& cloud, Store::Transaction& txn, const std::string& resource_id) {
  std::vector<std::string> policies;
  for (const auto& [arn, policy] : txn.All(kScalingPolicies)) {
    if (policy.at("ResourceId") == resource_id) policies.push_back(arn);
  }
  for (const std::string& arn : policies) {
    DeleteTrackingAlarms(cloud, txn, *txn.Find(kScalingPolicies, arn));
    txn.Erase(kScalingPolicies, arn);
  }
  std::vector<std::string> actions;
  for (const auto& [arn, action] : txn.All(kScheduledActions)) {
    if (action.at("ResourceId") == resource_id) actions.push_back(arn);
  }
  for (const std::string& arn : actions) txn.Erase(kScheduledActions, arn);
  txn.Erase(kScalableTargets, resource_id);
}

void AddScalingActivity(Cloud& cloud, Store::Transaction& txn, const std::string& resource_id, int desired,
                        const std::string& cause) {
  const double now = cloud.Now();
  txn.Put(kScalingActivities, fmt::format("{:012}", txn.NextNumber(kScalingActivities)),
          {{"ActivityId", cloud.random.Uuid()},
           {"ServiceNamespace", "ecs"},
           {"ResourceId", resource_id},
           {"ScalableDimension", kServiceDimension},
           {"Description", fmt::format("Setting desired count to {}.", desired)},
           {"Cause", cause},
           {"StartTime", now},
           {"EndTime", now},
           {"StatusCode", "Successful"},
           {"StatusMessage",
            fmt::format("Successfully set desired count to {}. Change successfully fulfilled by ecs.", desired)}});
  const auto& all = txn.All(kScalingActivities);
  if (all.size() > kActivities) txn.Erase(kScalingActivities, std::string(all.begin()->first));
}

}  // namespace adhoc::localcloud
