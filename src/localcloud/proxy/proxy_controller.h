// Makes the load balancers real: an HAProxy container for each one that listens anywhere, kept as its documents say,
// and health checks that write their results into elbv2.targets.
//
// Level-triggered: each pass compares documents with what runs (containers found by label, the configuration version
// and the servers that HAProxy itself reports), so a crash at any point, a restart of this program, or a container
// killed from outside is repaired by the next pass. Two loops, because container work may take seconds and health
// checks must not wait:
//   Reconcile     containers, configuration, servers; load balancer states
//   CheckHealth   probes; target states; erases targets whose deregistration delay is over and that no HAProxy sends
//                 requests to any more
//
// Thread-safe. Stopping it leaves the containers running: the next one adopts them.
#pragma once

#include <chrono>
#include <memory>

#include "base/clock.h"
#include "localcloud/cloud.h"
#include "localcloud/proxy/haproxy_control.h"
#include "localcloud/proxy/http_prober.h"

namespace adhoc::localcloud::proxy {

struct ControllerOptions {
  std::chrono::milliseconds debounce{30};                 // changes that come together make one configuration
  std::chrono::milliseconds initial_probe_interval{250};  // of targets that have never been healthy
  std::chrono::milliseconds reload_patience{5000};        // until a new configuration has to be live
  std::chrono::milliseconds poll_interval{10};            // while waiting for that
};

class ProxyController {
 public:
  ProxyController(Cloud& cloud, HaproxyCli& cli, Prober& prober, const ControllerOptions& options = {});
  ~ProxyController();

  // Runs both loops on threads of their own until destruction. Tests call the passes instead.
  void Start();

  // One pass each; they return when the next one is due, if nothing changes before.
  TimePoint Reconcile();
  TimePoint CheckHealth();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace adhoc::localcloud::proxy
