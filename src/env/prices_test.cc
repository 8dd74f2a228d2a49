#include "env/prices.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

config::Config Shop() {
  config::Config config;
  config.target.kind = config::TargetKind::kAws;
  config.database.emplace();
  return config;
}

TEST(Prices, EachShapeOfTheNetworkHasItsOwn) {
  struct Case {
    config::NatKind nat;
    double total;
    double per_task;
  };
  // Load balancer 16.43 with two addresses 7.30, database 11.68 with 20 GiB 2.30 and its secret 0.40, namespace 0.50.
  constexpr double kRest = 38.605;
  for (const auto& [nat, total, per_task] : {Case{config::NatKind::kNone, kRest, 3.65},
                                             {config::NatKind::kSingle, kRest + 36.50, 0},
                                             {config::NatKind::kPerZone, kRest + 73.00, 0},
                                             {config::NatKind::kEndpoints, kRest + 73.00, 0}}) {
    const SharedCost cost = CostOf(Shop(), nat);
    EXPECT_NEAR(cost.total(), total, 0.001);
    EXPECT_NEAR(cost.per_task, per_task, 0.001);
  }
}

TEST(Prices, MoreZonesABastionAndAnUnknownClass) {
  config::Config config = Shop();
  const double before = CostOf(config, config::NatKind::kEndpoints).total();
  config.target.network.zones = 3;
  config.target.bastion = true;
  config.database->instance_class = "db.m7g.large";
  const SharedCost cost = CostOf(config, config::NatKind::kEndpoints);
  EXPECT_NEAR(cost.total() - before, 5 * 7.30 + 3.65 + (3.066 + 3.65 + 0.64) - 11.68, 0.001);
  EXPECT_EQ(cost.unknown, std::vector<std::string>{"db.m7g.large"});
  EXPECT_NE(RenderCost(config).find("; without db.m7g.large, whose price is not known"), std::string::npos);
}

TEST(Prices, WhatExistsCostsNothingMore) {
  config::Config config = Shop();
  config.target.existing.vpc = "vpc-1";
  config.target.existing.private_subnets.ids = {"subnet-1"};
  config.target.existing.load_balancer = "arn:…";
  config.target.existing.database = "postgres";
  EXPECT_NEAR(CostOf(config, config.target.network.nat).total(), 0.50, 0.001);
  EXPECT_EQ(RenderCost(config), "about $0 a month: namespace $0.50\nprices of us-east-1, without traffic\n");
  EXPECT_TRUE(CostJson(config)["nat"].empty());
  config.target.existing.private_subnets.ids.clear();
  EXPECT_NEAR(CostOf(config, config.target.network.nat).per_task, 3.65, 0.001);
}

TEST(Prices, ThePersonSeesWhatTheOthersCost) {
  EXPECT_EQ(RenderCost(Shop()),
            "about $75 a month: NAT gateway $36.50, load balancer $23.73, database $14.38, namespace $0.50\n"
            "  ▸ nat: single     $75\n"
            "    nat: per-zone   $112\n"
            "    nat: endpoints  $112\n"
            "    nat: none       $39 and $3.65 for each running task\n"
            "prices of us-east-1, without traffic\n");
  const Json json = CostJson(Shop());
  EXPECT_EQ(json["prices_of"], "us-east-1");
  EXPECT_NEAR(json["nat"]["none"]["per_running_task"].get<double>(), 3.65, 0.001);
}

}  // namespace
}  // namespace adhoc::env
