// A task's places outside of it: targets of load balancers, Cloud Map instances, its network interface. All in a
// transaction of the caller.
#pragma once

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::ecs {

// Puts a target in each of the task's target groups, and says so in its service's events. A target that is there stays.
void RegisterTargets(Cloud& cloud, Store::Transaction& txn, Json& task);
// Marks them draining. The load balancer erases them when the deregistration delay is over.
void DrainTargets(Cloud& cloud, Store::Transaction& txn, const Json& task);
bool HasTargets(const Store::Transaction& txn, const Json& task);
// Whether a load balancer may still send it new requests: one that was not told to stop that, or has not done so yet.
bool GetsRequests(const Store::Transaction& txn, const Json& task);

void RegisterInstances(const Cloud& cloud, Store::Transaction& txn, Json& task);
// Tells those that have a health what the task's is now.
void UpdateInstances(Store::Transaction& txn, const Json& task);
void DeregisterInstances(Store::Transaction& txn, Json& task);

// Gives a stopped task's address back, unless a load balancer still drains it: another task must not get it then.
void ReleaseAddress(Store::Transaction& txn, Json& task);

}  // namespace adhoc::localcloud::ecs
