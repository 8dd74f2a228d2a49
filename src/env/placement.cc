#include "env/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "env/existing.h"
#include "env/names.h"
#include "env/quota.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

constexpr int kDefaultRules = 100;
constexpr int kDefaultBalancers = 50;

// The part of an ARN's resource with this index: 1 of "targetgroup/alpha-web/0123456789abcdef" is alpha-web.
std::string PartOf(const std::string& arn, int index) {
  std::size_t begin = 0;
  for (; index > 0; --index) begin = std::min(arn.size(), arn.find('/', begin)) + 1;
  return begin > arn.size() ? "" : arn.substr(begin, arn.find('/', begin) - begin);
}

// The account's value; AWS's default for whoever may not read it.
int Limit(Context& context, const char* code, int otherwise) {
  const auto quota =
      context.CallUnless({"NoSuchResourceException", "AccessDeniedException"}, "service-quotas", "GetServiceQuota",
                         {{"ServiceCode", "elasticloadbalancing"}, {"QuotaCode", code}});
  return quota ? static_cast<int>((*quota)["Quota"].value("Value", 0.0)) : otherwise;
}

std::string Raise(const char* code, int to) {
  return fmt::format(
      "aws service-quotas request-service-quota-increase --service-code elasticloadbalancing --quota-code {} "
      "--desired-value {}",
      code, to);
}

// The number of the load balancer that has one of the target groups; 0: none has.
int HomeOf(Context& context, const std::map<int, Json>& balancers) {
  for (const auto& name : TargetGroupNames(context)) {
    const Json group = ReadTargetGroup(context, name);
    if (group.is_null()) continue;
    for (const Json& arn : group.value("LoadBalancerArns", Json::array())) {
      for (const auto& [number, balancer] : balancers) {
        if (balancer["LoadBalancerArn"] == arn) return number;
      }
    }
  }
  return 0;
}

bool WasOpenedFor(Context& context, const std::string& arn) {
  const Json wanted = {{"Key", kOpenedForTag}, {"Value", context.environment()}};
  const auto described =
      context.CallUnless({"LoadBalancerNotFound"}, "elbv2", "DescribeTags", {{"ResourceArns", Json::array({arn})}});
  for (const Json& one : described ? described->value("TagDescriptions", Json::array()) : Json::array()) {
    const Json tags = one.value("Tags", Json::array());
    if (std::find(tags.begin(), tags.end(), wanted) != tags.end()) return true;
  }
  return false;
}

}  // namespace

int FitsOnBalancer(const BalancerUse& needed, const BalancerUse& used, int rules_limit) {
  const auto times = [](int limit, int taken, int each) { return each == 0 ? 0 : std::max(0, limit - taken) / each; };
  return std::min(times(rules_limit, used.rules, needed.rules),
                  times(kTargetGroupsPerBalancer, used.target_groups, needed.target_groups));
}

BalancerUse UseOf(const Json& rules, const std::set<std::string>& without) {
  BalancerUse use;
  std::set<std::string> groups;
  for (const Json& rule : rules) {
    const std::set<std::string> to = TargetGroupArns(rule);
    if (std::any_of(to.begin(), to.end(), [&](const auto& arn) { return without.contains(TargetGroupOf(arn)); }))
      continue;
    if (!rule.value("IsDefault", false)) ++use.rules;
    groups.insert(to.begin(), to.end());
  }
  use.target_groups = static_cast<int>(groups.size());
  return use;
}

std::set<std::string> TargetGroupArns(const Json& rule) {
  std::set<std::string> arns;
  for (const Json& action : rule.value("Actions", Json::array())) {
    if (const std::string group = action.value("TargetGroupArn", ""); !group.empty()) arns.insert(group);
    for (const Json& one : action.value("ForwardConfig", Json::object()).value("TargetGroups", Json::array())) {
      arns.insert(one.value("TargetGroupArn", ""));
    }
  }
  return arns;
}

std::string TargetGroupOf(const std::string& arn) { return PartOf(arn, 1); }

std::string LoadBalancerOf(const std::string& arn) { return PartOf(arn, 2); }

int LoadBalancerNumber(const std::string& shared, const std::string& name) {
  const std::string first = LoadBalancerName(shared);
  if (name == first) return 1;
  if (!name.starts_with(first + "-")) return 0;
  int number = 0;
  const char* begin = name.data() + first.size() + 1;
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
  const bool is_number = error == std::errc() && end == name.data() + name.size() && number > 1;
  return is_number && name == LoadBalancerName(shared, number) ? number : 0;
}

std::set<std::string> TargetGroupNames(const Context& context) {
  std::set<std::string> names;
  for (const auto& service : context.config().services) {
    if (service.load_balanced()) names.insert(TargetGroupName(context.environment(), service.name));
  }
  return names;
}

std::map<int, Json> LoadBalancersOf(Context& context) {
  std::map<int, Json> found;
  if (!context.config().target.existing.load_balancer.empty()) {
    if (Json existing = DescribeExistingLoadBalancer(context); !existing.is_null()) found[1] = std::move(existing);
    return found;
  }
  for (const Json& balancer : AllLoadBalancers(context)) {
    const int number = LoadBalancerNumber(context.shared(), balancer.value("LoadBalancerName", ""));
    if (number > 0) found[number] = balancer;
  }
  return found;
}

int CountLoadBalancers(Context& context) {
  const Json all = AllLoadBalancers(context);
  return static_cast<int>(std::count_if(
      all.begin(), all.end(), [](const Json& one) { return one.value("Type", "application") == "application"; }));
}

std::string Place(Context& context) {
  const std::map<int, Json> balancers = LoadBalancersOf(context);
  const std::string first = LoadBalancerName(context.shared());
  const Needs all = NeedsOf(context.config());
  const BalancerUse needs{.rules = all.rules, .target_groups = all.target_groups};
  if (needs.rules == 0 || !balancers.contains(1)) return first;

  const auto ours = TargetGroupNames(context);
  int limit = kDefaultRules;
  const auto fits = [&](const BalancerUse& use) {
    if (FitsOnBalancer(needs, use, limit) > 0) return true;
    if (limit == kDefaultRules && FitsOnBalancer(needs, use, std::numeric_limits<int>::max()) > 0) {
      limit = Limit(context, kRulesQuota, kDefaultRules);
    }
    return FitsOnBalancer(needs, use, limit) > 0;
  };
  std::vector<int> order;
  if (balancers.size() > 1) {
    if (const int home = HomeOf(context, balancers); home > 0) order.push_back(home);
  }
  for (const auto& [number, balancer] : balancers) order.push_back(number);
  for (const int number : order) {
    const Json& balancer = balancers.at(number);
    if (fits(UseOf(RulesOf(context, balancer["LoadBalancerArn"]), ours))) {
      return LoadBalancerName(context.shared(), number);
    }
  }

  const std::string& environment = context.environment();
  if (!fits({})) {
    if (needs.target_groups > kTargetGroupsPerBalancer) {
      throw Error(
          fmt::format("{} does not fit: it needs {} target groups, and a load balancer has {} (Target groups "
                      "per Application Load Balancer, which AWS does not raise)",
                      environment, needs.target_groups, kTargetGroupsPerBalancer));
    }
    throw Error(fmt::format("{} does not fit: it needs {} rules, and a load balancer has {} (quota Rules per "
                            "Application Load Balancer, {})",
                            environment, needs.rules, limit, kRulesQuota),
                Raise(kRulesQuota, needs.rules));
  }
  if (!context.config().target.existing.load_balancer.empty()) {
    throw Error(
        fmt::format("{} does not fit: the existing load balancer {} has no room for {} rules and {} target "
                    "groups, and another one is not opened beside it",
                    environment, balancers.at(1).value("LoadBalancerName", ""), needs.rules, needs.target_groups),
        Raise(kRulesQuota, limit * 2));
  }
  const int open = CountLoadBalancers(context);
  const int most = open < kDefaultBalancers ? kDefaultBalancers : Limit(context, kBalancersQuota, kDefaultBalancers);
  if (open >= most) {
    throw Error(
        fmt::format("{} does not fit: the load balancers of {} have no room for {} rules and {} target groups, "
                    "and the region has {} of {} load balancers (quota Application Load Balancers per Region, "
                    "{})",
                    environment, context.shared(), needs.rules, needs.target_groups, open, most, kBalancersQuota),
        Raise(kBalancersQuota, most * 2));
  }
  int next = 2;
  while (balancers.contains(next)) ++next;
  return LoadBalancerName(context.shared(), next);
}

std::vector<std::string> LeftEmpty(Context& context) {
  const auto ours = TargetGroupNames(context);
  std::vector<std::string> names;
  for (const auto& [number, balancer] : LoadBalancersOf(context)) {
    if (number == 1) continue;
    const std::string arn = balancer["LoadBalancerArn"];
    const Json rules = RulesOf(context, arn);
    if (UseOf(rules, ours).rules > 0) continue;
    if (UseOf(rules).rules > 0 || WasOpenedFor(context, arn)) names.push_back(balancer["LoadBalancerName"]);
  }
  return names;
}

}  // namespace adhoc::env
