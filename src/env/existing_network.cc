#include "env/existing_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace adhoc::env {
namespace {

constexpr const char* kEverywhere = "0.0.0.0/0";

const Json* TableOf(const Json& tables, const std::string& subnet) {
  const Json* main = nullptr;
  for (const Json& table : tables) {
    for (const Json& association : table.value("Associations", Json::array())) {
      if (association.value("SubnetId", "") == subnet) return &table;
      if (association.value("Main", false)) main = &table;
    }
  }
  return main;
}

// What a route leads to; empty: to the VPC itself, or to nothing any more.
std::string TargetOf(const Json& route) {
  if (route.value("State", "active") != "active") return "";
  // A NAT instance is named by its interface, too.
  for (const char* member :
       {"NatGatewayId", "TransitGatewayId", "VpcPeeringConnectionId", "InstanceId", "NetworkInterfaceId",
        "CarrierGatewayId", "LocalGatewayId", "CoreNetworkArn", "GatewayId"}) {
    const std::string target = route.value(member, "");
    if (!target.empty() && target != "local") return target;
  }
  return "";
}

bool IsAvailable(const Json& endpoint) {
  std::string state = endpoint.value("State", "");
  std::transform(state.begin(), state.end(), state.begin(), [](unsigned char c) { return std::tolower(c); });
  return state == "available";
}

bool LeadsFrom(const Json& endpoint, const std::string& table) {
  if (endpoint.value("VpcEndpointType", "") != "Gateway") return endpoint.value("PrivateDnsEnabled", false);
  const Json tables = endpoint.value("RouteTableIds", Json::array());
  return std::find(tables.begin(), tables.end(), Json(table)) != tables.end();
}

std::string RouteCommand(const WayOut& way, const char* option, const char* gateway) {
  const bool has_default = way.kind == WayOut::Kind::kInternetGateway || way.kind == WayOut::Kind::kOther;
  return fmt::format("aws ec2 {}-route --route-table-id {} --destination-cidr-block {} --{} {}",
                     has_default ? "replace" : "create", way.table, kEverywhere, option, gateway);
}

}  // namespace

WayOut FindWayOut(const Json& tables, const std::string& subnet) {
  const Json* table = TableOf(tables, subnet);
  if (table == nullptr) return {};
  WayOut way{.kind = WayOut::Kind::kNone, .via = "", .table = (*table)["RouteTableId"]};
  for (const Json& route : table->value("Routes", Json::array())) {
    const std::string target = TargetOf(route);
    if (target.empty()) continue;
    if (route.value("DestinationCidrBlock", "") == kEverywhere) {
      way.kind = target.starts_with("igw-") ? WayOut::Kind::kInternetGateway : WayOut::Kind::kOther;
      way.via = target;
      return way;
    }
    // That of a gateway endpoint, or for IPv6, which tasks here don't have.
    if (target.starts_with("vpce-") || route.contains("DestinationIpv6CidrBlock")) continue;
    if (way.via.empty()) way.via = target;
    way.kind = WayOut::Kind::kSomeRanges;
  }
  return way;
}

std::vector<std::string> WithoutEndpoint(const Json& endpoints, const std::string& region, const std::string& table,
                                         const std::vector<std::string>& services) {
  std::vector<std::string> missing;
  for (const auto& service : services) {
    const bool found = std::any_of(endpoints.begin(), endpoints.end(), [&](const Json& endpoint) {
      return endpoint.value("ServiceName", "").ends_with(fmt::format(".{}.{}", region, service)) &&
             IsAvailable(endpoint) && LeadsFrom(endpoint, table);
    });
    if (!found) missing.push_back(service);
  }
  return missing;
}

std::optional<Finding> JudgeReach(const std::string& subnet, const WayOut& way, const std::string& what) {
  using Kind = WayOut::Kind;
  const auto unsure = [&](const std::string& why) {
    return Finding{.works = true,
                   .problem = fmt::format("whether {} in {} is reached cannot be told: {}", what, subnet, why),
                   .hint = "its default route should lead to an internet gateway"};
  };
  switch (way.kind) {
    case Kind::kInternetGateway:
      return std::nullopt;
    case Kind::kUnknown:
      return unsure("its routes are not to be seen");
    case Kind::kSomeRanges:
      return unsure(fmt::format("route table {} has no default route, and one to {}", way.table, way.via));
    case Kind::kOther:
      if (!way.via.starts_with("nat-")) return unsure(fmt::format("its default route leads to {}", way.via));
      break;
    case Kind::kNone:
      break;
  }
  const std::string leads = way.via.empty() ? fmt::format("route table {} has no default route", way.table)
                                            : fmt::format("the default route of {} leads to {}", way.table, way.via);
  return Finding{.works = false,
                 .problem = fmt::format("{} in {} could not be reached from the internet: {}", what, subnet, leads),
                 .hint = RouteCommand(way, "gateway-id", "igw-…") + ", or name other subnets"};
}

bool NeedsEndpoints(const WayOut& way, bool public_addresses) {
  switch (way.kind) {
    case WayOut::Kind::kUnknown:
    case WayOut::Kind::kOther:
      return false;
    case WayOut::Kind::kInternetGateway:
      return !public_addresses;
    case WayOut::Kind::kNone:
    case WayOut::Kind::kSomeRanges:
      break;
  }
  return true;
}

std::optional<Finding> JudgeTasks(const std::string& subnet, const WayOut& way, bool public_addresses,
                                  const std::vector<std::string>& missing) {
  using Kind = WayOut::Kind;
  if (way.kind == Kind::kUnknown) {
    return Finding{
        .works = true,
        .problem = fmt::format("whether tasks in {} can pull images cannot be told: its routes are not to be "
                               "seen",
                               subnet),
        .hint = "they need a NAT gateway or VPC endpoints"};
  }
  if (!NeedsEndpoints(way, public_addresses) || missing.empty()) return std::nullopt;
  const std::string no_endpoints = fmt::format("the VPC has no endpoint of {}", fmt::join(missing, ", "));
  if (way.kind == Kind::kSomeRanges) {
    return Finding{.works = true,
                   .problem = fmt::format("whether tasks in {} can pull images cannot be told: route table {} has no "
                                          "default route, and one to {}, and {}",
                                          subnet, way.table, way.via, no_endpoints),
                   .hint = "they do when what they need is in those ranges"};
  }
  const std::string leads = way.kind == Kind::kInternetGateway
                                ? fmt::format("leads to {}, of no use without a public address", way.via)
                                : "has no default route";
  const char* option = public_addresses ? "gateway-id" : "nat-gateway-id";
  return Finding{.works = false,
                 .problem = fmt::format("tasks in {} could not pull images: its route table {} {}, and {}", subnet,
                                        way.table, leads, no_endpoints),
                 .hint = fmt::format("{}, make these endpoints, or name other subnets",
                                     RouteCommand(way, option, public_addresses ? "igw-…" : "nat-…"))};
}

}  // namespace adhoc::env
