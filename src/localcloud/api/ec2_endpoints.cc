// VPC endpoints: gateway endpoints are routes to a prefix list, interface endpoints are interfaces in subnets. On paper
// only, as routes are: tasks reach this cloud's services whatever their network looks like.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud::ec2 {
namespace {

// An interface endpoint takes about as long as a NAT gateway.
constexpr double kPending = 0.5;
constexpr double kDeleting = 0.5;

// What has a gateway endpoint, with its prefix list in us-east-1.
struct GatewayService {
  std::string_view name;
  std::string_view prefix_list;
  std::string_view cidr;
};
constexpr GatewayService kGatewayServices[] = {{"s3", "pl-63a5400a", "52.216.0.0/15"},
                                               {"dynamodb", "pl-02cd2c6b", "52.94.0.0/22"}};

const GatewayService* FindGatewayService(std::string_view service) {
  for (const auto& gateway : kGatewayServices) {
    if (gateway.name == service) return &gateway;
  }
  return nullptr;
}

[[noreturn]] void Refuse(const std::string& message) { throw ApiError("InvalidParameter", message); }

bool IsInterface(const Json& endpoint) { return Text(endpoint, "VpcEndpointType") == "Interface"; }

// `ecr.api` of com.amazonaws.us-east-1.ecr.api.
std::string ServiceOf(const Cloud& cloud, const std::string& full_name) {
  const std::string prefix = fmt::format("com.amazonaws.{}.", cloud.settings.region);
  if (!StartsWith(full_name, prefix) || full_name.size() == prefix.size()) {
    throw ApiError("InvalidServiceName", fmt::format("The Vpc Endpoint Service '{}' does not exist", full_name));
  }
  return full_name.substr(prefix.size());
}

// The public name of the service, which resolves to the endpoint where private DNS is enabled: api.ecr.<region>….
std::string PrivateName(const Cloud& cloud, const std::string& service) {
  std::string name = service == "ecr.dkr" ? "*.dkr.ecr" : service;
  if (service == "ecr.api") name = "api.ecr";
  return fmt::format("{}.{}.amazonaws.com", name, cloud.settings.region);
}

Json DnsEntries(const Cloud& cloud, const Json& endpoint) {
  const std::string service = ServiceOf(cloud, Text(endpoint, "ServiceName"));
  Json entries = Json::array({{{"DnsName", fmt::format("{}.{}.{}.vpce.amazonaws.com", Text(endpoint, "VpcEndpointId"),
                                                       service, cloud.settings.region)},
                               {"HostedZoneId", "Z7HUB22UULQXV"}}});
  if (Flag(endpoint, "PrivateDnsEnabled")) {
    entries.push_back({{"DnsName", PrivateName(cloud, service)}, {"HostedZoneId", "ZONEIDPENDING"}});
  }
  return entries;
}

void CheckPrivateDns(const Cloud& cloud, const Call& call, const Json& endpoint) {
  const Json& vpc = Get(call, kVpcs, Text(endpoint, "VpcId"));
  if (!Flag(vpc, "_EnableDnsSupport") || !Flag(vpc, "_EnableDnsHostnames")) {
    Refuse(
        "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for " +
        Text(vpc, "VpcId"));
  }
  for (const auto& id : IdsWith(call.txn, kEndpoints, "VpcId", Text(vpc, "VpcId"))) {
    const Json& other = *call.txn.Find(kEndpoints, id);
    if (id == Text(endpoint, "VpcEndpointId") || !Flag(other, "PrivateDnsEnabled")) continue;
    if (Text(other, "ServiceName") != Text(endpoint, "ServiceName")) continue;
    Refuse(
        fmt::format("private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in "
                    "the VPC {}",
                    PrivateName(cloud, ServiceOf(cloud, Text(endpoint, "ServiceName"))), Text(vpc, "VpcId")));
  }
}

// ---- Parts of an endpoint: each of these puts one in or takes one out.

void AddRouteTable(const Cloud& cloud, Call& call, Json& endpoint, const std::string& id) {
  Json& table = Edit(call, kRouteTables, id);
  const std::string list(FindGatewayService(ServiceOf(cloud, Text(endpoint, "ServiceName")))->prefix_list);
  for (const auto& route : Items(table, "Routes")) {
    if (Text(route, "DestinationPrefixListId") == list) {
      throw ApiError("RouteAlreadyExists",
                     fmt::format("route table {} already has a route with destination-prefix-list-id {}", id, list));
    }
  }
  table["Routes"].push_back({{"DestinationPrefixListId", list},
                             {"GatewayId", endpoint["VpcEndpointId"]},
                             {"Origin", "CreateRoute"},
                             {"State", "active"}});
  endpoint["RouteTableIds"].push_back(id);
}

Json Without(const Json& list, const Json& value) {
  Json kept = Json::array();
  for (const auto& item : list) {
    if (item != value) kept.push_back(item);
  }
  return kept;
}

void RemoveRouteTable(Store::Transaction& txn, Json& endpoint, const std::string& id) {
  if (txn.Find(kRouteTables, id) != nullptr) {
    Json& table = txn.Edit(kRouteTables, id);
    Json kept = Json::array();
    for (const auto& route : Items(table, "Routes")) {
      if (Text(route, "GatewayId") != Text(endpoint, "VpcEndpointId")) kept.push_back(route);
    }
    table["Routes"] = std::move(kept);
  }
  endpoint["RouteTableIds"] = Without(endpoint["RouteTableIds"], id);
}

void AddSubnet(Cloud& cloud, Call& call, Json& endpoint, const std::string& id) {
  const Json& subnet = Get(call, kSubnets, id);
  if (Text(subnet, "VpcId") != Text(endpoint, "VpcId")) {
    Refuse(fmt::format("The subnet {} is not in the VPC {}", id, Text(endpoint, "VpcId")));
  }
  for (const auto& other : Strings(endpoint, "SubnetIds")) {
    if (Text(Get(call, kSubnets, other), "AvailabilityZone") != Text(subnet, "AvailabilityZone")) continue;
    throw ApiError("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of " + id);
  }
  std::vector<std::string> groups;
  for (const auto& group : endpoint["Groups"]) groups.push_back(Text(group, "GroupId"));
  const Json interface = PutInterface(cloud, call.txn,
                                      {.subnet_id = id,
                                       .security_groups = std::move(groups),
                                       .description = "VPC Endpoint Interface " + Text(endpoint, "VpcEndpointId"),
                                       .requester = "amazon-vpce",
                                       .interface_type = "vpc_endpoint"});
  endpoint["SubnetIds"].push_back(id);
  endpoint["NetworkInterfaceIds"].push_back(interface["NetworkInterfaceId"]);
}

void RemoveSubnet(Store::Transaction& txn, Json& endpoint, const std::string& id) {
  for (const auto& interface : Strings(endpoint, "NetworkInterfaceIds")) {
    const Json* found = txn.Find(kInterfaces, interface);
    if (found == nullptr || Text(*found, "SubnetId") != id) continue;
    EraseInterface(txn, interface);
    endpoint["NetworkInterfaceIds"] = Without(endpoint["NetworkInterfaceIds"], interface);
  }
  endpoint["SubnetIds"] = Without(endpoint["SubnetIds"], id);
}

void AddGroup(Call& call, Json& endpoint, const std::string& id) {
  endpoint["Groups"].push_back({{"GroupId", id}, {"GroupName", Get(call, kSecurityGroups, id)["GroupName"]}});
}

void TellInterfaces(Call& call, const Json& endpoint) {
  for (const auto& id : Strings(endpoint, "NetworkInterfaceIds")) {
    call.txn.Edit(kInterfaces, id)["Groups"] = endpoint["Groups"];
  }
}

// Members that go with one type of endpoint only.
void CheckMembers(const Json& input, bool is_interface, std::initializer_list<const char*> of_interfaces,
                  std::initializer_list<const char*> of_gateways) {
  const auto has = [&](const char* member) { return input.contains(member); };
  if (!is_interface && std::any_of(of_interfaces.begin(), of_interfaces.end(), has)) {
    Refuse("Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.");
  }
  if (is_interface && std::any_of(of_gateways.begin(), of_gateways.end(), has)) {
    Refuse("Route table IDs are only supported for Gateway type VPC Endpoint.");
  }
}

constexpr const char* kOpenPolicy =
    R"({"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]})";

Json CreateVpcEndpoint(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string type = Text(input, "VpcEndpointType", "Gateway");
  const bool is_interface = type == "Interface";
  const std::string vpc = Text(input, "VpcId");
  Get(call, kVpcs, vpc);
  const bool has_gateway = FindGatewayService(ServiceOf(cloud, Text(input, "ServiceName"))) != nullptr;
  if (!is_interface && !has_gateway) {
    Refuse(fmt::format("Endpoint type ({}) does not match available service types ([Interface]).", type));
  }
  CheckMembers(input, is_interface, {"SubnetIds", "SecurityGroupIds"}, {"RouteTableIds"});
  const std::string id = NewId(cloud, "vpce-");
  Json endpoint{{"VpcEndpointId", id},
                {"VpcEndpointType", type},
                {"VpcId", vpc},
                {"ServiceName", Text(input, "ServiceName")},
                {"State", is_interface ? "pending" : "available"},
                {"PolicyDocument", Text(input, "PolicyDocument", kOpenPolicy)},
                {"RouteTableIds", Json::array()},
                {"SubnetIds", Json::array()},
                {"Groups", Json::array()},
                {"NetworkInterfaceIds", Json::array()},
                {"DnsEntries", Json::array()},
                {"IpAddressType", Text(input, "IpAddressType", "ipv4")},
                {"PrivateDnsEnabled", is_interface && Flag(input, "PrivateDnsEnabled", !has_gateway)},
                {"RequesterManaged", false},
                {"CreationTimestamp", cloud.Now()},
                {"OwnerId", cloud.settings.account},
                {"Tags", TagsFor(input, "vpc-endpoint")}};
  if (is_interface) {
    endpoint["_until"] = cloud.DueAt(Slow::kNatGatewayCreate, kPending);
    if (Flag(endpoint, "PrivateDnsEnabled")) CheckPrivateDns(cloud, call, endpoint);
    std::vector<std::string> groups = Strings(input, "SecurityGroupIds");
    if (groups.empty()) {
      for (const auto& group : IdsWith(call.txn, kSecurityGroups, "VpcId", vpc)) {
        if (Text(*call.txn.Find(kSecurityGroups, group), "GroupName") == "default") groups.push_back(group);
      }
    }
    for (const auto& group : groups) AddGroup(call, endpoint, group);
    endpoint["DnsEntries"] = DnsEntries(cloud, endpoint);
  }
  for (const auto& subnet : Strings(input, "SubnetIds")) AddSubnet(cloud, call, endpoint, subnet);
  for (const auto& table : Strings(input, "RouteTableIds")) AddRouteTable(cloud, call, endpoint, table);
  call.txn.Put(kEndpoints, id, endpoint);
  Json output{{"VpcEndpoint", std::move(endpoint)}};
  CopyMembers(input, output, {"ClientToken"});
  return output;
}

Json ModifyVpcEndpoint(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string id = Text(input, "VpcEndpointId");
  Json endpoint = Get(call, kEndpoints, id);
  CheckMembers(input, IsInterface(endpoint),
               {"AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds"},
               {"AddRouteTableIds", "RemoveRouteTableIds"});
  for (const auto& table : Strings(input, "RemoveRouteTableIds")) RemoveRouteTable(call.txn, endpoint, table);
  for (const auto& table : Strings(input, "AddRouteTableIds")) AddRouteTable(cloud, call, endpoint, table);
  for (const auto& group : Strings(input, "AddSecurityGroupIds")) AddGroup(call, endpoint, group);
  for (const auto& group : Strings(input, "RemoveSecurityGroupIds")) {
    const auto name = Get(call, kSecurityGroups, group)["GroupName"];
    endpoint["Groups"] = Without(endpoint["Groups"], {{"GroupId", group}, {"GroupName", name}});
  }
  for (const auto& subnet : Strings(input, "RemoveSubnetIds")) RemoveSubnet(call.txn, endpoint, subnet);
  for (const auto& subnet : Strings(input, "AddSubnetIds")) AddSubnet(cloud, call, endpoint, subnet);
  TellInterfaces(call, endpoint);
  if (IsInterface(endpoint) && input.contains("PrivateDnsEnabled")) {
    endpoint["PrivateDnsEnabled"] = Flag(input, "PrivateDnsEnabled");
    if (Flag(input, "PrivateDnsEnabled")) CheckPrivateDns(cloud, call, endpoint);
    endpoint["DnsEntries"] = DnsEntries(cloud, endpoint);
  }
  if (Flag(input, "ResetPolicy")) endpoint["PolicyDocument"] = kOpenPolicy;
  CopyMembers(input, endpoint, {"PolicyDocument", "IpAddressType"});
  call.txn.Put(kEndpoints, id, std::move(endpoint));
  return {{"Return", true}};
}

Json DescribeVpcEndpoints(Cloud&, Call& call) {
  return Describe(call, {.collection = kEndpoints,
                         .ids_input = "VpcEndpointIds",
                         .output = "VpcEndpoints",
                         .filters = {{"vpc-endpoint-state", "State"}}});
}

Json DeleteVpcEndpoints(Cloud& cloud, Call& call) {
  Json failures = Json::array();
  for (const auto& id : Strings(call.input, "VpcEndpointIds")) {
    const Json* found = call.txn.Find(kEndpoints, id);
    if (found == nullptr) {
      failures.push_back({{"ResourceId", id},
                          {"Error",
                           {{"Code", "InvalidVpcEndpointId.NotFound"},
                            {"Message", "The Vpc Endpoint Id '" + id + "' does not exist"}}}});
      continue;
    }
    Json endpoint = *found;
    for (const auto& table : Strings(endpoint, "RouteTableIds")) RemoveRouteTable(call.txn, endpoint, table);
    if (!IsInterface(endpoint)) {
      call.txn.Erase(kEndpoints, id);
      continue;
    }
    // Its interfaces hold their subnets and groups until it is gone.
    if (Text(endpoint, "State") != "deleting") {
      endpoint["State"] = "deleting";
      endpoint["_until"] = cloud.DueAt(Slow::kNatGatewayDelete, kDeleting);
    }
    call.txn.Put(kEndpoints, id, std::move(endpoint));
  }
  return {{"Unsuccessful", std::move(failures)}};
}

Json DescribePrefixLists(Cloud& cloud, Call& call) {
  const auto ids = Strings(call.input, "PrefixListIds");
  Json lists = Json::array();
  for (const auto& gateway : kGatewayServices) {
    const std::string id(gateway.prefix_list);
    if (!ids.empty() && std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
    Json list{{"PrefixListId", id},
              {"PrefixListName", fmt::format("com.amazonaws.{}.{}", cloud.settings.region, gateway.name)},
              {"Cidrs", Json::array({gateway.cidr})}};
    if (MatchesFilters(list, Items(call.input, "Filters"), {})) lists.push_back(std::move(list));
  }
  return {{"PrefixLists", std::move(lists)}};
}

}  // namespace

void SettleEndpoints(Cloud& cloud, Store::Transaction& txn) {
  std::vector<std::string> due;
  for (const auto& [id, endpoint] : txn.All(kEndpoints)) {
    if (endpoint.contains("_until") && endpoint["_until"].get<double>() <= cloud.Now()) due.push_back(id);
  }
  for (const auto& id : due) {
    Json& endpoint = txn.Edit(kEndpoints, id);
    if (Text(endpoint, "State") == "pending") {
      endpoint["State"] = "available";
      endpoint.erase("_until");
      continue;
    }
    for (const auto& interface : Strings(endpoint, "NetworkInterfaceIds")) EraseInterface(txn, interface);
    txn.Erase(kEndpoints, id);
  }
}

void RegisterEndpoints(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CreateVpcEndpoint", CreateVpcEndpoint, Effect::kRecorded},
            {"DeleteVpcEndpoints", DeleteVpcEndpoints, Effect::kRecorded},
            {"DescribePrefixLists", DescribePrefixLists},
            {"DescribeVpcEndpoints", DescribeVpcEndpoints},
            {"ModifyVpcEndpoint", ModifyVpcEndpoint, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud::ec2
