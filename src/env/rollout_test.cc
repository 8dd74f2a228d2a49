#include "env/rollout.h"

#include <gtest/gtest.h>

#include "env/task_runner.h"

namespace adhoc::env {
namespace {

using Phase = RolloutState::Phase;

const char* const kOurs = "arn:aws:ecs:us-east-1:0:task-definition/alpha-web:2";
const char* const kOld = "arn:aws:ecs:us-east-1:0:task-definition/alpha-web:1";

Json Deployment(const char* status, const char* definition, const char* rollout, int running, int desired) {
  return {{"id", std::string("ecs-svc/") + definition},
          {"status", status},
          {"taskDefinition", definition},
          {"rolloutState", rollout},
          {"rolloutStateReason", "because"},
          {"runningCount", running},
          {"desiredCount", desired},
          {"pendingCount", 0}};
}

Json Service(std::initializer_list<Json> deployments, int running) {
  return {{"runningCount", running}, {"deployments", Json::array_t(deployments)}};
}

TEST(JudgeRolloutTest, DoneOnlyWhenOursIsPrimaryAndCompleted) {
  EXPECT_EQ(JudgeRollout(Service({Deployment("PRIMARY", kOurs, "COMPLETED", 1, 1)}, 1), kOurs).phase, Phase::kDone);
  EXPECT_EQ(JudgeRollout(Service({Deployment("PRIMARY", kOurs, "IN_PROGRESS", 1, 1)}, 1), kOurs).phase,
            Phase::kWaiting);
}

// A rolled-back service is stable; that is not success.
TEST(JudgeRolloutTest, AStableServiceOnTheOldRevisionHasFailed) {
  EXPECT_EQ(JudgeRollout(Service({Deployment("PRIMARY", kOld, "COMPLETED", 1, 1)}, 1), kOurs).phase, Phase::kFailed);
}

TEST(JudgeRolloutTest, AFailedDeploymentSaysWhy) {
  const RolloutState state = JudgeRollout(Service({Deployment("PRIMARY", kOurs, "FAILED", 0, 1)}, 0), kOurs);
  EXPECT_EQ(state.phase, Phase::kFailed);
  EXPECT_EQ(state.message, "because");
}

TEST(JudgeRolloutTest, WhileWaitingItSaysWhatRuns) {
  const RolloutState state = JudgeRollout(
      Service({Deployment("PRIMARY", kOurs, "IN_PROGRESS", 1, 2), Deployment("ACTIVE", kOld, "COMPLETED", 2, 2)}, 3),
      kOurs);
  EXPECT_EQ(state.phase, Phase::kWaiting);
  EXPECT_EQ(state.message, "1/2 running, 2 old still serving");
}

TEST(JudgeRolloutTest, AServiceThatIsGoneHasFailed) {
  EXPECT_EQ(JudgeRollout(Json::object(), kOurs).phase, Phase::kFailed);
}

TEST(MayHaveFailedTest, WhenMoreTasksWereStartedThanAreAlive) {
  const auto service = [](int running, int failed, const char* message) {
    Json deployment = Deployment("PRIMARY", kOurs, "IN_PROGRESS", running, 1);
    deployment["failedTasks"] = failed;
    deployment["createdAt"] = 100;
    Json service = Service({deployment}, running);
    service["events"] = Json::array({{{"createdAt", 101}, {"message", message}},
                                     {{"createdAt", 99}, {"message", "(service web) has started 1 tasks: (task 0)."}}});
    return service;
  };
  const std::string id = std::string("ecs-svc/") + kOurs;
  EXPECT_FALSE(MayHaveFailed(service(0, 0, "(service web) has begun draining"), id));
  EXPECT_FALSE(MayHaveFailed(service(1, 0, "(service web) has started 1 tasks: (task 1)."), id));
  EXPECT_TRUE(MayHaveFailed(service(0, 0, "(service web) has started 1 tasks: (task 1)."), id)) << "it has ended";
  EXPECT_TRUE(MayHaveFailed(service(1, 0, "(service web) has started 2 tasks: (task 1) (task 2)."), id)) << "replaced";
  EXPECT_TRUE(MayHaveFailed(service(0, 1, ""), id)) << "ECS counted one";
  EXPECT_TRUE(MayHaveFailed(service(1, 0, ""), "another")) << "ours is gone";
}

TEST(RolloutTest, WhatAwsOrSomebodyStoppedHasNotFailed) {
  EXPECT_TRUE(IsNobodysFault("SpotInterruption", "Your Spot Task was interrupted."));
  EXPECT_TRUE(IsNobodysFault("TerminationNotice", "Your Spot Task was interrupted."));
  EXPECT_TRUE(IsNobodysFault("InfrastructureHealth", ""));
  EXPECT_TRUE(IsNobodysFault("UserInitiated", "Task stopped by user"));
  EXPECT_TRUE(IsNobodysFault("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)"));
  EXPECT_FALSE(IsNobodysFault("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)"));
  EXPECT_FALSE(IsNobodysFault("EssentialContainerExited", "Essential container in task exited"));
  EXPECT_FALSE(IsNobodysFault("TaskFailedToStart", "CannotPullContainerError: no"));
}

TEST(WhyStoppedTest, TheFirstContainerThatFailedSpeaks) {
  EXPECT_EQ(WhyStopped({{"stoppedReason", "Essential container in task exited"},
                        {"containers", Json::array({{{"name", "migrate"}, {"exitCode", 1}}})}}),
            "container migrate exited with code 1");
  EXPECT_EQ(WhyStopped({{"stoppedReason", "Essential container in task exited"},
                        {"containers",
                         Json::array({{{"name", "web"},
                                       {"exitCode", 137},
                                       {"reason", "OutOfMemoryError: Container killed due to memory usage"}}})}}),
            "container web exited with code 137: OutOfMemoryError: Container killed due to memory usage");
  EXPECT_EQ(
      WhyStopped({{"stoppedReason", "Task failed to start"},
                  {"containers", Json::array({{{"name", "web"}, {"reason", "CannotPullContainerError: not found"}}})}}),
      "CannotPullContainerError: not found");
  EXPECT_EQ(WhyStopped(Json::object()), "it stopped without a reason");
}

TEST(HintForTest, PointsToTheNextStep) {
  EXPECT_NE(HintFor("CannotPullContainerError: no", {}).find("adhoc image build"), std::string::npos);
  EXPECT_NE(HintFor("container web exited with code 137: OutOfMemoryError", {}).find("memory"), std::string::npos);
  EXPECT_NE(HintFor("Task failed ELB health checks in (target-group x)", {}).find("health check"), std::string::npos);
  EXPECT_NE(HintFor("container web exited with code 1", {"ModuleNotFoundError: No module named 'x'"}).find("module"),
            std::string::npos);
  EXPECT_NE(HintFor("container web exited with code 1",
                    {"FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"})
                .find("no connections left"),
            std::string::npos);
  EXPECT_EQ(HintFor("something else", {}), "");
}

}  // namespace
}  // namespace adhoc::env
