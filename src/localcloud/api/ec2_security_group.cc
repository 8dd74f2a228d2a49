// Security groups. Rules are documents of their own (sgr-…), from which a group's IpPermissions are put together;
// nothing filters packets by them.
#include <algorithm>
#include <optional>

#include "localcloud/api/ec2_internal.h"
#include "localcloud/network/ipv4.h"

namespace adhoc::localcloud::ec2 {
namespace {

std::string NormalProtocol(std::string protocol) {
  protocol = ToLower(protocol);
  if (protocol == "6") return "tcp";
  if (protocol == "17") return "udp";
  if (protocol == "1") return "icmp";
  if (protocol == "58") return "icmpv6";
  if (protocol == "all") return "-1";
  return protocol;
}

// Group names are accepted for the default VPC's groups, as ever.
std::string GroupIdOf(const Call& call, const Json& input) {
  if (const std::string id = Text(input, "GroupId"); !id.empty()) {
    Get(call, kSecurityGroups, id);
    return id;
  }
  const std::string name = Text(input, "GroupName");
  for (const auto& id : IdsWith(call.txn, kSecurityGroups, "GroupName", name)) {
    const Json* vpc = call.txn.Find(kVpcs, Text(*call.txn.Find(kSecurityGroups, id), "VpcId"));
    if (vpc != nullptr && Flag(*vpc, "IsDefault")) return id;
  }
  throw ApiError("InvalidGroup.NotFound", "The security group '" + name + "' does not exist in default VPC");
}

// One rule per source, without ids.
std::vector<Json> RulesOf(const Call& call, const std::string& group_id, bool egress, const Json& permissions) {
  const Json& group = Get(call, kSecurityGroups, group_id);
  std::vector<Json> rules;
  for (const auto& permission : permissions) {
    const std::string protocol = NormalProtocol(Text(permission, "IpProtocol"));
    const bool ports = protocol == "tcp" || protocol == "udp" || protocol == "icmp" || protocol == "icmpv6";
    if ((protocol == "tcp" || protocol == "udp") &&
        (!permission.contains("FromPort") || !permission.contains("ToPort"))) {
      throw ApiError("MissingParameter",
                     "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
    }
    const std::int64_t from = ports ? Number(permission, "FromPort", -1) : -1;
    const std::int64_t to = ports ? Number(permission, "ToPort", -1) : -1;
    if ((protocol == "tcp" || protocol == "udp") && (from > to || from < 0 || to > 65535)) {
      throw ApiError("InvalidParameterValue", "Invalid value '" + std::to_string(from) +
                                                  "' for portRange. From port must not be greater than to port.");
    }
    const Json base{{"GroupId", group_id}, {"GroupOwnerId", group["OwnerId"]},
                    {"IsEgress", egress},  {"IpProtocol", protocol},
                    {"FromPort", from},    {"ToPort", to}};
    const auto add = [&](const Json& source, const char* member, Json value) {
      Json rule = base;
      rule[member] = std::move(value);
      CopyMembers(source, rule, {"Description"});
      rules.push_back(std::move(rule));
    };
    for (const auto& source : Items(permission, "IpRanges")) {
      const std::string cidr = Text(source, "CidrIp");
      const auto range = Ipv4Range::Parse(cidr);
      if (!range) throw ApiError("InvalidParameterValue", "CIDR block " + cidr + " is malformed");
      add(source, "CidrIpv4", range->ToString());
    }
    for (const auto& source : Items(permission, "Ipv6Ranges")) add(source, "CidrIpv6", Text(source, "CidrIpv6"));
    for (const auto& source : Items(permission, "PrefixListIds"))
      add(source, "PrefixListId", Text(source, "PrefixListId"));
    for (const auto& source : Items(permission, "UserIdGroupPairs")) {
      const std::string other = GroupIdOf(call, source);
      add(source, "ReferencedGroupInfo",
          {{"GroupId", other}, {"UserId", Text(source, "UserId", Text(group, "OwnerId"))}});
    }
  }
  return rules;
}

// The permissions of a call in the list form; the one-rule form (CidrIp, FromPort …) becomes a list of one.
Json PermissionsOf(const Json& input) {
  if (input.contains("IpPermissions")) return input["IpPermissions"];
  if (!input.contains("CidrIp") && !input.contains("SourceSecurityGroupName")) return Json::array();
  Json permission{{"IpProtocol", Text(input, "IpProtocol", "-1")}};
  CopyMembers(input, permission, {"FromPort", "ToPort"});
  if (input.contains("CidrIp")) permission["IpRanges"] = {{{"CidrIp", input["CidrIp"]}}};
  if (input.contains("SourceSecurityGroupName"))
    permission["UserIdGroupPairs"] = {{{"GroupName", input["SourceSecurityGroupName"]}}};
  return Json::array({permission});
}

bool SameRule(const Json& a, const Json& b) {
  for (const char* member :
       {"GroupId", "IsEgress", "IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId"}) {
    if (a.value(member, Json()) != b.value(member, Json())) return false;
  }
  return Text(Fields(a, "ReferencedGroupInfo"), "GroupId") == Text(Fields(b, "ReferencedGroupInfo"), "GroupId");
}

std::optional<std::string> FindRule(const Store::Transaction& txn, const Json& wanted) {
  for (const auto& [id, rule] : txn.All(kRules)) {
    if (SameRule(rule, wanted)) return id;
  }
  return std::nullopt;
}

std::string PeerOf(const Json& rule) {
  for (const char* member : {"CidrIpv4", "CidrIpv6", "PrefixListId"}) {
    if (rule.contains(member)) return Text(rule, member);
  }
  return Text(Fields(rule, "ReferencedGroupInfo"), "GroupId");
}

Json PutRule(Cloud& cloud, Store::Transaction& txn, Json rule, const Json& tags) {
  const std::string id = NewId(cloud, "sgr-");
  rule["SecurityGroupRuleId"] = id;
  rule["Tags"] = tags;
  txn.Put(kRules, id, rule);
  return rule;
}

Json Authorize(Cloud& cloud, Call& call, bool egress) {
  const std::string group_id = GroupIdOf(call, call.input);
  const auto rules = RulesOf(call, group_id, egress, PermissionsOf(call.input));
  if (rules.empty()) throw ApiError("MissingParameter", "The request must contain the parameter IpPermissions");
  Json added = Json::array();
  for (const auto& rule : rules) {
    if (FindRule(call.txn, rule)) {
      const std::string protocol = Text(rule, "IpProtocol");
      std::string upper = protocol == "-1" ? "ALL" : protocol;
      std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
      std::string ports;
      if (protocol != "-1") {
        ports = ", from port: " + std::to_string(Number(rule, "FromPort")) +
                ", to port: " + std::to_string(Number(rule, "ToPort"));
      }
      throw ApiError("InvalidPermission.Duplicate",
                     "the specified rule \"peer: " + PeerOf(rule) + ", " + upper + ports + ", ALLOW\" already exists");
    }
    added.push_back(PutRule(cloud, call.txn, rule, TagsFor(call.input, "security-group-rule")));
  }
  return {{"Return", true}, {"SecurityGroupRules", std::move(added)}};
}

Json Revoke(Call& call, bool egress) {
  const std::string group_id = GroupIdOf(call, call.input);
  for (const auto& id : Strings(call.input, "SecurityGroupRuleIds")) {
    if (Text(Get(call, kRules, id), "GroupId") != group_id) {
      throw ApiError("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '" + id + "' does not exist");
    }
    call.txn.Erase(kRules, id);
  }
  for (const auto& rule : RulesOf(call, group_id, egress, PermissionsOf(call.input))) {
    const auto id = FindRule(call.txn, rule);
    if (!id) throw ApiError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    call.txn.Erase(kRules, *id);
  }
  return {{"Return", true}};
}

Json AuthorizeIngress(Cloud& cloud, Call& call) { return Authorize(cloud, call, false); }
Json AuthorizeEgress(Cloud& cloud, Call& call) { return Authorize(cloud, call, true); }
Json RevokeIngress(Cloud&, Call& call) { return Revoke(call, false); }
Json RevokeEgress(Cloud&, Call& call) { return Revoke(call, true); }

Json UpdateDescriptions(Call& call, bool egress) {
  const std::string group_id = GroupIdOf(call, call.input);
  for (const auto& change : Items(call.input, "SecurityGroupRuleDescriptions")) {
    Edit(call, kRules, Text(change, "SecurityGroupRuleId"))["Description"] = Text(change, "Description");
  }
  for (const auto& rule : RulesOf(call, group_id, egress, Items(call.input, "IpPermissions"))) {
    const auto id = FindRule(call.txn, rule);
    if (!id) throw ApiError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.");
    Json& stored = call.txn.Edit(kRules, *id);
    stored.erase("Description");
    CopyMembers(rule, stored, {"Description"});
  }
  return {{"Return", true}};
}

Json UpdateDescriptionsIngress(Cloud&, Call& call) { return UpdateDescriptions(call, false); }
Json UpdateDescriptionsEgress(Cloud&, Call& call) { return UpdateDescriptions(call, true); }

Json ModifySecurityGroupRules(Cloud&, Call& call) {
  for (const auto& change : Items(call.input, "SecurityGroupRules")) {
    const std::string id = Text(change, "SecurityGroupRuleId");
    Json& rule = Edit(call, kRules, id);
    const Json& wanted = Fields(change, "SecurityGroupRule");
    for (const char* source : {"CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupInfo", "Description"})
      rule.erase(source);
    CopyMembers(wanted, rule, {"CidrIpv4", "CidrIpv6", "PrefixListId", "Description", "FromPort", "ToPort"});
    if (wanted.contains("IpProtocol")) rule["IpProtocol"] = NormalProtocol(Text(wanted, "IpProtocol"));
    if (wanted.contains("ReferencedGroupId")) {
      rule["ReferencedGroupInfo"] = {{"GroupId", wanted["ReferencedGroupId"]}, {"UserId", rule["GroupOwnerId"]}};
    }
  }
  return {{"Return", true}};
}

// Rules with the same protocol and ports make one permission.
Json PermissionsFrom(const std::vector<const Json*>& rules) {
  Json permissions = Json::array();
  for (const Json* rule : rules) {
    Json* permission = nullptr;
    for (auto& candidate : permissions) {
      if (candidate["IpProtocol"] == (*rule)["IpProtocol"] &&
          Number(candidate, "FromPort", -1) == Number(*rule, "FromPort", -1) &&
          Number(candidate, "ToPort", -1) == Number(*rule, "ToPort", -1)) {
        permission = &candidate;
      }
    }
    if (permission == nullptr) {
      permissions.push_back({{"IpProtocol", (*rule)["IpProtocol"]},
                             {"IpRanges", Json::array()},
                             {"Ipv6Ranges", Json::array()},
                             {"PrefixListIds", Json::array()},
                             {"UserIdGroupPairs", Json::array()}});
      permission = &permissions.back();
      if (Text(*rule, "IpProtocol") != "-1") CopyMembers(*rule, *permission, {"FromPort", "ToPort"});
    }
    const auto add = [&](const char* list, Json source) {
      CopyMembers(*rule, source, {"Description"});
      (*permission)[list].push_back(std::move(source));
    };
    if (rule->contains("CidrIpv4")) add("IpRanges", {{"CidrIp", (*rule)["CidrIpv4"]}});
    if (rule->contains("CidrIpv6")) add("Ipv6Ranges", {{"CidrIpv6", (*rule)["CidrIpv6"]}});
    if (rule->contains("PrefixListId")) add("PrefixListIds", {{"PrefixListId", (*rule)["PrefixListId"]}});
    if (rule->contains("ReferencedGroupInfo")) {
      add("UserIdGroupPairs", {{"GroupId", (*rule)["ReferencedGroupInfo"]["GroupId"]},
                               {"UserId", (*rule)["ReferencedGroupInfo"]["UserId"]}});
    }
  }
  return permissions;
}

Json GroupAnswer(const Call& call, const Json& group) {
  const std::string id = Text(group, "GroupId");
  std::vector<const Json*> ingress;
  std::vector<const Json*> egress;
  for (const auto& [rule_id, rule] : call.txn.All(kRules)) {
    if (Text(rule, "GroupId") == id) (Flag(rule, "IsEgress") ? egress : ingress).push_back(&rule);
  }
  Json answer = group;
  answer["IpPermissions"] = PermissionsFrom(ingress);
  answer["IpPermissionsEgress"] = PermissionsFrom(egress);
  return answer;
}

Json MakeGroup(Cloud& cloud, Store::Transaction& txn, const std::string& vpc_id, const std::string& name,
               const std::string& description, const Json& tags) {
  const std::string id = NewId(cloud, "sg-");
  Json group{{"GroupId", id},
             {"GroupName", name},
             {"Description", description},
             {"VpcId", vpc_id},
             {"OwnerId", cloud.settings.account},
             {"Tags", tags}};
  txn.Put(kSecurityGroups, id, group);
  PutRule(cloud, txn,
          {{"GroupId", id},
           {"GroupOwnerId", cloud.settings.account},
           {"IsEgress", true},
           {"IpProtocol", "-1"},
           {"FromPort", -1},
           {"ToPort", -1},
           {"CidrIpv4", "0.0.0.0/0"}},
          Json::array());
  return group;
}

Json CreateSecurityGroup(Cloud& cloud, Call& call) {
  std::string vpc_id = Text(call.input, "VpcId");
  if (vpc_id.empty()) {
    for (const auto& [id, vpc] : call.txn.All(kVpcs)) {
      if (Flag(vpc, "IsDefault")) vpc_id = id;
    }
    if (vpc_id.empty()) throw ApiError("VPCIdNotSpecified", "No default VPC for this user");
  }
  Get(call, kVpcs, vpc_id);
  const std::string name = Text(call.input, "GroupName");
  if (StartsWith(name, "sg-")) {
    throw ApiError("InvalidParameterValue",
                   "Invalid value '" + name + "' for groupName. The group name may not be in the format sg-*.");
  }
  for (const auto& other : IdsWith(call.txn, kSecurityGroups, "VpcId", vpc_id)) {
    if (Text(*call.txn.Find(kSecurityGroups, other), "GroupName") == name) {
      throw ApiError("InvalidGroup.Duplicate",
                     "The security group '" + name + "' already exists for VPC '" + vpc_id + "'");
    }
  }
  const Json tags = TagsFor(call.input, "security-group");
  const Json group = MakeGroup(cloud, call.txn, vpc_id, name, Text(call.input, "Description"), tags);
  return {{"GroupId", group["GroupId"]}, {"Tags", tags}};
}

Json DescribeSecurityGroups(Cloud&, Call& call) {
  Json& input = call.input;
  if (input.contains("GroupNames")) {
    Json& filters = input["Filters"];
    if (!filters.is_array()) filters = Json::array();
    filters.push_back({{"Name", "group-name"}, {"Values", input["GroupNames"]}});
  }
  return Describe(call, {.collection = kSecurityGroups,
                         .ids_input = "GroupIds",
                         .output = "SecurityGroups",
                         .filters = {{"ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"},
                                     {"ip-permission.from-port", "IpPermissions.FromPort"},
                                     {"ip-permission.to-port", "IpPermissions.ToPort"},
                                     {"ip-permission.protocol", "IpPermissions.IpProtocol"},
                                     {"ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"},
                                     {"egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"}},
                         .answer = GroupAnswer});
}

Json DescribeSecurityGroupRules(Cloud&, Call& call) {
  return Describe(call, {.collection = kRules, .ids_input = "SecurityGroupRuleIds", .output = "SecurityGroupRules"});
}

Json DeleteSecurityGroup(Cloud&, Call& call) {
  const std::string id = GroupIdOf(call, call.input);
  if (Text(Get(call, kSecurityGroups, id), "GroupName") == "default") {
    throw ApiError("CannotDelete", "the specified group: \"" + id + "\" name: \"default\" cannot be deleted by a user");
  }
  bool used = false;
  for (const auto& [interface_id, interface] : call.txn.All(kInterfaces)) {
    const auto groups = FieldValues(interface, "Groups.GroupId");
    used = used || std::find(groups.begin(), groups.end(), id) != groups.end();
  }
  for (const auto& [rule_id, rule] : call.txn.All(kRules)) {
    used = used || (Text(rule, "GroupId") != id && Text(Fields(rule, "ReferencedGroupInfo"), "GroupId") == id);
  }
  if (used) throw ApiError("DependencyViolation", "resource " + id + " has a dependent object");
  RemoveRulesOf(call.txn, id);
  call.txn.Erase(kSecurityGroups, id);
  return Json::object();
}

}  // namespace

void CreateDefaultSecurityGroup(Cloud& cloud, Store::Transaction& txn, const Json& vpc) {
  const Json group = MakeGroup(cloud, txn, Text(vpc, "VpcId"), "default", "default VPC security group", Json::array());
  PutRule(cloud, txn,
          {{"GroupId", group["GroupId"]},
           {"GroupOwnerId", cloud.settings.account},
           {"IsEgress", false},
           {"IpProtocol", "-1"},
           {"FromPort", -1},
           {"ToPort", -1},
           {"ReferencedGroupInfo", {{"GroupId", group["GroupId"]}, {"UserId", cloud.settings.account}}}},
          Json::array());
}

void RemoveRulesOf(Store::Transaction& txn, std::string_view group_id) {
  for (const auto& id : IdsWith(txn, kRules, "GroupId", group_id)) txn.Erase(kRules, id);
}

void RegisterSecurityGroups(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"AuthorizeSecurityGroupEgress", AuthorizeEgress, Effect::kRecorded},
            {"AuthorizeSecurityGroupIngress", AuthorizeIngress, Effect::kRecorded},
            {"CreateSecurityGroup", CreateSecurityGroup, Effect::kRecorded},
            {"DeleteSecurityGroup", DeleteSecurityGroup, Effect::kRecorded},
            {"DescribeSecurityGroupRules", DescribeSecurityGroupRules},
            {"DescribeSecurityGroups", DescribeSecurityGroups},
            {"ModifySecurityGroupRules", ModifySecurityGroupRules, Effect::kRecorded},
            {"RevokeSecurityGroupEgress", RevokeEgress, Effect::kRecorded},
            {"RevokeSecurityGroupIngress", RevokeIngress, Effect::kRecorded},
            {"UpdateSecurityGroupRuleDescriptionsEgress", UpdateDescriptionsEgress, Effect::kRecorded},
            {"UpdateSecurityGroupRuleDescriptionsIngress", UpdateDescriptionsIngress, Effect::kRecorded}});
}

}  // namespace adhoc::localcloud::ec2
