// The ECS controller of the local cloud: makes the ECS documents true.
//
// One thread makes a pass whenever a commit touches the documents, a container ends, or time is due: it reconciles the
// services (reconcile.h) and advances the tasks that this is about, so that a pass costs what has changed and not what
// there is. The first pass is about all of them. Everything slow (task_runner.h, health checks) happens on
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
  // running for this long (AWS: 40). 0: at once.
  double settle_seconds = 8;
  // Containers are compared with documents this often, or less often when there are thousands, in case an event of the
  // engine was lost.
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
  // What a pass is about: keys of documents that have changed, or whose time has come.
  struct Dirty {
    bool everything = false;
    std::set<std::string> services;
    std::set<std::string> tasks;
    std::set<std::string> definitions;
    std::set<std::string> targets;
  };
  struct Wakeup {
    bool woken = true;
    Dirty dirty{.everything = true};
    std::set<std::string> changed_tasks;  // whose containers are to be looked at
    std::set<std::string> busy;
    std::map<std::string, double> retry_at;
    bool resyncing = false;
    bool resync_wanted = true;
    double resync_seconds = 0;  // that the last one took
  };
  // A commit may still be waking it when the scheduler is gone.
  struct Shared {
    std::condition_variable_any changed;
    Sync<Wakeup> wakeup;
  };

  void Loop(std::stop_token stop);
  void Watch(std::stop_token stop);
  // Returns when to pass again even if nothing happens.
  double Pass();
  Dirty TakeDirty();
  // Adds what depends on what has changed.
  static void Complete(const Store::Transaction& txn, Dirty& dirty);
  double ReconcileService(Store::Transaction& txn, const std::string& key);
  // Of a service that was deleted, a task that has stopped. They return when they are to be forgotten.
  double ExpireService(Store::Transaction& txn, const std::string& key);
  double ExpireTask(Store::Transaction& txn, const std::string& key);
  void DeleteDefinitions(Store::Transaction& txn, const Dirty& dirty);
  void Dispatch(const std::string& key, bool stopping, std::int64_t version);
  void Resync();

  Cloud& cloud_;
  const SchedulerOptions options_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  Subscription subscription_;
  // Of the passes, which come one after the other.
  std::map<std::string, double> service_due_;  // when to look again; no entry: not before something changes
  std::map<std::string, double> task_due_;
  std::set<std::string> deleted_definitions_;  // that something still used
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
