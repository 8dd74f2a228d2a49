#include "env/forecast.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

class Thing final : public Resource {
 public:
  Thing(const std::string& kind, const std::string& name, const std::vector<std::string>& on) : Resource(kind, name) {
    for (const auto& id : on) DependsOn(id);
  }
  std::optional<Json> Read(Context&) override { return std::nullopt; }
  Json Create(Context&) override { return {}; }
  void Delete(Context&, const Json&) override {}
};

//   cluster ── service a ──┐
//   vpc ────── balancer ───┴─ service b
Resources Things() {
  Resources things;
  things.push_back(std::make_unique<Thing>("cluster", "c", std::vector<std::string>{}));
  things.push_back(std::make_unique<Thing>("vpc", "v", std::vector<std::string>{}));
  things.push_back(
      std::make_unique<Thing>("load balancer", "l", std::vector<std::string>{"vpc v", "subnet elsewhere"}));
  things.push_back(std::make_unique<Thing>("service", "a", std::vector<std::string>{"cluster c"}));
  things.push_back(std::make_unique<Thing>("service", "b", std::vector<std::string>{"service a", "load balancer l"}));
  return things;
}

Plan PlanOf(const Resources& things, Action action) {
  Plan plan;
  for (const auto& thing : things) {
    plan.Add({.id = thing->id(), .kind = thing->kind(), .name = thing->name(), .action = action});
  }
  return plan;
}

const Durations kKnown = {{"create cluster", 2},  {"create vpc", 1},           {"create load balancer", 100},
                          {"create service", 60}, {"delete service", 30},      {"delete cluster", 5},
                          {"delete vpc", 1},      {"delete load balancer", 10}};

TEST(ForecastTest, IsTheLongestWay) {
  const Resources things = Things();
  const Forecast forecast = Predict(PlanOf(things, Action::kCreate), things, kKnown, config::TargetKind::kAws);
  EXPECT_DOUBLE_EQ(forecast.seconds, 1 + 100 + 60);
  EXPECT_EQ(forecast.path, (std::vector<std::string>{"vpc v", "load balancer l", "service b"}));
  EXPECT_EQ(forecast.longest, "load balancer l");
}

TEST(ForecastTest, WhatIsThereTakesNoTime) {
  const Resources things = Things();
  Plan plan;
  plan.Add({.id = "service b", .kind = "service", .name = "b", .action = Action::kCreate});
  const Forecast forecast = Predict(plan, things, kKnown, config::TargetKind::kAws);
  EXPECT_DOUBLE_EQ(forecast.seconds, 60);
  EXPECT_EQ(forecast.path, std::vector<std::string>{"service b"});
  EXPECT_DOUBLE_EQ(Predict(Plan(), things, kKnown, config::TargetKind::kAws).seconds, 0);
}

TEST(ForecastTest, ADestroyGoesBackwards) {
  const Resources things = Things();
  const Forecast forecast = Predict(PlanOf(things, Action::kDelete), things, kKnown, config::TargetKind::kAws);
  EXPECT_DOUBLE_EQ(forecast.seconds, 30 + 30 + 5);
  EXPECT_EQ(forecast.path, (std::vector<std::string>{"service b", "service a", "cluster c"}));
}

TEST(ForecastTest, WithoutEarlierRunsItIsWhatItUsuallyTakes) {
  const Resources things = Things();
  const Plan plan = PlanOf(things, Action::kCreate);
  EXPECT_DOUBLE_EQ(Predict(plan, things, {}, config::TargetKind::kAws).seconds, 1 + 155 + 75);
  EXPECT_LT(Predict(plan, things, {}, config::TargetKind::kLocal).seconds, 15);
}

}  // namespace
}  // namespace adhoc::env
