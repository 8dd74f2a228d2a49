// Between service documents and reconcile.h: what a service and its tasks look like, and writing a decision down.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/scheduler/reconcile.h"

namespace adhoc::localcloud::ecs {

ServiceView ViewService(const Json& service);

struct TaskViews {
  std::vector<TaskView> tasks;
  std::map<std::string, std::string> unhealthy_events;  // by task: what the load balancer says about it
  double wake_at = 0;                                   // when time alone changes a task's health
};
TaskViews ViewTasks(const Store::Transaction& txn, const Json& service, const std::vector<std::string>& keys,
                    double now, double settle_seconds);

// Starts and stops tasks, and updates the service's deployments, counts and events.
void Apply(Cloud& cloud, Store::Transaction& txn, const std::string& service_key, const Decision& decision,
           const TaskViews& views);

}  // namespace adhoc::localcloud::ecs
