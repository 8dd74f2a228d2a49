#include "env/quota.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

config::Config TwoServices() {
  config::Config config;
  config::Service web;
  web.name = "web";
  web.cpu = 512;
  web.scale = 2;
  web.paths = {"/api/*"};
  config::Service redis;
  redis.name = "redis";
  redis.cpu = 256;
  redis.discoverable = true;
  redis.spot = true;
  config.services = {web, redis};
  config::Task migrate;
  migrate.cpu = 1024;
  migrate.when = config::Task::When::kBeforeUpdate;
  config::Task manual;
  manual.cpu = 4096;
  config.tasks = {migrate, manual};
  return config;
}

TEST(QuotaTest, AnEnvironmentNeedsWhatItsServicesNeed) {
  const Needs needs = NeedsOf(TwoServices());
  EXPECT_DOUBLE_EQ(needs.vcpus, 2.0) << "two of web, and migrate beside them";
  EXPECT_DOUBLE_EQ(needs.spot_vcpus, 0.25);
  EXPECT_EQ(needs.rules, 1);
  EXPECT_EQ(needs.target_groups, 1);
  EXPECT_EQ(needs.addresses, 3);
  EXPECT_EQ(needs.discovered, 1);
}

TEST(QuotaTest, HowManyFit) {
  const auto fits = [](double limit, double used, double each) {
    return Quota{.limit = limit, .used = used, .per_environment = each}.Fits();
  };
  EXPECT_EQ(fits(6, 0, 1.25), 4);
  EXPECT_EQ(fits(6, 1, 1.25), 4);
  EXPECT_EQ(fits(6, 1.1, 1.25), 3);
  EXPECT_EQ(fits(100, 100, 2), 0);
  EXPECT_EQ(fits(100, 140, 2), 0);
  EXPECT_EQ(fits(0.3, 0, 0.1), 3) << "not 2, by rounding";
}

}  // namespace
}  // namespace adhoc::env
