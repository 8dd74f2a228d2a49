// Load balancers without a container engine (runtime/engineless_runtime.h): HAProxies that only seem to run and have
// taken over whatever is written for them, and targets that answer every health check with 200.
#pragma once

#include <memory>

#include "localcloud/proxy/haproxy_control.h"
#include "localcloud/proxy/http_prober.h"

namespace adhoc::localcloud::proxy {

std::unique_ptr<HaproxyCli> MakeEnginelessHaproxyCli();
std::unique_ptr<Prober> MakeEnginelessProber();

}  // namespace adhoc::localcloud::proxy
