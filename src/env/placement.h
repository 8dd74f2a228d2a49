// On which of the load balancers of its shared resources an environment is (docs/decisions/0028-*.md). It is on one of
// them with all of its rules. Where it is, its target groups say; a new one goes to the first that has room, and one
// that has grown too large for its own moves.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "env/context.h"

namespace adhoc::env {

inline constexpr const char* kRulesQuota = "L-7EED9B64";      // Rules per Application Load Balancer
inline constexpr const char* kBalancersQuota = "L-53DA6B97";  // Application Load Balancers per Region
inline constexpr int kTargetGroupsPerBalancer = 100;          // nothing raises it

// What of a load balancer is used, or needed.
struct BalancerUse {
  int rules = 0;
  int target_groups = 0;
};

// How often `needed` fits on a load balancer with so many rules, besides `used`. Pure.
int FitsOnBalancer(const BalancerUse& needed, const BalancerUse& used, int rules_limit);

// Of rules as AWS describes them, without what goes to the target groups of these names. Pure.
BalancerUse UseOf(const Json& rules, const std::set<std::string>& without = {});

// The target groups that a rule as AWS describes it leads to. Pure.
std::set<std::string> TargetGroupArns(const Json& rule);

// "arn:…:targetgroup/alpha-web/0123456789abcdef" → alpha-web. Pure.
std::string TargetGroupOf(const std::string& arn);

// "arn:…:loadbalancer/app/dev-alb-2/0123456789abcdef" → dev-alb-2. Pure.
std::string LoadBalancerOf(const std::string& arn);

// 2 for dev-alb-2, 1 for dev-alb, 0 for what is not a load balancer of these shared resources. Pure.
int LoadBalancerNumber(const std::string& shared, const std::string& name);

// The names of the environment's target groups, whether they are there or not.
std::set<std::string> TargetGroupNames(const Context& context);

// The load balancers of the shared resources as AWS describes them, by their numbers.
std::map<int, Json> LoadBalancersOf(Context& context);
// Application Load Balancers in the region, whoever's.
int CountLoadBalancers(Context& context);

// The name of the load balancer that the environment is on or goes to; it may have to be opened. Throws Error with the
// quota's name and code when it fits on none and none can be opened. Quotas are only asked for when AWS's defaults do
// not do.
std::string Place(Context& context);

// The names of those that the environment leaves empty when it goes: of those after the first, the one that it is on
// alone, and one that was opened for it and that nobody has come to.
std::vector<std::string> LeftEmpty(Context& context);

}  // namespace adhoc::env
