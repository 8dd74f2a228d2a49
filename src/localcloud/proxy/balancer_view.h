// What the documents say about a load balancer, as the proxy needs it. Pure functions over a transaction.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "localcloud/proxy/haproxy_config.h"
#include "localcloud/proxy/target_health.h"
#include "localcloud/store/store.h"

namespace adhoc::localcloud::proxy {

inline constexpr std::string_view kLoadBalancers = "elbv2.loadbalancers";
inline constexpr std::string_view kListeners = "elbv2.listeners";
inline constexpr std::string_view kRules = "elbv2.rules";
inline constexpr std::string_view kTargetGroups = "elbv2.targetgroups";
inline constexpr std::string_view kTargets = "elbv2.targets";
inline constexpr std::string_view kHoldings = "elbv2.holdings";
inline constexpr std::string_view kCertificates = "acm.certificates";

// In a target's document: it has passed its health checks, and becomes healthy as soon as HAProxy has it.
inline constexpr const char* kPassed = "_passed";

struct BalancerView {
  std::string arn;
  std::string name;
  std::string dns_name;
  std::string vpc_id;
  std::string subnet_id;   // where its address is
  std::vector<int> ports;  // of its listeners, ascending
  TimePoint active_at;     // it is not called active before
  LoadBalancerModel model;
  // Keys in elbv2.targets of the servers in the model: the healthy targets of each group and those about to be, or all
  // of them when there are none. Draining ones never.
  std::set<std::string> targets;

  // The directory of its container below <state dir>/proxy, and a part of the container's name.
  std::string id() const;
};

std::vector<BalancerView> ReadBalancers(const Store::Transaction& txn);

// The part of a target's key before the first '|': its target group's ARN.
std::string GroupOf(std::string_view target_key);

HealthCheck ReadHealthCheck(const Json& target_group, Duration initial_interval);
Duration DeregistrationDelay(const Json& target_group);

}  // namespace adhoc::localcloud::proxy
