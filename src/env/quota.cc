#include "env/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "env/capacity.h"
#include "env/environment.h"
#include "env/names.h"
#include "env/path_packing.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

constexpr const char* kRulesCode = "L-7EED9B64";
constexpr int kDefaultRules = 100;
constexpr int kTargetGroups = 100;        // of a load balancer; nothing raises it
constexpr double kReservedAddresses = 5;  // of each subnet

struct BalancerUse {
  int rules = 0;
  int target_groups = 0;
};

// "arn:…:targetgroup/alpha-web/0123456789abcdef" → alpha-web
std::string GroupName(const std::string& arn) {
  const std::string rest = arn.substr(std::min(arn.size(), arn.find('/') + 1));
  return rest.substr(0, rest.find('/'));
}

// Without what goes to the target groups of these names.
BalancerUse UseOf(const Json& rules, const std::set<std::string>& without = {}) {
  BalancerUse use;
  std::set<std::string> groups;
  for (const Json& rule : rules) {
    std::set<std::string> to;
    for (const Json& action : rule.value("Actions", Json::array())) {
      if (const std::string group = action.value("TargetGroupArn", ""); !group.empty()) to.insert(group);
      for (const Json& one : action.value("ForwardConfig", Json::object()).value("TargetGroups", Json::array())) {
        to.insert(one.value("TargetGroupArn", ""));
      }
    }
    if (std::any_of(to.begin(), to.end(), [&](const auto& arn) { return without.contains(GroupName(arn)); })) continue;
    if (!rule.value("IsDefault", false)) ++use.rules;
    groups.insert(to.begin(), to.end());
  }
  use.target_groups = static_cast<int>(groups.size());
  return use;
}

BalancerUse ReadBalancerUse(Context& context) {
  const auto found = context.CallUnless({"LoadBalancerNotFound"}, "elbv2", "DescribeLoadBalancers",
                                        {{"Names", Json::array({LoadBalancerName(context.shared())})}});
  Json rules = Json::array();
  if (found && !found->value("LoadBalancers", Json::array()).empty()) {
    const Json listeners =
        context.List("elbv2", "DescribeListeners",
                     {{"LoadBalancerArn", (*found)["LoadBalancers"][0]["LoadBalancerArn"]}}, "Listeners");
    for (const Json& listener : listeners) {
      for (const Json& rule :
           context.List("elbv2", "DescribeRules", {{"ListenerArn", listener["ListenerArn"]}}, "Rules")) {
        rules.push_back(rule);
      }
    }
  }
  return UseOf(rules);
}

// The account's value, or AWS's default where only that is known.
void ReadLimit(Context& context, Quota& quota) {
  const Json input = {{"ServiceCode", quota.service}, {"QuotaCode", quota.code}};
  auto answer = context.CallUnless({"NoSuchResourceException"}, "service-quotas", "GetServiceQuota", input);
  if (!answer) {
    quota.is_default = true;
    answer = context.Call("service-quotas", "GetAWSDefaultServiceQuota", input);
  }
  const Json& found = (*answer)["Quota"];
  quota.limit = found.value("Value", 0.0);
  quota.adjustable = found.value("Adjustable", false);
}

// vCPUs of the account's Fargate tasks by capacity provider.
std::map<std::string, double> RunningVcpus(Context& context) {
  std::map<std::string, double> vcpus;
  for (const Json& cluster : context.List("ecs", "ListClusters", Json::object(), "clusterArns")) {
    const Json arns = context.List("ecs", "ListTasks", {{"cluster", cluster}}, "taskArns");
    constexpr std::size_t kBatch = 100;
    for (std::size_t at = 0; at < arns.size(); at += kBatch) {
      const Json batch(
          std::vector<Json>(arns.begin() + static_cast<std::ptrdiff_t>(at),
                            arns.begin() + static_cast<std::ptrdiff_t>(std::min(at + kBatch, arns.size()))));
      for (const Json& task : context.Call("ecs", "DescribeTasks", {{"cluster", cluster}, {"tasks", batch}})
                                  .value("tasks", Json::array())) {
        const std::string provider = task.value("capacityProviderName", "");
        vcpus[provider == kSpot ? kSpot : kOnDemand] += std::stod(task.value("cpu", "0")) / 1024;
      }
    }
  }
  return vcpus;
}

// Addresses in the subnets that tasks run in.
Quota ReadAddresses(Context& context) {
  const bool is_public = context.config().target.network.nat == config::NatKind::kNone;
  Quota quota{.name = "Addresses in the subnets of tasks"};
  const std::string pattern = fmt::format("{}-{}-*", context.shared(), is_public ? "public" : "private");
  const Json found =
      context.Call("ec2", "DescribeSubnets",
                   {{"Filters", Json::array({{{"Name", "tag:Name"}, {"Values", Json::array({pattern})}}})}});
  for (const Json& subnet : found.value("Subnets", Json::array())) {
    const std::string cidr = subnet.value("CidrBlock", "0.0.0.0/32");
    const double size = std::pow(2, 32 - std::stoi(cidr.substr(cidr.find('/') + 1))) - kReservedAddresses;
    quota.limit += size;
    quota.used += size - subnet.value("AvailableIpAddressCount", 0);
  }
  return quota;
}

double ReadDiscovered(Context& context) {
  for (const Json& found : context.List("servicediscovery", "ListNamespaces", Json::object(), "Namespaces")) {
    if (found.value("Name", "") != NamespaceName(context.shared())) continue;
    double instances = 0;
    const Json filters = Json::array({{{"Name", "NAMESPACE_ID"}, {"Values", Json::array({found["Id"]})}}});
    for (const Json& service : context.List("servicediscovery", "ListServices", {{"Filters", filters}}, "Services")) {
      instances += service.value("InstanceCount", 0);
    }
    return instances;
  }
  return 0;
}

}  // namespace

int Quota::Fits() const {
  const double left = (limit - used) / per_environment;
  return left <= 0 ? 0 : static_cast<int>(std::min(left + 1e-9, 1e6));
}

Needs NeedsOf(const config::Config& config) {
  Needs needs;
  for (const auto& service : config.services) {
    (service.spot ? needs.spot_vcpus : needs.vcpus) += service.most() * service.cpu / 1024.0;
    needs.addresses += service.most();
    if (service.discoverable) needs.discovered += service.most();
    if (!service.load_balanced()) continue;
    needs.rules += static_cast<int>(PackPaths(service.paths).size());
    ++needs.target_groups;
  }
  // Those before an update run one after the other.
  double largest = 0;
  for (const auto& task : config.tasks) {
    if (task.when == config::Task::When::kBeforeUpdate) largest = std::max(largest, task.cpu / 1024.0);
  }
  needs.vcpus += largest;
  return needs;
}

std::vector<Quota> ReadQuotas(Context& context) {
  const Needs needs = NeedsOf(context.config());
  const std::map<std::string, double> vcpus = RunningVcpus(context);
  const auto running = [&](const char* provider) {
    const auto found = vcpus.find(provider);
    return found == vcpus.end() ? 0 : found->second;
  };
  const BalancerUse balancer = ReadBalancerUse(context);
  std::vector<Quota> quotas = {
      {.service = "fargate",
       .code = "L-3032A538",
       .name = "Fargate On-Demand vCPU resource count",
       .used = running(kOnDemand),
       .per_environment = needs.vcpus},
      {.service = "fargate",
       .code = "L-36FBB829",
       .name = "Fargate Spot vCPU resource count",
       .used = running(kSpot),
       .per_environment = needs.spot_vcpus},
      {.service = "elasticloadbalancing",
       .code = kRulesCode,
       .name = "Rules per Application Load Balancer",
       .used = static_cast<double>(balancer.rules),
       .per_environment = static_cast<double>(needs.rules)},
      {.service = "servicediscovery",
       .code = "L-D95E8A57",
       .name = "Instances per namespace",
       .used = needs.discovered > 0 ? ReadDiscovered(context) : 0,
       .per_environment = static_cast<double>(needs.discovered)},
      {.service = "iam",
       .code = "L-FE177D64",
       .name = "Roles per Account",
       .used = static_cast<double>(context.List("iam", "ListRoles", Json::object(), "Roles").size()),
       .per_environment = 1}};
  for (Quota& quota : quotas) {
    if (quota.per_environment > 0) ReadLimit(context, quota);
  }
  quotas.push_back({.name = "Target groups per Application Load Balancer",
                    .limit = kTargetGroups,
                    .used = static_cast<double>(balancer.target_groups),
                    .per_environment = static_cast<double>(needs.target_groups)});
  Quota addresses = ReadAddresses(context);
  addresses.per_environment = needs.addresses;
  if (addresses.limit > 0) quotas.push_back(std::move(addresses));  // else there are no shared resources yet
  std::erase_if(quotas, [](const Quota& quota) { return quota.per_environment <= 0; });
  std::stable_sort(quotas.begin(), quotas.end(), [](const Quota& a, const Quota& b) { return a.Fits() < b.Fits(); });
  return quotas;
}

void RequireRoomOnLoadBalancer(Context& context) {
  const Needs needs = NeedsOf(context.config());
  if (needs.rules == 0) return;
  std::set<std::string> ours;
  for (const auto& service : context.config().services) {
    ours.insert(TargetGroupName(context.environment(), service.name));
  }
  const BalancerUse use = UseOf(ListenerRules(context), ours);
  const std::string balancer = LoadBalancerName(context.shared());
  const auto refuse = [&](const char* what, int limit, int used, int more, const std::string& quota,
                          const std::string& hint) {
    throw Error(fmt::format("{} does not fit: load balancer {} has {} of {} {} ({}) besides, {} are needed",
                            context.environment(), balancer, used, limit, what, quota, more),
                hint);
  };
  if (use.rules + needs.rules > kDefaultRules) {
    // Whoever may not read quotas is told AWS's default.
    const auto quota =
        context.CallUnless({"NoSuchResourceException", "AccessDeniedException"}, "service-quotas", "GetServiceQuota",
                           {{"ServiceCode", "elasticloadbalancing"}, {"QuotaCode", kRulesCode}});
    const int limit = quota ? static_cast<int>((*quota)["Quota"].value("Value", 0.0)) : kDefaultRules;
    if (use.rules + needs.rules > limit) {
      refuse("rules", limit, use.rules, needs.rules,
             fmt::format("quota Rules per Application Load Balancer, {}", kRulesCode),
             fmt::format("aws service-quotas request-service-quota-increase --service-code elasticloadbalancing "
                         "--quota-code {} --desired-value {}",
                         kRulesCode, use.rules + needs.rules + kDefaultRules));
    }
  }
  if (use.target_groups + needs.target_groups > kTargetGroups) {
    refuse(
        "target groups", kTargetGroups, use.target_groups, needs.target_groups,
        "target groups per Application Load Balancer, which AWS does not raise",
        "destroy an environment that nobody needs (adhoc ls), or use further shared resources (`shared` of a target)");
  }
}

}  // namespace adhoc::env
