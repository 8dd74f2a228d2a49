#include "env/prices.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <utility>

namespace adhoc::env {
namespace {

constexpr double kHours = 730;  // of a month, as AWS's calculator has it

// us-east-1, on demand. The sources show AWS's price list at the time that they name.
struct Price {
  const char* what;
  double dollars;
  const char* source;
};
constexpr Price kNatGateway{"NAT gateway, hour", 0.045, "infracost 2024-07, usage.ai 2026-05"};
constexpr Price kLoadBalancer{"application load balancer, hour", 0.0225, "infracost 2024-07"};
constexpr Price kInterfaceEndpoint{"interface endpoint, hour and zone", 0.01, "infracost 2024-10"};
constexpr Price kPublicAddress{"public IPv4 address, hour", 0.005, "AWS's announcement of 2024-02, cloudburn.io 2026"};
constexpr Price kDatabaseStorage{"RDS gp3, GiB and month", 0.115, "infratally 2026"};
constexpr Price kHostedZone{"hosted zone, month", 0.5, "infracost 2024-07"};
constexpr Price kSecret{"secret, month", 0.4, "infracost 2024"};
constexpr Price kBastion{"t4g.nano, hour", 0.0042, "instances.vantage.sh 2025"};
constexpr Price kBastionDisk{"EBS gp3, GiB and month", 0.08, "infracost 2024"};
constexpr int kBastionDiskSize = 8;
// Classes of PostgreSQL in one zone, hour.
constexpr Price kClasses[] = {{"db.t4g.micro", 0.016, "infratally 2026"}, {"db.t3.micro", 0.018, "infratally 2026"}};
// Of nat: endpoints. The gateway endpoint of S3 is free.
constexpr int kInterfaceEndpoints = 5;

double Monthly(const Price& hour) { return hour.dollars * kHours; }

std::string Counted(int count, const std::string& one) { return count == 1 ? one : fmt::format("{} {}s", count, one); }

std::string Dollars(double amount) { return fmt::format("${:.2f}", amount); }

double Cents(double amount) { return std::round(amount * 100) / 100; }

Json CostJson(const SharedCost& cost) {
  Json items = Json::array();
  for (const auto& item : cost.items) items.push_back({{"what", item.what}, {"monthly", Cents(item.monthly)}});
  return {{"monthly", Cents(cost.total())},
          {"per_running_task", Cents(cost.per_task)},
          {"items", items},
          {"unknown", cost.unknown}};
}

// In the order that they are shown in.
constexpr config::NatKind kShapes[] = {config::NatKind::kSingle, config::NatKind::kPerZone, config::NatKind::kEndpoints,
                                       config::NatKind::kNone};

std::string NameOf(config::NatKind nat) { return std::string(config::kNatNames[static_cast<int>(nat)]); }

}  // namespace

double SharedCost::total() const {
  return std::accumulate(items.begin(), items.end(), 0.0,
                         [](double sum, const Cost& cost) { return sum + cost.monthly; });
}

SharedCost CostOf(const config::Config& config, config::NatKind nat) {
  const auto& target = config.target;
  const auto& existing = target.existing;
  const int zones = target.network.zones;
  SharedCost cost;
  const auto add = [&](std::string what, double monthly) { cost.items.push_back({std::move(what), monthly}); };
  if (existing.vpc.empty()) {
    const int gateways = nat == config::NatKind::kPerZone ? zones : nat == config::NatKind::kSingle ? 1 : 0;
    if (gateways > 0) {
      add(Counted(gateways, "NAT gateway"), gateways * (Monthly(kNatGateway) + Monthly(kPublicAddress)));
    }
    if (nat == config::NatKind::kEndpoints) {
      add(fmt::format("{} endpoints in {} zones", kInterfaceEndpoints, zones),
          kInterfaceEndpoints * zones * Monthly(kInterfaceEndpoint));
    }
    if (nat == config::NatKind::kNone) cost.per_task = Monthly(kPublicAddress);
  } else if (target.tasks_are_public()) {
    cost.per_task = Monthly(kPublicAddress);
  }
  // It has an address in each zone.
  if (existing.load_balancer.empty()) {
    add("load balancer", Monthly(kLoadBalancer) + zones * Monthly(kPublicAddress));
  }
  if (config.database && existing.database.empty()) {
    const double disk = config.database->storage * kDatabaseStorage.dollars;
    const Price* known = nullptr;
    for (const auto& price : kClasses) {
      if (config.database->instance_class == price.what) known = &price;
    }
    if (known == nullptr) cost.unknown.push_back(config.database->instance_class);
    add("database", (known == nullptr ? 0 : Monthly(*known)) + disk + kSecret.dollars);
  }
  if (target.bastion) {
    add("bastion", Monthly(kBastion) + Monthly(kPublicAddress) + kBastionDiskSize * kBastionDisk.dollars);
  }
  add("namespace", kHostedZone.dollars);
  return cost;
}

std::string RenderCost(const config::Config& config) {
  const auto& target = config.target;
  const SharedCost cost = CostOf(config, target.network.nat);
  std::string text = fmt::format("about ${:.0f} a month:", cost.total());
  const char* separator = " ";
  for (const auto& item : cost.items) {
    text += fmt::format("{}{} {}", separator, item.what, Dollars(item.monthly));
    separator = ", ";
  }
  if (cost.per_task > 0) text += fmt::format("; and {} for each running task", Dollars(cost.per_task));
  for (const auto& unknown : cost.unknown) text += fmt::format("; without {}, whose price is not known", unknown);
  text += "\n";
  if (target.existing.vpc.empty()) {
    for (const auto nat : kShapes) {
      const SharedCost other = CostOf(config, nat);
      text +=
          fmt::format("  {} nat: {:<10} ${:.0f}", nat == target.network.nat ? "▸" : " ", NameOf(nat), other.total());
      if (other.per_task > 0) text += fmt::format(" and {} for each running task", Dollars(other.per_task));
      text += "\n";
    }
  }
  return text + fmt::format("prices of {}, without traffic\n", kPriceRegion);
}

Json CostJson(const config::Config& config) {
  Json json = CostJson(CostOf(config, config.target.network.nat));
  json["currency"] = "USD";
  json["prices_of"] = kPriceRegion;
  json["nat"] = Json::object();
  if (config.target.existing.vpc.empty()) {
    for (const auto nat : kShapes) {
      const SharedCost other = CostOf(config, nat);
      json["nat"][NameOf(nat)] = {{"monthly", Cents(other.total())}, {"per_running_task", Cents(other.per_task)}};
    }
  }
  return json;
}

}  // namespace adhoc::env
