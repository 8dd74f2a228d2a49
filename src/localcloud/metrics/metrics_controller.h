// Measures what runs and keeps alarms up to date.
//
// Services and load balancers are measured once a minute, as on AWS, and more often only while an alarm with a shorter
// period looks at them. Measuring costs the container engine a call or two for each container, everything else is next
// to nothing.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "localcloud/cloud.h"
#include "localcloud/controller.h"
#include "localcloud/metrics/samples.h"
#include "localcloud/proxy/haproxy_control.h"

namespace adhoc::localcloud {

// Destroy it before the cloud.
class MetricsController {
 public:
  MetricsController(Cloud& cloud, proxy::HaproxyCli& haproxy);
  void Start() { thread_.Start(); }

  // For tests without threads: everything that is due.
  std::chrono::milliseconds Pass();

 private:
  struct Reading {
    double time = 0;
    double cpu_seconds = 0;
  };
  double MeasureServices(double now);
  double MeasureBalancers(double now);
  double EvaluateAlarms(double now);
  struct TaskSize {
    double cpus = 0;
    double memory_bytes = 0;
    std::vector<std::string> containers;
  };
  TaskUse Measure(const TaskSize& task, double now);

  Cloud& cloud_;
  proxy::HaproxyCli& haproxy_;
  std::map<std::string, double> measured_;   // service → when, on the grid of its interval
  std::map<std::string, Reading> readings_;  // by container
  double balancers_measured_ = 0;
  std::map<std::string, BackendCounters> counters_;             // by load balancer's ARN
  std::map<std::string, std::pair<double, double>> evaluated_;  // alarm → configuration's time, evaluation's time
  double forget_at_ = 0;
  ControllerThread thread_;
};

}  // namespace adhoc::localcloud
