#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <regex>

#include "localcloud/api/elbv2_internal.h"
#include "localcloud/api/support.h"

namespace adhoc::localcloud::elbv2 {
namespace {

using Txn = Store::Transaction;

ApiError Invalid(const std::string& message) { return {"ValidationError", message}; }

std::string TargetKey(const std::string& group, const std::string& id, std::int64_t port) {
  return fmt::format("{}|{}|{}", group, id, port);
}

// The keys of a group's targets.
std::vector<std::string> TargetKeys(const Txn& txn, const std::string& group) {
  const auto& targets = txn.All(kTargets);
  std::vector<std::string> keys;
  for (auto it = targets.lower_bound(group + "|"); it != targets.end() && StartsWith(it->first, group + "|"); ++it) {
    keys.push_back(it->first);
  }
  return keys;
}

const std::map<std::string, std::string, std::less<>>& DefaultAttributes() {
  static const std::map<std::string, std::string, std::less<>> kDefaults = {
      {"deregistration_delay.timeout_seconds", "300"},
      {"load_balancing.algorithm.anomaly_mitigation", "off"},
      {"load_balancing.algorithm.type", "round_robin"},
      {"load_balancing.cross_zone.enabled", "use_load_balancer_configuration"},
      {"slow_start.duration_seconds", "0"},
      {"stickiness.app_cookie.cookie_name", ""},
      {"stickiness.app_cookie.duration_seconds", "86400"},
      {"stickiness.enabled", "false"},
      {"stickiness.lb_cookie.duration_seconds", "86400"},
      {"stickiness.type", "lb_cookie"},
      {"target_group_health.dns_failover.minimum_healthy_targets.count", "1"},
      {"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"},
      {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"},
      {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"},
  };
  return kDefaults;
}

void CheckAttribute(const std::string& key, const std::string& value) {
  const auto fail = [&](const std::string& why) {
    throw Invalid(fmt::format("Target group attribute '{}' value '{}' {}", key, value, why));
  };
  if (!DefaultAttributes().contains(key)) {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Target group attribute key '{}' is not recognized", key));
  }
  const auto check_range = [&](int low, int high) {
    const bool digits = !value.empty() && value.size() <= 6 &&
                        std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (!digits || std::stoi(value) < low || std::stoi(value) > high) {
      fail(fmt::format("must be between {} and {}", low, high));
    }
  };
  if (key == "deregistration_delay.timeout_seconds") check_range(0, 3600);
  if (key == "slow_start.duration_seconds" && value != "0") check_range(30, 900);
  if (key.ends_with("cookie.duration_seconds")) check_range(1, 604800);
  if (key == "stickiness.enabled" && value != "true" && value != "false") fail("must be true or false");
  if (key == "stickiness.type" && value != "lb_cookie" && value != "app_cookie")
    fail("must be lb_cookie or app_cookie");
  if (key == "load_balancing.algorithm.anomaly_mitigation" && value != "on" && value != "off")
    fail("must be on or off");
  if (key == "stickiness.app_cookie.cookie_name") {
    // AWS allows every token of RFC 7230; names that occur have nothing but these.
    const bool allowed = std::all_of(value.begin(), value.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (!allowed) fail("is not the name of a cookie");
    for (const auto reserved : {"AWSALB", "AWSALBAPP", "AWSALBTG"}) {
      if (value == reserved) fail("is reserved for use by the load balancer");
    }
  }
  if (key == "load_balancing.algorithm.type" && value != "round_robin" && value != "least_outstanding_requests" &&
      value != "weighted_random") {
    fail("must be round_robin, least_outstanding_requests or weighted_random");
  }
}

// What may not go together.
void CheckAttributes(const Json& attributes) {
  const auto is = [&](const char* key, std::string_view value) { return Text(attributes, key) == value; };
  const auto refuse = [](const std::string& why) { throw ApiError("InvalidConfigurationRequest", why); };
  const bool slow_start = !is("slow_start.duration_seconds", "0");
  if (slow_start && is("load_balancing.algorithm.type", "least_outstanding_requests")) {
    refuse("You cannot enable both slow start and least outstanding requests algorithm on a target group");
  }
  if (slow_start && is("load_balancing.algorithm.type", "weighted_random")) {
    refuse("You cannot enable both slow start and weighted random algorithm on a target group");
  }
  if (is("load_balancing.algorithm.anomaly_mitigation", "on") &&
      !is("load_balancing.algorithm.type", "weighted_random")) {
    refuse("You can enable anomaly mitigation only with the weighted random algorithm on a target group");
  }
  if (is("stickiness.enabled", "true") && is("stickiness.type", "app_cookie") &&
      is("stickiness.app_cookie.cookie_name", "")) {
    refuse("You must specify 'stickiness.app_cookie.cookie_name' when 'stickiness.type' is 'app_cookie'");
  }
}

Json AttributeList(const Json& attributes) {
  Json list = Json::array();
  for (const auto& [key, value] : attributes.items()) list.push_back({{"Key", key}, {"Value", value}});
  return list;
}

void CheckName(const std::string& name) {
  const auto fail = [&](const std::string& why) { throw Invalid(fmt::format("Target group name '{}' {}", name, why)); };
  if (name.empty() || name.size() > 32) fail("cannot be longer than '32' characters");
  if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; })) {
    fail("can only contain characters that are alphanumeric characters and hyphens(-)");
  }
  if (name.front() == '-' || name.back() == '-') fail("cannot begin or end with hyphen");
  if (name.starts_with("internal-")) fail("cannot begin with 'internal-'");
}

void CheckHealthCheck(const Json& group) {
  const auto interval = Number(group, "HealthCheckIntervalSeconds");
  const auto timeout = Number(group, "HealthCheckTimeoutSeconds");
  if (timeout >= interval) {
    throw Invalid(fmt::format("Health check timeout '{}' must be smaller than the interval '{}'", timeout, interval));
  }
  const std::string path = Text(group, "HealthCheckPath");
  const bool path_ok = path.starts_with("/") &&
                       std::all_of(path.begin(), path.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!path_ok)
    throw Invalid(
        fmt::format("Health check path '{}' must begin with a '/' character and can only contain printable ASCII "
                    "characters, without spaces",
                    path));
  const std::string port = Text(group, "HealthCheckPort");
  static const std::regex kPort("[1-9][0-9]{0,4}");
  if (port != "traffic-port" && (!std::regex_match(port, kPort) || std::stoi(port) > 65535)) {
    throw Invalid(fmt::format("Health check port '{}' must be 'traffic-port' or in the range 1 - 65535", port));
  }
  const std::string protocol = Text(group, "HealthCheckProtocol");
  if (protocol != "HTTP" && protocol != "HTTPS") {
    throw Invalid(fmt::format("Health check protocol '{}' must be one of '[HTTP, HTTPS]'", protocol));
  }
  static const std::regex kCodes("[2-4][0-9]{2}(-[2-4][0-9]{2})?(,[2-4][0-9]{2}(-[2-4][0-9]{2})?)*");
  const std::string codes = Text(Fields(group, "Matcher"), "HttpCode");
  if (!std::regex_match(codes, kCodes)) {
    throw Invalid(fmt::format("Health check matcher HTTP code '{}' must be within '200-499' inclusive", codes));
  }
}

constexpr auto kHealthCheckMembers = {
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckEnabled",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "HealthCheckIntervalSeconds",
    "Matcher",
};

Json CreateTargetGroup(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string name = Text(call.input, "Name");
  CheckName(name);
  const std::string protocol = Text(call.input, "Protocol");
  if (protocol.empty()) throw Invalid("A protocol must be specified");
  if (protocol != "HTTP" && protocol != "HTTPS") {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Target group protocol '{}' is not supported by the local cloud", protocol));
  }
  const std::string type = Text(call.input, "TargetType", "instance");
  if (type == "lambda" || type == "alb") {
    throw ApiError("InvalidConfigurationRequest",
                   fmt::format("Target type '{}' is not supported by the local cloud", type));
  }
  if (!call.input.contains("Port")) throw Invalid("A port must be specified");
  const std::string vpc = Text(call.input, "VpcId");
  if (vpc.empty()) throw Invalid("A VPC ID must be specified");
  if (txn.Find("ec2.vpcs", vpc) == nullptr) throw Invalid(fmt::format("The VPC ID '{}' is not found", vpc));
  Json group{{"TargetGroupName", name},
             {"Protocol", protocol},
             {"Port", call.input["Port"]},
             {"VpcId", vpc},
             {"HealthCheckProtocol", "HTTP"},
             {"HealthCheckPort", "traffic-port"},
             {"HealthCheckEnabled", true},
             {"HealthCheckIntervalSeconds", 30},
             {"HealthCheckTimeoutSeconds", 5},
             {"HealthyThresholdCount", 5},
             {"UnhealthyThresholdCount", 2},
             {"HealthCheckPath", "/"},
             {"Matcher", {{"HttpCode", "200"}}},
             {"TargetType", type},
             {"ProtocolVersion", Text(call.input, "ProtocolVersion", "HTTP1")},
             {"IpAddressType", Text(call.input, "IpAddressType", "ipv4")}};
  // Terraform's provider sends an empty one when none is set, which AWS takes for the default.
  if (group["ProtocolVersion"] == "") group["ProtocolVersion"] = "HTTP1";
  if (group["ProtocolVersion"] != "HTTP1") {
    throw ApiError(
        "InvalidConfigurationRequest",
        fmt::format("Protocol version '{}' is not supported by the local cloud", Text(group, "ProtocolVersion")));
  }
  CopyMembers(call.input, group, kHealthCheckMembers);
  CheckHealthCheck(group);
  if (!Flag(group, "HealthCheckEnabled")) {
    throw Invalid("Health check enabled must be true for target groups with target type 'ip' or 'instance'");
  }
  const Json tags = CheckTags(Items(call.input, "Tags"));

  const auto& all = txn.All(kTargetGroups);
  for (const auto& [arn, existing] : all) {
    if (Text(existing, "TargetGroupName") != name) continue;
    for (const auto& [member, value] : group.items()) {
      if (existing[member] != value) {
        throw ApiError("DuplicateTargetGroupName",
                       fmt::format("A target group with the same name '{}' exists, but with different settings", name));
      }
    }
    return {{"TargetGroups", Json::array({existing})}};
  }
  if (all.size() >= static_cast<std::size_t>(kMaxTargetGroups)) {
    throw ApiError("TooManyTargetGroups",
                   fmt::format("The maximum number of target groups, '{}', has been reached", kMaxTargetGroups));
  }
  const std::string arn =
      cloud.Arn("elasticloadbalancing", fmt::format("targetgroup/{}/{}", name, cloud.random.Hex(16)));
  group["TargetGroupArn"] = arn;
  group["LoadBalancerArns"] = Json::array();
  group["_tags"] = tags;
  group["_attributes"] = Json::object();
  for (const auto& [key, value] : DefaultAttributes()) group["_attributes"][key] = value;
  txn.Put(kTargetGroups, arn, group);
  return {{"TargetGroups", Json::array({std::move(group)})}};
}

Json DescribeTargetGroups(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string load_balancer = Text(call.input, "LoadBalancerArn");
  const auto arns = Strings(call.input, "TargetGroupArns");
  const auto names = Strings(call.input, "Names");
  if (!load_balancer.empty()) LoadBalancer(txn, load_balancer);
  std::vector<Json> found;
  for (const auto& arn : arns) found.push_back(TargetGroup(txn, arn));
  std::set<std::string> missing(names.begin(), names.end());
  for (const auto& [arn, group] : txn.All(kTargetGroups)) {
    const auto& users = Items(group, "LoadBalancerArns");
    const std::string name = Text(group, "TargetGroupName");
    const bool of_load_balancer =
        !load_balancer.empty() && std::find(users.begin(), users.end(), load_balancer) != users.end();
    const bool named = std::find(names.begin(), names.end(), name) != names.end();
    if (of_load_balancer || named || (load_balancer.empty() && arns.empty() && names.empty())) found.push_back(group);
    missing.erase(name);
  }
  if (!missing.empty()) throw ApiError("TargetGroupNotFound", "One or more target groups not found");
  return MarkedPage(call.input, std::move(found), "TargetGroups");
}

Json ModifyTargetGroup(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "TargetGroupArn");
  TargetGroup(call.txn, arn);
  Json& group = call.txn.Edit(kTargetGroups, arn);
  CopyMembers(call.input, group, kHealthCheckMembers);
  CheckHealthCheck(group);
  return {{"TargetGroups", Json::array({group})}};
}

Json DeleteTargetGroup(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "TargetGroupArn");
  const Json* group = txn.Find(kTargetGroups, arn);
  if (group == nullptr) return Json::object();
  if (!Items(*group, "LoadBalancerArns").empty()) {
    throw ApiError("ResourceInUse", fmt::format("Target group '{}' is currently in use by a listener or a rule", arn));
  }
  for (const auto& key : TargetKeys(txn, arn)) txn.Erase(kTargets, key);
  txn.Erase(kTargetGroups, arn);
  return Json::object();
}

Json DescribeTargetGroupAttributes(Cloud&, Call& call) {
  return {{"Attributes", AttributeList(TargetGroup(call.txn, Text(call.input, "TargetGroupArn"))["_attributes"])}};
}

Json ModifyTargetGroupAttributes(Cloud&, Call& call) {
  const std::string arn = Text(call.input, "TargetGroupArn");
  TargetGroup(call.txn, arn);
  Json& group = call.txn.Edit(kTargetGroups, arn);
  for (const auto& attribute : Items(call.input, "Attributes")) {
    CheckAttribute(Text(attribute, "Key"), Text(attribute, "Value"));
    group["_attributes"][Text(attribute, "Key")] = Text(attribute, "Value");
  }
  CheckAttributes(group["_attributes"]);
  return {{"Attributes", AttributeList(group["_attributes"])}};
}

// ---- Targets

void CheckTarget(const Json& group, const Json& target) {
  const std::string id = Text(target, "Id");
  if (Text(group, "TargetType") != "ip") {
    throw ApiError("InvalidTarget", fmt::format("The following targets are not valid instances: '{}'", id));
  }
  in_addr address{};
  if (inet_pton(AF_INET, id.c_str(), &address) != 1) {
    throw Invalid(fmt::format("The IP address '{}' is not a valid IPv4 address", id));
  }
  const std::uint32_t ip = ntohl(address.s_addr);
  const auto within = [&](std::uint32_t network, int bits) { return ip >> (32 - bits) == network >> (32 - bits); };
  if (!within(0x0a000000, 8) && !within(0xac100000, 12) && !within(0xc0a80000, 16) && !within(0x64400000, 10)) {
    throw Invalid(fmt::format("The IP address '{}' is not within a valid VPC or private range", id));
  }
}

Json RegisterTargets(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "TargetGroupArn");
  const Json& group = TargetGroup(txn, arn);
  for (const auto& target : Items(call.input, "Targets")) {
    CheckTarget(group, target);
    const auto port = Number(target, "Port", Number(group, "Port"));
    const std::string key = TargetKey(arn, Text(target, "Id"), port);
    const Json* existing = txn.Find(kTargets, key);
    if (existing != nullptr && Text(Fields(*existing, "TargetHealth"), "State") != "draining") continue;
    Json entry{{"Target", {{"Id", Text(target, "Id")}, {"Port", port}}},
               {"TargetHealth",
                {{"State", "initial"},
                 {"Reason", "Elb.RegistrationInProgress"},
                 {"Description", "Target registration is in progress"}}},
               {"_registered_at", cloud.DueAt(Slow::kTargetRegistration)}};
    if (target.contains("AvailabilityZone")) entry["Target"]["AvailabilityZone"] = target["AvailabilityZone"];
    txn.Put(kTargets, key, std::move(entry));
  }
  if (TargetKeys(txn, arn).size() > static_cast<std::size_t>(kMaxTargetsPerGroup)) {
    throw ApiError("TooManyTargets",
                   fmt::format("The maximum number of targets, '{}', has been reached", kMaxTargetsPerGroup));
  }
  return Json::object();
}

// The keys of the targets that an Id with an optional port means.
std::vector<std::string> Matching(const Txn& txn, const Json& group, const Json& target) {
  const std::string arn = Text(group, "TargetGroupArn");
  const auto port = Number(target, "Port", Number(group, "Port"));
  if (const std::string key = TargetKey(arn, Text(target, "Id"), port); txn.Find(kTargets, key) != nullptr)
    return {key};
  if (target.contains("Port")) return {};
  std::vector<std::string> keys = TargetKeys(txn, arn);
  std::erase_if(keys, [&](const std::string& key) { return !StartsWith(key, arn + "|" + Text(target, "Id") + "|"); });
  return keys;
}

Json DeregisterTargets(Cloud& cloud, Call& call) {
  auto& txn = call.txn;
  const Json& group = TargetGroup(txn, Text(call.input, "TargetGroupArn"));
  for (const auto& target : Items(call.input, "Targets")) {
    for (const auto& key : Matching(txn, group, target)) {
      if (Text(Fields(*txn.Find(kTargets, key), "TargetHealth"), "State") == "draining") continue;
      Json& entry = txn.Edit(kTargets, key);
      entry["TargetHealth"] = {{"State", "draining"},
                               {"Reason", "Target.DeregistrationInProgress"},
                               {"Description", "Target deregistration is in progress"}};
      entry["_draining_since"] = cloud.Now();
    }
  }
  return Json::object();
}

Json DescribeTargetHealth(Cloud&, Call& call) {
  auto& txn = call.txn;
  const std::string arn = Text(call.input, "TargetGroupArn");
  const Json& group = TargetGroup(txn, arn);
  Json descriptions = Json::array();
  const auto describe = [&](const Json& entry) {
    Json description{{"Target", entry["Target"]}, {"TargetHealth", entry["TargetHealth"]}};
    const std::string port = Text(group, "HealthCheckPort");
    description["HealthCheckPort"] = port == "traffic-port" ? std::to_string(Number(entry["Target"], "Port")) : port;
    descriptions.push_back(std::move(description));
  };
  const Json& asked = Items(call.input, "Targets");
  if (asked.empty()) {
    for (const auto& key : TargetKeys(txn, arn)) describe(*txn.Find(kTargets, key));
  }
  for (const auto& target : asked) {
    const auto keys = Matching(txn, group, target);
    for (const auto& key : keys) describe(*txn.Find(kTargets, key));
    if (keys.empty()) {
      Json named = target;
      if (!named.contains("Port")) named["Port"] = group["Port"];
      describe({{"Target", std::move(named)},
                {"TargetHealth",
                 {{"State", "unused"},
                  {"Reason", "Target.NotRegistered"},
                  {"Description", "Target is not registered to the target group"}}}});
    }
  }
  return {{"TargetHealthDescriptions", std::move(descriptions)}};
}

}  // namespace

void RegisterTargetGroups(Api& api, Cloud& cloud) {
  RegisterHandlers(api, cloud, "elbv2",
                   {{"CreateTargetGroup", CreateTargetGroup},
                    {"DescribeTargetGroups", DescribeTargetGroups},
                    {"ModifyTargetGroup", ModifyTargetGroup},
                    {"DeleteTargetGroup", DeleteTargetGroup},
                    {"DescribeTargetGroupAttributes", DescribeTargetGroupAttributes},
                    {"ModifyTargetGroupAttributes", ModifyTargetGroupAttributes},
                    {"RegisterTargets", RegisterTargets},
                    {"DeregisterTargets", DeregisterTargets},
                    {"DescribeTargetHealth", DescribeTargetHealth}});
}

}  // namespace adhoc::localcloud::elbv2
