// How many tasks of a service run by what they use: Application Auto Scaling keeps their CPU at a percentage.
#include <fmt/format.h>

#include "env/names.h"
#include "env/plan.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

constexpr const char* kService = "application-autoscaling";
constexpr const char* kDimension = "ecs:service:DesiredCount";
// On the service, so that a plan finds what is no longer in the definition without a call.
constexpr const char* kMark = "adhoc:autoscaling";

// What scaling is about; `service` is its name in ECS.
Json SubjectOf(const std::string& env, const std::string& service) {
  return {{"ServiceNamespace", "ecs"},
          {"ResourceId", fmt::format("service/{}/{}", ClusterName(env), service)},
          {"ScalableDimension", kDimension}};
}

class Autoscaling final : public Resource {
 public:
  Autoscaling(const std::string& env, const std::string& service, std::optional<config::Autoscaling> wanted)
      : Resource("autoscaling", ServiceName(env, service)), env_(env), wanted_(wanted) {
    DependsOn("service " + name());
  }

  std::optional<Json> Read(Context& context) override {
    const Json service = ReadService(context, name());
    if (service.is_null() || !IsMarked(service)) return std::nullopt;
    Json input = Subject();
    const Json targets =
        context.Call(kService, "DescribeScalableTargets",
                     {{"ServiceNamespace", "ecs"}, {"ResourceIds", Json::array({input["ResourceId"]})}});
    Json attributes{{"arn", service["serviceArn"]}};
    if (targets.value("ScalableTargets", Json::array()).empty()) return attributes;
    attributes["min"] = targets["ScalableTargets"][0]["MinCapacity"];
    attributes["max"] = targets["ScalableTargets"][0]["MaxCapacity"];
    input["PolicyNames"] = Json::array({PolicyName()});
    const Json policies = context.Call(kService, "DescribeScalingPolicies", input);
    for (const Json& policy : policies.value("ScalingPolicies", Json::array())) {
      const Json tracking = policy.value("TargetTrackingScalingPolicyConfiguration", Json::object());
      attributes["cpu"] = tracking.value("TargetValue", 0.0);
    }
    return attributes;
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan& plan) override {
    if (plan.ActionOf("service " + name()) == Action::kReplace) return {{.what = "the service is a new one"}};
    std::vector<Difference> differences;
    const auto compare = [&](const char* key, int wanted) {
      const int actual = observed.value(key, 0);
      if (actual != wanted)
        differences.push_back(
            {.what = key, .from = actual == 0 ? "" : std::to_string(actual), .to = std::to_string(wanted)});
    };
    compare("min", wanted_->min);
    compare("max", wanted_->max);
    compare("cpu", wanted_->cpu);
    return differences;
  }

  Json Create(Context& context) override {
    const std::string arn = context.Get("service " + name(), "arn");
    context.Call("ecs", "TagResource",
                 {{"resourceArn", arn}, {"tags", Json::array({{{"key", kMark}, {"value", "cpu"}}})}});
    Json target = Subject();
    target.update({{"MinCapacity", wanted_->min}, {"MaxCapacity", wanted_->max}});
    context.Call(kService, "RegisterScalableTarget", target);
    Json policy = Subject();
    policy.update(
        {{"PolicyName", PolicyName()},
         {"PolicyType", "TargetTrackingScaling"},
         {"TargetTrackingScalingPolicyConfiguration",
          {{"TargetValue", wanted_->cpu},
           {"PredefinedMetricSpecification", {{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}}}}}});
    context.Call(kService, "PutScalingPolicy", policy);
    return {{"arn", arn}, {"min", wanted_->min}, {"max", wanted_->max}, {"cpu", wanted_->cpu}};
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  // With the target go its policies, and their alarms.
  void Delete(Context& context, const Json& observed) override {
    StopScaling(context, env_, name());
    context.CallUnless({"InvalidParameterException", "ServiceNotFoundException", "ClusterNotFoundException"}, "ecs",
                       "UntagResource", {{"resourceArn", observed["arn"]}, {"tagKeys", Json::array({kMark})}});
  }

 private:
  static bool IsMarked(const Json& service) {
    for (const Json& tag : service.value("tags", Json::array())) {
      if (tag.value("key", "") == kMark) return true;
    }
    return false;
  }

  std::string PolicyName() const { return name() + "-cpu"; }
  Json Subject() const { return SubjectOf(env_, name()); }

  const std::string env_;
  const std::optional<config::Autoscaling> wanted_;  // nothing: only to be deleted
};

}  // namespace

void StopScaling(Context& context, const std::string& env, const std::string& service) {
  context.CallUnless({"ObjectNotFoundException"}, kService, "DeregisterScalableTarget", SubjectOf(env, service));
}

ResourcePtr MakeAutoscaling(const std::string& env, const config::Service& service) {
  return std::make_unique<Autoscaling>(env, service.name, service.autoscaling);
}

}  // namespace adhoc::env
