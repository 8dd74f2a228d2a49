#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <stdexcept>

#include "aws/codec/values.h"
#include "localcloud/api/elbv2_internal.h"
#include "localcloud/api/log_delivery.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud {
namespace elbv2 {
namespace {

using Txn = Store::Transaction;

const Json& Find(const Txn& txn, std::string_view collection, std::string_view arn, const char* code,
                 const std::string& message) {
  const Json* document = txn.Find(collection, arn);
  if (document == nullptr) throw ApiError(code, message);
  return *document;
}

// ---- Load balancers

const std::map<std::string, std::string, std::less<>>& DefaultAttributes() {
  static const std::map<std::string, std::string, std::less<>> kDefaults = {
      {"access_logs.s3.bucket", ""},
      {"access_logs.s3.enabled", "false"},
      {"access_logs.s3.prefix", ""},
      {"client_keep_alive.seconds", "3600"},
      {"connection_logs.s3.bucket", ""},
      {"connection_logs.s3.enabled", "false"},
      {"connection_logs.s3.prefix", ""},
      {"deletion_protection.enabled", "false"},
      {"idle_timeout.timeout_seconds", "60"},
      {"ipv6.deny_all_igw_traffic", "false"},
      {"load_balancing.cross_zone.enabled", "true"},
      {"routing.http.desync_mitigation_mode", "defensive"},
      {"routing.http.drop_invalid_header_fields.enabled", "false"},
      {"routing.http.preserve_host_header.enabled", "false"},
      {"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"},
      {"routing.http.xff_client_port.enabled", "false"},
      {"routing.http.xff_header_processing.mode", "append"},
      {"routing.http2.enabled", "true"},
      {"waf.fail_open.enabled", "false"},
      {"zonal_shift.config.enabled", "false"},
  };
  return kDefaults;
}

void CheckAttribute(const std::string& key, const std::string& value) {
  if (!DefaultAttributes().contains(key)) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Load balancer attribute key '{}' is not recognized", key));
  }
  if (key.ends_with(".enabled") && value != "true" && value != "false") {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Load balancer attribute '{}' value '{}' must be true or false", key, value));
  }
  const auto check_range = [&](int low, int high) {
    const bool digits = !value.empty() && value.size() <= 6 &&
                        std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!digits || std::stoi(value) < low || std::stoi(value) > high) {
      throw ApiError(
          "InvalidConfigurationRequest",
          fmt::format("Load balancer attribute '{}' value '{}' must be between {} and {}", key, value, low, high));
    }
  };
  if (key == "idle_timeout.timeout_seconds") check_range(1, 4000);
  if (key == "client_keep_alive.seconds") check_range(60, 604800);
}

Json AttributeList(const Json& attributes) {
  Json list = Json::array();
  for (const auto& [key, value] : attributes.items()) list.push_back({{"Key", key}, {"Value", value}});
  return list;
}

void CheckName(const std::string& name) {
  const auto fail = [&](const std::string& why) {
    throw ApiError("ValidationError", fmt::format("The load balancer name '{}' {}", name, why));
  };
  if (name.empty() || name.size() > 32) fail("cannot be longer than '32' characters");
  const bool allowed =
      std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
  if (!allowed) fail("can only contain characters that are alphanumeric characters and hyphens(-)");
  if (name.front() == '-' || name.back() == '-') fail("cannot begin or end with hyphen");
  if (name.starts_with("internal-")) fail("cannot begin with 'internal-'");
}

struct Placement {
  Json zones = Json::array();
  std::string vpc;
};

Placement Place(const Txn& txn, const Json& input) {
  std::vector<std::string> subnets = Strings(input, "Subnets");
  const Json& mappings = Items(input, "SubnetMappings");
  if (!subnets.empty() && !mappings.empty()) {
    throw ApiError("ValidationError", "You must specify either subnets or subnet mappings, but not both");
  }
  for (const auto& mapping : mappings) subnets.push_back(Text(mapping, "SubnetId"));
  Placement placement;
  std::set<std::string> zones;
  for (const auto& id : subnets) {
    const Json* subnet = txn.Find("ec2.subnets", id);
    if (subnet == nullptr) throw ApiError("SubnetNotFound", fmt::format("The subnet ID '{}' does not exist", id));
    const std::string zone = Text(*subnet, "AvailabilityZone");
    if (!zones.insert(zone).second) {
      throw ApiError("InvalidConfigurationRequest",
                     "A load balancer cannot be attached to multiple subnets in the same Availability Zone");
    }
    const std::string vpc = Text(*subnet, "VpcId");
    if (!placement.vpc.empty() && placement.vpc != vpc) {
      throw ApiError("InvalidConfigurationRequest", "All subnets must belong to the same VPC");
    }
    placement.vpc = vpc;
    placement.zones.push_back({{"ZoneName", zone}, {"SubnetId", id}, {"LoadBalancerAddresses", Json::array()}});
  }
  if (placement.zones.size() < 2) {
    throw ApiError("ValidationError", "At least two subnets in two different Availability Zones must be specified");
  }
  return placement;
}

Json SecurityGroups(const Txn& txn, const Json& input) {
  Json groups = Items(input, "SecurityGroups");
  for (const auto& group : groups) {
    const std::string id = group.get<std::string>();
    if (txn.Find("ec2.security_groups", id) == nullptr) {
      throw ApiError("InvalidSecurityGroup",
                     fmt::format("One or more security groups are invalid: '{}' does not exist", id));
    }
  }
  return groups;
}

std::set<std::string> SubnetIds(const Json& zones) {
  std::set<std::string> ids;
  for (const auto& zone : zones) ids.insert(Text(zone, "SubnetId"));
  return ids;
}

Json CreateLoadBalancer(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string name = Text(call.input, "Name");
  CheckName(name);
  const std::string type = Text(call.input, "Type", "application");
  if (type != "application") {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Load balancer type '{}' is not supported by the local cloud", type));
  }
  const Placement placement = Place(txn, call.input);
  const std::string scheme = Text(call.input, "Scheme", "internet-facing");
  const std::string address_type = Text(call.input, "IpAddressType", "ipv4");
  Json groups = SecurityGroups(txn, call.input);
  const Json tags = CheckTags(Items(call.input, "Tags"));

  const auto& all = txn.All(kLoadBalancers);
  for (const auto& [arn, existing] : all) {
    if (Text(existing, "LoadBalancerName") != name) continue;
    const bool same = Text(existing, "Scheme") == scheme && Text(existing, "IpAddressType") == address_type &&
                      SubnetIds(existing["AvailabilityZones"]) == SubnetIds(placement.zones) &&
                      (groups.empty() || existing["SecurityGroups"] == groups);
    if (!same) {
      throw ApiError("DuplicateLoadBalancerName",
                     fmt::format("A load balancer with the same name '{}' exists, but with different settings", name));
    }
    return {{"LoadBalancers", Json::array({existing})}};
  }
  if (all.size() >= static_cast<std::size_t>(kMaxLoadBalancers)) {
    throw ApiError("TooManyLoadBalancers",
                   fmt::format("The maximum number of load balancers, '{}', has been reached", kMaxLoadBalancers));
  }

  const std::string arn =
      cloud.Arn("elasticloadbalancing", fmt::format("loadbalancer/app/{}/{}", name, cloud.random.Hex(16)));
  Json attributes = Json::object();
  for (const auto& [key, value] : DefaultAttributes()) attributes[key] = value;
  Json load_balancer{
      {"LoadBalancerArn", arn},
      {"DNSName", fmt::format("{}{}-{}.{}.elb.amazonaws.com", scheme == "internal" ? "internal-" : "", name,
                              cloud.random.Pick("123456789", 10), cloud.settings.region)},
      {"CanonicalHostedZoneId", "Z35SXDOTRQ7X7K"},
      {"CreatedTime", cloud.Now()},
      {"LoadBalancerName", name},
      {"Scheme", scheme},
      {"VpcId", placement.vpc},
      {"State", {{"Code", "provisioning"}}},
      {"Type", type},
      {"AvailabilityZones", placement.zones},
      {"SecurityGroups", std::move(groups)},
      {"IpAddressType", address_type},
      {"_attributes", std::move(attributes)},
      {"_tags", tags},
      {"_active_at", cloud.DueAt(Slow::kLoadBalancerCreate)},
  };
  txn.Put(kLoadBalancers, arn, load_balancer);
  return {{"LoadBalancers", Json::array({std::move(load_balancer)})}};
}

Json DescribeLoadBalancers(Cloud&, Call& call) {
  const auto arns = Strings(call.input, "LoadBalancerArns");
  const auto names = Strings(call.input, "Names");
  std::vector<Json> found;
  for (const auto& arn : arns) found.push_back(LoadBalancer(call.txn, arn));
  std::vector<std::string> missing = names;
  for (const auto& [arn, document] : call.txn.All(kLoadBalancers)) {
    const std::string name = Text(document, "LoadBalancerName");
    if (arns.empty() && names.empty()) found.push_back(document);
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    found.push_back(document);
    std::erase(missing, name);
  }
  if (!missing.empty()) {
    throw ApiError("LoadBalancerNotFound", fmt::format("Load balancers '[{}]' not found", fmt::join(missing, ", ")));
  }
  return MarkedPage(call.input, std::move(found), "LoadBalancers");
}

Json DeleteLoadBalancer(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "LoadBalancerArn");
  const Json* load_balancer = txn.Find(kLoadBalancers, arn);
  if (load_balancer == nullptr) return Json::object();
  if (Text(Fields(*load_balancer, "_attributes"), "deletion_protection.enabled") == "true") {
    throw ApiError("OperationNotPermitted",
                   fmt::format("Load balancer '{}' cannot be deleted because deletion protection is enabled", arn));
  }
  for (const auto& listener : ListenerArns(txn, arn)) {
    for (const Json* rule : RulesOf(txn, listener)) txn.Erase(kRules, Text(*rule, "RuleArn"));
    txn.Erase(kListeners, listener);
  }
  txn.Erase(kLoadBalancers, arn);
  if (txn.Find(kHoldings, arn) != nullptr) {
    txn.Edit(kHoldings, arn)["_until"] = cloud.DueAt(Slow::kLoadBalancerDelete);
  }
  UpdateAssociations(txn);
  return Json::object();
}

Json DescribeLoadBalancerAttributes(Cloud&, Call& call) {
  return {{"Attributes", AttributeList(LoadBalancer(call.txn, Text(call.input, "LoadBalancerArn"))["_attributes"])}};
}

// Puts a first file into the bucket of the access logs, as AWS does to find out whether it may.
void CheckAccessLogs(Cloud& cloud, Txn& txn, const Json& load_balancer) {
  const Json& attributes = load_balancer["_attributes"];
  if (Text(attributes, "access_logs.s3.enabled") != "true") return;
  const std::string bucket = Text(attributes, "access_logs.s3.bucket");
  const std::string prefix = Text(attributes, "access_logs.s3.prefix");
  if (bucket.empty()) {
    throw ApiError("InvalidConfigurationRequest", "The value of 'access_logs.s3.bucket' cannot be empty");
  }
  if (prefix.starts_with('/') || prefix.ends_with('/') || prefix.find("AWSLogs") != std::string::npos) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("The value of 'access_logs.s3.prefix', '{}', must not begin or end with '/' or contain "
                               "'AWSLogs'",
                               prefix));
  }
  try {
    DeliverLog(
        cloud, txn, bucket,
        fmt::format("{}{}AWSLogs/{}/ELBAccessLogTestFile", prefix, prefix.empty() ? "" : "/", cloud.settings.account),
        fmt::format("Enable AccessLog for ELB: {} at {}", Text(load_balancer, "LoadBalancerName"),
                    aws::FormatTimestamp(cloud.Now(), aws::TimestampFormat::kIso8601)));
  } catch (const ApiError& error) {
    if (error.code() == "NoSuchBucket") {
      throw ApiError("InvalidConfigurationRequest", fmt::format("S3 bucket '{}' does not exist", bucket));
    }
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Access Denied for bucket: {}. Please check S3bucket permission", bucket));
  }
}

Json ModifyLoadBalancerAttributes(Cloud& cloud, Call& call) {
  const std::string arn = Text(call.input, "LoadBalancerArn");
  LoadBalancer(call.txn, arn);
  Json& document = call.txn.Edit(kLoadBalancers, arn);
  bool logs_change = false;
  for (const auto& attribute : Items(call.input, "Attributes")) {
    const std::string key = Text(attribute, "Key");
    CheckAttribute(key, Text(attribute, "Value"));
    document["_attributes"][key] = Text(attribute, "Value");
    logs_change |= key.starts_with("access_logs.");
  }
  if (logs_change) CheckAccessLogs(cloud, call.txn, document);
  return {{"Attributes", AttributeList(document["_attributes"])}};
}

Json SetSubnets(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "LoadBalancerArn");
  const Json& load_balancer = LoadBalancer(call.txn, arn);
  const Placement placement = Place(call.txn, call.input);
  if (placement.vpc != Text(load_balancer, "VpcId")) {
    throw ApiError("InvalidConfigurationRequest", "The subnets must belong to the VPC of the load balancer");
  }
  Json& document = call.txn.Edit(kLoadBalancers, arn);
  document["AvailabilityZones"] = placement.zones;
  if (call.input.contains("IpAddressType")) document["IpAddressType"] = call.input["IpAddressType"];
  return {{"AvailabilityZones", document["AvailabilityZones"]}, {"IpAddressType", document["IpAddressType"]}};
}

Json SetSecurityGroups(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "LoadBalancerArn");
  LoadBalancer(call.txn, arn);
  Json& document = call.txn.Edit(kLoadBalancers, arn);
  document["SecurityGroups"] = SecurityGroups(call.txn, call.input);
  return {{"SecurityGroupIds", document["SecurityGroups"]}};
}

Json SetIpAddressType(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "LoadBalancerArn");
  LoadBalancer(call.txn, arn);
  Json& document = call.txn.Edit(kLoadBalancers, arn);
  document["IpAddressType"] = call.input["IpAddressType"];
  return {{"IpAddressType", document["IpAddressType"]}};
}

// ---- Tags

// The collection of a resource; throws what AWS answers for one that does not exist.
std::string_view CollectionOf(const Txn& txn, const std::string& arn) {
  if (arn.find(":loadbalancer/") != std::string::npos) return LoadBalancer(txn, arn), kLoadBalancers;
  if (arn.find(":listener/") != std::string::npos) return Listener(txn, arn), kListeners;
  if (arn.find(":listener-rule/") != std::string::npos) return Rule(txn, arn), kRules;
  if (arn.find(":targetgroup/") != std::string::npos) return TargetGroup(txn, arn), kTargetGroups;
  throw ApiError("ValidationError", fmt::format("'{}' is not a valid ARN", arn));
}

Json AddTags(Cloud&, Call& call) {
  for (const auto& arn : Strings(call.input, "ResourceArns")) {
    const auto collection = CollectionOf(call.txn, arn);
    Json& tags = call.txn.Edit(collection, arn)["_tags"];
    MergeTags(tags, CheckTags(Items(call.input, "Tags")));
    CheckTags(tags);
  }
  return Json::object();
}

Json RemoveTagsOf(Cloud&, Call& call) {
  for (const auto& arn : Strings(call.input, "ResourceArns")) {
    const auto collection = CollectionOf(call.txn, arn);
    RemoveTags(call.txn.Edit(collection, arn)["_tags"], Items(call.input, "TagKeys"));
  }
  return Json::object();
}

Json DescribeTags(Cloud&, Call& call) {
  Json descriptions = Json::array();
  for (const auto& arn : Strings(call.input, "ResourceArns")) {
    const Json& document = *call.txn.Find(CollectionOf(call.txn, arn), arn);
    descriptions.push_back({{"ResourceArn", arn}, {"Tags", Items(document, "_tags")}});
  }
  return {{"TagDescriptions", std::move(descriptions)}};
}

// ---- Limits and policies

Json DescribeAccountLimits(Cloud&, Call& call) {
  const std::pair<const char*, int> limits[] = {
      {"application-load-balancers", kMaxLoadBalancers},
      {"target-groups", kMaxTargetGroups},
      {"targets-per-application-load-balancer", kMaxTargetsPerGroup},
      {"listeners-per-application-load-balancer", kMaxListenersPerLoadBalancer},
      {"rules-per-application-load-balancer", kMaxRulesPerLoadBalancer},
      {"target-groups-per-application-load-balancer", kMaxTargetGroupsPerLoadBalancer},
      {"target-groups-per-action-on-application-load-balancer", kMaxTargetGroupsPerAction},
      {"target-id-registrations-per-application-load-balancer", 1000},
      {"certificates-per-application-load-balancer", kMaxCertificatesPerLoadBalancer},
      {"condition-values-per-alb-rule", kMaxConditionValuesPerRule},
      {"condition-wildcards-per-alb-rule", kMaxWildcardsPerRule},
  };
  std::vector<Json> list;
  for (const auto& [name, max] : limits) list.push_back({{"Name", name}, {"Max", std::to_string(max)}});
  return MarkedPage(call.input, std::move(list), "Limits");
}

struct SslPolicy {
  const char* name;
  std::vector<std::string> protocols;
};

const std::vector<SslPolicy>& SslPolicies() {
  static const std::vector<SslPolicy> kPolicies = {
      {"ELBSecurityPolicy-2016-08", {"TLSv1", "TLSv1.1", "TLSv1.2"}},
      {"ELBSecurityPolicy-FS-1-2-Res-2020-10", {"TLSv1.2"}},
      {"ELBSecurityPolicy-TLS-1-2-2017-01", {"TLSv1.2"}},
      {"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", {"TLSv1.2"}},
      {"ELBSecurityPolicy-TLS13-1-2-2021-06", {"TLSv1.2", "TLSv1.3"}},
      {"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", {"TLSv1.2", "TLSv1.3"}},
      {"ELBSecurityPolicy-TLS13-1-3-2021-06", {"TLSv1.3"}},
  };
  return kPolicies;
}

Json DescribeSslPolicies(Cloud&, Call& call) {
  static constexpr const char* kCiphers12[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
                                               "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"};
  static constexpr const char* kCiphers13[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                               "TLS_CHACHA20_POLY1305_SHA256"};
  const auto names = Strings(call.input, "Names");
  for (const auto& name : names) {
    if (!IsSslPolicy(name)) throw ApiError("SSLPolicyNotFound", fmt::format("SSL policy '{}' not found", name));
  }
  std::vector<Json> list;
  for (const auto& policy : SslPolicies()) {
    if (!names.empty() && std::find(names.begin(), names.end(), policy.name) == names.end()) continue;
    Json ciphers = Json::array();
    const auto add = [&](const char* cipher) {
      ciphers.push_back({{"Name", cipher}, {"Priority", static_cast<int>(ciphers.size()) + 1}});
    };
    if (policy.protocols.back() == "TLSv1.3") std::for_each(std::begin(kCiphers13), std::end(kCiphers13), add);
    if (policy.protocols.front() != "TLSv1.3") std::for_each(std::begin(kCiphers12), std::end(kCiphers12), add);
    list.push_back({{"Name", policy.name},
                    {"SslProtocols", policy.protocols},
                    {"Ciphers", std::move(ciphers)},
                    {"SupportedLoadBalancerTypes", {"application", "network"}}});
  }
  return MarkedPage(call.input, std::move(list), "SslPolicies");
}

}  // namespace

const Json& LoadBalancer(const Txn& txn, std::string_view arn) {
  return Find(txn, kLoadBalancers, arn, "LoadBalancerNotFound", fmt::format("Load balancer '{}' not found", arn));
}
const Json& Listener(const Txn& txn, std::string_view arn) {
  return Find(txn, kListeners, arn, "ListenerNotFound", "One or more listeners not found");
}
const Json& Rule(const Txn& txn, std::string_view arn) {
  return Find(txn, kRules, arn, "RuleNotFound", "One or more rules not found");
}
const Json& TargetGroup(const Txn& txn, std::string_view arn) {
  return Find(txn, kTargetGroups, arn, "TargetGroupNotFound", "One or more target groups not found");
}

bool IsSslPolicy(std::string_view name) {
  return std::any_of(SslPolicies().begin(), SslPolicies().end(), [&](const SslPolicy& p) { return name == p.name; });
}

std::vector<std::string> ListenerArns(const Txn& txn, std::string_view load_balancer_arn) {
  std::vector<std::string> arns;
  for (const auto& [arn, listener] : txn.All(kListeners)) {
    if (Text(listener, "LoadBalancerArn") == load_balancer_arn) arns.push_back(arn);
  }
  return arns;
}

bool IsDefault(const Json& rule) { return Text(rule, "Priority") == "default"; }

std::vector<const Json*> RulesOf(const Txn& txn, std::string_view listener_arn) {
  std::vector<const Json*> rules;
  for (const auto& [arn, rule] : txn.All(kRules)) {
    if (Text(rule, "_listener") == listener_arn) rules.push_back(&rule);
  }
  const auto order = [](const Json* rule) { return IsDefault(*rule) ? 1000000 : std::stoi(Text(*rule, "Priority")); };
  std::sort(rules.begin(), rules.end(), [&](const Json* a, const Json* b) { return order(a) < order(b); });
  return rules;
}

void UpdateAssociations(Txn& txn) {
  std::map<std::string, std::set<std::string>> users;    // target group → load balancers
  std::map<std::string, std::set<std::string>> forward;  // load balancer → target groups
  for (const auto& [arn, rule] : txn.All(kRules)) {
    const Json* listener = txn.Find(kListeners, Text(rule, "_listener"));
    if (listener == nullptr) continue;
    const std::string load_balancer = Text(*listener, "LoadBalancerArn");
    for (const auto& group : ForwardedTo(Items(rule, "Actions"))) {
      users[group].insert(load_balancer);
      forward[load_balancer].insert(group);
    }
  }
  for (const auto& [group, load_balancers] : users) {
    if (load_balancers.size() > 1) {
      throw ApiError(
          "TargetGroupAssociationLimit",
          fmt::format("The following target groups cannot be associated with more than one load balancer: {}", group));
    }
  }
  for (const auto& [load_balancer, groups] : forward) {
    if (groups.size() > static_cast<std::size_t>(kMaxTargetGroupsPerLoadBalancer)) {
      throw ApiError("TooManyUniqueTargetGroupsPerLoadBalancer",
                     fmt::format("The maximum number of unique target groups per load balancer across all listeners, "
                                 "'{}', has been reached",
                                 kMaxTargetGroupsPerLoadBalancer));
    }
  }
  std::vector<std::string> changed;
  for (const auto& [arn, group] : txn.All(kTargetGroups)) {
    if (Items(group, "LoadBalancerArns") != Json(users[arn])) changed.push_back(arn);
  }
  for (const auto& arn : changed) txn.Edit(kTargetGroups, arn)["LoadBalancerArns"] = users[arn];
}

Json CheckTags(const Json& tags) {
  std::set<std::string> keys;
  for (const auto& tag : tags) {
    if (!keys.insert(Text(tag, "Key")).second) {
      throw ApiError("DuplicateTagKeys",
                     fmt::format("The tag key '{}' was specified more than once", Text(tag, "Key")));
    }
  }
  if (tags.size() > static_cast<std::size_t>(kMaxTags)) {
    throw ApiError("TooManyTags", fmt::format("The maximum number of tags, '{}', has been exceeded", kMaxTags));
  }
  Json list = Json::array();
  MergeTags(list, tags);
  return list;
}

Json MarkedPage(const Json& input, std::vector<Json> documents, const char* member) {
  const std::string marker = Text(input, "Marker");
  std::size_t begin = 0;
  if (!marker.empty()) {
    const bool digits = marker.size() < 10 &&
                        std::all_of(marker.begin(), marker.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!digits) throw ApiError("ValidationError", fmt::format("The marker '{}' is not valid", marker));
    begin = std::min(documents.size(), static_cast<std::size_t>(std::stoul(marker)));
  }
  const std::size_t end = std::min(documents.size(), begin + static_cast<std::size_t>(Number(input, "PageSize", 400)));
  Json page{{member, Json::array()}};
  for (std::size_t i = begin; i < end; ++i) page[member].push_back(std::move(documents[i]));
  if (end < documents.size()) page["NextMarker"] = std::to_string(end);
  return page;
}

void RegisterLoadBalancers(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "elbv2",
                   {{"CreateLoadBalancer", CreateLoadBalancer},
                    {"DescribeLoadBalancers", DescribeLoadBalancers},
                    {"DeleteLoadBalancer", DeleteLoadBalancer},
                    {"DescribeLoadBalancerAttributes", DescribeLoadBalancerAttributes},
                    {"ModifyLoadBalancerAttributes", ModifyLoadBalancerAttributes},
                    {"SetSubnets", SetSubnets},
                    {"SetSecurityGroups", SetSecurityGroups, Effect::kRecorded},
                    {"SetIpAddressType", SetIpAddressType, Effect::kRecorded},
                    {"AddTags", AddTags},
                    {"RemoveTags", RemoveTagsOf},
                    {"DescribeTags", DescribeTags},
                    {"DescribeAccountLimits", DescribeAccountLimits},
                    {"DescribeSSLPolicies", DescribeSslPolicies}});
}

}  // namespace elbv2

void RegisterElbv2(Api& api, Cloud& cloud) {
  elbv2::RegisterLoadBalancers(api, cloud);
  elbv2::RegisterListeners(api, cloud);
  elbv2::RegisterTargetGroups(api, cloud);
}

}  // namespace adhoc::localcloud
