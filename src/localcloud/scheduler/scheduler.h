// The ECS controller of the local cloud: makes the ECS documents true.
//
// One thread passes over the documents whenever a commit touches them, a container ends, or time is due: it reconciles
// services (reconcile.h) and finds the tasks that can go on. Everything slow (task_runner.h, health checks) happens on
// small pools, outside of transactions, and its results are committed, which wakes the thread again. Nothing is kept in
// memory that a restart would miss: tasks whose containers still run are adopted, what died meanwhile is replaced, what
// belongs to nothing is removed.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/scheduler/health_checks.h"
#include "localcloud/scheduler/log_pump.h"
#include "localcloud/scheduler/reconcile.h"
#include "localcloud/scheduler/start_watch.h"
#include "localcloud/scheduler/task_runner.h"
#include "localcloud/scheduler/worker_pool.h"

namespace adhoc::localcloud {

struct SchedulerOptions {
  // A task without load balancer and health check counts as healthy when it has settled (start_watch.h), or after
  // running for this long (AWS: 40).
  double settle_seconds = 8;
  // Containers are compared with documents this often, in case an event of the engine was lost.
  double resync_seconds = 5;
  // Threads that start and that stop tasks, and that run health checks. 0: the caller of Settle does it (tests).
  int start_threads = 4;
  int stop_threads = 16;
  int health_threads = 2;
  // As in task_runner.h.
  std::function<bool()> route_metadata = [] { return true; };
};

// Destroy it before the cloud.
class Scheduler {
 public:
  explicit Scheduler(Cloud& cloud, SchedulerOptions options = {});
  ~Scheduler();

  void Start();
  // Waits for the steps that are under way. Containers go on running.
  void Stop();

  // For tests without threads: everything that can happen at this point of time.
  void Settle();

 private:
  struct Wakeup {
    bool woken = true;
    std::set<std::string> changed_tasks;  // whose containers are to be looked at
    std::set<std::string> busy;
    std::map<std::string, double> retry_at;
    bool resyncing = false;
    bool resync_wanted = true;
  };
  // A commit may still be waking it when the scheduler is gone.
  struct Shared {
    std::condition_variable_any changed;
    Sync<Wakeup> wakeup;
  };

  void Wake();
  void Loop(std::stop_token stop);
  void Watch(std::stop_token stop);
  // Returns when to pass again even if nothing happens.
  double Pass();
  double ReconcileServices(Store::Transaction& txn);
  double ReconcileService(Store::Transaction& txn, const std::string& key);
  void CollectGarbage(Store::Transaction& txn);
  void Dispatch(const std::string& key, bool stopping, std::int64_t version);
  void Resync();

  Cloud& cloud_;
  const SchedulerOptions options_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Subscription subscription_;
  LogPump logs_;
  TaskRunner runner_;
  HealthChecks health_;
  StartWatch start_watch_;
  std::unique_ptr<WorkerPool> starts_;
  std::unique_ptr<WorkerPool> stops_;
  std::jthread loop_;
  std::jthread watcher_;
};

}  // namespace adhoc::localcloud
