#include "env/capacity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

constexpr double kNow = 1'700'000'000;
const TimePoint kAtNow{std::chrono::seconds(1'700'000'000)};
constexpr std::chrono::seconds kPatience{60};

Json ServiceOn(const char* provider, double event_age) {
  return {{"serviceName", "alpha-web"},
          {"capacityProviderStrategy", StrategyOf(provider)},
          {"deployments", Json::array({{{"status", "PRIMARY"},
                                        {"createdAt", kNow - 100},
                                        {"desiredCount", 2},
                                        {"runningCount", 1},
                                        {"pendingCount", 0}}})},
          {"events", Json::array({{{"createdAt", kNow - event_age},
                                   {"message",
                                    "(service alpha-web) was unable to place a task. Reason: Capacity is unavailable "
                                    "at this time. Please try again later or in a different availability zone."}}})}};
}

TEST(CapacityTest, SpotWithoutCapacityIsSeenWhenItHasLasted) {
  EXPECT_TRUE(LacksSpotCapacity(ServiceOn(kSpot, 61), kAtNow, kPatience));
  EXPECT_FALSE(LacksSpotCapacity(ServiceOn(kSpot, 59), kAtNow, kPatience));
}

TEST(CapacityTest, NothingElseCounts) {
  EXPECT_FALSE(LacksSpotCapacity(ServiceOn(kOnDemand, 61), kAtNow, kPatience)) << "there is nowhere to move to";
  EXPECT_FALSE(LacksSpotCapacity(ServiceOn(kSpot, 101), kAtNow, kPatience)) << "of an earlier deployment";
  Json complete = ServiceOn(kSpot, 61);
  complete["deployments"][0]["runningCount"] = 2;
  EXPECT_FALSE(LacksSpotCapacity(complete, kAtNow, kPatience)) << "it has found some since";
  Json other = ServiceOn(kSpot, 61);
  other["events"][0]["message"] =
      "(service alpha-web) was unable to place a task. Reason: CannotPullContainerError: no such image.";
  EXPECT_FALSE(LacksSpotCapacity(other, kAtNow, kPatience));
  EXPECT_FALSE(LacksSpotCapacity(Json::object(), kAtNow, kPatience));
}

// ECS suppresses the same message for six hours.
TEST(CapacityTest, WhatWasSaidOfAnEarlierDeploymentCountsWhenThisOneStartsNothing) {
  constexpr double kHour = 3600;
  const auto service = [](double event_age, double deployment_age, int running) {
    Json service = ServiceOn(kSpot, event_age);
    service["deployments"][0]["createdAt"] = kNow - deployment_age;
    service["deployments"][0]["runningCount"] = running;
    return service;
  };
  EXPECT_TRUE(LacksSpotCapacity(service(2 * kHour, 181, 0), kAtNow, kPatience));
  EXPECT_FALSE(LacksSpotCapacity(service(2 * kHour, 100, 0), kAtNow, kPatience)) << "it has just begun";
  EXPECT_FALSE(LacksSpotCapacity(service(2 * kHour, 181, 1), kAtNow, kPatience)) << "it has found some";
  EXPECT_FALSE(LacksSpotCapacity(service(7 * kHour, 181, 0), kAtNow, kPatience)) << "it would have been said again";
}

TEST(CapacityTest, ItIsSaidWhyThereIsNoRoomForATask) {
  constexpr const char* kWhy = "You've reached the limit on the number of vCPUs you can run concurrently.";
  const auto why = [&](int running, double event_age, double deployment_age) {
    Json service = ServiceOn(kOnDemand, event_age);
    service["deployments"][0].update(
        {{"id", "ecs-svc/1"}, {"createdAt", kNow - deployment_age}, {"runningCount", running}});
    service["events"][0]["message"] = fmt::format("(service alpha-web) was unable to place a task. Reason: {}", kWhy);
    const auto found = WhyNotPlaced(service, "ecs-svc/1", kAtNow, kPatience);
    return found ? found->reason : "";
  };
  EXPECT_EQ(why(0, 99, 100), kWhy);
  EXPECT_EQ(why(1, 99, 100), kWhy) << "it wants two";
  EXPECT_EQ(why(2, 99, 100), "") << "it has found some since";
  EXPECT_EQ(why(0, 101, 100), "") << "of an earlier deployment; this one has just begun";
  EXPECT_EQ(why(0, 7200, 181), kWhy) << "ECS says it once in six hours, and nothing starts";
  EXPECT_EQ(why(1, 7200, 181), "") << "something starts";
  Json died = ServiceOn(kOnDemand, 7200);
  died["deployments"][0].update({{"id", "ecs-svc/1"}, {"createdAt", kNow - 181}, {"runningCount", 0}});
  const Json started{{"createdAt", kNow - 100}, {"message", "(service alpha-web) has started 1 tasks: (task 1)."}};
  died["events"].insert(died["events"].begin(), started);
  EXPECT_FALSE(WhyNotPlaced(died, "ecs-svc/1", kAtNow, kPatience)) << "one was placed, and has ended";
  EXPECT_FALSE(WhyNotPlaced(Json::object(), "ecs-svc/1", kAtNow, kPatience));
}

TEST(CapacityTest, SpotIsTriedAgainAfterAnHour) {
  const auto moved = [](const std::string& at) {
    return Json{{"tags", Json::array({{{"key", "adhoc:on-demand-since"}, {"value", at}}})}};
  };
  EXPECT_TRUE(WasMovedToOnDemand(moved("1699996460"), kAtNow));
  EXPECT_FALSE(WasMovedToOnDemand(moved("1699996340"), kAtNow));
  EXPECT_FALSE(WasMovedToOnDemand(moved("nonsense"), kAtNow));
  EXPECT_FALSE(WasMovedToOnDemand(Json::object(), kAtNow));
}

}  // namespace
}  // namespace adhoc::env
