#include "env/quota.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "env/capacity.h"
#include "env/environment.h"
#include "env/existing.h"
#include "env/names.h"
#include "env/path_packing.h"
#include "env/placement.h"
#include "env/resources/resources.h"
#include "env/tasks.h"

namespace adhoc::env {
namespace {

constexpr double kReservedAddresses = 5;  // of each subnet
// RDS's default of max_connections: LEAST({DBInstanceClassMemory/9531392}, 5000).
constexpr double kBytesPerConnection = 9531392;
constexpr double kMostConnections = 5000;
constexpr int kDay = 24 * 60 * 60;

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

// Environments are on any of the load balancers of the shared resources, and further ones can be opened until the
// region has as many as it may.
std::vector<Quota> ReadBalancers(Context& context, const Needs& needs) {
  Quota balancers{.service = "elasticloadbalancing",
                  .code = kBalancersQuota,
                  .name = "Application Load Balancers per Region",
                  .used = static_cast<double>(CountLoadBalancers(context))};
  Quota rules{.service = "elasticloadbalancing",
              .code = kRulesQuota,
              .name = "Rules per Application Load Balancer",
              .per_environment = static_cast<double>(needs.rules)};
  Quota groups{.name = "Target groups per Application Load Balancer",
               .per_environment = static_cast<double>(needs.target_groups)};
  ReadLimit(context, balancers);
  ReadLimit(context, rules);
  const int each = static_cast<int>(rules.limit);
  constexpr int kAny = std::numeric_limits<int>::max();
  const BalancerUse all{.rules = needs.rules, .target_groups = needs.target_groups};
  const bool can_open = context.config().target.existing.load_balancer.empty();
  const int more = can_open ? std::max(0, static_cast<int>(balancers.limit - balancers.used)) : 0;
  const int on_empty = FitsOnBalancer(all, {}, each);
  balancers.per_environment = 1.0 / std::max(on_empty, 1);
  balancers.counted = more * on_empty;
  rules.counted = more * (each / needs.rules);
  groups.counted = more * FitsOnBalancer(all, {}, kAny);
  const auto open = LoadBalancersOf(context);
  for (const auto& [number, described] : open) {
    const BalancerUse use = UseOf(RulesOf(context, described["LoadBalancerArn"]));
    rules.used += use.rules;
    groups.used += use.target_groups;
    *balancers.counted += FitsOnBalancer(all, use, each);
    *rules.counted += std::max(0, each - use.rules) / needs.rules;
    *groups.counted += FitsOnBalancer(all, {.target_groups = use.target_groups}, kAny);
  }
  // Of the open ones together.
  rules.limit *= static_cast<double>(std::max<std::size_t>(open.size(), 1));
  groups.limit = kTargetGroupsPerBalancer * static_cast<double>(std::max<std::size_t>(open.size(), 1));
  return {balancers, rules, groups};
}

// vCPUs of the account's Fargate tasks by capacity provider.
std::map<std::string, double> RunningVcpus(Context& context) {
  std::map<std::string, double> vcpus;
  for (const Json& cluster : context.List("ecs", "ListClusters", Json::object(), "clusterArns")) {
    for (const Json& task : DescribeTasks(context, cluster, ListTasks(context, {{"cluster", cluster}}))) {
      const std::string provider = task.value("capacityProviderName", "");
      vcpus[provider == kSpot ? kSpot : kOnDemand] += std::stod(task.value("cpu", "0")) / 1024;
    }
  }
  return vcpus;
}

// Addresses in the subnets that tasks run in.
Quota ReadAddresses(Context& context) {
  const auto& target = context.config().target;
  const bool is_public = target.tasks_are_public();
  Quota quota{.name = "Addresses in the subnets of tasks"};
  const std::string pattern = fmt::format("{}-{}-*", context.shared(), is_public ? "public" : "private");
  const Json subnets =
      target.existing.vpc.empty()
          ? context
                .Call("ec2", "DescribeSubnets",
                      {{"Filters", Json::array({{{"Name", "tag:Name"}, {"Values", Json::array({pattern})}}})}})
                .value("Subnets", Json::array())
          : DescribeExistingSubnets(context, is_public);
  for (const Json& subnet : subnets) {
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

// GiB of an instance class of RDS, of those that AWS's names tell: db.t4g.micro.
std::optional<double> MemoryOf(const std::string& instance_class) {
  const auto dot = instance_class.find('.', 3);
  if (!instance_class.starts_with("db.") || dot == std::string::npos) return std::nullopt;
  const char family = instance_class[3];
  const std::string size = instance_class.substr(dot + 1);
  static const std::map<std::string, double> kOfT = {{"micro", 1}, {"small", 2}, {"medium", 4}};
  if (const auto known = kOfT.find(size); family == 't' && known != kOfT.end()) return known->second;
  const double times = family == 'r' ? 2 : 1;  // as much again for the same processors
  if (family != 't' && family != 'm' && family != 'r') return std::nullopt;
  if (size == "large") return 8 * times;
  const auto xlarge = size.find("xlarge");
  if (xlarge == std::string::npos || xlarge + 6 != size.size() || size.find_first_not_of("0123456789") != xlarge ||
      xlarge > 2)
    return std::nullopt;
  return 16 * times * (xlarge == 0 ? 1 : std::stoi(size));
}

// How many clients PostgreSQL takes by its class; less in truth, as RDS's own processes have a part of the memory
// (Amazon RDS User Guide, "Quotas and constraints"). What one environment takes is what the present ones had at once
// within a day. Nothing where one of that is not known.
std::optional<Quota> ReadConnections(Context& context) {
  if (!context.config().database) return std::nullopt;
  const std::string& existing = context.config().target.existing.database;
  const std::string name = existing.empty() ? DatabaseInstanceName(context.shared()) : existing;
  const auto described =
      context.CallUnless({"DBInstanceNotFound"}, "rds", "DescribeDBInstances", {{"DBInstanceIdentifier", name}});
  if (!described || described->value("DBInstances", Json::array()).empty()) return std::nullopt;
  const auto memory = MemoryOf((*described)["DBInstances"][0].value("DBInstanceClass", ""));
  const auto environments = static_cast<double>(ListEnvironments(context).size());
  if (!memory || environments == 0) return std::nullopt;
  const double now = ToSeconds(context.clock().Now());
  const auto statistics =
      context.CallUnless({"AccessDenied", "AccessDeniedException"}, "cloudwatch", "GetMetricStatistics",
                         {{"Namespace", "AWS/RDS"},
                          {"MetricName", "DatabaseConnections"},
                          {"Dimensions", Json::array({{{"Name", "DBInstanceIdentifier"}, {"Value", name}}})},
                          {"StartTime", now - kDay},
                          {"EndTime", now},
                          {"Period", kDay},
                          {"Statistics", Json::array({"Maximum"})}});
  Quota quota{.name = fmt::format("Connections to {}, at most", name)};
  for (const Json& point : statistics.value_or(Json::object()).value("Datapoints", Json::array())) {
    quota.used = std::max(quota.used, point.value("Maximum", 0.0));
  }
  quota.limit = std::min(std::floor(*memory * 1024 * 1024 * 1024 / kBytesPerConnection), kMostConnections);
  quota.per_environment = quota.used / environments;
  return quota;
}

std::vector<Quota> ReadQuotasOfAccount(Context& context, const Needs& needs) {
  const std::map<std::string, double> vcpus = RunningVcpus(context);
  const auto running = [&](const char* provider) {
    const auto found = vcpus.find(provider);
    return found == vcpus.end() ? 0 : found->second;
  };
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
  if (auto connections = ReadConnections(context)) quotas.push_back(std::move(*connections));
  return quotas;
}

}  // namespace

int Quota::Fits() const {
  if (counted) return *counted;
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
  // The local cloud refuses nothing by an account's quotas.
  std::vector<Quota> quotas;
  if (!context.local()) quotas = ReadQuotasOfAccount(context, needs);
  if (needs.rules > 0) {
    for (Quota& quota : ReadBalancers(context, needs)) quotas.push_back(std::move(quota));
  }
  Quota addresses = ReadAddresses(context);
  addresses.per_environment = needs.addresses;
  if (addresses.limit > 0) quotas.push_back(std::move(addresses));  // else there are no shared resources yet
  std::erase_if(quotas, [](const Quota& quota) { return quota.per_environment <= 0; });
  std::stable_sort(quotas.begin(), quotas.end(), [](const Quota& a, const Quota& b) { return a.Fits() < b.Fits(); });
  return quotas;
}

}  // namespace adhoc::env
