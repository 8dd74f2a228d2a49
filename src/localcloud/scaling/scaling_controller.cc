#include "localcloud/scaling/scaling_controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "localcloud/metrics/documents.h"
#include "localcloud/scaling/documents.h"
#include "localcloud/scaling/schedule.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr double kLongest = 3600;

// An alarm in ALARM, with the newest of its datapoints; nothing when it is in another state or has none any more.
std::optional<Breach> ReadBreach(const Cloud& cloud, const Store::Transaction& txn, const std::string& name,
                                 double now) {
  const Json* alarm = txn.Find(kAlarms, name);
  if (alarm == nullptr || alarm->at("StateValue") != "ALARM") return std::nullopt;
  const auto periods = ReadPeriods(cloud.metrics, *alarm, now);
  const auto newest =
      std::find_if(periods.rbegin(), periods.rend(), [](const auto& period) { return period.value.has_value(); });
  if (newest == periods.rend()) return std::nullopt;
  return Breach{
      .alarm = name, .metric = *newest->value, .threshold = alarm->at("Threshold"), .period = alarm->at("Period")};
}

// The alarm in ALARM that has the policy as one of its actions.
std::optional<Breach> FindBreach(const Cloud& cloud, const Store::Transaction& txn, const std::string& policy_arn,
                                 double now) {
  for (const auto& [name, alarm] : txn.All(kAlarms)) {
    if (!alarm.value("ActionsEnabled", true)) continue;
    const Json& actions = alarm.at("AlarmActions");
    if (std::find(actions.begin(), actions.end(), Json(policy_arn)) == actions.end()) continue;
    if (auto breach = ReadBreach(cloud, txn, name, now)) return breach;
  }
  return std::nullopt;
}

std::optional<double> OptionalNumber(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::nullopt : std::optional(found->get<double>());
}

PolicyView ViewPolicy(const Cloud& cloud, const Store::Transaction& txn, const Json& policy, double now) {
  const TrackingPace pace = PaceOf(cloud.settings);
  PolicyView view{.name = policy.at("PolicyName")};
  if (policy.at("PolicyType") == "StepScaling") {
    const Json& configuration = policy.at("StepScalingPolicyConfiguration");
    view.kind = PolicyView::Kind::kStep;
    view.adjustment_type = configuration.value("AdjustmentType", "ChangeInCapacity");
    view.minimum_magnitude = configuration.value("MinAdjustmentMagnitude", 0);
    view.cooldown = configuration.value("Cooldown", pace.cooldown);
    for (const Json& step : configuration.value("StepAdjustments", Json::array())) {
      view.steps.push_back({.lower = OptionalNumber(step, "MetricIntervalLowerBound"),
                            .upper = OptionalNumber(step, "MetricIntervalUpperBound"),
                            .adjustment = step.at("ScalingAdjustment")});
    }
    view.breach = FindBreach(cloud, txn, policy.at("PolicyARN"), now);
    return view;
  }
  const Json& configuration = policy.at("TargetTrackingScalingPolicyConfiguration");
  view.out_cooldown = configuration.value("ScaleOutCooldown", pace.cooldown);
  view.in_cooldown = configuration.value("ScaleInCooldown", pace.cooldown);
  view.scales_in = !configuration.value("DisableScaleIn", false);
  for (const Json& alarm : policy.value("Alarms", Json::array())) {
    const std::string name = alarm.at("AlarmName");
    const Json* document = txn.Find(kAlarms, name);
    if (document == nullptr) continue;
    const bool high = document->at("ComparisonOperator") == "GreaterThanThreshold";
    if (high) view.target = document->at("Threshold");
    (high ? view.high : view.low) = ReadBreach(cloud, txn, name, now);
  }
  return view;
}

TargetView ViewTarget(const Json& target, const Json& service) {
  const Json suspended = target.value("SuspendedState", Json::object());
  TargetView view{.minimum = target.at("MinCapacity"),
                  .maximum = target.at("MaxCapacity"),
                  .desired = service.at("desiredCount"),
                  .deploying = service.at("deployments").size() > 1,
                  .out_suspended = suspended.value("DynamicScalingOutSuspended", false),
                  .in_suspended = suspended.value("DynamicScalingInSuspended", false),
                  .bounds_cause = target.value("_bounds_cause", "")};
  if (const auto last = target.find("_last"); last != target.end()) {
    view.last_at = last->at("at");
    view.last_from = last->at("from");
    view.last_out = last->at("out");
    view.last_cooldown = last->at("cooldown");
  }
  return view;
}

}  // namespace

ScalingController::ScalingController(Cloud& cloud)
    : cloud_(cloud),
      thread_("scaling", cloud.store,
              {kScalableTargets, kScalingPolicies, kScheduledActions, kAlarms, std::string(ecs::kServices)},
              [this](std::stop_token) { return Pass(); }) {}

std::chrono::milliseconds ScalingController::Pass() {
  const double now = cloud_.Now();
  double next = now + kLongest;
  const auto txn = cloud_.store.Begin();
  next = std::min(next, RunSchedules(*txn, now));
  std::vector<std::string> resources;
  for (const auto& [resource_id, target] : txn->All(kScalableTargets)) resources.push_back(resource_id);
  for (const std::string& resource_id : resources) next = std::min(next, Scale(*txn, resource_id, now));
  txn->Commit();
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(std::max(next - now, 0.0) * 1000)));
}

double ScalingController::RunSchedules(Store::Transaction& txn, double now) {
  double next = now + kLongest;
  std::vector<std::string> due;
  for (const auto& [arn, action] : txn.All(kScheduledActions)) {
    if (!action.contains("_next")) continue;
    const double at = action["_next"];
    if (at > now) {
      next = std::min(next, at);
    } else {
      due.push_back(arn);
    }
  }
  for (const std::string& arn : due) {
    Json& action = txn.Edit(kScheduledActions, arn);
    const double start = action.value("StartTime", action.at("CreationTime").get<double>());
    const auto after = NextTime(ParseSchedule(action.at("Schedule").get<std::string>()), now, start);
    if (after && *after <= action.value("EndTime", *after)) {
      action["_next"] = *after;
      next = std::min(next, *after);
    } else {
      action.erase("_next");
    }
    const std::string resource_id = action.at("ResourceId");
    if (txn.Find(kScalableTargets, resource_id) == nullptr) continue;
    Json& target = txn.Edit(kScalableTargets, resource_id);
    if (target.value("SuspendedState", Json::object()).value("ScheduledScalingSuspended", false)) continue;
    const Json bounds = action.value("ScalableTargetAction", Json::object());
    for (const char* bound : {"MinCapacity", "MaxCapacity"}) {
      if (bounds.contains(bound)) target[bound] = bounds[bound];
    }
    target["_bounds_cause"] =
        fmt::format("scheduled action name {} was triggered", action.at("ScheduledActionName").get<std::string>());
  }
  return next;
}

double ScalingController::Scale(Store::Transaction& txn, const std::string& resource_id, double now) {
  const std::string service_key = ServiceKeyOf(resource_id);
  const Json* service = txn.Find(ecs::kServices, service_key);
  if (service == nullptr || service->value("status", "") != "ACTIVE") {
    DeleteScalableTarget(cloud_, txn, resource_id);
    return now + kLongest;
  }
  std::vector<PolicyView> policies;
  for (const auto& [arn, policy] : txn.All(kScalingPolicies)) {
    if (policy.at("ResourceId") == resource_id) policies.push_back(ViewPolicy(cloud_, txn, policy, now));
  }
  const Json& target = *txn.Find(kScalableTargets, resource_id);
  const int from = service->at("desiredCount");
  const ScalingDecision decision = DecideScaling(ViewTarget(target, *service), policies, now);
  if (target.contains("_bounds_cause")) txn.Edit(kScalableTargets, resource_id).erase("_bounds_cause");
  if (!decision.desired) return decision.wake_at;
  ecs::SetDesiredCount(txn.Edit(ecs::kServices, service_key), *decision.desired);
  AddScalingActivity(cloud_, txn, resource_id, *decision.desired, decision.cause);
  if (decision.by_policy) {
    txn.Edit(kScalableTargets, resource_id)["_last"] = {
        {"at", now}, {"from", from}, {"out", *decision.desired > from}, {"cooldown", decision.cooldown}};
  }
  spdlog::info("{}: from {} to {} tasks: {}", resource_id, from, *decision.desired, decision.cause);
  return now;  // what comes next
}

}  // namespace adhoc::localcloud
