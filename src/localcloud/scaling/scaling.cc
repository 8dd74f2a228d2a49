#include "localcloud/scaling/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace adhoc::localcloud {
namespace {

struct Proposal {
  int desired = 0;
  double cooldown = 0;
  double period = 0;
  std::string cause;
};

std::string Cause(const PolicyView& policy, const Breach& breach) {
  return fmt::format("monitor alarm {} in state ALARM triggered policy {}", breach.alarm, policy.name);
}

// In proportion to the metric.
int Track(const PolicyView& policy, const Breach& breach, int capacity) {
  if (policy.target <= 0) return capacity;
  // A hair less, so that what is exact does not become one more by rounding.
  const double wanted = std::ceil(capacity * breach.metric / policy.target - 1e-9);
  return static_cast<int>(std::clamp(wanted, 0.0, 1e6));
}

// Whether a step is for this difference. Its bound next to the threshold belongs to it, the other one to the next step.
bool Holds(const StepAdjustment& step, double difference) {
  const double lower = step.lower.value_or(-std::numeric_limits<double>::infinity());
  const double upper = step.upper.value_or(std::numeric_limits<double>::infinity());
  return difference >= 0 && (!step.upper || *step.upper > 0) ? lower <= difference && difference < upper
                                                             : lower < difference && difference <= upper;
}

}  // namespace

std::optional<int> ApplySteps(const PolicyView& policy, const Breach& breach, int capacity) {
  const double difference = breach.metric - breach.threshold;
  const auto step = std::find_if(policy.steps.begin(), policy.steps.end(),
                                 [&](const StepAdjustment& one) { return Holds(one, difference); });
  if (step == policy.steps.end()) return std::nullopt;
  if (policy.adjustment_type == "ExactCapacity") return step->adjustment;
  if (policy.adjustment_type == "ChangeInCapacity") return capacity + step->adjustment;
  // Percentages are rounded towards zero, but to one at least.
  const double change = capacity * step->adjustment / 100.0;
  int whole = static_cast<int>(change);
  if (whole == 0 && change != 0) whole = change > 0 ? 1 : -1;
  if (std::abs(whole) < policy.minimum_magnitude && change != 0) {
    whole = change > 0 ? policy.minimum_magnitude : -policy.minimum_magnitude;
  }
  return capacity + whole;
}

ScalingDecision DecideScaling(const TargetView& target, const std::vector<PolicyView>& policies, double now) {
  ScalingDecision decision;
  if (!target.bounds_cause.empty()) {
    if (target.desired < target.minimum) decision.desired = target.minimum;
    if (target.desired > target.maximum) decision.desired = target.maximum;
    if (decision.desired) {
      decision.cause = target.bounds_cause;
      return decision;
    }
  }

  const double cooled_at = target.last_at + target.last_cooldown;
  const bool cooling = now < cooled_at;
  const auto clamp = [&](int desired) { return std::clamp(desired, target.minimum, target.maximum); };
  // What was added during this cooldown counts as part of what is added now.
  const int base = cooling && target.last_out ? target.last_from : target.desired;

  std::vector<Proposal> outs;
  std::vector<Proposal> ins;
  bool all_low = true;
  for (const PolicyView& policy : policies) {
    if (policy.kind == PolicyView::Kind::kTargetTracking && policy.scales_in && !policy.low) all_low = false;
  }
  const auto propose = [&](const PolicyView& policy, const Breach& breach, int desired, double out, double in) {
    if (desired > target.desired) outs.push_back({desired, out, breach.period, Cause(policy, breach)});
    if (desired < target.desired) ins.push_back({desired, in, breach.period, Cause(policy, breach)});
  };
  for (const PolicyView& policy : policies) {
    if (policy.kind == PolicyView::Kind::kStep) {
      if (!policy.breach) continue;
      const auto from_base = ApplySteps(policy, *policy.breach, base);
      const auto from_desired = ApplySteps(policy, *policy.breach, target.desired);
      if (!from_base || !from_desired) continue;
      const int desired = *from_desired > target.desired ? *from_base : *from_desired;
      propose(policy, *policy.breach, clamp(desired), policy.cooldown, policy.cooldown);
    } else if (policy.high) {
      const int desired = std::max(Track(policy, *policy.high, base), base + 1);
      if (clamp(desired) > target.desired) {
        propose(policy, *policy.high, clamp(desired), policy.out_cooldown, policy.in_cooldown);
      }
    } else if (policy.low && policy.scales_in && all_low) {
      const int desired = std::min(Track(policy, *policy.low, target.desired), target.desired - 1);
      propose(policy, *policy.low, clamp(desired), policy.out_cooldown, policy.in_cooldown);
    }
  }

  // Of several, the one that gives the most capacity.
  const auto best = [](const std::vector<Proposal>& proposals) {
    return *std::max_element(proposals.begin(), proposals.end(),
                             [](const Proposal& a, const Proposal& b) { return a.desired < b.desired; });
  };
  const auto take = [&](const Proposal& proposal, double not_before) {
    if (now < not_before) {
      decision.wake_at = not_before;
      return;
    }
    decision.desired = proposal.desired;
    decision.cause = proposal.cause;
    decision.cooldown = proposal.cooldown;
    decision.by_policy = true;
  };
  if (!outs.empty()) {
    const Proposal proposal = best(outs);
    if (!target.out_suspended) take(proposal, target.last_at + proposal.period);
  } else if (!ins.empty() && !target.in_suspended && !target.deploying) {
    const Proposal proposal = best(ins);
    take(proposal, std::max(target.last_at + proposal.period, cooled_at));
  }
  // A cooldown may be all that keeps a policy from going on.
  if (!decision.desired && cooling) decision.wake_at = std::min(decision.wake_at, cooled_at);
  return decision;
}

}  // namespace adhoc::localcloud
