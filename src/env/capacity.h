// Fargate Spot, and what happens without it. ECS goes on trying to place a service's tasks on Spot for as long as there
// is no capacity, and never moves them to on-demand by itself
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html): the engine does.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/json.h"
#include "env/context.h"

namespace adhoc::env {

inline constexpr const char* kOnDemand = "FARGATE";
inline constexpr const char* kSpot = "FARGATE_SPOT";

// [{capacityProvider: provider, weight: 1}]
Json StrategyOf(const char* provider);

// Which of the two a described service runs on.
std::string ProviderOf(const Json& service);

// Why ECS places no task of a deployment, in its words. It says so once in six hours, perhaps of an earlier deployment:
// then this one tells by not starting anything for three times `patience`.
struct NotPlaced {
  std::string reason;
  double since = 0;
};
// By the newest event; nothing while tasks are placed. Pure.
std::optional<NotPlaced> WhyNotPlaced(const Json& service, const std::string& deployment_id, TimePoint now,
                                      std::chrono::seconds patience);

// Whether its deployment has been short of tasks because Spot has no capacity, for `patience` at least. Pure.
bool LacksSpotCapacity(const Json& service, TimePoint now, std::chrono::seconds patience);

// Moves it to on-demand, tells why, and remembers when, in a tag of the service.
void MoveToOnDemand(Context& context, const std::string& name, const Json& service);

// Whether it was moved less than an hour ago. After that an update tries Spot again. Pure; needs the service's tags.
bool WasMovedToOnDemand(const Json& service, TimePoint now);

}  // namespace adhoc::env
