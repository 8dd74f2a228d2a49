#include "env/status.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

Json Service(int running, int desired, const char* rollout, bool balanced) {
  Json service = {{"runningCount", running},
                  {"desiredCount", desired},
                  {"taskDefinition", "arn:aws:ecs:us-east-1:0:task-definition/alpha-web:7"},
                  {"deployments", Json::array({{{"status", "PRIMARY"}, {"rolloutState", rollout}}})}};
  if (balanced) service["loadBalancers"] = Json::array({{{"targetGroupArn", "tg"}}});
  return service;
}

TEST(JudgeServiceTest, ABalancedServiceIsHealthyByItsTargets) {
  EXPECT_EQ(JudgeService("web", Service(1, 1, "COMPLETED", true), {"healthy"}, "").health, "healthy");
  EXPECT_EQ(JudgeService("web", Service(1, 1, "COMPLETED", true), {"unhealthy"}, "").health, "unhealthy");
  EXPECT_EQ(JudgeService("web", Service(1, 1, "IN_PROGRESS", true), {"initial"}, "").health, "starting");
  EXPECT_EQ(JudgeService("web", Service(1, 1, "COMPLETED", true), {"healthy"}, "").revision, 7);
}

TEST(JudgeServiceTest, OthersByTheirTasks) {
  EXPECT_EQ(JudgeService("worker", Service(2, 2, "COMPLETED", false), {}, "").health, "healthy");
  EXPECT_EQ(JudgeService("worker", Service(0, 2, "COMPLETED", false), {}, "").health, "unhealthy");
  EXPECT_EQ(JudgeService("worker", Service(0, 0, "COMPLETED", false), {}, "").health, "stopped");
  EXPECT_EQ(JudgeService("worker", Service(1, 1, "FAILED", false), {}, "").health, "unhealthy");
  EXPECT_EQ(JudgeService("worker", Json::object(), {}, "").health, "missing");
}

TEST(JudgeStateTest, TheWorstServiceDecides) {
  const ServiceStatus healthy{.health = "healthy", .rollout = "COMPLETED"};
  const ServiceStatus starting{.health = "starting", .rollout = "IN_PROGRESS"};
  const ServiceStatus unhealthy{.health = "unhealthy"};
  const ServiceStatus missing{.health = "missing"};
  EXPECT_EQ(JudgeState({healthy, healthy}), "ready");
  EXPECT_EQ(JudgeState({healthy, starting}), "updating");
  EXPECT_EQ(JudgeState({starting, unhealthy}), "degraded");
  EXPECT_EQ(JudgeState({healthy, missing}), "degraded");
  EXPECT_EQ(JudgeState({missing, missing}), "absent");
}

}  // namespace
}  // namespace adhoc::env
