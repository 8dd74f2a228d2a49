// What the documents say about a load balancer, as the proxy needs it. Pure functions over a transaction.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "localcloud/proxy/haproxy_config.h"
#include "localcloud/proxy/target_document.h"
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

struct BalancerView {
  std::string arn;
  std::string name;
  std::string dns_name;
  std::string vpc_id;
  std::string subnet_id;   // where its address is
  std::vector<int> ports;  // of its listeners, ascending
  // Those of them that its container publishes on this machine. The oldest load balancer with a port does, and hands
  // the others what is for them.
  std::vector<int> published;
  TimePoint active_at;  // it is not called active before
  LoadBalancerModel model;
  bool starts_slowly = false;  // the weight of a server is about to grow
  // Keys in elbv2.targets of the servers in the model: the healthy targets of each group and those about to be, or all
  // of them when there are none. Draining ones never.
  std::set<std::string> targets;
};

// From a load balancer's ARN: `<name>-<id>`, a part of its container's name.
std::string ContainerId(const std::string& arn);
// What its container sees as its own directory (kInside), and what the directories of all of them are in there.
inline constexpr const char* kInside = "/run/adhoc";
inline constexpr const char* kAllInside = "/run/adhoc-all";
std::filesystem::path DirectoryOf(const std::filesystem::path& state_dir, const std::string& arn);

std::vector<BalancerView> ReadBalancers(const Store::Transaction& txn, TimePoint now);

// The part of a target's key before the first '|': its target group's ARN.
std::string GroupOf(std::string_view target_key);

HealthCheck ReadHealthCheck(const Json& target_group, Duration initial_interval);
Duration DeregistrationDelay(const Json& target_group);

// A target's share of the requests in percent: from 1 to 100 in the time of the slow start of its group, if that has
// begun.
int SlowStartWeight(const Json& target_group, const Json& target, TimePoint now);
// Whether a target that becomes healthy starts slowly: its group says so, and another target is healthy and has
// started.
bool StartsSlowly(const Store::Transaction& txn, const Json& target_group, TimePoint now);

}  // namespace adhoc::localcloud::proxy
