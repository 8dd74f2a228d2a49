#include "env/shared.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "env/environment.h"
#include "env/existing.h"
#include "env/leftovers.h"
#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

constexpr int kPostgresPort = 5432;
constexpr int kHttpsPort = 443;
constexpr int kMaxZones = 6;

// What tasks on Fargate need, and what `exec` and `forward` do: images, logs, secrets, Session Manager.
constexpr const char* kInterfaceServices[] = {"ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssmmessages"};
// Where layers of images are.
constexpr const char* kGatewayService = "s3";

class Maker {
 public:
  explicit Maker(const config::Config& config) : config_(config), shared_(config.target.shared) {}

  Resources Make() {
    if (existing_.vpc.empty()) {
      MakeNetwork();
    } else {
      Add(MakeExistingVpc(config_.target));
      if (!existing_.public_subnets.empty()) Add(MakeExistingSubnets(config_.target, true));
      if (!existing_.private_subnets.empty()) Add(MakeExistingSubnets(config_.target, false));
    }
    MakeBalancer();
    if (existing_.security_group.empty()) {
      Add(MakeSecurityGroup(shared_, "ecs-sg", "Tasks of environments on " + shared_,
                            {{.from_port = 1, .to_port = 65535, .security_group = Group("alb")},
                             {.from_port = 1, .to_port = 65535, .security_group = Group("ecs")}}));
    } else {
      Add(MakeExistingSecurityGroup(config_.target));
    }
    Add(MakeHostedZone(config_.target.domain));
    Add(MakeExecutionRole(shared_));
    Add(MakeNamespace(shared_));
    if (config_.target.bastion) {
      for (auto& resource : BastionResources(config_.target)) resources_.push_back(std::move(resource));
    }
    if (config_.database) MakeDatabase();
    return std::move(resources_);
  }

  static Resources BastionResources(const config::Target& target) {
    Resources resources;
    resources.push_back(MakeBastionRole(target.shared));
    resources.push_back(MakeInstanceProfile(target.shared));
    resources.push_back(MakeSecurityGroup(target.shared, "bastion-sg", "Bastion of " + target.shared, {}));
    resources.push_back(MakeBastion(target));
    return resources;
  }

  // The parts that a network has in some shape: gateways and endpoints, with their tables.
  static Resources PartsOfAnyShape(const std::string& shared) {
    Resources parts;
    for (int zone = 1; zone <= kMaxZones; ++zone) {
      parts.push_back(MakeAddress(shared, zone));
      parts.push_back(MakeNatGateway(shared, zone));
      parts.push_back(MakeRouteTable(shared, fmt::format("private-{}", zone), parts.back()->id(), {}));
    }
    parts.push_back(MakeRouteTable(shared, "private", fmt::format("nat gateway {}-nat-1", shared), {}));
    const std::string table = parts.back()->id();
    parts.push_back(EndpointsGroup(shared));
    const std::string group = parts.back()->id();
    for (const char* service : kInterfaceServices) parts.push_back(MakeInterfaceEndpoint(shared, service, {}, group));
    parts.push_back(MakeGatewayEndpoint(shared, kGatewayService, table));
    return parts;
  }

 private:
  Resource& Add(ResourcePtr resource) {
    resources_.push_back(std::move(resource));
    return *resources_.back();
  }

  std::string Group(std::string_view of) const { return fmt::format("security group {}-{}-sg", shared_, of); }

  static ResourcePtr EndpointsGroup(const std::string& shared) {
    return MakeSecurityGroup(shared, "endpoints-sg", "VPC endpoints of " + shared,
                             {{.from_port = kHttpsPort,
                               .to_port = kHttpsPort,
                               .security_group = fmt::format("security group {}-ecs-sg", shared)}});
  }

  void MakeNetwork() {
    const int zones = config_.target.network.zones;
    Add(MakeVpc(shared_));
    const std::string gateway = Add(MakeInternetGateway(shared_)).id();
    for (int zone = 1; zone <= zones; ++zone) {
      Add(MakeSubnet({shared_, true, zone}));
      Add(MakeSubnet({shared_, false, zone}));
    }
    const auto private_subnets = SubnetResources(config_.target, false);
    Add(MakeRouteTable(shared_, "public", gateway, SubnetResources(config_.target, true)));
    switch (config_.target.network.nat) {
      case config::NatKind::kNone:
        Add(MakeRouteTable(shared_, "private", "", private_subnets));
        break;
      case config::NatKind::kSingle:
        Add(MakeAddress(shared_, 1));
        Add(MakeRouteTable(shared_, "private", Add(MakeNatGateway(shared_, 1)).id(), private_subnets));
        break;
      case config::NatKind::kPerZone:
        for (int zone = 1; zone <= zones; ++zone) {
          Add(MakeAddress(shared_, zone));
          const std::string nat = Add(MakeNatGateway(shared_, zone)).id();
          Add(MakeRouteTable(shared_, fmt::format("private-{}", zone), nat, {private_subnets[zone - 1]}));
        }
        break;
      case config::NatKind::kEndpoints: {
        const std::string table = Add(MakeRouteTable(shared_, "private", "", private_subnets)).id();
        const std::string group = Add(EndpointsGroup(shared_)).id();
        for (const char* service : kInterfaceServices) {
          Add(MakeInterfaceEndpoint(shared_, service, private_subnets, group));
        }
        Add(MakeGatewayEndpoint(shared_, kGatewayService, table));
        break;
      }
    }
  }

  void MakeBalancer() {
    const auto& target = config_.target;
    if (!existing_.load_balancer.empty()) {
      for (auto& resource : ExistingLoadBalancer(target)) resources_.push_back(std::move(resource));
      return;
    }
    std::vector<IngressRule> from_outside;
    for (const auto& cidr : target.network.ingress) {
      from_outside.push_back({.from_port = target.http_port, .to_port = target.http_port, .cidr = cidr});
      if (target.https)
        from_outside.push_back({.from_port = target.https_port, .to_port = target.https_port, .cidr = cidr});
    }
    Add(MakeSecurityGroup(shared_, "alb-sg", "Load balancer of " + shared_, from_outside));
    const std::string name = LoadBalancerName(shared_);
    Resource& balancer = Add(MakeLoadBalancer(name));
    balancer.DependsOn(Group("alb"));
    balancer.DependsOn("internet gateway " + Join(shared_, "igw"));
    for (const auto& subnet : SubnetResources(target, true)) balancer.DependsOn(subnet);
    std::string certificate;
    if (target.https && target.certificate.empty()) certificate = Add(MakeCertificate(target.domain)).id();
    for (auto& listener : Listeners(target, name)) {
      if (!certificate.empty()) listener->DependsOn(certificate);
      resources_.push_back(std::move(listener));
    }
  }

  void MakeDatabase() {
    if (!existing_.database.empty()) {
      Add(MakeExistingDatabase(config_.target));
      return;
    }
    std::vector<IngressRule> to_database{
        {.from_port = kPostgresPort, .to_port = kPostgresPort, .security_group = Group("ecs")}};
    if (config_.target.bastion) {
      to_database.push_back({.from_port = kPostgresPort, .to_port = kPostgresPort, .security_group = Group("bastion")});
    }
    Add(MakeSecurityGroup(shared_, "rds-sg", "Database of " + shared_, to_database));
    Resource& group = Add(MakeDatabaseSubnetGroup(shared_));
    for (const auto& subnet : SubnetResources(config_.target, config_.target.database_is_public())) {
      group.DependsOn(subnet);
    }
    Add(MakeDatabaseInstance(shared_));
  }

  const config::Config& config_;
  const config::Existing& existing_ = config_.target.existing;
  const std::string& shared_;
  Resources resources_;
};

bool HasDiscovery(const config::Config& config) {
  return std::any_of(config.services.begin(), config.services.end(),
                     [](const auto& service) { return service.discoverable; });
}

}  // namespace

Resources SharedResources(const config::Config& config) { return Maker(config).Make(); }

Resources SharedLookups(const config::Config& config) {
  const auto& target = config.target;
  std::set<std::string> wanted = {
      "vpc " + Join(target.shared, "vpc"),
      fmt::format("security group {}-ecs-sg", target.shared),
      "load balancer " + LoadBalancerName(target.shared),
      MainListenerId(target, LoadBalancerName(target.shared)),
      "hosted zone " + target.domain,
      fmt::format("role {}-ecs-execution-role", target.shared),
  };
  if (HasDiscovery(config)) wanted.insert("namespace " + NamespaceName(target.shared));
  if (config.database) wanted.insert("database instance " + DatabaseInstanceName(target.shared));
  for (const auto& subnet : SubnetResources(target, target.tasks_are_public())) wanted.insert(subnet);
  Resources all = SharedResources(config);
  std::erase_if(all, [&](const ResourcePtr& resource) { return !wanted.contains(resource->id()); });
  return all;
}

Resources Listeners(const config::Target& target, const std::string& balancer) {
  Resources listeners;
  listeners.push_back(MakeListener(balancer, target.https ? ListenerKind::kRedirect : ListenerKind::kHttp));
  if (target.https) listeners.push_back(MakeListener(balancer, ListenerKind::kHttps));
  return listeners;
}

Resources LeftoverNetwork(Context& context) {
  const auto& target = context.config().target;
  if (!target.existing.vpc.empty()) return {};
  std::set<std::string> wanted;
  for (const auto& resource : SharedResources(context.config())) wanted.insert(resource->id());
  Resources parts = Maker::PartsOfAnyShape(target.shared);
  std::erase_if(parts, [&](const ResourcePtr& part) { return wanted.contains(part->id()); });
  return Existing(context, std::move(parts));
}

Resources LeftoverBastion(Context& context) {
  if (context.config().target.bastion) return {};
  return Existing(context, Maker::BastionResources(context.config().target));
}

void RequireReachableImages(const config::Config& config) {
  const auto& target = config.target;
  const bool closed = target.existing.vpc.empty() && target.network.nat == config::NatKind::kEndpoints;
  if (closed) RequireReachableImages(config, "a network with `nat: endpoints`", "choose another `nat`");
}

void RequireReachableImages(const config::Config& config, const std::string& place, const std::string& otherwise) {
  const auto& target = config.target;
  if (target.kind != config::TargetKind::kAws) return;
  const std::string registry = fmt::format(".dkr.ecr.{}.amazonaws.com/", target.region);
  const auto require = [&](const std::string& workload, const std::string& image) {
    if (image.empty() || image.find(registry) != std::string::npos) return;
    throw Error(fmt::format("{} runs {}, which {} cannot reach", workload, image, place),
                fmt::format("push it to {}{}<repository> and name that, or {}", target.account, registry, otherwise));
  };
  for (const auto& service : config.services) require("service " + service.name, service.image.uri);
  for (const auto& task : config.tasks) require("task " + task.name, task.image.uri);
  if (config.database) require("the task that makes the database", config.database->image);
}

}  // namespace adhoc::env
