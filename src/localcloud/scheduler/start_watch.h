// When a task that nobody checks has finished starting. ECS takes it for healthy after 40 s of running; nobody wants to
// wait that long here, and a fixed short time would call a program healthy that is still loading and about to fail. So:
// it has settled when it has used next to no CPU for a moment; and in any case after SchedulerOptions::settle_seconds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/scheduler/worker_pool.h"

namespace adhoc::localcloud {

// Thread-safe. Writes `_settled` into task documents.
class StartWatch {
 public:
  // 0 threads: as with WorkerPool.
  StartWatch(Cloud& cloud, int threads) : cloud_(cloud), pool_(threads) {}

  // Measures a running task when that is due. Returns when it is next; never for a task that has settled.
  double Run(const std::string& key, const Json& task);
  // Forgets tasks that were not in a Run since the last Sweep.
  void Sweep();
  int RunAll() { return pool_.RunAll(); }

 private:
  struct Watch {
    double due = 0;
    double measured_at = 0;  // 0: not yet
    double cpu_seconds = 0;  // then
    bool running = false;
    bool seen = true;
  };

  void Measure(const std::string& key, const std::vector<std::string>& containers);

  Cloud& cloud_;
  Sync<std::map<std::string, Watch>> watches_;  // by task key
  WorkerPool pool_;                             // last: its jobs use the rest
};

}  // namespace adhoc::localcloud
