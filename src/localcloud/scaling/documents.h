// Application Auto Scaling's documents, which its API writes and the scaling controller acts on.
//
//   autoscaling.targets     resource id → as DescribeScalableTargets, plus `_tags`, `_bounds_cause` (its bounds were
//   just
//                           set, and why) and `_last` {at, from, out, cooldown}: the last time that a policy scaled
//   autoscaling.policies    ARN → as DescribeScalingPolicies
//   autoscaling.schedules   ARN → as DescribeScheduledActions, plus `_next`: when it is due
//   autoscaling.activities  number → as DescribeScalingActivities
//
// Only ECS services can be scaled, so a resource id (`service/<cluster>/<service>`) is enough to tell targets apart.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud {

inline constexpr const char* kScalableTargets = "autoscaling.targets";
inline constexpr const char* kScalingPolicies = "autoscaling.policies";
inline constexpr const char* kScheduledActions = "autoscaling.schedules";
inline constexpr const char* kScalingActivities = "autoscaling.activities";

inline constexpr const char* kServiceDimension = "ecs:service:DesiredCount";

// The key in ecs.services of `service/<cluster>/<service>`; empty when it is none.
std::string ServiceKeyOf(const std::string& resource_id);

// How a target tracking policy's alarms look at its metric. AWS takes 3 minutes to scale out and 15 to scale in; so
// long only when the local cloud is to take AWS's time (docs/decisions/0018-quick-scaling.md).
struct TrackingPace {
  int period = 10;
  int periods_high = 3;
  int periods_low = 6;
  int cooldown = 50;  // where the policy has none
};
TrackingPace PaceOf(const Settings& settings);

// Makes the policy's alarms anew (or removes them, for one that has none) and names them in it.
void PutTrackingAlarms(Cloud& cloud, Store::Transaction& txn, Json& policy);
void DeleteTrackingAlarms(Cloud& cloud, Store::Transaction& txn, const Json& policy);

// With its policies, their alarms, and its scheduled actions.
void DeleteScalableTarget(Cloud& cloud, Store::Transaction& txn, const std::string& resource_id);

void AddScalingActivity(Cloud& cloud, Store::Transaction& txn, const std::string& resource_id, int desired,
                        const std::string& cause);

}  // namespace adhoc::localcloud
