#include "localcloud/network/network_cleaner.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

TEST(NetworkCleaner, RemovesANetworkOnceItsContainersHaveLeft) {
  testing::FakeClock clock;
  testing::FakeRandom random;
  testing::FakeRuntime runtime{clock};
  Store store{":memory:"};
  LogStore logs{":memory:"};
  MetricStore metrics{":memory:"};
  Cloud cloud{.settings = {},
              .store = store,
              .logs = logs,
              .metrics = metrics,
              .clock = clock,
              .random = random,
              .runtime = runtime};
  NetworkCleaner cleaner(cloud);

  runtime.AddImage("web:1");
  runtime.EnsureNetwork({.name = "gone", .subnet = "10.213.0.0/16", .gateway = "", .labels = {}, .internal = false});
  ContainerSpec spec;
  spec.name = "last";
  spec.image = "web:1";
  spec.network = "gone";
  const std::string container = runtime.Create(spec);
  {
    const auto txn = store.Begin();
    txn->Put("ec2.abandoned_networks", "gone", {{"VpcId", "vpc-1"}});
    txn->Commit();
  }
  EXPECT_LT(cleaner.Pass(), std::chrono::seconds(2));
  EXPECT_EQ(runtime.ListNetworks({}).size(), 1u);
  runtime.Remove(container, true);
  cleaner.Pass();
  EXPECT_TRUE(runtime.ListNetworks({}).empty());
  EXPECT_EQ(store.Begin()->Find("ec2.abandoned_networks", "gone"), nullptr);
}

}  // namespace
}  // namespace adhoc::localcloud
