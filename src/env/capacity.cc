#include "env/capacity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "env/names.h"

namespace adhoc::env {
namespace {

constexpr const char* kMovedTag = "adhoc:on-demand-since";
constexpr std::chrono::hours kUntilSpotIsTriedAgain{1};
constexpr std::chrono::seconds kUntilSaidAgain = std::chrono::hours{6};

}  // namespace

Json StrategyOf(const char* provider) { return Json::array({{{"capacityProvider", provider}, {"weight", 1}}}); }

std::string ProviderOf(const Json& service) {
  const Json strategy = service.value("capacityProviderStrategy", Json::array());
  const bool spot = std::any_of(strategy.begin(), strategy.end(),
                                [](const Json& item) { return item.value("capacityProvider", "") == kSpot; });
  return spot ? kSpot : kOnDemand;
}

std::optional<NotPlaced> WhyNotPlaced(const Json& service, const std::string& deployment_id, TimePoint now,
                                      std::chrono::seconds patience) {
  for (const Json& deployment : service.value("deployments", Json::array())) {
    if (deployment.value("id", "") != deployment_id) continue;
    const int alive = deployment.value("runningCount", 0) + deployment.value("pendingCount", 0);
    if (alive >= deployment.value("desiredCount", 0)) return std::nullopt;
    const double created = deployment.value("createdAt", 0.0);
    const double waited = static_cast<double>(patience.count());
    const Json events = service.value("events", Json::array());
    const bool has_started =
        deployment.value("failedTasks", 0) > 0 || std::any_of(events.begin(), events.end(), [&](const Json& event) {
          return event.value("createdAt", 0.0) >= created &&
                 event.value("message", "").find(" has started ") != std::string::npos;
        });
    const bool starts_nothing = alive == 0 && !has_started && ToSeconds(now) - created >= 3 * waited;
    for (const Json& event : events) {  // the newest first
      const double at = event.value("createdAt", 0.0);
      const bool is_ours = at >= created;
      if (!is_ours && (!starts_nothing || created - at > static_cast<double>(kUntilSaidAgain.count()))) break;
      constexpr std::string_view kReason = "unable to place a task. Reason: ";
      const std::string text = event.value("message", "");
      const auto found = text.find(kReason);
      if (found == std::string::npos) continue;
      return NotPlaced{.reason = text.substr(found + kReason.size()), .since = is_ours ? at : created + 2 * waited};
    }
  }
  return std::nullopt;
}

bool LacksSpotCapacity(const Json& service, TimePoint now, std::chrono::seconds patience) {
  if (ProviderOf(service) != kSpot) return false;
  for (const Json& deployment : service.value("deployments", Json::array())) {
    if (deployment.value("status", "") != "PRIMARY") continue;
    const auto why = WhyNotPlaced(service, deployment.value("id", ""), now, patience);
    return why && why->reason.find("Capacity is unavailable") != std::string::npos &&
           ToSeconds(now) - why->since >= static_cast<double>(patience.count());
  }
  return false;
}

void MoveToOnDemand(Context& context, const std::string& name, const Json& service) {
  context.sink().Emit(events::Notice{
      .level = events::Notice::Level::kWarning,
      .text =
          fmt::format("Fargate Spot has no capacity for {}: it is moved to on-demand, which costs two to three times "
                      "as much",
                      name),
      .hint = "the next `adhoc up` after an hour tries Spot again; `spot: false` keeps it on demand"});
  // The tag first: a run that dies in between finds the service on Spot and does this again.
  context.Call(
      "ecs", "TagResource",
      {{"resourceArn", service["serviceArn"]},
       {"tags",
        Json::array({{{"key", kMovedTag}, {"value", fmt::format("{:.0f}", ToSeconds(context.clock().Now()))}}})}});
  context.Call("ecs", "UpdateService",
               {{"cluster", ClusterName(context.environment())},
                {"service", service["serviceName"]},
                {"capacityProviderStrategy", StrategyOf(kOnDemand)},
                {"forceNewDeployment", true}});
}

bool WasMovedToOnDemand(const Json& service, TimePoint now) {
  for (const Json& tag : service.value("tags", Json::array())) {
    if (tag.value("key", "") != kMovedTag) continue;
    const double at = std::strtod(tag.value("value", "0").c_str(), nullptr);
    return ToSeconds(now) - at < std::chrono::duration<double>(kUntilSpotIsTriedAgain).count();
  }
  return false;
}

}  // namespace adhoc::env
