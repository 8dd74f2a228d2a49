// Sends health checks: one GET per probe on a connection of its own, all probes on one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "localcloud/proxy/target_health.h"

namespace adhoc::localcloud::proxy {

struct ProbeRequest {
  std::string ip;
  int port = 0;
  bool tls = false;  // the certificate is not verified, as on an ALB
  std::string path = "/";
  Duration timeout{0};
};

// Thread-safe.
class Prober {
 public:
  virtual ~Prober() = default;
  // Calls `done` once, on a thread of the prober's or on the caller's. Nothing is called after the prober is destroyed.
  virtual void Probe(const ProbeRequest& request, std::function<void(const ProbeResult&)> done) = 0;
};

std::unique_ptr<Prober> MakeHttpProber();

}  // namespace adhoc::localcloud::proxy
