// What a service has to do next: the rolling deployment, the replacement of dead and unhealthy tasks, scaling, the
// circuit breaker with its roll back. A pure function of the service, its tasks and the time; calling it again before
// its decisions were carried out repeats them, and after they were carried out it has nothing to add.
//
//   lower limit = ceil(desired × minimumHealthyPercent / 100)   healthy tasks never go below it because of us
//   upper limit = floor(desired × maximumPercent / 100)         starting and running tasks never go above it
//
// Unlike AWS's scheduler, tasks that are stopping count against the upper limit when maximumPercent is 100: that is how
// one says that two copies (a beat) must never overlap.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace adhoc::localcloud {

struct TaskView {
  enum class Phase { kStarting, kRunning, kStopping, kStopped };
  enum class Health { kPending, kHealthy, kUnhealthy };

  std::string id;
  std::string deployment;
  Phase phase = Phase::kStarting;
  Health health = Health::kPending;
  std::string unhealthy_reason;  // `Task failed ELB health checks in (target-group …)`
  bool was_healthy = false;      // it has been healthy once
  bool failed = false;           // it ended by itself, could not start, or was stopped as unhealthy
  bool counted = false;          // its failure was counted
  bool serves = false;           // it is stopping, and a load balancer may still send it requests
  std::string start_failure;     // why it never ran: CannotPullContainerError: …
  double created_at = 0;
  double ended_at = 0;  // when it failed

  bool live() const { return phase == Phase::kStarting || phase == Phase::kRunning; }
};

enum class Rollout { kInProgress, kCompleted, kFailed };

struct DeploymentView {
  std::string id;
  bool primary = false;
  Rollout rollout = Rollout::kInProgress;
  std::string rollout_reason;
  int failed_tasks = 0;    // in a row
  double start_after = 0;  // no task is started before this time
};

struct ServiceView {
  std::string name;
  bool draining = false;  // DeleteService was called
  int desired = 0;
  int minimum_percent = 100;
  int maximum_percent = 200;
  bool breaker = false;
  bool rollback = false;
  std::vector<DeploymentView> deployments;  // newest first; the first is PRIMARY
  // The most recent deployment that reached COMPLETED, whether or not it is still in the list; no id: none did.
  DeploymentView last_completed;
  bool steady = false;  // the event was written and nothing has happened since
};

struct Decision {
  struct Start {
    std::string deployment;
    int count = 0;
  };
  struct Stop {
    std::string task;
    std::string reason;
    bool failed = false;  // because it is unhealthy, not because it is surplus
  };
  std::vector<Start> starts;
  std::vector<Stop> stops;
  std::vector<std::string> counted;         // tasks whose failure is in failed_tasks now
  std::vector<std::string> became_healthy;  // for the first time
  std::vector<std::string> events;          // oldest first
  std::vector<DeploymentView> deployments;  // as they are now; the ones that are over are gone
  bool steady = false;
  bool inactive = false;                                     // a draining service without tasks
  double wake_at = std::numeric_limits<double>::infinity();  // look again then, even if nothing changes
};

Decision Reconcile(const ServiceView& service, const std::vector<TaskView>& tasks, double now);

// ceil(desired / 2), at least 3 and at most 200.
int BreakerThreshold(int desired);

// How long to wait after that many failures in a row: 0.5 s, doubling, at most a minute (AWS: up to 15 minutes).
double StartBackoff(int failures);

}  // namespace adhoc::localcloud
