// From readings of containers and of HAProxy to the metrics that ECS and load balancers have on AWS. Pure functions.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/store/metric_store.h"

namespace adhoc::localcloud {

// ---- ECS

// What a task has used of its size since it was measured before, in percent; negative: not known yet.
struct TaskUse {
  double cpu_percent = -1;
  double memory_percent = -1;
};
// One measurement of all tasks of a service, at the time where what was measured began.
std::vector<Measurement> ServiceMeasurements(const std::string& cluster, const std::string& service,
                                             const std::vector<TaskUse>& tasks, double time);

// ---- Load balancers

struct ServerCounters {
  std::int64_t responses[6] = {};    // 1xx to 5xx, and others
  double response_milliseconds = 0;  // the average of the last 1024

  std::int64_t requests() const;
};
using BackendCounters = std::map<std::string, std::map<std::string, ServerCounters>>;  // backend → server
// Of HAProxy's `show stat`: the rows of servers.
BackendCounters ParseStat(std::string_view csv);
// What came since `before`. A server that counts less than before is a new one (a reload, a replaced target).
BackendCounters Since(const BackendCounters& now, const BackendCounters& before);

struct TargetGroupView {
  std::string backend;        // in HAProxy
  std::string dimension;      // targetgroup/web/0123456789abcdef
  std::string load_balancer;  // app/alb/0123456789abcdef
  int healthy = 0;
  int unhealthy = 0;
};
std::vector<Measurement> BalancerMeasurements(const std::vector<TargetGroupView>& groups,
                                              const BackendCounters& counted, double time);

}  // namespace adhoc::localcloud
