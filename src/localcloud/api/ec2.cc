// Amazon EC2: what all its operations share, and tags, zones and account-wide answers.
#include <algorithm>
#include <cctype>

#include "localcloud/api/ec2_internal.h"

namespace adhoc::localcloud {
namespace ec2 {

// By "operation\ntoken": when a client token was first used, with what, and what was answered.
constexpr std::string_view kClientTokens = "ec2.client_tokens";
constexpr double kTokenSeconds = 24 * 3600;

const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kKinds = {
      {kVpcs, "vpc", "vpc-", "InvalidVpcID.NotFound", "vpc ID", "VpcId"},
      {kSubnets, "subnet", "subnet-", "InvalidSubnetID.NotFound", "subnet ID", "SubnetId"},
      {kInterfaces, "network-interface", "eni-", "InvalidNetworkInterfaceID.NotFound", "networkInterface ID",
       "NetworkInterfaceId", "TagSet"},
      {kSecurityGroups, "security-group", "sg-", "InvalidGroup.NotFound", "security group", "GroupId"},
      {kRules, "security-group-rule", "sgr-", "InvalidSecurityGroupRuleId.NotFound", "security group rule ID",
       "SecurityGroupRuleId"},
      {kRouteTables, "route-table", "rtb-", "InvalidRouteTableID.NotFound", "routeTable ID", "RouteTableId"},
      {kInternetGateways, "internet-gateway", "igw-", "InvalidInternetGatewayID.NotFound", "internetGateway ID",
       "InternetGatewayId"},
      {kNatGateways, "natgateway", "nat-", "NatGatewayNotFound", "Nat Gateway", "NatGatewayId"},
      {kAddresses, "elastic-ip", "eipalloc-", "InvalidAllocationID.NotFound", "allocation ID", "AllocationId"},
      {kAcls, "network-acl", "acl-", "InvalidNetworkAclID.NotFound", "networkAcl ID", "NetworkAclId"},
      {kDhcpOptions, "dhcp-options", "dopt-", "InvalidDhcpOptionsID.NotFound", "dhcpOptions ID", "DhcpOptionsId"},
      {kEndpoints, "vpc-endpoint", "vpce-", "InvalidVpcEndpointId.NotFound", "Vpc Endpoint Id", "VpcEndpointId"},
      {kInstances, "instance", "i-", "InvalidInstanceID.NotFound", "instance ID", "InstanceId"},
      {kVolumes, "volume", "vol-", "InvalidVolume.NotFound", "volume", "VolumeId"},
      {kKeyPairs, "key-pair", "key-", "InvalidKeyPair.NotFound", "key pair ID", "KeyPairId"},
  };
  return kKinds;
}

const Kind& KindOf(std::string_view collection) {
  for (const auto& kind : Kinds()) {
    if (kind.collection == collection) return kind;
  }
  throw Error("no EC2 resource in " + std::string(collection));
}

namespace {

[[noreturn]] void ThrowNotFound(const Kind& kind, std::string_view id) {
  throw ApiError(std::string(kind.not_found),
                 "The " + std::string(kind.noun) + " '" + std::string(id) + "' does not exist");
}

void CollectValues(const Json& value, std::string_view path, std::vector<std::string>& values) {
  if (value.is_array()) {
    for (const auto& element : value) CollectValues(element, path, values);
    return;
  }
  if (path.empty()) {
    if (value.is_string()) values.push_back(value.get<std::string>());
    if (value.is_boolean()) values.emplace_back(value.get<bool>() ? "true" : "false");
    if (value.is_number_integer()) values.push_back(std::to_string(value.get<std::int64_t>()));
    return;
  }
  const auto dot = path.find('.');
  const auto found = value.find(path.substr(0, dot));
  if (found == value.end()) return;
  CollectValues(*found, dot == std::string_view::npos ? "" : path.substr(dot + 1), values);
}

// VpcId for vpc-id; enough for the plain members, whose names have no runs of capitals.
std::string MemberFor(std::string_view filter) {
  std::string member;
  bool start = true;
  for (const char c : filter) {
    if (c == '-') {
      start = true;
    } else {
      member += start ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      start = false;
    }
  }
  return member;
}

bool AnyMatches(const Json& patterns, const std::vector<std::string>& values) {
  for (const auto& pattern : patterns) {
    for (const auto& value : values) {
      if (MatchesWildcard(pattern.get<std::string>(), value)) return true;
    }
  }
  return false;
}

}  // namespace

std::string NewId(Cloud& cloud, std::string_view prefix) { return std::string(prefix) + cloud.random.Hex(17); }

const Json& Get(const Call& call, std::string_view collection, std::string_view id) {
  const Json* document = call.txn.Find(collection, id);
  if (document == nullptr) ThrowNotFound(KindOf(collection), id);
  return *document;
}

Json& Edit(Call& call, std::string_view collection, std::string_view id) {
  Get(call, collection, id);
  return call.txn.Edit(collection, id);
}

void ThrowDependency(std::string_view noun, std::string_view id) {
  throw ApiError("DependencyViolation",
                 "The " + std::string(noun) + " '" + std::string(id) + "' has dependencies and cannot be deleted.");
}

Json TagsFor(const Json& input, std::string_view type) {
  Json tags = Json::array();
  for (const auto& specification : Items(input, "TagSpecifications")) {
    if (Text(specification, "ResourceType") == type) MergeTags(tags, Items(specification, "Tags"));
  }
  return tags;
}

std::vector<std::string> FieldValues(const Json& document, std::string_view path) {
  std::vector<std::string> values;
  CollectValues(document, path, values);
  return values;
}

bool MatchesFilters(const Json& document, const Json& filters, const FilterPaths& paths, const char* tags_member,
                    const aws::Shape* shape) {
  for (const auto& filter : filters) {
    const std::string name = Text(filter, "Name");
    const Json& wanted = Items(filter, "Values");
    const Json& tags = Items(document, tags_member);
    std::vector<std::string> values;
    if (StartsWith(name, "tag:")) {
      for (const auto& tag : tags) {
        if (Text(tag, "Key") == name.substr(4)) values.push_back(Text(tag, "Value"));
      }
    } else if (name == "tag-key") {
      values = FieldValues(tags, "Key");
    } else if (name == "tag-value") {
      values = FieldValues(tags, "Value");
    } else if (const auto path = paths.find(name); path != paths.end()) {
      values = FieldValues(document, path->second);
    } else if (const std::string member = MemberFor(name);
               document.contains(member) || (shape != nullptr && shape->FindMember(member) != nullptr)) {
      values = FieldValues(document, member);
    } else {
      throw ApiError("InvalidParameterValue", "The filter '" + name + "' is invalid");
    }
    if (!AnyMatches(wanted, values)) return false;
  }
  return true;
}

Json Describe(Call& call, const DescribeSpec& spec) {
  const Kind& kind = KindOf(spec.collection);
  const Json& ids = Items(call.input, spec.ids_input);
  for (const auto& id : ids) Get(call, spec.collection, id.get<std::string>());
  const aws::Shape* shape = call.operation.output->FindMember(spec.output)->shape->element.shape;
  KeyedItems found;
  for (const auto& [id, document] : call.txn.All(spec.collection)) {
    if (!ids.empty() && std::find(ids.begin(), ids.end(), Json(id)) == ids.end()) continue;
    Json shown = spec.answer ? spec.answer(call, document) : document;
    if (!MatchesFilters(shown, Items(call.input, spec.filters_input), spec.filters, kind.tags_member, shape)) continue;
    found.emplace_back(id, std::move(shown));
  }
  Page page = TakePage(std::move(found), Number(call.input, "MaxResults", 1000), Text(call.input, "NextToken"),
                       "InvalidParameterValue");
  Json output{{spec.output, std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

// A client token makes a repeated request harmless: it gets the answer of the first one (EC2 User Guide, "Ensuring
// idempotency in Amazon EC2 API requests"). Without a token every request is a new one.
Json OncePerToken(Cloud& cloud, Call& call, const ServiceHandler& handler) {
  const std::string token = Text(call.input, "ClientToken");
  if (token.empty()) return handler(cloud, call);
  std::vector<std::string> expired;
  for (const auto& [key, made] : call.txn.All(kClientTokens)) {
    if (made.value("at", 0.0) + kTokenSeconds < cloud.Now()) expired.push_back(key);
  }
  for (const auto& key : expired) call.txn.Erase(kClientTokens, key);
  const std::string key = call.operation.name + "\n" + token;
  if (const Json* made = call.txn.Find(kClientTokens, key)) {
    if (made->at("input") == call.input) return made->at("output");
    throw ApiError("IdempotentParameterMismatch",
                   "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).");
  }
  const Json input = call.input;
  Json output = handler(cloud, call);
  call.txn.Put(kClientTokens, key, {{"at", cloud.Now()}, {"input", input}, {"output", output}});
  return output;
}

void Register(Api& api, Cloud& cloud, Operations operations) {
  for (const auto& [operation, handler, effect] : operations) {
    const auto answer = [&cloud, handler = handler](Call& call) {
      EnsureDefaults(cloud, call.txn);
      Settle(cloud, call.txn);
      Json output = OncePerToken(cloud, call, handler);
      if (Flag(call.input, "DryRun")) {
        throw ApiError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", Json::object(), 412);
      }
      return output;
    };
    api.On("ec2", operation, answer, effect);
  }
}

std::vector<std::string> IdsWith(const Store::Transaction& txn, std::string_view collection, const char* member,
                                 std::string_view value) {
  std::vector<std::string> ids;
  for (const auto& [id, document] : txn.All(collection)) {
    if (Text(document, member) == value) ids.push_back(id);
  }
  return ids;
}

namespace {

const Kind& KindOfId(std::string_view id) {
  const Kind* best = nullptr;
  for (const auto& kind : Kinds()) {
    if (StartsWith(id, kind.prefix)) best = &kind;
  }
  if (best == nullptr) throw ApiError("InvalidID", "The ID '" + std::string(id) + "' is not valid");
  return *best;
}

Json CreateTags(Cloud&, Call& call) {
  for (const auto& id : Strings(call.input, "Resources")) {
    const Kind& kind = KindOfId(id);
    MergeTags(Edit(call, kind.collection, id)[kind.tags_member], Items(call.input, "Tags"));
  }
  return Json::object();
}

// A tag without a value goes whatever its value is; without any tags given, all go.
Json DeleteTags(Cloud&, Call& call) {
  for (const auto& id : Strings(call.input, "Resources")) {
    const Kind& kind = KindOfId(id);
    Json& tags = Edit(call, kind.collection, id)[kind.tags_member];
    if (!call.input.contains("Tags")) {
      tags = Json::array();
      continue;
    }
    Json keys = Json::array();
    const Json values = TagMap(tags);
    for (const auto& tag : Items(call.input, "Tags")) {
      const std::string key = Text(tag, "Key");
      if (!tag.contains("Value") || Text(values, key) == Text(tag, "Value")) keys.push_back(key);
    }
    RemoveTags(tags, keys);
  }
  return Json::object();
}

Json DescribeTags(Cloud&, Call& call) {
  static const FilterPaths kPaths = {
      {"resource-id", "ResourceId"}, {"resource-type", "ResourceType"}, {"key", "Key"}, {"value", "Value"}};
  KeyedItems found;
  for (const auto& kind : Kinds()) {
    for (const auto& [id, document] : call.txn.All(kind.collection)) {
      for (const auto& tag : Items(document, kind.tags_member)) {
        Json shown{{"ResourceId", id}, {"ResourceType", kind.type}, {"Key", tag["Key"]}, {"Value", tag["Value"]}};
        if (MatchesFilters(shown, Items(call.input, "Filters"), kPaths))
          found.emplace_back(id + "\n" + Text(tag, "Key"), std::move(shown));
      }
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Page page = TakePage(std::move(found), Number(call.input, "MaxResults", 1000), Text(call.input, "NextToken"),
                       "InvalidParameterValue");
  Json output{{"Tags", std::move(page.items)}};
  if (!page.next.empty()) output["NextToken"] = page.next;
  return output;
}

Json DescribeAvailabilityZones(Cloud& cloud, Call& call) {
  static const FilterPaths kPaths = {{"state", "State"}, {"zone-type", "ZoneType"}};
  const std::string region = cloud.settings.region;
  Json zones = Json::array();
  const Json& names = Items(call.input, "ZoneNames");
  for (int i = 0; i < 3; ++i) {
    const std::string name = region + static_cast<char>('a' + i);
    Json zone{{"State", "available"},
              {"OptInStatus", "opt-in-not-required"},
              {"Messages", Json::array()},
              {"RegionName", region},
              {"ZoneName", name},
              {"ZoneId", "use1-az" + std::to_string(i + 1)},
              {"GroupName", region},
              {"NetworkBorderGroup", region},
              {"ZoneType", "availability-zone"}};
    if (!names.empty() && std::find(names.begin(), names.end(), Json(name)) == names.end()) continue;
    if (MatchesFilters(zone, Items(call.input, "Filters"), kPaths)) zones.push_back(std::move(zone));
  }
  for (const auto& name : Strings(call.input, "ZoneNames")) {
    if (name.size() != region.size() + 1 || !StartsWith(name, region) || name.back() > 'c') {
      throw ApiError("InvalidParameterValue", "Invalid availability zone: [" + name + "]");
    }
  }
  return {{"AvailabilityZones", std::move(zones)}};
}

Json DescribeRegions(Cloud& cloud, Call& call) {
  static const FilterPaths kPaths = {{"endpoint", "Endpoint"}};
  Json regions = Json::array();
  const Json& names = Items(call.input, "RegionNames");
  Json region{{"RegionName", cloud.settings.region},
              {"Endpoint", "ec2." + cloud.settings.region + ".amazonaws.com"},
              {"OptInStatus", "opt-in-not-required"}};
  const bool asked = names.empty() || std::find(names.begin(), names.end(), region["RegionName"]) != names.end();
  if (asked && MatchesFilters(region, Items(call.input, "Filters"), kPaths)) regions.push_back(std::move(region));
  return {{"Regions", std::move(regions)}};
}

Json DescribeAccountAttributes(Cloud&, Call& call) {
  std::string default_vpc = "none";
  for (const auto& [id, vpc] : call.txn.All(kVpcs)) {
    if (Flag(vpc, "IsDefault")) default_vpc = id;
  }
  const auto attribute = [](const char* name, const std::string& value) {
    return Json{{"AttributeName", name}, {"AttributeValues", {{{"AttributeValue", value}}}}};
  };
  Json all = {attribute("supported-platforms", "VPC"),
              attribute("default-vpc", default_vpc),
              attribute("vpc-max-security-groups-per-interface", "5"),
              attribute("max-elastic-ips", "5"),
              attribute("vpc-max-elastic-ips", "5"),
              attribute("max-instances", "20")};
  const Json& names = Items(call.input, "AttributeNames");
  Json shown = Json::array();
  for (auto& one : all) {
    if (names.empty() || std::find(names.begin(), names.end(), one["AttributeName"]) != names.end())
      shown.push_back(std::move(one));
  }
  return {{"AccountAttributes", std::move(shown)}};
}

}  // namespace

void RegisterTags(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CreateTags", CreateTags},
            {"DeleteTags", DeleteTags},
            {"DescribeAccountAttributes", DescribeAccountAttributes},
            {"DescribeAvailabilityZones", DescribeAvailabilityZones},
            {"DescribeRegions", DescribeRegions},
            {"DescribeTags", DescribeTags}});
}

}  // namespace ec2

void RegisterEc2(Api& api, Cloud& cloud) {
  ec2::RegisterInstanceAttributes(api, cloud);
  ec2::RegisterInstances(api, cloud);
  ec2::RegisterInterfaces(api, cloud);
  ec2::RegisterKeyPairs(api, cloud);
  ec2::RegisterRouting(api, cloud);
  ec2::RegisterEndpoints(api, cloud);
  ec2::RegisterSecurityGroups(api, cloud);
  ec2::RegisterTags(api, cloud);
  ec2::RegisterVpcs(api, cloud);
}

}  // namespace adhoc::localcloud
