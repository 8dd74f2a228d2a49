#include "testing/local_cloud.h"

#include "localcloud/database/database_controller.h"
#include "localcloud/instances/instance_controller.h"
#include "localcloud/network/network_cleaner.h"
#include "localcloud/proxy/proxy_controller.h"
#include "localcloud/scheduler/capacity.h"
#include "localcloud/scheduler/scheduler.h"

namespace adhoc::testing {

struct LocalCloud::Controllers {
  Controllers(localcloud::Cloud& cloud, FakeHaproxy& haproxy, FakeProber& prober)
      : scheduler(cloud, {.start_threads = 0, .stop_threads = 0, .health_threads = 0}),
        proxy(cloud, haproxy, prober),
        databases(cloud),
        instances(cloud),
        networks(cloud) {}

  localcloud::Scheduler scheduler;
  localcloud::proxy::ProxyController proxy;
  localcloud::database::DatabaseController databases;
  localcloud::ec2::InstanceController instances;
  localcloud::NetworkCleaner networks;
};

LocalCloud::LocalCloud() : haproxy_(api_.runtime()) {
  Restart();
  auto& settings = api_.cloud().settings;
  settings.account = "000000000000";  // that of a local target
  for (const auto& image : {settings.haproxy_image, settings.postgres_image, settings.pause_image})
    runtime().AddImage(image);
}

LocalCloud::~LocalCloud() = default;

net::Response LocalCloud::Handle(const net::Request& request) {
  const std::lock_guard lock(mutex_);
  net::Response response = api_.Send(request);
  LetControllersWork();
  return response;
}

void LocalCloud::Settle() {
  const std::lock_guard lock(mutex_);
  LetControllersWork();
}

std::jthread LocalCloud::Heartbeat() {
  return std::jthread([this](std::stop_token stop) {
    while (clock().SleepFor(std::chrono::seconds(1), stop)) Settle();
  });
}

void LocalCloud::LetControllersWork() {
  controllers_->databases.Reconcile();
  controllers_->instances.Reconcile();
  controllers_->scheduler.Settle();
  controllers_->proxy.Reconcile();
  controllers_->proxy.CheckHealth();
  controllers_->networks.Pass();
}

void LocalCloud::Restart() {
  controllers_.reset();
  controllers_ = std::make_unique<Controllers>(api_.cloud(), haproxy_, prober_);
}

void LocalCloud::SetCapacity(const std::string& provider, bool available) {
  const auto txn = api_.store().Begin();
  localcloud::ecs::SetCapacity(*txn, provider, available);
  txn->Commit();
}

}  // namespace adhoc::testing
