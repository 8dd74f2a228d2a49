// A whole local cloud in this process, without containers: the API (local_api.h) and all controllers, which run on the
// thread that makes a request, over a fake clock, engine, HAProxy and prober. Time passes when the engine's client
// sleeps.
#pragma once

#include <memory>
#include <mutex>

#include "localcloud/database/database_controller.h"
#include "localcloud/network/network_cleaner.h"
#include "localcloud/proxy/proxy_controller.h"
#include "localcloud/scheduler/scheduler.h"
#include "net/transport.h"
#include "testing/fake_haproxy.h"
#include "testing/fake_prober.h"
#include "testing/local_api.h"

namespace adhoc::testing {

// Thread-safe: requests are answered one after the other.
class LocalCloud {
 public:
  LocalCloud();

  // Answers, then lets the controllers do all that is due at this point of time.
  net::Response Handle(const net::Request& request);
  void Settle();

  LocalApi& api() { return api_; }
  FakeClock& clock() { return api_.clock(); }
  FakeRuntime& runtime() { return api_.runtime(); }

 private:
  std::mutex mutex_;
  LocalApi api_;
  FakeHaproxy haproxy_;
  FakeProber prober_;
  localcloud::Scheduler scheduler_;
  localcloud::proxy::ProxyController proxy_;
  localcloud::database::DatabaseController databases_;
  localcloud::NetworkCleaner networks_;
};

}  // namespace adhoc::testing
