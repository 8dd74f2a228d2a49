#include "env/status.h"

#include <fmt/format.h>

#include <algorithm>

#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {

ServiceStatus JudgeService(const std::string& name, const Json& described,
                           const std::vector<std::string>& target_states, const std::string& image) {
  ServiceStatus status{.name = name, .image = image};
  if (described.empty()) {
    status.health = "missing";
    return status;
  }
  status.running = described.value("runningCount", 0);
  status.desired = described.value("desiredCount", 0);
  status.pending = described.value("pendingCount", 0);
  const std::string definition = described.value("taskDefinition", "");
  if (const auto colon = definition.rfind(':'); colon != std::string::npos)
    status.revision = std::atoi(definition.c_str() + colon + 1);
  for (const Json& deployment : described.value("deployments", Json::array())) {
    if (deployment.value("status", "") == "PRIMARY") status.rollout = deployment.value("rolloutState", "");
  }
  const Json events = described.value("events", Json::array());
  if (!events.empty()) status.last_event = events[0].value("message", "");

  const auto count = [&](std::string_view state) {
    return std::count(target_states.begin(), target_states.end(), state);
  };
  const bool balanced = !described.value("loadBalancers", Json::array()).empty();
  if (status.desired == 0) {
    status.health = "stopped";
  } else if (status.rollout == "FAILED") {
    status.health = "unhealthy";
  } else if (balanced ? count("healthy") >= status.desired && status.running >= status.desired
                      : status.running >= status.desired) {
    status.health = "healthy";
  } else {
    status.health =
        status.rollout == "IN_PROGRESS" || count("initial") > 0 || status.pending > 0 ? "starting" : "unhealthy";
  }
  return status;
}

std::string JudgeState(const std::vector<ServiceStatus>& services) {
  const auto any = [&](auto predicate) { return std::any_of(services.begin(), services.end(), predicate); };
  if (std::all_of(services.begin(), services.end(), [](const auto& service) { return service.health == "missing"; }))
    return "absent";
  if (any([](const auto& s) { return s.health == "unhealthy" || s.health == "missing"; })) return "degraded";
  if (any([](const auto& s) { return s.health == "starting" || s.rollout == "IN_PROGRESS"; })) return "updating";
  return "ready";
}

Status ReadStatus(Context& context, const std::optional<Record>& record) {
  const auto& config = context.config();
  Status status{.name = config.environment, .url = config.url, .shared = config.target.shared};
  if (record) {
    status.owner = record->owner;
    status.created_at = record->created_at;
    status.updated_at = record->updated_at;
  }
  for (const auto& service : config.services) {
    const Json described = ReadService(context, ServiceName(config.environment, service.name));
    std::vector<std::string> states;
    std::string image;
    if (!described.is_null()) {
      for (const Json& balancer : described.value("loadBalancers", Json::array())) {
        const Json health =
            context.Call("elbv2", "DescribeTargetHealth", {{"TargetGroupArn", balancer.value("targetGroupArn", "")}});
        for (const Json& target : health.value("TargetHealthDescriptions", Json::array())) {
          states.push_back(target.value("TargetHealth", Json::object()).value("State", ""));
        }
      }
      const Json definition =
          context.Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", described["taskDefinition"]}});
      image = definition["taskDefinition"]["containerDefinitions"][0].value("image", "");
      image = image.substr(image.rfind('/') + 1);
    }
    status.services.push_back(
        JudgeService(service.name, described.is_null() ? Json::object() : described, states, image));
  }
  status.state = JudgeState(status.services);
  return status;
}

Json ToJson(const Status& status, double now) {
  Json services = Json::array();
  for (const auto& service : status.services) {
    services.push_back({{"name", service.name},
                        {"running", service.running},
                        {"desired", service.desired},
                        {"pending", service.pending},
                        {"image", service.image},
                        {"revision", service.revision},
                        {"health", service.health},
                        {"rollout", service.rollout},
                        {"last_event", service.last_event}});
  }
  Json json = {{"name", status.name},     {"url", status.url},     {"state", status.state},
               {"shared", status.shared}, {"owner", status.owner}, {"services", services}};
  if (status.created_at > 0) {
    json["created_at"] = status.created_at;
    json["age_seconds"] = static_cast<long>(now - status.created_at);
  }
  if (status.updated_at > 0) json["updated_at"] = status.updated_at;
  return json;
}

}  // namespace adhoc::env
