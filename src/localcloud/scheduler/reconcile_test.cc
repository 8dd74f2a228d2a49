#include "localcloud/scheduler/reconcile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace adhoc::localcloud {
namespace {

using Health = TaskView::Health;
using Phase = TaskView::Phase;

// A cluster in which tasks start, become healthy and stop when the test says so.
class World {
 public:
  explicit World(int desired, int minimum = 100, int maximum = 200) {
    service.name = "web";
    service.desired = desired;
    service.minimum_percent = minimum;
    service.maximum_percent = maximum;
    Deploy("d1");
  }

  void Deploy(const std::string& id) {
    for (auto& deployment : service.deployments) deployment.primary = false;
    service.deployments.insert(service.deployments.begin(),
                               DeploymentView{.id = id, .primary = true, .rollout_reason = ""});
  }

  Decision Pass() {
    Decision decision = Reconcile(service, tasks, now);
    service.deployments = decision.deployments;
    service.steady = decision.steady;
    for (const auto& deployment : service.deployments) {
      if (deployment.rollout == Rollout::kCompleted) service.last_completed = deployment;
    }
    for (const auto& id : decision.counted) Find(id).counted = true;
    for (const auto& id : decision.became_healthy) Find(id).was_healthy = true;
    for (const auto& stop : decision.stops) {
      Find(stop.task).phase = Phase::kStopping;
      Find(stop.task).failed = stop.failed;
      Find(stop.task).ended_at = now;
    }
    for (const auto& start : decision.starts) {
      for (int i = 0; i < start.count; ++i) {
        TaskView task;
        task.id = "t" + std::to_string(++last_id);
        task.deployment = start.deployment;
        task.created_at = now;
        tasks.push_back(task);
      }
    }
    events.insert(events.end(), decision.events.begin(), decision.events.end());
    return decision;
  }

  TaskView& Find(const std::string& id) {
    return *std::find_if(tasks.begin(), tasks.end(), [&](const auto& t) { return t.id == id; });
  }
  int Live(const std::string& deployment) const {
    return static_cast<int>(std::count_if(tasks.begin(), tasks.end(),
                                          [&](const auto& t) { return t.live() && t.deployment == deployment; }));
  }
  int Healthy() const {
    return static_cast<int>(std::count_if(tasks.begin(), tasks.end(),
                                          [](const auto& t) { return t.live() && t.health == Health::kHealthy; }));
  }
  int LiveTotal() const {
    return static_cast<int>(std::count_if(tasks.begin(), tasks.end(), [](const auto& t) { return t.live(); }));
  }
  void MakeAllHealthy() {
    for (auto& task : tasks) {
      if (!task.live()) continue;
      task.phase = Phase::kRunning;
      task.health = Health::kHealthy;
    }
  }
  void FinishStopping() {
    for (auto& task : tasks) {
      if (task.phase == Phase::kStopping) task.phase = Phase::kStopped;
    }
  }
  void Fail(TaskView& task, const std::string& why = "") {
    task.phase = Phase::kStopped;
    task.failed = true;
    task.start_failure = why;
    task.ended_at = now;
  }
  // Everything that starts becomes healthy, everything that stops ends, until nothing moves.
  void Converge() {
    for (int i = 0; i < 50; ++i) {
      const Decision decision = Pass();
      MakeAllHealthy();
      FinishStopping();
      if (decision.starts.empty() && decision.stops.empty() && decision.became_healthy.empty() && i > 2) return;
    }
    FAIL() << "it never settles";
  }
  bool Said(const std::string& text) const {
    return std::any_of(events.begin(), events.end(), [&](const auto& e) { return e.find(text) != std::string::npos; });
  }

  ServiceView service;
  std::vector<TaskView> tasks;
  std::vector<std::string> events;
  double now = 1000;
  int last_id = 0;
};

TEST(ReconcileTest, StartsWhatIsDesiredAndSaysWhenItIsSteady) {
  World world(3);
  EXPECT_EQ(world.Pass().starts.at(0).count, 3);
  EXPECT_TRUE(world.Pass().starts.empty());
  world.MakeAllHealthy();
  const Decision decision = world.Pass();
  EXPECT_EQ(decision.deployments.at(0).rollout, Rollout::kCompleted);
  EXPECT_EQ(decision.deployments.at(0).rollout_reason, "ECS deployment d1 completed.");
  EXPECT_EQ(decision.events, (std::vector<std::string>{"(service web) (deployment d1) deployment completed.",
                                                       "(service web) has reached a steady state."}));
  EXPECT_TRUE(world.Pass().events.empty());
}

TEST(ReconcileTest, ADesiredCountOfZeroCompletesWithoutTasks) {
  World world(0);
  const Decision decision = world.Pass();
  EXPECT_TRUE(decision.starts.empty());
  EXPECT_EQ(decision.deployments.at(0).rollout, Rollout::kCompleted);
}

TEST(ReconcileTest, ADeadTaskIsReplacedAtOnce) {
  World world(2);
  world.Converge();
  world.Fail(world.tasks[0]);
  const Decision decision = world.Pass();
  ASSERT_EQ(decision.starts.size(), 1u);
  EXPECT_EQ(decision.starts[0].count, 1);
  EXPECT_EQ(decision.deployments[0].failed_tasks, 0);
  world.Converge();
  EXPECT_EQ(world.Healthy(), 2);
}

TEST(ReconcileTest, AnUnhealthyTaskStaysUntilItsReplacementIsHealthy) {
  World world(1);
  world.Converge();
  world.tasks[0].health = Health::kUnhealthy;
  world.tasks[0].unhealthy_reason = "Task failed container health checks";
  Decision decision = world.Pass();
  EXPECT_EQ(decision.starts.at(0).count, 1);
  EXPECT_TRUE(decision.stops.empty());
  world.tasks[1].phase = Phase::kRunning;
  world.tasks[1].health = Health::kHealthy;
  decision = world.Pass();
  ASSERT_EQ(decision.stops.size(), 1u);
  EXPECT_EQ(decision.stops[0].task, "t1");
  EXPECT_EQ(decision.stops[0].reason, "Task failed container health checks");
}

TEST(ReconcileTest, WithoutRoomTheUnhealthyTaskGoesFirst) {
  World world(1, 0, 100);
  world.Converge();
  world.tasks[0].health = Health::kUnhealthy;
  const Decision decision = world.Pass();
  EXPECT_TRUE(decision.starts.empty());
  EXPECT_EQ(decision.stops.at(0).task, "t1");
  world.FinishStopping();
  EXPECT_EQ(world.Pass().starts.at(0).count, 1);
}

struct RollCase {
  int desired;
  int minimum;
  int maximum;
  int lower;
  int upper;
};

class RollingTest : public ::testing::TestWithParam<RollCase> {};

TEST_P(RollingTest, KeepsWithinItsLimitsAndEndsWithTheNewVersionOnly) {
  const RollCase& roll = GetParam();
  World world(roll.desired, roll.minimum, roll.maximum);
  world.Converge();
  world.Deploy("d2");
  for (int i = 0; i < 60; ++i) {
    world.Pass();
    EXPECT_GE(world.Healthy(), roll.lower);
    EXPECT_LE(world.LiveTotal(), roll.upper);
    // One step at a time, so that the states between are seen.
    for (auto& task : world.tasks) {
      if (task.phase == Phase::kStarting) {
        task.phase = Phase::kRunning;
        break;
      }
      if (task.phase == Phase::kRunning && task.health == Health::kPending) {
        task.health = Health::kHealthy;
        break;
      }
      if (task.phase == Phase::kStopping) {
        task.phase = Phase::kStopped;
        break;
      }
    }
  }
  EXPECT_EQ(world.Live("d2"), roll.desired);
  EXPECT_EQ(world.Live("d1"), 0);
  ASSERT_EQ(world.service.deployments.size(), 1u);
  EXPECT_EQ(world.service.deployments[0].rollout, Rollout::kCompleted);
}

INSTANTIATE_TEST_SUITE_P(Limits, RollingTest,
                         ::testing::Values(RollCase{1, 100, 200, 1, 2}, RollCase{4, 100, 200, 4, 8},
                                           RollCase{4, 50, 100, 2, 4}, RollCase{3, 50, 100, 2, 3},
                                           RollCase{3, 100, 150, 3, 4}, RollCase{1, 0, 100, 0, 1},
                                           RollCase{5, 0, 100, 0, 5}, RollCase{4, 50, 150, 2, 6}));

TEST(ReconcileTest, ASingletonNeverRunsTwice) {
  World world(1, 0, 100);
  world.Converge();
  world.Deploy("d2");
  Decision decision = world.Pass();
  EXPECT_TRUE(decision.starts.empty());
  EXPECT_EQ(decision.stops.at(0).reason, "Scaling activity initiated by (deployment d2)");
  EXPECT_TRUE(world.Pass().starts.empty()) << "the old one is still stopping";
  world.FinishStopping();
  EXPECT_EQ(world.Pass().starts.at(0).deployment, "d2");
}

TEST(ReconcileTest, LimitsThatForbidEveryMoveAreReported) {
  World world(1, 100, 100);
  world.Converge();
  world.Deploy("d2");
  const Decision decision = world.Pass();
  EXPECT_TRUE(decision.starts.empty());
  EXPECT_TRUE(decision.stops.empty());
  EXPECT_TRUE(world.Said(
      "was unable to stop or start tasks during a deployment because of the service deployment configuration"));
}

TEST(ReconcileTest, ANewerDeploymentReplacesOneThatHasNotFinished) {
  World world(2);
  world.Converge();
  world.Deploy("d2");
  world.Pass();
  EXPECT_EQ(world.Live("d2"), 2);
  world.Deploy("d3");
  world.Pass();
  EXPECT_EQ(world.Live("d2"), 0) << "tasks that serve nobody yet go at once";
  EXPECT_EQ(world.Live("d1"), 2);
  world.Converge();
  EXPECT_EQ(world.Live("d3"), 2);
  ASSERT_EQ(world.service.deployments.size(), 1u);
}

TEST(ReconcileTest, TasksThatFailToStartAreTriedAgainAfterGrowingPauses) {
  World world(1);
  std::vector<double> pauses;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(world.Pass().starts.size(), 1u);
    world.Fail(world.tasks.back(), "CannotPullContainerError: no such image");
    const Decision decision = world.Pass();
    EXPECT_TRUE(decision.starts.empty());
    pauses.push_back(decision.wake_at - world.now);
    world.now = decision.wake_at;
  }
  EXPECT_EQ(pauses, (std::vector<double>{0.5, 1, 2, 4}));
  EXPECT_TRUE(world.Said("was unable to place a task. Reason: CannotPullContainerError: no such image."));
  EXPECT_TRUE(world.Said("is unable to consistently start tasks successfully."));
  EXPECT_EQ(world.service.deployments[0].failed_tasks, 4);
  world.Pass();
  world.MakeAllHealthy();
  EXPECT_EQ(world.Pass().deployments[0].failed_tasks, 0);
}

void FailUntilBroken(World& world) {
  for (int i = 0;
       i < 20 && world.service.deployments[0].id == "d2" && world.service.deployments[0].rollout != Rollout::kFailed;
       ++i) {
    const Decision decision = world.Pass();
    if (decision.wake_at < 1e12) world.now = decision.wake_at;
    for (auto& task : world.tasks) {
      if (task.deployment == "d2" && task.live()) world.Fail(task);
    }
  }
}

TEST(ReconcileTest, TheBreakerRollsBackToTheLastCompletedDeploymentAndKeepsItsTasks) {
  World world(1);
  world.service.breaker = world.service.rollback = true;
  world.Converge();
  world.Deploy("d2");
  FailUntilBroken(world);
  EXPECT_EQ(world.service.deployments[0].id, "d1");
  EXPECT_TRUE(world.Said("(deployment d2) deployment failed: tasks failed to start."));
  EXPECT_TRUE(world.Said("rolling back to deployment d1."));
  EXPECT_EQ(std::count_if(world.tasks.begin(), world.tasks.end(), [](const auto& t) { return t.deployment == "d2"; }),
            3);
  world.Converge();
  EXPECT_TRUE(world.tasks[0].live()) << "the task that served all the time is still the same";
  ASSERT_EQ(world.service.deployments.size(), 1u);
  EXPECT_EQ(world.service.deployments[0].rollout, Rollout::kCompleted);
}

TEST(ReconcileTest, RollsBackAlsoWhenTheOldTasksHadToGoFirst) {
  World world(1, 0, 100);
  world.service.breaker = world.service.rollback = true;
  world.Converge();
  world.Deploy("d2");
  world.Pass();
  world.FinishStopping();
  FailUntilBroken(world);
  world.Pass();
  EXPECT_EQ(world.service.deployments.at(0).id, "d1");
  EXPECT_EQ(world.service.deployments[0].rollout_reason,
            "ECS deployment circuit breaker: rolling back to deploymentId d1.");
  world.Converge();
  EXPECT_EQ(world.Live("d1"), 1);
}

TEST(ReconcileTest, WithoutACompletedDeploymentTheServiceStalls) {
  World world(2);
  world.service.breaker = world.service.rollback = true;
  world.service.deployments[0].id = "d2";
  FailUntilBroken(world);
  EXPECT_EQ(world.service.deployments[0].rollout, Rollout::kFailed);
  world.now += 1000;
  EXPECT_TRUE(world.Pass().starts.empty());
}

TEST(ReconcileTest, WhileTheNewVersionFailsTheOldOneIsKeptAtStrength) {
  World world(1);
  world.Converge();
  world.Deploy("d2");
  world.Pass();
  world.Fail(world.tasks[1]);
  world.Pass();
  world.Fail(world.tasks[0]);
  const Decision decision = world.Pass();
  ASSERT_EQ(decision.starts.size(), 1u);
  EXPECT_EQ(decision.starts[0].deployment, "d1");
}

TEST(ReconcileTest, ScalingDownStopsWhatDoesNotServeFirst) {
  World world(2);
  world.Converge();
  world.service.desired = 3;
  world.Pass();
  world.service.desired = 2;
  const Decision decision = world.Pass();
  ASSERT_EQ(decision.stops.size(), 1u);
  EXPECT_EQ(decision.stops[0].task, "t3");
  EXPECT_EQ(decision.stops[0].reason, "Scaling activity initiated by (deployment d1)");
  world.service.desired = 0;
  EXPECT_EQ(world.Pass().stops.size(), 2u);
}

TEST(ReconcileTest, ADrainingServiceIsInactiveWhenItsLastTaskHasEnded) {
  World world(2);
  world.Converge();
  world.service.draining = true;
  world.service.desired = 0;
  EXPECT_EQ(world.Pass().stops.size(), 2u);
  EXPECT_FALSE(world.Pass().inactive);
  world.FinishStopping();
  const Decision decision = world.Pass();
  EXPECT_TRUE(decision.inactive);
  EXPECT_TRUE(decision.deployments.empty());
}

TEST(ReconcileTest, DecidingTwiceDecidesTheSame) {
  World world(2);
  world.Converge();
  world.Deploy("d2");
  const Decision first = Reconcile(world.service, world.tasks, world.now);
  const Decision second = Reconcile(world.service, world.tasks, world.now);
  ASSERT_EQ(first.starts.size(), second.starts.size());
  EXPECT_EQ(first.starts[0].count, second.starts[0].count);
}

TEST(ReconcileTest, TheBreakersThresholdIsHalfOfDesiredWithinBounds) {
  EXPECT_EQ(BreakerThreshold(1), 3);
  EXPECT_EQ(BreakerThreshold(6), 3);
  EXPECT_EQ(BreakerThreshold(7), 4);
  EXPECT_EQ(BreakerThreshold(25), 13);
  EXPECT_EQ(BreakerThreshold(1000), 200);
}

}  // namespace
}  // namespace adhoc::localcloud
