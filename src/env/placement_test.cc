#include "env/placement.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

Json Rule(const std::string& group, bool is_default = false) {
  const std::string arn = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/" + group + "/0123456789abcdef";
  return {{"IsDefault", is_default}, {"Actions", Json::array({{{"Type", "forward"}, {"TargetGroupArn", arn}}})}};
}

TEST(PlacementTest, RulesAndTargetGroupsAreCountedWithoutOnesOwn) {
  Json rules = Json::array({Rule("alpha-web"),
                            Rule("alpha-web"),
                            Rule("alpha-api"),
                            Rule("beta-web"),
                            {{"IsDefault", true}, {"Actions", Json::array({{{"Type", "fixed-response"}}})}}});
  EXPECT_EQ(UseOf(rules).rules, 4);
  EXPECT_EQ(UseOf(rules).target_groups, 3);
  EXPECT_EQ(UseOf(rules, {"alpha-web", "alpha-api"}).rules, 1);
  EXPECT_EQ(UseOf(rules, {"alpha-web", "alpha-api"}).target_groups, 1);
  rules.push_back(Rule("team-default", true));
  EXPECT_EQ(UseOf(rules).rules, 4);
  EXPECT_EQ(UseOf(rules).target_groups, 4) << "the default rule's counts, the rule does not";
}

TEST(PlacementTest, WhateverRunsOutFirstBinds) {
  const BalancerUse two{.rules = 2, .target_groups = 2};
  EXPECT_EQ(FitsOnBalancer(two, {}, 100), 50);
  EXPECT_EQ(FitsOnBalancer(two, {.rules = 97, .target_groups = 10}, 100), 1);
  EXPECT_EQ(FitsOnBalancer(two, {.rules = 99, .target_groups = 10}, 100), 0);
  EXPECT_EQ(FitsOnBalancer(two, {.rules = 98, .target_groups = 98}, 200), 1) << "more rules, not more target groups";
  EXPECT_EQ(FitsOnBalancer({.rules = 3, .target_groups = 1}, {}, 100), 33);
  EXPECT_EQ(FitsOnBalancer(two, {.rules = 140, .target_groups = 140}, 100), 0);
}

TEST(PlacementTest, LoadBalancersHaveNumbers) {
  for (const auto& [name, number] : std::map<std::string, int>{{"dev-alb", 1},
                                                               {"dev-alb-2", 2},
                                                               {"dev-alb-17", 17},
                                                               {"dev-alb-1", 0},
                                                               {"dev-alb-0", 0},
                                                               {"dev-alb-02", 0},
                                                               {"dev-alb--2", 0},
                                                               {"dev-alb-2b", 0},
                                                               {"dev-alb-", 0},
                                                               {"dev-albatross", 0},
                                                               {"dev-2-alb", 0},
                                                               {"dev-alb-2-alb", 0}}) {
    EXPECT_EQ(LoadBalancerNumber("dev", name), number) << name;
  }
  EXPECT_EQ(LoadBalancerOf("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/dev-alb-2/0011223344556677"),
            "dev-alb-2");
  EXPECT_EQ(LoadBalancerOf("nonsense"), "");
}

}  // namespace
}  // namespace adhoc::env
