// Route tables, internet and NAT gateways, elastic addresses, network ACLs. On paper only: a container
// network already reaches the world; what counts is that tools can build and take down what they would build in an
// account.
#include <algorithm>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/ipv4.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud::ec2 {
namespace {

// How long AWS's own state changes take here. Long enough for a client that does not wait to be found out.
constexpr double kNatGatewayPending = 0.5;
constexpr double kNatGatewayDeleting = 0.5;
constexpr double kNatGatewayRemembered = 3600;

// ---- Route tables

Json* FindAssociation(Json& table, std::string_view id) {
  for (auto& association : table["Associations"]) {
    if (Text(association, "RouteTableAssociationId") == id) return &association;
  }
  return nullptr;
}

std::string TableOfAssociation(const Call& call, std::string_view id) {
  for (const auto& [table_id, table] : call.txn.All(kRouteTables)) {
    for (const auto& association : Items(table, "Associations")) {
      if (Text(association, "RouteTableAssociationId") == id) return table_id;
    }
  }
  throw ApiError("InvalidAssociationID.NotFound", "The association ID '" + std::string(id) + "' does not exist");
}

Json MakeAssociation(Cloud& cloud, const std::string& table, const std::string& subnet) {
  Json association{{"RouteTableAssociationId", NewId(cloud, "rtbassoc-")},
                   {"RouteTableId", table},
                   {"Main", subnet.empty()},
                   {"AssociationState", {{"State", "associated"}}}};
  if (!subnet.empty()) association["SubnetId"] = subnet;
  return association;
}

Json MakeRouteTable(Cloud& cloud, Store::Transaction& txn, const Json& vpc) {
  const std::string id = NewId(cloud, "rtb-");
  Json table{{"RouteTableId", id},
             {"VpcId", vpc["VpcId"]},
             {"OwnerId", cloud.settings.account},
             {"Associations", Json::array()},
             {"PropagatingVgws", Json::array()},
             {"Routes", Json::array({{{"DestinationCidrBlock", vpc["CidrBlock"]},
                                      {"GatewayId", "local"},
                                      {"Origin", "CreateRouteTable"},
                                      {"State", "active"}}})},
             {"Tags", Json::array()}};
  txn.Put(kRouteTables, id, table);
  return table;
}

Json CreateRouteTable(Cloud& cloud, Call& call) {
  const Json table = MakeRouteTable(cloud, call.txn, Get(call, kVpcs, Text(call.input, "VpcId")));
  Json& stored = call.txn.Edit(kRouteTables, Text(table, "RouteTableId"));
  stored["Tags"] = TagsFor(call.input, "route-table");
  return {{"RouteTable", stored}};
}

// A route whose target is gone leads nowhere.
Json RouteTableAnswer(const Call& call, const Json& table) {
  Json answer = table;
  for (auto& route : answer["Routes"]) {
    const std::string gateway = Text(route, "GatewayId");
    const std::string nat = Text(route, "NatGatewayId");
    bool gone = false;
    if (StartsWith(gateway, "igw-")) {
      const Json* found = call.txn.Find(kInternetGateways, gateway);
      gone = found == nullptr || Items(*found, "Attachments").empty();
    } else if (!nat.empty()) {
      const Json* found = call.txn.Find(kNatGateways, nat);
      gone = found == nullptr || (Text(*found, "State") != "available" && Text(*found, "State") != "pending");
    }
    if (gone) route["State"] = "blackhole";
  }
  return answer;
}

Json DescribeRouteTables(Cloud&, Call& call) {
  return Describe(call, {.collection = kRouteTables,
                         .ids_input = "RouteTableIds",
                         .output = "RouteTables",
                         .filters = {{"association.main", "Associations.Main"},
                                     {"association.subnet-id", "Associations.SubnetId"},
                                     {"association.gateway-id", "Associations.GatewayId"},
                                     {"association.route-table-id", "Associations.RouteTableId"},
                                     {"association.route-table-association-id", "Associations.RouteTableAssociationId"},
                                     {"route.destination-cidr-block", "Routes.DestinationCidrBlock"},
                                     {"route.gateway-id", "Routes.GatewayId"},
                                     {"route.nat-gateway-id", "Routes.NatGatewayId"},
                                     {"route.origin", "Routes.Origin"},
                                     {"route.state", "Routes.State"}},
                         .answer = RouteTableAnswer});
}

Json DeleteRouteTable(Cloud&, Call& call) {
  const std::string id = Text(call.input, "RouteTableId");
  if (!Items(Get(call, kRouteTables, id), "Associations").empty()) ThrowDependency("routeTable", id);
  call.txn.Erase(kRouteTables, id);
  return Json::object();
}

Json AssociateRouteTable(Cloud& cloud, Call& call) {
  const std::string id = Text(call.input, "RouteTableId");
  const std::string subnet = Text(call.input, "SubnetId");
  Get(call, kRouteTables, id);
  Get(call, kSubnets, subnet);
  for (const auto& [table_id, table] : call.txn.All(kRouteTables)) {
    for (const auto& association : Items(table, "Associations")) {
      if (Text(association, "SubnetId") != subnet) continue;
      if (table_id == id)
        return {{"AssociationId", association["RouteTableAssociationId"]},
                {"AssociationState", {{"State", "associated"}}}};
      throw ApiError("Resource.AlreadyAssociated",
                     "the specified association for route table " + id + " conflicts with an existing association");
    }
  }
  const Json association = MakeAssociation(cloud, id, subnet);
  Edit(call, kRouteTables, id)["Associations"].push_back(association);
  return {{"AssociationId", association["RouteTableAssociationId"]}, {"AssociationState", {{"State", "associated"}}}};
}

Json TakeAssociation(Call& call, const std::string& id) {
  Json& table = call.txn.Edit(kRouteTables, TableOfAssociation(call, id));
  const Json taken = *FindAssociation(table, id);
  Json kept = Json::array();
  for (const auto& association : table["Associations"]) {
    if (association != taken) kept.push_back(association);
  }
  table["Associations"] = std::move(kept);
  return taken;
}

Json DisassociateRouteTable(Cloud&, Call& call) {
  const std::string id = Text(call.input, "AssociationId");
  Json& table = call.txn.Edit(kRouteTables, TableOfAssociation(call, id));
  if (Flag(*FindAssociation(table, id), "Main")) {
    throw ApiError("InvalidParameterValue", "cannot disassociate the main route table association " + id);
  }
  TakeAssociation(call, id);
  return Json::object();
}

Json ReplaceRouteTableAssociation(Cloud& cloud, Call& call) {
  const std::string table = Text(call.input, "RouteTableId");
  Get(call, kRouteTables, table);
  const Json taken = TakeAssociation(call, Text(call.input, "AssociationId"));
  const Json association = MakeAssociation(cloud, table, Text(taken, "SubnetId"));
  Edit(call, kRouteTables, table)["Associations"].push_back(association);
  return {{"NewAssociationId", association["RouteTableAssociationId"]},
          {"AssociationState", {{"State", "associated"}}}};
}

constexpr const char* kDestinations[] = {"DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"};

std::string DestinationOf(const Json& input) {
  for (const char* member : kDestinations) {
    if (input.contains(member)) return Text(input, member);
  }
  throw ApiError("MissingParameter",
                 "The request must contain the parameter destinationCidrBlock or destinationIpv6CidrBlock");
}

Json* FindRoute(Json& table, const std::string& destination) {
  for (auto& route : table["Routes"]) {
    for (const char* member : kDestinations) {
      if (Text(route, member) == destination) return &route;
    }
  }
  return nullptr;
}

Json MakeRoute(const Call& call) {
  const Json& input = call.input;
  Json route{{"Origin", "CreateRoute"}, {"State", "active"}};
  CopyMembers(input, route,
              {"DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId", "GatewayId",
               "NatGatewayId", "NetworkInterfaceId", "InstanceId", "TransitGatewayId", "VpcPeeringConnectionId",
               "EgressOnlyInternetGatewayId"});
  if (const std::string gateway = Text(input, "GatewayId"); StartsWith(gateway, "igw-")) {
    const Json& document = Get(call, kInternetGateways, gateway);
    const auto vpcs = FieldValues(document, "Attachments.VpcId");
    const std::string vpc = Text(Get(call, kRouteTables, Text(input, "RouteTableId")), "VpcId");
    if (std::find(vpcs.begin(), vpcs.end(), vpc) == vpcs.end()) {
      throw ApiError("InvalidParameterValue", "route table " + Text(input, "RouteTableId") + " and network gateway " +
                                                  gateway + " belong to different networks");
    }
  }
  if (const std::string nat = Text(input, "NatGatewayId"); !nat.empty()) {
    const Json* found = call.txn.Find(kNatGateways, nat);
    if (found == nullptr || StartsWith(Text(*found, "State"), "delet")) {
      throw ApiError("InvalidNatGatewayID.NotFound", "The natGateway ID '" + nat + "' does not exist");
    }
  }
  if (route.size() < 4) {
    throw ApiError("MissingParameter",
                   "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, "
                   "vpcPeeringConnectionId or transitGatewayId");
  }
  return route;
}

Json CreateRoute(Cloud&, Call& call) {
  Json& table = Edit(call, kRouteTables, Text(call.input, "RouteTableId"));
  const std::string destination = DestinationOf(call.input);
  const Json route = MakeRoute(call);
  if (Json* existing = FindRoute(table, destination)) {
    Json same = *existing;
    same["State"] = "active";
    if (same == route) return {{"Return", true}};
    throw ApiError("RouteAlreadyExists", "The route identified by " + destination + " already exists.");
  }
  table["Routes"].push_back(route);
  return {{"Return", true}};
}

Json& NeedRoute(Json& table, const std::string& destination) {
  Json* route = FindRoute(table, destination);
  if (route == nullptr) {
    throw ApiError("InvalidRoute.NotFound", "no route with destination-cidr-block " + destination + " in route table " +
                                                Text(table, "RouteTableId"));
  }
  return *route;
}

Json ReplaceRoute(Cloud&, Call& call) {
  Json& table = Edit(call, kRouteTables, Text(call.input, "RouteTableId"));
  NeedRoute(table, DestinationOf(call.input)) = MakeRoute(call);
  return Json::object();
}

Json DeleteRoute(Cloud&, Call& call) {
  Json& table = Edit(call, kRouteTables, Text(call.input, "RouteTableId"));
  const Json gone = NeedRoute(table, DestinationOf(call.input));
  if (Text(gone, "GatewayId") == "local") {
    throw ApiError("InvalidParameterValue", "cannot remove local route " + DestinationOf(call.input) +
                                                " in route table " + Text(table, "RouteTableId"));
  }
  Json kept = Json::array();
  for (const auto& route : table["Routes"]) {
    if (route != gone) kept.push_back(route);
  }
  table["Routes"] = std::move(kept);
  return Json::object();
}

// ---- Internet gateways

Json CreateInternetGateway(Cloud& cloud, Call& call) {
  const std::string id = NewId(cloud, "igw-");
  Json gateway{{"InternetGatewayId", id},
               {"OwnerId", cloud.settings.account},
               {"Attachments", Json::array()},
               {"Tags", TagsFor(call.input, "internet-gateway")}};
  call.txn.Put(kInternetGateways, id, gateway);
  return {{"InternetGateway", std::move(gateway)}};
}

Json DescribeInternetGateways(Cloud&, Call& call) {
  return Describe(call,
                  {.collection = kInternetGateways,
                   .ids_input = "InternetGatewayIds",
                   .output = "InternetGateways",
                   .filters = {{"attachment.vpc-id", "Attachments.VpcId"}, {"attachment.state", "Attachments.State"}}});
}

Json AttachInternetGateway(Cloud&, Call& call) {
  const std::string id = Text(call.input, "InternetGatewayId");
  const std::string vpc = Text(call.input, "VpcId");
  Get(call, kVpcs, vpc);
  Json& gateway = Edit(call, kInternetGateways, id);
  if (const auto attached = FieldValues(gateway, "Attachments.VpcId"); !attached.empty()) {
    throw ApiError("Resource.AlreadyAssociated",
                   "resource " + id + " is already attached to network " + attached.front());
  }
  for (const auto& [other_id, other] : call.txn.All(kInternetGateways)) {
    const auto vpcs = FieldValues(other, "Attachments.VpcId");
    if (std::find(vpcs.begin(), vpcs.end(), vpc) != vpcs.end()) {
      throw ApiError("InvalidParameterValue", "Network " + vpc + " already has an internet gateway attached");
    }
  }
  gateway["Attachments"] = Json::array({{{"VpcId", vpc}, {"State", "available"}}});
  return Json::object();
}

Json DetachInternetGateway(Cloud&, Call& call) {
  const std::string id = Text(call.input, "InternetGatewayId");
  const std::string vpc = Text(call.input, "VpcId");
  Json& gateway = Edit(call, kInternetGateways, id);
  const auto attached = FieldValues(gateway, "Attachments.VpcId");
  if (attached.empty() || attached.front() != vpc) {
    throw ApiError("Gateway.NotAttached", "resource " + id + " is not attached to network " + vpc);
  }
  for (const auto& [interface_id, interface] : call.txn.All(kInterfaces)) {
    if (Text(interface, "VpcId") == vpc && interface.contains("Association")) {
      throw ApiError("DependencyViolation", "Network " + vpc +
                                                " has some mapped public address(es). Please unmap those public "
                                                "address(es) before detaching the gateway.");
    }
  }
  gateway["Attachments"] = Json::array();
  return Json::object();
}

Json DeleteInternetGateway(Cloud&, Call& call) {
  const std::string id = Text(call.input, "InternetGatewayId");
  if (!Items(Get(call, kInternetGateways, id), "Attachments").empty()) ThrowDependency("internetGateway", id);
  call.txn.Erase(kInternetGateways, id);
  return Json::object();
}

// ---- Elastic addresses

Json AllocateAddress(Cloud& cloud, Call& call) {
  const std::string id = NewId(cloud, "eipalloc-");
  // TEST-NET-2 and its neighbour: addresses that are nobody's.
  const std::int64_t number = call.txn.NextNumber("ec2.addresses");
  const std::string ip = "198." + std::to_string(18 + number / 65536 % 2) + "." + std::to_string(number / 256 % 256) +
                         "." + std::to_string(number % 256);
  Json address{{"AllocationId", id},
               {"PublicIp", ip},
               {"Domain", "vpc"},
               {"PublicIpv4Pool", "amazon"},
               {"NetworkBorderGroup", cloud.settings.region},
               {"Tags", TagsFor(call.input, "elastic-ip")}};
  call.txn.Put(kAddresses, id, address);
  address.erase("Tags");
  return address;
}

Json DescribeAddresses(Cloud&, Call& call) {
  for (const auto& ip : Strings(call.input, "PublicIps")) {
    if (IdsWith(call.txn, kAddresses, "PublicIp", ip).empty()) {
      throw ApiError("InvalidAddress.NotFound", "Address '" + ip + "' not found.");
    }
  }
  if (call.input.contains("PublicIps")) {
    Json& filters = call.input["Filters"];
    if (!filters.is_array()) filters = Json::array();
    filters.push_back({{"Name", "public-ip"}, {"Values", call.input["PublicIps"]}});
  }
  return Describe(call, {.collection = kAddresses, .ids_input = "AllocationIds", .output = "Addresses"});
}

std::string AllocationOf(const Call& call) {
  if (const std::string id = Text(call.input, "AllocationId"); !id.empty()) {
    Get(call, kAddresses, id);
    return id;
  }
  const auto ids = IdsWith(call.txn, kAddresses, "PublicIp", Text(call.input, "PublicIp"));
  if (ids.empty())
    throw ApiError("InvalidAddress.NotFound", "Address '" + Text(call.input, "PublicIp") + "' not found.");
  return ids.front();
}

Json ReleaseAddress(Cloud&, Call& call) {
  const std::string id = AllocationOf(call);
  const Json& address = Get(call, kAddresses, id);
  if (address.contains("AssociationId")) {
    throw ApiError("InvalidIPAddress.InUse", "Address " + Text(address, "PublicIp") + " is in use.");
  }
  call.txn.Erase(kAddresses, id);
  return Json::object();
}

void Associate(Cloud& cloud, Store::Transaction& txn, const std::string& allocation, const std::string& interface_id) {
  Json& address = txn.Edit(kAddresses, allocation);
  Json& interface = txn.Edit(kInterfaces, interface_id);
  address["AssociationId"] = NewId(cloud, "eipassoc-");
  address["NetworkInterfaceId"] = interface_id;
  address["NetworkInterfaceOwnerId"] = cloud.settings.account;
  address["PrivateIpAddress"] = interface["PrivateIpAddress"];
  interface["Association"] = {{"PublicIp", address["PublicIp"]},
                              {"AllocationId", allocation},
                              {"AssociationId", address["AssociationId"]},
                              {"IpOwnerId", cloud.settings.account}};
}

void Disassociate(Store::Transaction& txn, const std::string& allocation) {
  Json& address = txn.Edit(kAddresses, allocation);
  const std::string interface_id = Text(address, "NetworkInterfaceId");
  if (txn.Find(kInterfaces, interface_id) != nullptr) txn.Edit(kInterfaces, interface_id).erase("Association");
  for (const char* member : {"AssociationId", "NetworkInterfaceId", "NetworkInterfaceOwnerId", "PrivateIpAddress"})
    address.erase(member);
}

Json AssociateAddress(Cloud& cloud, Call& call) {
  const std::string id = AllocationOf(call);
  const std::string interface = Text(call.input, "NetworkInterfaceId");
  Get(call, kInterfaces, interface);
  if (Get(call, kAddresses, id).contains("AssociationId")) {
    if (!Flag(call.input, "AllowReassociation")) {
      throw ApiError("Resource.AlreadyAssociated", "resource " + id + " is already associated with associate-id " +
                                                       Text(Get(call, kAddresses, id), "AssociationId"));
    }
    Disassociate(call.txn, id);
  }
  Associate(cloud, call.txn, id, interface);
  return {{"AssociationId", Get(call, kAddresses, id)["AssociationId"]}};
}

Json DisassociateAddress(Cloud&, Call& call) {
  const std::string association = Text(call.input, "AssociationId");
  const auto ids = IdsWith(call.txn, kAddresses, "AssociationId", association);
  if (ids.empty())
    throw ApiError("InvalidAssociationID.NotFound", "The association ID '" + association + "' does not exist");
  Disassociate(call.txn, ids.front());
  return Json::object();
}

// ---- NAT gateways

Json CreateNatGateway(Cloud& cloud, Call& call) {
  const std::string subnet_id = Text(call.input, "SubnetId");
  const Json subnet = Get(call, kSubnets, subnet_id);
  const std::string type = Text(call.input, "ConnectivityType", "public");
  const std::string allocation = Text(call.input, "AllocationId");
  if (type == "public") {
    if (allocation.empty())
      throw ApiError(
          "MissingParameter",
          "The request must include the AllocationId parameter. Add the required parameter and retry the request.");
    if (Get(call, kAddresses, allocation).contains("AssociationId")) {
      throw ApiError("Resource.AlreadyAssociated", "Elastic IP address [" + allocation + "] is already associated");
    }
  }
  const std::string id = NewId(cloud, "nat-");
  const Json interface = PutInterface(cloud, call.txn,
                                      {.subnet_id = subnet_id,
                                       .security_groups = {},
                                       .description = "Interface for NAT Gateway " + id,
                                       .requester = "amazon-nat-gateway",
                                       .interface_type = "nat_gateway"});
  const std::string interface_id = Text(interface, "NetworkInterfaceId");
  Json address{{"NetworkInterfaceId", interface_id}, {"PrivateIp", interface["PrivateIpAddress"]}};
  if (type == "public") {
    Associate(cloud, call.txn, allocation, interface_id);
    address["AllocationId"] = allocation;
    address["PublicIp"] = Get(call, kAddresses, allocation)["PublicIp"];
  }
  Json gateway{{"NatGatewayId", id},
               {"SubnetId", subnet_id},
               {"VpcId", subnet["VpcId"]},
               {"State", "pending"},
               {"ConnectivityType", type},
               {"CreateTime", cloud.Now()},
               {"NatGatewayAddresses", Json::array({address})},
               {"Tags", TagsFor(call.input, "natgateway")},
               {"_until", cloud.DueAt(Slow::kNatGatewayCreate, kNatGatewayPending)}};
  call.txn.Put(kNatGateways, id, gateway);
  Json output{{"NatGateway", std::move(gateway)}};
  CopyMembers(call.input, output, {"ClientToken"});
  return output;
}

Json DescribeNatGateways(Cloud&, Call& call) {
  if (call.input.contains("Filters") && !call.input.contains("Filter")) call.input["Filter"] = call.input["Filters"];
  return Describe(
      call,
      {.collection = kNatGateways, .ids_input = "NatGatewayIds", .output = "NatGateways", .filters_input = "Filter"});
}

Json DeleteNatGateway(Cloud& cloud, Call& call) {
  const std::string id = Text(call.input, "NatGatewayId");
  Json& gateway = Edit(call, kNatGateways, id);
  if (!StartsWith(Text(gateway, "State"), "delet")) {
    gateway["State"] = "deleting";
    gateway["DeleteTime"] = cloud.Now();
    gateway["_until"] = cloud.DueAt(Slow::kNatGatewayDelete, kNatGatewayDeleting);
  }
  return {{"NatGatewayId", id}};
}

// ---- Network ACLs

Json AclEntry(bool egress, int number, const char* action) {
  return {{"CidrBlock", "0.0.0.0/0"},
          {"Egress", egress},
          {"Protocol", "-1"},
          {"RuleAction", action},
          {"RuleNumber", number}};
}

Json MakeAcl(Cloud& cloud, Store::Transaction& txn, const Json& vpc, bool is_default, const Json& tags) {
  const std::string id = NewId(cloud, "acl-");
  Json entries = Json::array();
  for (const bool egress : {true, false}) {
    if (is_default) entries.push_back(AclEntry(egress, 100, "allow"));
    entries.push_back(AclEntry(egress, 32767, "deny"));
  }
  Json acl{{"NetworkAclId", id},
           {"VpcId", vpc["VpcId"]},
           {"OwnerId", cloud.settings.account},
           {"IsDefault", is_default},
           {"Associations", Json::array()},
           {"Entries", std::move(entries)},
           {"Tags", tags}};
  txn.Put(kAcls, id, acl);
  return acl;
}

Json CreateNetworkAcl(Cloud& cloud, Call& call) {
  return {{"NetworkAcl", MakeAcl(cloud, call.txn, Get(call, kVpcs, Text(call.input, "VpcId")), false,
                                 TagsFor(call.input, "network-acl"))}};
}

Json DescribeNetworkAcls(Cloud&, Call& call) {
  return Describe(call, {.collection = kAcls,
                         .ids_input = "NetworkAclIds",
                         .output = "NetworkAcls",
                         .filters = {{"default", "IsDefault"},
                                     {"association.subnet-id", "Associations.SubnetId"},
                                     {"association.network-acl-id", "Associations.NetworkAclId"},
                                     {"association.association-id", "Associations.NetworkAclAssociationId"}}});
}

Json DeleteNetworkAcl(Cloud&, Call& call) {
  const std::string id = Text(call.input, "NetworkAclId");
  const Json& acl = Get(call, kAcls, id);
  if (Flag(acl, "IsDefault")) throw ApiError("InvalidParameterValue", "cannot delete default network ACL " + id);
  if (!Items(acl, "Associations").empty()) ThrowDependency("networkAcl", id);
  call.txn.Erase(kAcls, id);
  return Json::object();
}

Json WithoutEntry(const Json& acl, const Json& input) {
  Json kept = Json::array();
  for (const auto& entry : Items(acl, "Entries")) {
    if (Flag(entry, "Egress") != Flag(input, "Egress") || Number(entry, "RuleNumber") != Number(input, "RuleNumber"))
      kept.push_back(entry);
  }
  return kept;
}

Json PutAclEntry(Call& call, bool must_exist) {
  Json& acl = Edit(call, kAcls, Text(call.input, "NetworkAclId"));
  Json entries = WithoutEntry(acl, call.input);
  const bool exists = entries.size() != acl["Entries"].size();
  if (must_exist && !exists)
    throw ApiError(
        "InvalidNetworkAclEntry.NotFound",
        "The network acl entry identified by " + std::to_string(Number(call.input, "RuleNumber")) + " does not exist.");
  if (!must_exist && exists)
    throw ApiError(
        "NetworkAclEntryAlreadyExists",
        "The network acl entry identified by " + std::to_string(Number(call.input, "RuleNumber")) + " already exists.");
  Json entry = Json::object();
  CopyMembers(
      call.input, entry,
      {"CidrBlock", "Ipv6CidrBlock", "Egress", "IcmpTypeCode", "PortRange", "Protocol", "RuleAction", "RuleNumber"});
  entries.push_back(std::move(entry));
  acl["Entries"] = std::move(entries);
  return Json::object();
}

Json CreateNetworkAclEntry(Cloud&, Call& call) { return PutAclEntry(call, false); }
Json ReplaceNetworkAclEntry(Cloud&, Call& call) { return PutAclEntry(call, true); }

Json DeleteNetworkAclEntry(Cloud&, Call& call) {
  Json& acl = Edit(call, kAcls, Text(call.input, "NetworkAclId"));
  Json entries = WithoutEntry(acl, call.input);
  if (entries.size() == acl["Entries"].size()) {
    throw ApiError(
        "InvalidNetworkAclEntry.NotFound",
        "The network acl entry identified by " + std::to_string(Number(call.input, "RuleNumber")) + " does not exist.");
  }
  acl["Entries"] = std::move(entries);
  return Json::object();
}

void AddAclAssociation(Cloud& cloud, Store::Transaction& txn, const std::string& acl, const std::string& subnet,
                       std::string* id = nullptr) {
  Json association{{"NetworkAclAssociationId", NewId(cloud, "aclassoc-")}, {"NetworkAclId", acl}, {"SubnetId", subnet}};
  if (id != nullptr) *id = Text(association, "NetworkAclAssociationId");
  txn.Edit(kAcls, acl)["Associations"].push_back(std::move(association));
}

Json ReplaceNetworkAclAssociation(Cloud& cloud, Call& call) {
  const std::string wanted = Text(call.input, "AssociationId");
  const std::string target = Text(call.input, "NetworkAclId");
  Get(call, kAcls, target);
  std::string holder;
  std::string subnet;
  for (const auto& [id, acl] : call.txn.All(kAcls)) {
    for (const auto& association : Items(acl, "Associations")) {
      if (Text(association, "NetworkAclAssociationId") != wanted) continue;
      holder = id;
      subnet = Text(association, "SubnetId");
    }
  }
  if (holder.empty())
    throw ApiError("InvalidAssociationID.NotFound", "The association ID '" + wanted + "' does not exist");
  Json kept = Json::array();
  for (const auto& association : Items(*call.txn.Find(kAcls, holder), "Associations")) {
    if (Text(association, "SubnetId") != subnet) kept.push_back(association);
  }
  call.txn.Edit(kAcls, holder)["Associations"] = std::move(kept);
  std::string id;
  AddAclAssociation(cloud, call.txn, target, subnet, &id);
  return {{"NewAssociationId", id}};
}

}  // namespace

void CreateMainRouteTable(Cloud& cloud, Store::Transaction& txn, const Json& vpc) {
  const std::string id = Text(MakeRouteTable(cloud, txn, vpc), "RouteTableId");
  txn.Edit(kRouteTables, id)["Associations"].push_back(MakeAssociation(cloud, id, ""));
}

void CreateDefaultAcl(Cloud& cloud, Store::Transaction& txn, const Json& vpc) {
  MakeAcl(cloud, txn, vpc, true, Json::array());
}

void AssociateDefaultAcl(Cloud& cloud, Store::Transaction& txn, const Json& subnet) {
  for (const auto& id : IdsWith(txn, kAcls, "VpcId", Text(subnet, "VpcId"))) {
    if (Flag(*txn.Find(kAcls, id), "IsDefault")) AddAclAssociation(cloud, txn, id, Text(subnet, "SubnetId"));
  }
}

void Settle(Cloud& cloud, Store::Transaction& txn) {
  SettleEndpoints(cloud, txn);
  const double now = cloud.Now();
  std::vector<std::string> due;
  for (const auto& [id, gateway] : txn.All(kNatGateways)) {
    if (gateway.contains("_until") && gateway["_until"].get<double>() <= now) due.push_back(id);
  }
  for (const auto& id : due) {
    Json& gateway = txn.Edit(kNatGateways, id);
    const std::string state = Text(gateway, "State");
    if (state == "pending") {
      gateway["State"] = "available";
      gateway.erase("_until");
    } else if (state == "deleting") {
      gateway["State"] = "deleted";
      gateway["_until"] = now + kNatGatewayRemembered;
      for (const auto& address : gateway["NatGatewayAddresses"]) {
        const std::string allocation = Text(address, "AllocationId");
        if (txn.Find(kAddresses, allocation) != nullptr) Disassociate(txn, allocation);
        EraseInterface(txn, Text(address, "NetworkInterfaceId"));
      }
    } else {
      txn.Erase(kNatGateways, id);
    }
  }
}

void RegisterRouting(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"AllocateAddress", AllocateAddress, Effect::kRecorded},
            {"AssociateAddress", AssociateAddress, Effect::kRecorded},
            {"AssociateRouteTable", AssociateRouteTable, Effect::kRecorded},
            {"AttachInternetGateway", AttachInternetGateway, Effect::kRecorded},
            {"CreateInternetGateway", CreateInternetGateway, Effect::kRecorded},
            {"CreateNatGateway", CreateNatGateway, Effect::kRecorded},
            {"CreateNetworkAcl", CreateNetworkAcl, Effect::kRecorded},
            {"CreateNetworkAclEntry", CreateNetworkAclEntry, Effect::kRecorded},
            {"CreateRoute", CreateRoute, Effect::kRecorded},
            {"CreateRouteTable", CreateRouteTable, Effect::kRecorded},
            {"DeleteInternetGateway", DeleteInternetGateway, Effect::kRecorded},
            {"DeleteNatGateway", DeleteNatGateway, Effect::kRecorded},
            {"DeleteNetworkAcl", DeleteNetworkAcl, Effect::kRecorded},
            {"DeleteNetworkAclEntry", DeleteNetworkAclEntry, Effect::kRecorded},
            {"DeleteRoute", DeleteRoute, Effect::kRecorded},
            {"DeleteRouteTable", DeleteRouteTable, Effect::kRecorded},
            {"DescribeAddresses", DescribeAddresses},
            {"DescribeInternetGateways", DescribeInternetGateways},
            {"DescribeNatGateways", DescribeNatGateways},
            {"DescribeNetworkAcls", DescribeNetworkAcls},
            {"DescribeRouteTables", DescribeRouteTables},
            {"DetachInternetGateway", DetachInternetGateway, Effect::kRecorded},
            {"DisassociateAddress", DisassociateAddress, Effect::kRecorded},
            {"DisassociateRouteTable", DisassociateRouteTable, Effect::kRecorded},
            {"ReleaseAddress", ReleaseAddress, Effect::kRecorded},
            {"ReplaceNetworkAclAssociation", ReplaceNetworkAclAssociation, Effect::kRecorded},
            {"ReplaceNetworkAclEntry", ReplaceNetworkAclEntry, Effect::kRecorded},
            {"ReplaceRoute", ReplaceRoute, Effect::kRecorded},
            {"ReplaceRouteTableAssociation", ReplaceRouteTableAssociation, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud::ec2
