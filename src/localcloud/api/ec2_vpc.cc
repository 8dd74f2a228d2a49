// VPCs, subnets, DHCP options, and the default VPC that every account begins with.
#include <algorithm>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/vpc_network.h"

namespace adhoc::localcloud::ec2 {
namespace {

Json CidrAssociation(Cloud& cloud, const std::string& cidr) {
  return {{"AssociationId", NewId(cloud, "vpc-cidr-assoc-")},
          {"CidrBlock", cidr},
          {"CidrBlockState", {{"State", "associated"}}}};
}

std::string DefaultDhcpOptions(Cloud& cloud, Store::Transaction& txn) {
  for (const auto& [id, options] : txn.All(kDhcpOptions)) {
    if (Flag(options, "_default")) return id;
  }
  const std::string id = NewId(cloud, "dopt-");
  txn.Put(kDhcpOptions, id,
          {{"DhcpOptionsId", id},
           {"OwnerId", cloud.settings.account},
           {"DhcpConfigurations",
            {{{"Key", "domain-name"}, {"Values", {{{"Value", "ec2.internal"}}}}},
             {{"Key", "domain-name-servers"}, {"Values", {{{"Value", "AmazonProvidedDNS"}}}}}}},
           {"Tags", Json::array()},
           {"_default", true}});
  return id;
}

Json MakeVpc(Cloud& cloud, Store::Transaction& txn, const std::string& cidr, bool is_default,
             const std::vector<Ipv4Range>& used) {
  const std::string id = NewId(cloud, "vpc-");
  Json vpc{{"VpcId", id},
           {"CidrBlock", cidr},
           {"State", "available"},
           {"OwnerId", cloud.settings.account},
           {"InstanceTenancy", "default"},
           {"IsDefault", is_default},
           {"DhcpOptionsId", DefaultDhcpOptions(cloud, txn)},
           {"CidrBlockAssociationSet", {CidrAssociation(cloud, cidr)}},
           {"Ipv6CidrBlockAssociationSet", Json::array()},
           {"Tags", Json::array()},
           {"_EnableDnsSupport", true},
           {"_EnableDnsHostnames", is_default},
           {"_EnableNetworkAddressUsageMetrics", false}};
  // Other VPCs may have no network yet, so their ranges are asked for here.
  std::vector<Ipv4Range> taken = used;
  for (const auto& [other_id, other] : txn.All(kVpcs)) taken.push_back(*Ipv4Range::Parse(Text(other, "_cidr")));
  PlaceVpc(cloud.settings, vpc, taken);
  txn.Put(kVpcs, id, vpc);
  CreateMainRouteTable(cloud, txn, vpc);
  CreateDefaultSecurityGroup(cloud, txn, vpc);
  CreateDefaultAcl(cloud, txn, vpc);
  return vpc;
}

Json MakeSubnet(Cloud& cloud, Store::Transaction& txn, const Json& vpc, const std::string& cidr,
                const std::string& zone, bool is_default) {
  const std::string id = NewId(cloud, "subnet-");
  Json subnet{{"SubnetId", id},
              {"SubnetArn", cloud.Arn("ec2", "subnet/" + id)},
              {"VpcId", vpc["VpcId"]},
              {"OwnerId", cloud.settings.account},
              {"CidrBlock", cidr},
              {"AvailabilityZone", zone},
              {"AvailabilityZoneId", "use1-az" + std::to_string(zone.back() - 'a' + 1)},
              {"State", "available"},
              {"DefaultForAz", is_default},
              {"MapPublicIpOnLaunch", is_default},
              {"AssignIpv6AddressOnCreation", false},
              {"MapCustomerOwnedIpOnLaunch", false},
              {"EnableDns64", false},
              {"Ipv6Native", false},
              {"Ipv6CidrBlockAssociationSet", Json::array()},
              {"PrivateDnsNameOptionsOnLaunch",
               {{"HostnameType", "ip-name"},
                {"EnableResourceNameDnsARecord", false},
                {"EnableResourceNameDnsAAAARecord", false}}},
              {"Tags", Json::array()},
              {"_cidr", PlaceSubnet(vpc, cidr).ToString()}};
  txn.Put(kSubnets, id, subnet);
  AssociateDefaultAcl(cloud, txn, subnet);
  return subnet;
}

Json CreateVpc(Cloud& cloud, Call& call) {
  const std::string cidr = Text(call.input, "CidrBlock");
  const auto range = Ipv4Range::Parse(cidr);
  if (!range)
    throw ApiError("InvalidParameterValue",
                   "Value (" + cidr + ") for parameter cidrBlock is invalid. This is not a valid CIDR block.");
  if (range->prefix < 16 || range->prefix > 28)
    throw ApiError("InvalidVpc.Range", "The CIDR '" + cidr + "' is invalid.");
  Json vpc =
      MakeVpc(cloud, call.txn, range->ToString(), false, std::any_cast<const std::vector<Ipv4Range>&>(call.prepared));
  Json& stored = call.txn.Edit(kVpcs, Text(vpc, "VpcId"));
  stored["Tags"] = TagsFor(call.input, "vpc");
  stored["InstanceTenancy"] = Text(call.input, "InstanceTenancy", "default");
  Json answer = stored;
  answer["State"] = "pending";
  return {{"Vpc", std::move(answer)}};
}

Json DescribeVpcs(Cloud&, Call& call) {
  return Describe(call, {.collection = kVpcs,
                         .ids_input = "VpcIds",
                         .output = "Vpcs",
                         .filters = {{"cidr", "CidrBlock"},
                                     {"cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"},
                                     {"cidr-block-association.association-id", "CidrBlockAssociationSet.AssociationId"},
                                     {"cidr-block-association.state", "CidrBlockAssociationSet.CidrBlockState.State"},
                                     {"isDefault", "IsDefault"}}});
}

Json DeleteVpc(Cloud&, Call& call) {
  const std::string id = Text(call.input, "VpcId");
  const Json vpc = Get(call, kVpcs, id);
  const auto has = [&](std::string_view collection) { return !IdsWith(call.txn, collection, "VpcId", id).empty(); };
  bool blocked = has(kSubnets) || has(kInterfaces) || has(kEndpoints);
  for (const auto& [gateway_id, gateway] : call.txn.All(kInternetGateways)) {
    const auto vpcs = FieldValues(gateway, "Attachments.VpcId");
    blocked = blocked || std::find(vpcs.begin(), vpcs.end(), id) != vpcs.end();
  }
  for (const auto& group : IdsWith(call.txn, kSecurityGroups, "VpcId", id)) {
    blocked = blocked || Text(*call.txn.Find(kSecurityGroups, group), "GroupName") != "default";
  }
  for (const auto& table : IdsWith(call.txn, kRouteTables, "VpcId", id)) {
    const auto main = FieldValues(*call.txn.Find(kRouteTables, table), "Associations.Main");
    blocked = blocked || std::find(main.begin(), main.end(), "true") == main.end();
  }
  for (const auto& acl : IdsWith(call.txn, kAcls, "VpcId", id)) {
    blocked = blocked || !Flag(*call.txn.Find(kAcls, acl), "IsDefault");
  }
  if (blocked) ThrowDependency("vpc", id);
  for (const auto collection : {kSecurityGroups, kRouteTables, kAcls}) {
    for (const auto& owned : IdsWith(call.txn, collection, "VpcId", id)) {
      if (collection == kSecurityGroups) RemoveRulesOf(call.txn, owned);
      call.txn.Erase(collection, owned);
    }
  }
  call.txn.Erase(kVpcs, id);
  call.txn.Put(kAbandonedNetworks, Text(vpc, "_network"), {{"VpcId", id}});
  return Json::object();
}

constexpr const char* kVpcAttributes[] = {"EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics"};

Json ModifyVpcAttribute(Cloud&, Call& call) {
  Json& vpc = Edit(call, kVpcs, Text(call.input, "VpcId"));
  for (const char* name : kVpcAttributes) {
    if (call.input.contains(name)) vpc[std::string("_") + name] = Flag(call.input[name], "Value");
  }
  return Json::object();
}

Json DescribeVpcAttribute(Cloud&, Call& call) {
  const std::string id = Text(call.input, "VpcId");
  const Json& vpc = Get(call, kVpcs, id);
  std::string name = Text(call.input, "Attribute");
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return {{"VpcId", id}, {name, {{"Value", Flag(vpc, "_" + name)}}}};
}

Json CreateSubnet(Cloud& cloud, Call& call) {
  const Json& vpc = Get(call, kVpcs, Text(call.input, "VpcId"));
  const std::string cidr = Text(call.input, "CidrBlock");
  const auto range = Ipv4Range::Parse(cidr);
  if (!range)
    throw ApiError("InvalidParameterValue",
                   "Value (" + cidr + ") for parameter cidrBlock is invalid. This is not a valid CIDR block.");
  const auto vpc_range = Ipv4Range::Parse(Text(vpc, "CidrBlock"));
  if (range->prefix < 16 || range->prefix > 28 || !vpc_range->Contains(*range)) {
    throw ApiError("InvalidSubnet.Range", "The CIDR '" + cidr + "' is invalid.");
  }
  for (const auto& other : IdsWith(call.txn, kSubnets, "VpcId", Text(vpc, "VpcId"))) {
    if (Ipv4Range::Parse(Text(*call.txn.Find(kSubnets, other), "CidrBlock"))->Overlaps(*range)) {
      throw ApiError("InvalidSubnet.Conflict", "The CIDR '" + cidr + "' conflicts with another subnet");
    }
  }
  std::string zone = Text(call.input, "AvailabilityZone", cloud.settings.region + "a");
  if (const std::string zone_id = Text(call.input, "AvailabilityZoneId"); !zone_id.empty()) {
    zone = cloud.settings.region + static_cast<char>('a' + zone_id.back() - '1');
  }
  if (zone.size() != cloud.settings.region.size() + 1 || !StartsWith(zone, cloud.settings.region) ||
      zone.back() < 'a' || zone.back() > 'c') {
    throw ApiError("InvalidParameterValue", "Value (" + zone +
                                                ") for parameter availabilityZone is invalid. Subnets can currently "
                                                "only be created in the following availability zones: " +
                                                cloud.settings.region + "a, " + cloud.settings.region + "b, " +
                                                cloud.settings.region + "c.");
  }
  const Json subnet = MakeSubnet(cloud, call.txn, vpc, range->ToString(), zone, false);
  Json& stored = call.txn.Edit(kSubnets, Text(subnet, "SubnetId"));
  stored["Tags"] = TagsFor(call.input, "subnet");
  Json answer = stored;
  answer["AvailableIpAddressCount"] = range->size() - 5;
  return {{"Subnet", std::move(answer)}};
}

Json DescribeSubnets(Cloud&, Call& call) {
  std::map<std::string, std::int64_t> used;
  for (const auto& [id, interface] : call.txn.All(kInterfaces)) ++used[Text(interface, "SubnetId")];
  return Describe(call, {.collection = kSubnets,
                         .ids_input = "SubnetIds",
                         .output = "Subnets",
                         .filters = {{"availabilityZone", "AvailabilityZone"},
                                     {"cidr", "CidrBlock"},
                                     {"cidrBlock", "CidrBlock"},
                                     {"defaultForAz", "DefaultForAz"},
                                     {"available-ip-address-count", "AvailableIpAddressCount"}},
                         .answer = [&used](const Call&, const Json& subnet) {
                           Json answer = subnet;
                           answer["AvailableIpAddressCount"] =
                               Ipv4Range::Parse(Text(subnet, "CidrBlock"))->size() - 5 - used[Text(subnet, "SubnetId")];
                           return answer;
                         }});
}

Json DeleteSubnet(Cloud&, Call& call) {
  const std::string id = Text(call.input, "SubnetId");
  Get(call, kSubnets, id);
  if (!IdsWith(call.txn, kInterfaces, "SubnetId", id).empty()) ThrowDependency("subnet", id);
  const auto drop = [&](std::string_view collection) {
    std::vector<std::string> keys;
    for (const auto& [key, document] : call.txn.All(collection)) keys.push_back(key);
    for (const auto& key : keys) {
      const Json& before = (*call.txn.Find(collection, key))["Associations"];
      Json kept = Json::array();
      for (const auto& association : before) {
        if (Text(association, "SubnetId") != id) kept.push_back(association);
      }
      if (kept.size() != before.size()) call.txn.Edit(collection, key)["Associations"] = std::move(kept);
    }
  };
  drop(kRouteTables);
  drop(kAcls);
  call.txn.Erase(kSubnets, id);
  return Json::object();
}

Json ModifySubnetAttribute(Cloud&, Call& call) {
  Json& subnet = Edit(call, kSubnets, Text(call.input, "SubnetId"));
  for (const char* name : {"AssignIpv6AddressOnCreation", "MapPublicIpOnLaunch", "EnableDns64"}) {
    if (call.input.contains(name)) subnet[name] = Flag(call.input[name], "Value");
  }
  Json& names = subnet["PrivateDnsNameOptionsOnLaunch"];
  if (call.input.contains("PrivateDnsHostnameTypeOnLaunch"))
    names["HostnameType"] = call.input["PrivateDnsHostnameTypeOnLaunch"];
  if (call.input.contains("EnableResourceNameDnsARecordOnLaunch")) {
    names["EnableResourceNameDnsARecord"] = Flag(call.input["EnableResourceNameDnsARecordOnLaunch"], "Value");
  }
  if (call.input.contains("EnableResourceNameDnsAAAARecordOnLaunch")) {
    names["EnableResourceNameDnsAAAARecord"] = Flag(call.input["EnableResourceNameDnsAAAARecordOnLaunch"], "Value");
  }
  return Json::object();
}

Json CreateDhcpOptions(Cloud& cloud, Call& call) {
  const std::string id = NewId(cloud, "dopt-");
  Json configurations = Json::array();
  for (const auto& configuration : Items(call.input, "DhcpConfigurations")) {
    Json values = Json::array();
    for (const auto& value : Items(configuration, "Values")) values.push_back({{"Value", value}});
    configurations.push_back({{"Key", Text(configuration, "Key")}, {"Values", std::move(values)}});
  }
  Json options{{"DhcpOptionsId", id},
               {"OwnerId", cloud.settings.account},
               {"DhcpConfigurations", std::move(configurations)},
               {"Tags", TagsFor(call.input, "dhcp-options")}};
  call.txn.Put(kDhcpOptions, id, options);
  return {{"DhcpOptions", std::move(options)}};
}

Json DescribeDhcpOptions(Cloud&, Call& call) {
  return Describe(call, {.collection = kDhcpOptions,
                         .ids_input = "DhcpOptionsIds",
                         .output = "DhcpOptions",
                         .filters = {{"key", "DhcpConfigurations.Key"}, {"value", "DhcpConfigurations.Values.Value"}}});
}

Json DeleteDhcpOptions(Cloud&, Call& call) {
  const std::string id = Text(call.input, "DhcpOptionsId");
  Get(call, kDhcpOptions, id);
  if (!IdsWith(call.txn, kVpcs, "DhcpOptionsId", id).empty()) ThrowDependency("dhcpOptions", id);
  call.txn.Erase(kDhcpOptions, id);
  return Json::object();
}

Json AssociateDhcpOptions(Cloud& cloud, Call& call) {
  std::string id = Text(call.input, "DhcpOptionsId");
  if (id == "default") id = DefaultDhcpOptions(cloud, call.txn);
  Get(call, kDhcpOptions, id);
  Edit(call, kVpcs, Text(call.input, "VpcId"))["DhcpOptionsId"] = id;
  return Json::object();
}

}  // namespace

void EnsureDefaults(Cloud& cloud, Store::Transaction& txn) {
  // Once made, the default VPC may be deleted for good, as in an account.
  if (txn.Find("ec2.defaults", "made") != nullptr) return;
  txn.Put("ec2.defaults", "made", true);
  const Json vpc = MakeVpc(cloud, txn, "172.31.0.0/16", true, MachineRoutes());
  const std::string vpc_id = Text(vpc, "VpcId");
  for (int i = 0; i < 3; ++i) {
    MakeSubnet(cloud, txn, vpc, "172.31." + std::to_string(i * 16) + ".0/20",
               cloud.settings.region + static_cast<char>('a' + i), true);
  }
  const std::string gateway = NewId(cloud, "igw-");
  txn.Put(kInternetGateways, gateway,
          {{"InternetGatewayId", gateway},
           {"OwnerId", cloud.settings.account},
           {"Attachments", {{{"VpcId", vpc_id}, {"State", "available"}}}},
           {"Tags", Json::array()}});
  const auto tables = IdsWith(txn, kRouteTables, "VpcId", vpc_id);
  txn.Edit(kRouteTables, tables.front())["Routes"].push_back(
      {{"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", gateway}, {"Origin", "CreateRoute"}, {"State", "active"}});
}

void RegisterVpcs(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"AssociateDhcpOptions", AssociateDhcpOptions, Effect::kRecorded},
            {"CreateDhcpOptions", CreateDhcpOptions, Effect::kRecorded},
            {"CreateSubnet", CreateSubnet},
            {"CreateVpc", CreateVpc},
            {"DeleteDhcpOptions", DeleteDhcpOptions, Effect::kRecorded},
            {"DeleteSubnet", DeleteSubnet},
            {"DeleteVpc", DeleteVpc},
            {"DescribeDhcpOptions", DescribeDhcpOptions},
            {"DescribeSubnets", DescribeSubnets},
            {"DescribeVpcAttribute", DescribeVpcAttribute},
            {"DescribeVpcs", DescribeVpcs},
            {"ModifySubnetAttribute", ModifySubnetAttribute, Effect::kRecorded},
            {"ModifyVpcAttribute", ModifyVpcAttribute, Effect::kRecorded}});
  api.SetPrepare("ec2", "CreateVpc",
                 [&cloud](const Json&, const net::Request&) -> std::any { return UsedRanges(cloud.runtime); });
}

}  // namespace adhoc::localcloud::ec2
