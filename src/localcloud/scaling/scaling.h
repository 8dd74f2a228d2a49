// How many tasks a service shall have, by its scaling policies: a pure function of its bounds, its policies with what
// their alarms say, and what scaling did last. Calling it again after its decision was carried out decides nothing,
// until the alarms had a period of their own to see what came of it and the cooldown is over.
// https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
// https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-step-scaling-policies.html
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace adhoc::localcloud {

// An alarm of a policy that is in ALARM.
struct Breach {
  std::string alarm;
  double metric = 0;
  double threshold = 0;
  double period = 60;
};

struct StepAdjustment {
  std::optional<double> lower;  // of the metric minus the threshold
  std::optional<double> upper;
  int adjustment = 0;
};

struct PolicyView {
  enum class Kind { kTargetTracking, kStep } kind = Kind::kTargetTracking;
  std::string name;

  // Target tracking. `target` is in the units of the alarms.
  double target = 0;
  double out_cooldown = 0;
  double in_cooldown = 0;
  bool scales_in = true;
  std::optional<Breach> high;
  std::optional<Breach> low;

  // Step.
  std::string adjustment_type = "ChangeInCapacity";
  std::vector<StepAdjustment> steps;
  int minimum_magnitude = 0;
  double cooldown = 0;
  std::optional<Breach> breach;
};

struct TargetView {
  int minimum = 0;
  int maximum = 0;
  int desired = 0;
  bool deploying = false;  // nothing is scaled in meanwhile, as on ECS
  bool out_suspended = false;
  bool in_suspended = false;
  std::string bounds_cause;  // why the bounds were set just now; the service is brought within them
  // The last time that a policy scaled.
  double last_at = -std::numeric_limits<double>::infinity();
  int last_from = 0;
  bool last_out = false;
  double last_cooldown = 0;
};

struct ScalingDecision {
  std::optional<int> desired;
  std::string cause;    // for the activity
  double cooldown = 0;  // that begins now; for policies only
  bool by_policy = false;
  double wake_at = std::numeric_limits<double>::infinity();  // look again then, even if nothing changes
};

ScalingDecision DecideScaling(const TargetView& target, const std::vector<PolicyView>& policies, double now);

// What a step policy makes of `capacity`, before the bounds; nothing when no step is for this breach.
std::optional<int> ApplySteps(const PolicyView& policy, const Breach& breach, int capacity);

}  // namespace adhoc::localcloud
