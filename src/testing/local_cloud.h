// A whole local cloud in this process, without containers: the API (local_api.h) and all controllers, which run on the
// thread that makes a request, over a fake clock, engine, HAProxy and prober. Time passes when the engine's client
// sleeps.
#pragma once

#include <memory>
#include <mutex>
#include <thread>

#include "net/transport.h"
#include "testing/fake_haproxy.h"
#include "testing/fake_prober.h"
#include "testing/local_api.h"

namespace adhoc::testing {

// Thread-safe: requests are answered one after the other.
class LocalCloud {
 public:
  LocalCloud();
  ~LocalCloud();

  // Answers, then lets the controllers do all that is due at this point of time.
  net::Response Handle(const net::Request& request);
  void Settle();
  // Lets the controllers work each second until the heartbeat's end, not only when somebody asks: under AWS's times a
  // thing then takes what it takes.
  std::jthread Heartbeat();
  // The server ends and another one begins: documents and containers stay, all else is gone.
  void Restart();
  // Whether tasks find room on FARGATE or FARGATE_SPOT.
  void SetCapacity(const std::string& provider, bool available);

  LocalApi& api() { return api_; }
  FakeClock& clock() { return api_.clock(); }
  FakeRuntime& runtime() { return api_.runtime(); }

 private:
  void LetControllersWork();

  std::mutex mutex_;
  LocalApi api_;
  FakeHaproxy haproxy_;
  FakeProber prober_;
  struct Controllers;
  std::unique_ptr<Controllers> controllers_;
};

}  // namespace adhoc::testing
