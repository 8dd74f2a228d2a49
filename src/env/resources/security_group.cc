#include <fmt/format.h>

#include <map>
#include <utility>

#include "env/names.h"
#include "env/resources/network_internal.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

class SecurityGroup final : public Resource {
 public:
  SecurityGroup(const std::string& shared, const std::string& suffix, std::string description,
                std::vector<IngressRule> ingress)
      : Resource("security group", Join(shared, suffix)),
        description_(std::move(description)),
        ingress_(std::move(ingress)) {
    DependsOn("vpc " + Join(shared, "vpc"));
    for (const auto& rule : ingress_) {
      if (!rule.security_group.empty() && rule.security_group != id()) DependsOn(rule.security_group);
    }
  }

  std::optional<Json> Read(Context& context) override {
    const Json found = context.Call("ec2", "DescribeSecurityGroups", ByName(context, name()));
    if (found.value("SecurityGroups", Json::array()).empty()) return std::nullopt;
    Json group = found["SecurityGroups"][0];
    return Json{{"id", group["GroupId"]}, {"permissions", group.value("IpPermissions", Json::array())}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    const Rules wanted = Wanted(context, observed["id"]);
    const Rules actual = Flatten(observed["permissions"]);
    for (const auto& [rule, permission] : wanted) {
      if (!actual.contains(rule)) differences.push_back({.what = "ingress", .to = rule});
    }
    for (const auto& [rule, permission] : actual) {
      if (!wanted.contains(rule)) differences.push_back({.what = "ingress", .from = rule});
    }
    return differences;
  }

  Json Create(Context& context) override {
    const Json made = context.Call("ec2", "CreateSecurityGroup",
                                   {{"GroupName", name()},
                                    {"Description", description_},
                                    {"VpcId", VpcId(context)},
                                    {"TagSpecifications", TagSpecifications(context, "security-group", name())}});
    return Update(context, {{"id", made["GroupId"]}, {"permissions", Json::array()}});
  }

  Json Update(Context& context, const Json& observed) override {
    const std::string group = observed["id"];
    const Rules wanted = Wanted(context, group);
    const Rules actual = Flatten(observed["permissions"]);
    for (const auto& [rule, permission] : wanted) {
      if (actual.contains(rule)) continue;
      context.CallUnless({"InvalidPermission.Duplicate"}, "ec2", "AuthorizeSecurityGroupIngress",
                         {{"GroupId", group}, {"IpPermissions", Json::array({permission})}});
    }
    for (const auto& [rule, permission] : actual) {
      if (wanted.contains(rule)) continue;
      context.CallUnless({"InvalidPermission.NotFound"}, "ec2", "RevokeSecurityGroupIngress",
                         {{"GroupId", group}, {"IpPermissions", Json::array({permission})}});
    }
    return {{"id", group}};
  }

  void Delete(Context& context, const Json& observed) override {
    context.WaitWhileRefused({"DependencyViolation"}, id() + " to be unused", [&] {
      context.CallUnless({"InvalidGroup.NotFound"}, "ec2", "DeleteSecurityGroup", {{"GroupId", observed["id"]}});
    });
  }

 private:
  // As a person reads it, `tcp 5432-5432 from sg-1234`, and as a permission with that one source.
  using Rules = std::map<std::string, Json>;

  Rules Wanted(Context& context, const std::string& own_id) const {
    Json permissions = Json::array();
    for (const auto& rule : ingress_) {
      Json permission = {{"IpProtocol", "tcp"}, {"FromPort", rule.from_port}, {"ToPort", rule.to_port}};
      if (!rule.cidr.empty()) {
        permission["IpRanges"] = Json::array({{{"CidrIp", rule.cidr}}});
      } else {
        const auto other = context.Find(rule.security_group);  // absent while planning what is not made yet
        const Json source = rule.security_group == id() ? Json(own_id)
                            : other                     ? (*other)["id"]
                                                        : Json(rule.security_group);
        permission["UserIdGroupPairs"] = Json::array({{{"GroupId", source}}});
      }
      permissions.push_back(std::move(permission));
    }
    return Flatten(permissions);
  }

  static Rules Flatten(const Json& permissions) {
    static constexpr std::pair<const char*, const char*> kSources[] = {{"IpRanges", "CidrIp"},
                                                                       {"Ipv6Ranges", "CidrIpv6"},
                                                                       {"PrefixListIds", "PrefixListId"},
                                                                       {"UserIdGroupPairs", "GroupId"}};
    Rules rules;
    for (const Json& permission : permissions) {
      const std::string protocol = permission.value("IpProtocol", "");
      Json ports = {{"IpProtocol", protocol}};
      std::string text = protocol == "-1" ? "everything" : protocol;
      if (permission.contains("FromPort")) {  // every protocol has no ports
        ports["FromPort"] = permission["FromPort"];
        ports["ToPort"] = permission["ToPort"];
        text += fmt::format(" {}-{}", permission["FromPort"].get<int>(), permission["ToPort"].get<int>());
      }
      for (const auto& [list, name] : kSources) {
        for (const Json& source : permission.value(list, Json::array())) {
          Json one = ports;
          one[list] = Json::array({{{name, source[name]}}});
          rules.emplace(fmt::format("{} from {}", text, source[name].get<std::string>()), std::move(one));
        }
      }
    }
    return rules;
  }

  const std::string description_;
  const std::vector<IngressRule> ingress_;
};

}  // namespace

ResourcePtr MakeSecurityGroup(const std::string& shared, const std::string& suffix, const std::string& description,
                              std::vector<IngressRule> ingress) {
  return std::make_unique<SecurityGroup>(shared, suffix, description, std::move(ingress));
}

}  // namespace adhoc::env
