// Fargate and Fargate Spot: which provider a task runs on, Spot taking a service's capacity back, and having none. One
// machine has one capacity, so a provider is only a name on a task; what it means is who may be interrupted or refused.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::ecs {

// The provider of the next task by a strategy [{capacityProvider, base, weight}], when `running` are there already:
// first the base, then the provider that is furthest behind its weight, the earlier one of equals. Empty for an empty
// strategy.
std::string NextCapacityProvider(const Json& strategy, const std::map<std::string, int>& running);

// A provider has capacity unless somebody has asked for it to have none. "" is the launch type FARGATE.
bool HasCapacity(const Store::Transaction& txn, std::string_view provider);
// Throws Error for what is neither FARGATE nor FARGATE_SPOT.
void SetCapacity(Store::Transaction& txn, const std::string& provider, bool available);
// AWS's words, in events and in RunTask's failures.
inline constexpr const char* kNoCapacity =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

// Interrupts a service's tasks as Fargate Spot does: the ones on FARGATE_SPOT, or all when it has none there, so that a
// service that runs on demand on this machine can be rehearsed, too. They get the stop signal once their targets have
// drained, SIGKILL stopTimeout later; the scheduler replaces them. Returns their ARNs; throws Error when there is no
// such service or nothing of it runs.
std::vector<std::string> InterruptService(Cloud& cloud, Store::Transaction& txn, const std::string& cluster,
                                          const std::string& service);

}  // namespace adhoc::localcloud::ecs
