// When a task has finished starting: when it has used next to no CPU for a moment; and in any case after
// SchedulerOptions::settle_seconds. Two things follow:
// - One that nobody checks is healthy then. ECS takes it for healthy after 40 s of running; nobody wants to wait that
// long
//   here, and a fixed short time would call a program healthy that is still loading and about to fail.
// - It has a whole CPU until then, and the CPUs of its size from then on (docs/decisions/0010-settled-tasks.md).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/scheduler/worker_pool.h"

namespace adhoc::localcloud {

// What the containers of a task of this size start with.
double StartCpus(double task_cpus);

// Thread-safe. Writes `_settled` into task documents.
class StartWatch {
 public:
  // 0 threads: as with WorkerPool.
  StartWatch(Cloud& cloud, double settle_seconds, int threads)
      : cloud_(cloud), settle_seconds_(settle_seconds), pool_(threads) {}

  // Measures a running task when that is due. Returns when it is next; never for a task that has settled.
  double Run(const std::string& key, const Json& task);
  void Forget(const std::string& key);
  int RunAll() { return pool_.RunAll(); }

 private:
  struct Watch {
    double due = 0;
    double measured_at = 0;  // 0: not yet
    double cpu_seconds = 0;  // then
    bool running = false;
  };

  // One that has `ends_by` behind it has settled, whatever it uses.
  void Measure(const std::string& key, const std::vector<std::string>& containers, double task_cpus, double ends_by);

  Cloud& cloud_;
  const double settle_seconds_;
  Sync<std::map<std::string, Watch>> watches_;  // by task key
  WorkerPool pool_;                             // last: its jobs use the rest
};

}  // namespace adhoc::localcloud
