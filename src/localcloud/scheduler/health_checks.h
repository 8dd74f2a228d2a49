// Container health checks (DescribeTasks' healthStatus), run through exec: engines without systemd never run theirs.
//
// As on ECS, a failure counts from startPeriod on, `retries` failures in a row make UNHEALTHY, one success HEALTHY.
// Unlike ECS the first success is looked for every second, not every interval: nobody should wait 30 s for a server
// that is up.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/sync.h"
#include "localcloud/cloud.h"
#include "localcloud/scheduler/worker_pool.h"

namespace adhoc::localcloud {

// Thread-safe.
class HealthChecks {
 public:
  HealthChecks(Cloud& cloud, int threads) : cloud_(cloud), pool_(threads) {}

  // Starts the checks of a task that are due. Returns when the next one is.
  double Run(const std::string& key, const Json& task, const Json& task_definition);
  // Of a task that is checked no longer.
  void Forget(const Json& task);
  // Runs what is due on the calling thread when there are no threads.
  int RunAll() { return pool_.RunAll(); }

 private:
  struct Check {
    double due = 0;
    double counted_at = 0;  // when a failure was last counted, or the container started
    int failures = 0;
    bool running = false;
  };

  void Probe(const std::string& key, const std::string& name, const std::string& container, const Json& health_check,
             const std::vector<std::string>& argv, double started);
  void Record(const std::string& key, const std::string& name, const std::string& container, std::string_view status);

  Cloud& cloud_;
  Sync<std::map<std::string, Check>> checks_;  // by container id
  WorkerPool pool_;                            // last: its jobs use the rest
};

// UNHEALTHY > UNKNOWN > HEALTHY over the essential containers that have a check; UNKNOWN when none has.
std::string TaskHealthStatus(const Json& task, const Json& task_definition);
bool HasHealthCheck(const Json& task_definition);

}  // namespace adhoc::localcloud
