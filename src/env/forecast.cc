#include "env/forecast.h"

#include <algorithm>
#include <functional>

namespace adhoc::env {
namespace {

// On AWS as Terraform's logs and recorded service events have it; what is not listed is a call or two.
const Durations& UsuallyOn(config::TargetKind target) {
  static const Durations kAws = {{"create certificate", 120},
                                 {"create database instance", 420},
                                 {"create discovery service", 5},
                                 {"create load balancer", 155},
                                 {"create namespace", 44},
                                 {"create nat gateway", 115},
                                 {"create service", 75},
                                 {"create database", 45},
                                 {"delete database", 45},
                                 {"delete database instance", 200},
                                 {"delete load balancer", 60},
                                 {"delete namespace", 44},
                                 {"delete nat gateway", 60},
                                 {"delete service", 60},
                                 {"replace service", 135},
                                 {"roll service", 120},
                                 {"run task", 45},
                                 {"update service", 120}};
  static const Durations kLocal = {
      {"create database", 1}, {"create database instance", 3}, {"create load balancer", 1}, {"create service", 5},
      {"delete service", 3},  {"replace service", 8},          {"roll service", 12},        {"run task", 3},
      {"update service", 12}};
  return target == config::TargetKind::kLocal ? kLocal : kAws;
}

double UsuallyACall(config::TargetKind target) { return target == config::TargetKind::kLocal ? 0.05 : 1; }

}  // namespace

std::string DurationKey(Action action, const std::string& kind) { return std::string(Verb(action)) + " " + kind; }

double ExpectedSeconds(const std::string& key, const Durations& known, config::TargetKind target) {
  for (const Durations* durations : {&known, &UsuallyOn(target)}) {
    if (const auto found = durations->find(key); found != durations->end()) return found->second;
  }
  return UsuallyACall(target);
}

Forecast Predict(const Plan& plan, const Resources& resources, const Durations& known, config::TargetKind target) {
  const auto seconds_of = [&](const Resource& resource, Action action) {
    return action == Action::kNone ? 0.0 : ExpectedSeconds(DurationKey(action, resource.kind()), known, target);
  };

  std::map<std::string, const Resource*> by_id;
  for (const auto& resource : resources) by_id[resource->id()] = resource.get();
  Forecast forecast;
  double longest = 0;
  // First all but the deletions, along the graph; then, backwards, the deletions. The longest way is as long backwards.
  for (const bool deletes : {false, true}) {
    const auto planned = [&](const Resource& resource) {
      const Action action = plan.ActionOf(resource.id());
      return (action == Action::kDelete) == deletes ? action : Action::kNone;
    };
    struct Reached {
      double seconds = 0;
      const Resource* before = nullptr;
    };
    std::map<const Resource*, Reached> reached;
    const std::function<const Reached&(const Resource&)> reach = [&](const Resource& resource) -> const Reached& {
      if (const auto found = reached.find(&resource); found != reached.end()) return found->second;
      Reached best;
      for (const std::string& id : resource.dependencies()) {
        const auto dependency = by_id.find(id);
        if (dependency == by_id.end()) continue;
        const Reached& way = reach(*dependency->second);
        if (way.seconds > best.seconds) best = {.seconds = way.seconds, .before = dependency->second};
      }
      best.seconds += seconds_of(resource, planned(resource));
      return reached.emplace(&resource, best).first->second;
    };
    const Resource* last = nullptr;
    for (const auto& resource : resources) {
      if (reach(*resource).seconds > (last == nullptr ? 0 : reach(*last).seconds)) last = resource.get();
    }
    if (last == nullptr) continue;
    forecast.seconds += reach(*last).seconds;
    std::vector<std::string> path;
    for (const Resource* at = last; at != nullptr; at = reach(*at).before) {
      const Action action = planned(*at);
      if (action == Action::kNone) continue;
      path.push_back(at->id());
      if (const double seconds = seconds_of(*at, action); seconds > longest) {
        longest = seconds;
        forecast.longest = at->id();
      }
    }
    if (!deletes) std::reverse(path.begin(), path.end());
    forecast.path.insert(forecast.path.end(), path.begin(), path.end());
  }
  return forecast;
}

}  // namespace adhoc::env
