#include "localcloud/scaling/scaling.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

using Kind = PolicyView::Kind;

Breach At(double metric, double threshold) {
  return {.alarm = "a", .metric = metric, .threshold = threshold, .period = 60};
}

PolicyView Tracking(double target) {
  return {.kind = Kind::kTargetTracking, .name = "cpu", .target = target, .out_cooldown = 120, .in_cooldown = 300};
}
PolicyView High(double metric, double target) {
  PolicyView policy = Tracking(target);
  policy.high = At(metric, target);
  return policy;
}
PolicyView Low(double metric, double target) {
  PolicyView policy = Tracking(target);
  policy.low = At(metric, target * 0.9);
  return policy;
}
PolicyView Step(std::string type, std::vector<StepAdjustment> steps, Breach breach) {
  return {.kind = Kind::kStep,
          .name = "step",
          .adjustment_type = std::move(type),
          .steps = std::move(steps),
          .cooldown = 60,
          .breach = std::move(breach)};
}
const TargetView kTwo{.minimum = 1, .maximum = 10, .desired = 2};

int Desired(const TargetView& target, const std::vector<PolicyView>& policies, double now = 1000) {
  return DecideScaling(target, policies, now).desired.value_or(target.desired);
}

TEST(Scaling, TargetTrackingIsInProportion) {
  const struct {
    int desired;
    PolicyView policy;
    int expected;
  } rows[] = {
      {2, Tracking(50), 2}, {2, High(100, 50), 4}, {2, High(51, 50), 3}, {2, High(75, 50), 3}, {2, High(900, 50), 10},
      {4, Low(10, 50), 1},  {4, Low(25, 50), 2},   {4, Low(44, 50), 3},  {1, Low(0, 50), 1},   {10, High(90, 50), 10},
  };
  for (const auto& row : rows) {
    TargetView target = kTwo;
    target.desired = row.desired;
    EXPECT_EQ(Desired(target, {row.policy}), row.expected) << "from " << row.desired;
  }
  const ScalingDecision decision = DecideScaling(kTwo, {High(100, 50)}, 1000);
  EXPECT_EQ(decision.cause, "monitor alarm a in state ALARM triggered policy cpu");
  EXPECT_EQ(decision.cooldown, 120);
  EXPECT_EQ(DecideScaling(kTwo, {Low(10, 50)}, 1000).cooldown, 300);
}

TEST(Scaling, SeveralPoliciesScaleOutForOneAndInForAll) {
  TargetView target = kTwo;
  target.desired = 4;
  EXPECT_EQ(Desired(target, {High(75, 50), Low(10, 50)}), 6);
  EXPECT_EQ(Desired(target, {High(75, 50), High(100, 50)}), 8) << "the most";
  EXPECT_EQ(Desired(target, {Low(10, 50), Tracking(50)}), 4) << "one of them is not low";
  EXPECT_EQ(Desired(target, {Low(10, 50), Low(30, 50)}), 3) << "the most";
  PolicyView only_out = Tracking(50);
  only_out.scales_in = false;
  EXPECT_EQ(Desired(target, {Low(10, 50), only_out}), 1) << "one that never scales in has no say";
  only_out.low = At(0, 45);
  EXPECT_EQ(Desired(target, {only_out}), 4);
}

TEST(Scaling, StepsGoByTheDistanceFromTheThreshold) {
  const std::vector<StepAdjustment> up{{.lower = 0, .upper = 10, .adjustment = 1},
                                       {.lower = 10, .upper = {}, .adjustment = 3}};
  const std::vector<StepAdjustment> down{{.lower = -10, .upper = 0, .adjustment = -1},
                                         {.lower = {}, .upper = -10, .adjustment = -2}};
  const struct {
    const char* type;
    std::vector<StepAdjustment> steps;
    double metric;
    int minimum;
    int expected;  // of 6
  } rows[] = {
      {"ChangeInCapacity", up, 50, 0, 7},
      {"ChangeInCapacity", up, 59.9, 0, 7},
      {"ChangeInCapacity", up, 60, 0, 9},
      {"ChangeInCapacity", down, 50, 0, 5},
      {"ChangeInCapacity", down, 40, 0, 4},
      {"ChangeInCapacity", down, 39, 0, 4},
      {"ExactCapacity", {{.lower = 0, .upper = {}, .adjustment = 2}}, 55, 0, 2},
      {"PercentChangeInCapacity", {{.lower = 0, .upper = {}, .adjustment = 10}}, 55, 0, 7},
      {"PercentChangeInCapacity", {{.lower = 0, .upper = {}, .adjustment = 45}}, 55, 0, 8},
      {"PercentChangeInCapacity", {{.lower = 0, .upper = {}, .adjustment = 10}}, 55, 3, 9},
      {"PercentChangeInCapacity", {{.lower = {}, .upper = 0, .adjustment = -45}}, 45, 0, 4},
      {"ChangeInCapacity", {{.lower = 20, .upper = {}, .adjustment = 1}}, 55, 0, 6},
  };
  TargetView target = kTwo;
  target.desired = 6;
  for (const auto& row : rows) {
    PolicyView policy = Step(row.type, row.steps, At(row.metric, 50));
    policy.minimum_magnitude = row.minimum;
    EXPECT_EQ(Desired(target, {policy}), row.expected) << row.type << " " << row.metric;
  }
}

TEST(Scaling, WaitsForItsCooldownAndForNewDatapoints) {
  TargetView target = kTwo;
  target.last_at = 1000;
  target.last_from = 1;
  target.last_out = true;
  target.last_cooldown = 300;
  EXPECT_EQ(Desired(target, {High(120, 50)}, 1030), 2) << "the alarm has not seen what came of it";
  EXPECT_EQ(DecideScaling(target, {High(120, 50)}, 1030).wake_at, 1060);
  EXPECT_EQ(Desired(target, {High(120, 50)}, 1070), 3) << "three instead of the one from which it came";
  EXPECT_EQ(Desired(target, {High(90, 50)}, 1070), 2) << "what was added counts";
  EXPECT_EQ(Desired(target, {High(90, 50)}, 1301), 4);
  EXPECT_EQ(Desired(target, {Low(10, 50)}, 1070), 2);
  EXPECT_EQ(DecideScaling(target, {Low(10, 50)}, 1070).wake_at, 1300);
  EXPECT_EQ(Desired(target, {Low(10, 50)}, 1300), 1);
  target.last_out = false;
  target.last_from = 3;
  EXPECT_EQ(Desired(target, {High(90, 50)}, 1070), 4) << "nothing keeps from scaling out after scaling in";
}

TEST(Scaling, HasBoundsAndCanBeSuspended) {
  TargetView target = kTwo;
  target.minimum = 4;
  EXPECT_EQ(Desired(target, {}), 2) << "somebody set it by hand";
  target.bounds_cause = "minimum capacity was set to 4";
  EXPECT_EQ(Desired(target, {}), 4);
  EXPECT_EQ(DecideScaling(target, {}, 1000).cause, "minimum capacity was set to 4");
  target.desired = 20;
  EXPECT_EQ(Desired(target, {}), 10);

  TargetView suspended = kTwo;
  suspended.out_suspended = true;
  EXPECT_EQ(Desired(suspended, {High(100, 50)}), 2);
  EXPECT_EQ(Desired(suspended, {Low(10, 50)}), 1);
  suspended.in_suspended = true;
  EXPECT_EQ(Desired(suspended, {Low(10, 50)}), 2);
  TargetView deploying = kTwo;
  deploying.deploying = true;
  EXPECT_EQ(Desired(deploying, {Low(10, 50)}), 2);
  EXPECT_EQ(Desired(deploying, {High(100, 50)}), 4);
}

}  // namespace
}  // namespace adhoc::localcloud
