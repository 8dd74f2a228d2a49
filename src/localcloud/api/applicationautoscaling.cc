// Application Auto Scaling of ECS services (https://docs.aws.amazon.com/autoscaling/application/APIReference/). What it
// does is decided in scaling/.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/support.h"
#include "localcloud/scaling/documents.h"
#include "localcloud/scaling/schedule.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr std::int64_t kItemsInPage = 50;

[[noreturn]] void Invalid(const std::string& message) { throw ApiError("ValidationException", message); }
[[noreturn]] void NotFound(const std::string& message) { throw ApiError("ObjectNotFoundException", message); }

// The resource that a request is about. Throws for everything that is no ECS service.
std::string ResourceOf(const Json& input) {
  if (const std::string space = Text(input, "ServiceNamespace"); space != "ecs") {
    Invalid(fmt::format("The local cloud scales ECS services only, not {}", space));
  }
  const std::string dimension = Text(input, "ScalableDimension", kServiceDimension);
  if (dimension != kServiceDimension) Invalid("Unsupported service namespace, resource type or scalable dimension");
  std::string resource_id = Text(input, "ResourceId");
  if (!resource_id.empty() && ServiceKeyOf(resource_id).empty()) {
    Invalid("Unsupported service namespace, resource type or scalable dimension");
  }
  return resource_id;
}

std::string Described(const std::string& resource_id) {
  return fmt::format("service namespace: ecs, resource ID: {}, scalable dimension: {}", resource_id, kServiceDimension);
}

const Json& RequireTarget(Call& call, const std::string& resource_id) {
  const Json* target = call.txn.Find(kScalableTargets, resource_id);
  if (target == nullptr) NotFound("No scalable target registered for " + Described(resource_id));
  return *target;
}

Json RegisterScalableTarget(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string resource_id = ResourceOf(input);
  const Json* service = call.txn.Find(ecs::kServices, ServiceKeyOf(resource_id));
  if (service == nullptr || Text(*service, "status") != "ACTIVE") Invalid("ECS service doesn't exist: " + resource_id);
  const Json* existing = call.txn.Find(kScalableTargets, resource_id);
  Json target;
  if (existing != nullptr) {
    target = *existing;
  } else {
    if (!input.contains("MinCapacity") || !input.contains("MaxCapacity")) {
      Invalid("MinCapacity and MaxCapacity are required to register a scalable target");
    }
    target = {{"ServiceNamespace", "ecs"},
              {"ResourceId", resource_id},
              {"ScalableDimension", kServiceDimension},
              {"RoleARN", cloud.GlobalArn("iam",
                                          "role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
                                          "AWSServiceRoleForApplicationAutoScaling_ECSService")},
              {"CreationTime", cloud.Now()},
              {"ScalableTargetARN", cloud.Arn("application-autoscaling", "scalable-target/" + cloud.random.Hex(32))},
              {"SuspendedState",
               {{"DynamicScalingInSuspended", false},
                {"DynamicScalingOutSuspended", false},
                {"ScheduledScalingSuspended", false}}},
              {"_tags", Json::object()}};
  }
  CopyMembers(input, target, {"MinCapacity", "MaxCapacity"});
  target["SuspendedState"].update(Fields(input, "SuspendedState"));
  target["_tags"].update(Fields(input, "Tags"));
  const std::int64_t minimum = target["MinCapacity"];
  const std::int64_t maximum = target["MaxCapacity"];
  if (minimum < 0 || maximum < 0) Invalid("Minimum and maximum capacity must not be negative");
  if (minimum > maximum) Invalid("Maximum capacity cannot be less than minimum capacity");
  if (input.contains("MinCapacity") || input.contains("MaxCapacity")) {
    target["_bounds_cause"] = Number(*service, "desiredCount") < minimum
                                  ? fmt::format("minimum capacity was set to {}", minimum)
                                  : fmt::format("maximum capacity was set to {}", maximum);
  }
  Json answer{{"ScalableTargetARN", target["ScalableTargetARN"]}};
  call.txn.Put(kScalableTargets, resource_id, std::move(target));
  return answer;
}

Json DeregisterScalableTarget(Cloud& cloud, Call& call) {
  const std::string resource_id = ResourceOf(call.input);
  RequireTarget(call, resource_id);
  DeleteScalableTarget(cloud, call.txn, resource_id);
  return Json::object();
}

// One page of a collection's documents that `matches` takes.
template <typename Matches>
Json Describe(const Call& call, const char* collection, const char* list, bool newest_first, Matches matches) {
  const std::string resource_id = ResourceOf(call.input);
  KeyedItems items;
  for (const auto& [key, document] : call.txn.All(collection)) {
    if ((resource_id.empty() || document["ResourceId"] == resource_id) && matches(document))
      items.emplace_back(key, document);
  }
  if (newest_first) {
    std::reverse(items.begin(), items.end());
    // Pages ascend by key.
    for (auto& [key, document] : items)
      key = fmt::format("{:012}", 999999999999 - std::strtoll(key.c_str(), nullptr, 10));
  }
  Page page = TakePage(std::move(items), Number(call.input, "MaxResults", kItemsInPage), Text(call.input, "NextToken"),
                       "InvalidNextTokenException");
  Json answer{{list, std::move(page.items)}};
  if (!page.next.empty()) answer["NextToken"] = page.next;
  return answer;
}

bool IsOneOf(const std::vector<std::string>& names, const Json& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

Json DescribeScalableTargets(Cloud&, Call& call) {
  const auto ids = Strings(call.input, "ResourceIds");
  return Describe(call, kScalableTargets, "ScalableTargets", false,
                  [&](const Json& target) { return IsOneOf(ids, target["ResourceId"]); });
}

void CheckTracking(const Json& configuration) {
  const bool predefined = configuration.contains("PredefinedMetricSpecification");
  if (predefined == configuration.contains("CustomizedMetricSpecification")) {
    Invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified");
  }
  if (configuration["TargetValue"] <= 0) Invalid("Target value must be greater than 0");
  if (!predefined) {
    for (const char* required : {"MetricName", "Namespace", "Statistic"}) {
      if (!configuration["CustomizedMetricSpecification"].contains(required)) {
        Invalid(fmt::format("A customized metric needs {}: metric math is not answered here", required));
      }
    }
    return;
  }
  const Json& metric = configuration["PredefinedMetricSpecification"];
  const std::string type = Text(metric, "PredefinedMetricType");
  if (type == "ALBRequestCountPerTarget") {
    const std::string label = Text(metric, "ResourceLabel");
    if (!StartsWith(label, "app/") || label.find("/targetgroup/") == std::string::npos) {
      Invalid("Resource label must be app/<load balancer>/<id>/targetgroup/<target group>/<id>: " + label);
    }
  } else if (type != "ECSServiceAverageCPUUtilization" && type != "ECSServiceAverageMemoryUtilization") {
    Invalid(fmt::format("The predefined metric {} can't be used with ECS services", type));
  }
}

void CheckSteps(const Json& configuration) {
  if (!configuration.contains("AdjustmentType")) Invalid("AdjustmentType is required for a step scaling policy");
  const Json& steps = Items(configuration, "StepAdjustments");
  if (steps.empty()) Invalid("StepAdjustments are required for a step scaling policy");
  for (const Json& step : steps) {
    if (step.contains("MetricIntervalLowerBound") && step.contains("MetricIntervalUpperBound") &&
        step["MetricIntervalLowerBound"] >= step["MetricIntervalUpperBound"]) {
      Invalid("MetricIntervalLowerBound must be less than MetricIntervalUpperBound");
    }
  }
}

// Its ARN; empty when there is none.
std::string FindPolicy(const Call& call, const std::string& resource_id, const std::string& name) {
  for (const auto& [arn, policy] : call.txn.All(kScalingPolicies)) {
    if (policy["ResourceId"] == resource_id && policy["PolicyName"] == name) return arn;
  }
  return "";
}

Json PutScalingPolicy(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string resource_id = ResourceOf(input);
  RequireTarget(call, resource_id);
  const std::string name = Text(input, "PolicyName");
  std::string arn = FindPolicy(call, resource_id, name);
  const Json* existing = arn.empty() ? nullptr : call.txn.Find(kScalingPolicies, arn);
  const std::string type =
      Text(input, "PolicyType", existing != nullptr ? Text(*existing, "PolicyType") : "StepScaling");
  const char* member = type == "TargetTrackingScaling" ? "TargetTrackingScalingPolicyConfiguration"
                       : type == "StepScaling"         ? "StepScalingPolicyConfiguration"
                                                       : nullptr;
  if (member == nullptr) Invalid(fmt::format("Policies of the type {} are not answered here", type));
  if (!input.contains(member)) Invalid(fmt::format("{} is required for a policy of the type {}", member, type));
  if (existing != nullptr && Text(*existing, "PolicyType") != type) Invalid("The type of a policy can't be changed");
  type == "StepScaling" ? CheckSteps(input[member]) : CheckTracking(input[member]);
  Json policy;
  if (existing != nullptr) {
    policy = *existing;
  } else {
    arn = cloud.Arn("autoscaling", fmt::format("scalingPolicy:{}:resource/ecs/{}:policyName/{}", cloud.random.Uuid(),
                                               resource_id, name));
    policy = {{"PolicyARN", arn},
              {"PolicyName", name},
              {"ServiceNamespace", "ecs"},
              {"ResourceId", resource_id},
              {"ScalableDimension", kServiceDimension},
              {"PolicyType", type},
              {"Alarms", Json::array()},
              {"CreationTime", cloud.Now()}};
  }
  policy[member] = input[member];
  PutTrackingAlarms(cloud, call.txn, policy);
  Json answer{{"PolicyARN", arn}, {"Alarms", policy["Alarms"]}};
  call.txn.Put(kScalingPolicies, arn, std::move(policy));
  return answer;
}

Json DescribeScalingPolicies(Cloud&, Call& call) {
  const auto names = Strings(call.input, "PolicyNames");
  return Describe(call, kScalingPolicies, "ScalingPolicies", false, [&](const Json& policy) {
    return IsOneOf(names, policy["PolicyName"]) || (!names.empty() && IsOneOf(names, policy["PolicyARN"]));
  });
}

Json DeleteScalingPolicy(Cloud& cloud, Call& call) {
  const std::string resource_id = ResourceOf(call.input);
  const std::string arn = FindPolicy(call, resource_id, Text(call.input, "PolicyName"));
  if (arn.empty())
    NotFound(fmt::format("No scaling policy found for {}: {}", Described(resource_id), Text(call.input, "PolicyName")));
  DeleteTrackingAlarms(cloud, call.txn, *call.txn.Find(kScalingPolicies, arn));
  call.txn.Erase(kScalingPolicies, arn);
  return Json::object();
}

Json DescribeScalingActivities(Cloud&, Call& call) {
  return Describe(call, kScalingActivities, "ScalingActivities", true, [](const Json&) { return true; });
}

std::string FindSchedule(const Call& call, const std::string& resource_id, const std::string& name) {
  for (const auto& [arn, action] : call.txn.All(kScheduledActions)) {
    if (action["ResourceId"] == resource_id && action["ScheduledActionName"] == name) return arn;
  }
  return "";
}

Json PutScheduledAction(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string resource_id = ResourceOf(input);
  RequireTarget(call, resource_id);
  const std::string name = Text(input, "ScheduledActionName");
  std::string arn = FindSchedule(call, resource_id, name);
  Json action;
  if (!arn.empty()) {
    action = *call.txn.Find(kScheduledActions, arn);
  } else {
    arn = cloud.Arn("autoscaling", fmt::format("scheduledAction:{}:resource/ecs/{}:scheduledActionName/{}",
                                               cloud.random.Uuid(), resource_id, name));
    action = {{"ScheduledActionARN", arn},
              {"ScheduledActionName", name},
              {"ServiceNamespace", "ecs"},
              {"ResourceId", resource_id},
              {"ScalableDimension", kServiceDimension},
              {"CreationTime", cloud.Now()}};
  }
  CopyMembers(input, action, {"Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction"});
  if (!action.contains("Schedule")) Invalid("Schedule is required for a scheduled action");
  if (!action.contains("ScalableTargetAction")) Invalid("ScalableTargetAction is required for a scheduled action");
  if (const std::string zone = Text(action, "Timezone", "UTC"); zone != "UTC" && zone != "Etc/UTC") {
    Invalid(fmt::format("The local cloud schedules in UTC only, not in {}", zone));
  }
  std::optional<double> next;
  try {
    const Schedule schedule = ParseSchedule(Text(action, "Schedule"));
    const double start = action.value("StartTime", cloud.Now());
    next = NextTime(schedule, std::max(cloud.Now(), start - 1), start);
    if (!next && schedule.kind == Schedule::Kind::kAt)
      Invalid("Schedule must be in the future: " + Text(action, "Schedule"));
  } catch (const ApiError&) {
    throw;
  } catch (const Error& error) {
    Invalid(error.what());
  }
  action.erase("_next");
  if (next && *next <= action.value("EndTime", *next)) action["_next"] = *next;
  call.txn.Put(kScheduledActions, arn, std::move(action));
  return Json::object();
}

Json DescribeScheduledActions(Cloud&, Call& call) {
  const auto names = Strings(call.input, "ScheduledActionNames");
  return Describe(call, kScheduledActions, "ScheduledActions", false,
                  [&](const Json& action) { return IsOneOf(names, action["ScheduledActionName"]); });
}

Json DeleteScheduledAction(Cloud&, Call& call) {
  const std::string resource_id = ResourceOf(call.input);
  const std::string arn = FindSchedule(call, resource_id, Text(call.input, "ScheduledActionName"));
  if (arn.empty()) {
    NotFound(fmt::format("No scheduled action found for {}, scheduled action name: {}", Described(resource_id),
                         Text(call.input, "ScheduledActionName")));
  }
  call.txn.Erase(kScheduledActions, arn);
  return Json::object();
}

Json& TagsOf(Call& call) {
  const std::string arn = Text(call.input, "ResourceARN");
  for (const auto& [resource_id, target] : call.txn.All(kScalableTargets)) {
    if (target["ScalableTargetARN"] == arn) return call.txn.Edit(kScalableTargets, std::string(resource_id))["_tags"];
  }
  throw ApiError("ResourceNotFoundException", "The specified resource doesn't exist.", {{"ResourceName", arn}});
}

Json ListTagsForResource(Cloud&, Call& call) { return {{"Tags", TagsOf(call)}}; }

Json TagResource(Cloud&, Call& call) {
  TagsOf(call).update(Fields(call.input, "Tags"));
  return Json::object();
}

Json UntagResource(Cloud&, Call& call) {
  Json& tags = TagsOf(call);
  for (const auto& key : Strings(call.input, "TagKeys")) tags.erase(key);
  return Json::object();
}

}  // namespace

void RegisterApplicationAutoScaling(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "application-autoscaling",
                   {{"DeleteScalingPolicy", DeleteScalingPolicy},
                    {"DeleteScheduledAction", DeleteScheduledAction},
                    {"DeregisterScalableTarget", DeregisterScalableTarget},
                    {"DescribeScalableTargets", DescribeScalableTargets},
                    {"DescribeScalingActivities", DescribeScalingActivities},
                    {"DescribeScalingPolicies", DescribeScalingPolicies},
                    {"DescribeScheduledActions", DescribeScheduledActions},
                    {"ListTagsForResource", ListTagsForResource},
                    {"PutScalingPolicy", PutScalingPolicy},
                    {"PutScheduledAction", PutScheduledAction},
                    {"RegisterScalableTarget", RegisterScalableTarget},
                    {"TagResource", TagResource},
                    {"UntagResource", UntagResource}});
}

}  // namespace adhoc::localcloud
