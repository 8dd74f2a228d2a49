#include "testing/local_cloud.h"

namespace adhoc::testing {

LocalCloud::LocalCloud()
    : haproxy_(api_.runtime()),
      scheduler_(api_.cloud(), {.start_threads = 0, .stop_threads = 0, .health_threads = 0}),
      proxy_(api_.cloud(), haproxy_, prober_),
      databases_(api_.cloud()),
      networks_(api_.cloud()) {
  auto& settings = api_.cloud().settings;
  settings.account = "000000000000";  // that of a local target
  for (const auto& image : {settings.haproxy_image, settings.postgres_image, settings.pause_image})
    runtime().AddImage(image);
}

net::Response LocalCloud::Handle(const net::Request& request) {
  const std::lock_guard lock(mutex_);
  net::Response response = api_.Send(request);
  Settle();
  return response;
}

void LocalCloud::Settle() {
  databases_.Reconcile();
  scheduler_.Settle();
  proxy_.Reconcile();
  proxy_.CheckHealth();
  networks_.Pass();
}

}  // namespace adhoc::testing
