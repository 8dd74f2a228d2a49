#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "env/names.h"
#include "env/path_packing.h"
#include "env/placement.h"
#include "env/plan.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

// Rules with path patterns of their own come before the one that takes all paths of a host, whatever order they were
// made in: each kind has a band of priorities to itself.
constexpr int kFirstSpecific = 1;
constexpr int kFirstCatchAll = 25000;
constexpr int kLastPriority = 50000;

void DeleteRule(Context& context, const Json& rule) {
  context.CallUnless({"RuleNotFound"}, "elbv2", "DeleteRule", {{"RuleArn", rule["arn"]}});
}

class TargetGroup final : public Resource {
 public:
  TargetGroup(const std::string& env, const config::Service& service)
      : Resource("target group", TargetGroupName(env, service.name)), service_(service) {}

  std::optional<Json> Read(Context& context) override {
    const Json group = ReadTargetGroup(context, name());
    if (group.is_null()) return std::nullopt;
    return Json{{"arn", group["TargetGroupArn"]}, {"described", group}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    const Json& actual = observed["described"];
    const Json wanted = HealthCheck();
    for (const auto& [key, value] : wanted.items()) {
      const Json is = actual.value(key, Json());
      if (is != value) differences.push_back({.what = key, .from = is.dump(), .to = value.dump()});
    }
    if (actual.value("Port", 0) != service_.port) {
      differences.push_back({.what = "port",
                             .from = std::to_string(actual.value("Port", 0)),
                             .to = std::to_string(service_.port),
                             .replace = true});
    }
    const Json attributes =
        context.Call("elbv2", "DescribeTargetGroupAttributes", {{"TargetGroupArn", observed["arn"]}})["Attributes"];
    for (const Json& attribute : attributes) {
      if (attribute["Key"] == kDelay && attribute["Value"] != std::to_string(service_.deregistration_delay)) {
        differences.push_back({.what = "deregistration delay",
                               .from = attribute["Value"],
                               .to = std::to_string(service_.deregistration_delay)});
      }
    }
    return differences;
  }

  Json Create(Context& context) override {
    Json input = {{"Name", name()},        {"Protocol", "HTTP"},
                  {"Port", service_.port}, {"VpcId", context.Get("vpc " + Join(context.shared(), "vpc"), "id")},
                  {"TargetType", "ip"},    {"Tags", Tags(context, context.environment(), name())}};
    input.update(HealthCheck());
    const Json made = context.Call("elbv2", "CreateTargetGroup", input);
    const Json attributes = {{"arn", made["TargetGroups"][0]["TargetGroupArn"]}};
    SetAttributes(context, attributes["arn"]);
    return attributes;
  }

  Json Update(Context& context, const Json& observed) override {
    Json input = HealthCheck();
    input["TargetGroupArn"] = observed["arn"];
    context.Call("elbv2", "ModifyTargetGroup", input);
    SetAttributes(context, observed["arn"]);
    return observed;
  }

  void Delete(Context& context, const Json& observed) override {
    // When it is made anew, its rules are still there, which are made anew after it.
    if (const auto known = context.Find("listener rule " + name())) {
      for (const Json& rule : known->value("rules", Json::array())) DeleteRule(context, rule);
    }
    // In use until its rules are really gone.
    context.WaitWhileRefused({"ResourceInUse"}, id() + " to be unused", [&] {
      context.CallUnless({"TargetGroupNotFound"}, "elbv2", "DeleteTargetGroup", {{"TargetGroupArn", observed["arn"]}});
    });
  }

 private:
  static constexpr const char* kDelay = "deregistration_delay.timeout_seconds";

  Json HealthCheck() const {
    const auto& check = service_.healthcheck;
    return {{"HealthCheckPath", check.path.empty() ? "/" : check.path},
            {"HealthCheckIntervalSeconds", check.interval},
            {"HealthCheckTimeoutSeconds", check.timeout},
            {"HealthyThresholdCount", check.healthy_threshold},
            {"UnhealthyThresholdCount", check.unhealthy_threshold},
            {"Matcher", {{"HttpCode", check.matcher}}}};
  }

  void SetAttributes(Context& context, const Json& arn) {
    context.Call(
        "elbv2", "ModifyTargetGroupAttributes",
        {{"TargetGroupArn", arn},
         {"Attributes", Json::array({{{"Key", kDelay}, {"Value", std::to_string(service_.deregistration_delay)}}})}});
  }

  const config::Service service_;
};

// All rules of a service: as many as its paths need.
class ListenerRule final : public Resource {
 public:
  ListenerRule(const std::string& env, const config::Service& service, const std::string& balancer)
      : Resource("listener rule", TargetGroupName(env, service.name)),
        balancer_(balancer),
        packed_(PackPaths(service.paths)) {
    DependsOn("target group " + TargetGroupName(env, service.name));
  }

  std::optional<Json> Read(Context& context) override {
    const auto group = context.Find("target group " + name());
    if (!group) return std::nullopt;
    Json rules = Json::array();
    for (const Json& arn : group->value("described", Json::object()).value("LoadBalancerArns", Json::array())) {
      for (const Json& rule : RulesOf(context, arn)) {
        for (const Json& action : rule.value("Actions", Json::array())) {
          if (action.value("TargetGroupArn", "") != (*group)["arn"]) continue;
          rules.push_back({{"arn", rule["RuleArn"]},
                           {"balancer", arn},
                           {"priority", std::stoi(rule.value("Priority", "0"))},
                           {"conditions", Conditions(rule)}});
          break;
        }
      }
    }
    if (rules.empty()) return std::nullopt;
    return Json{{"rules", rules}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan& plan) override {
    if (plan.ActionOf("target group " + name()) == Action::kReplace) {
      return {{.what = "target group", .from = name(), .to = "a new one", .replace = true}};
    }
    const auto balancer = context.Find("load balancer " + balancer_);  // absent while it is not opened yet
    for (const Json& rule : observed["rules"]) {
      if (balancer && rule["balancer"] == (*balancer)["arn"]) continue;
      return {{.what = "load balancer", .from = LoadBalancerOf(rule["balancer"]), .to = balancer_, .replace = true}};
    }
    const Matched matched = Match(context, observed);
    if (matched.missing.empty() && matched.surplus.empty()) return {};
    std::vector<std::string> to;
    for (const auto& paths : matched.missing) to.push_back(ToText(Values(context, paths)));
    std::vector<std::string> from;
    for (const Json& rule : matched.surplus) from.push_back(ToText(rule["conditions"].get<std::set<std::string>>()));
    return {{.what = "conditions",
             .from = fmt::format("{}", fmt::join(from, "; ")),
             .to = fmt::format("{}", fmt::join(to, "; "))}};
  }

  Json Create(Context& context) override {
    CreateRules(context, packed_);
    return Json::object();
  }

  // What is new comes first and what is no longer needed goes last, so that no path is without a rule meanwhile.
  Json Update(Context& context, const Json& observed) override {
    Matched matched = Match(context, observed);
    // Those of the other band are of no use.
    const auto useless = std::stable_partition(matched.surplus.begin(), matched.surplus.end(),
                                               [&](const Json& rule) { return IsInBand(rule); });
    const auto changed = std::min<std::ptrdiff_t>(std::distance(matched.surplus.begin(), useless),
                                                  static_cast<std::ptrdiff_t>(matched.missing.size()));
    CreateRules(context, {matched.missing.begin() + changed, matched.missing.end()});
    for (std::ptrdiff_t i = 0; i < changed; ++i) {
      context.Call(
          "elbv2", "ModifyRule",
          {{"RuleArn", matched.surplus[i]["arn"]}, {"Conditions", ConditionInput(context, matched.missing[i])}});
    }
    std::for_each(matched.surplus.begin() + changed, matched.surplus.end(),
                  [&](const Json& rule) { DeleteRule(context, rule); });
    return Json::object();
  }

  void Delete(Context& context, const Json& observed) override {
    for (const Json& rule : observed["rules"]) DeleteRule(context, rule);
  }

 private:
  using Paths = std::vector<std::string>;

  bool IsCatchAll() const { return packed_.front().empty(); }
  bool IsInBand(const Json& rule) const { return (rule["priority"] >= kFirstCatchAll) == IsCatchAll(); }

  // What there is and what is wanted, without what is the same.
  struct Matched {
    std::vector<Paths> missing;
    std::vector<Json> surplus;
  };
  Matched Match(const Context& context, const Json& observed) const {
    Matched matched{.missing = packed_};
    for (const Json& rule : observed["rules"]) {
      const auto actual = rule["conditions"].get<std::set<std::string>>();
      const auto same = std::find_if(matched.missing.begin(), matched.missing.end(),
                                     [&](const Paths& paths) { return Values(context, paths) == actual; });
      if (same == matched.missing.end()) {
        matched.surplus.push_back(rule);
      } else {
        matched.missing.erase(same);
      }
    }
    return matched;
  }

  void CreateRules(Context& context, const std::vector<Paths>& wanted) {
    if (wanted.empty()) return;
    const std::string listener = context.Get(MainListenerId(context.config().target, balancer_), "arn");
    std::set<int> taken;
    for (const Json& rule : RulesOfListener(context, listener)) {
      const std::string priority = rule.value("Priority", "default");
      if (priority != "default") taken.insert(std::stoi(priority));
    }
    const int last = IsCatchAll() ? kLastPriority : kFirstCatchAll - 1;
    int priority = IsCatchAll() ? kFirstCatchAll : kFirstSpecific;
    for (const auto& paths : wanted) {
      for (bool made = false; !made; ++priority) {
        if (priority > last) throw Error("the listener has no free priority left for " + id());
        // Somebody else may take the same one at the same moment; CreateRule is not idempotent, so each try is a new
        // number.
        made = !taken.contains(priority) && CreateRule(context, listener, priority, paths);
      }
    }
  }

  // False when the priority is taken.
  bool CreateRule(Context& context, const std::string& listener, int priority, const Paths& paths) {
    const Json forward = {{"Type", "forward"}, {"TargetGroupArn", context.Get("target group " + name(), "arn")}};
    const Json input = {{"ListenerArn", listener},
                        {"Priority", priority},
                        {"Conditions", ConditionInput(context, paths)},
                        {"Actions", Json::array({forward})},
                        {"Tags", Tags(context, context.environment(), name())}};
    const bool is_new = context.Get(MainListenerId(context.config().target, balancer_)).value("new", false);
    try {
      // After a move from another load balancer AWS may take a moment to see that the target group is free.
      context.WaitWhileRefused({"TargetGroupAssociationLimit"}, id() + " to leave its load balancer", [&] {
        // A listener that we found there and is gone was closed by another environment.
        if (is_new) {
          context.Call("elbv2", "CreateRule", input);
        } else {
          context.Call("elbv2", "CreateRule", input, {"ListenerNotFound"});
        }
      });
    } catch (const aws::AwsError& error) {
      // Of two environments that come at the same time one finds the place taken, or the load balancer closed.
      const std::string& code = error.code();
      if (code == "PriorityInUse") return false;
      if (code != "TooManyRules" && code != "TooManyUniqueTargetGroupsPerLoadBalancer" && code != "ListenerNotFound")
        throw;
      throw Error(fmt::format("load balancer {} has no room for {} any more: {}", balancer_, id(), error.what()),
                  "adhoc up " + context.environment());
    }
    return true;
  }

  // Host and paths as one set of texts.
  static std::set<std::string> Values(const Context& context, const Paths& paths) {
    std::set<std::string> values(paths.begin(), paths.end());
    values.insert(context.config().host);
    return values;
  }

  static std::string ToText(const std::set<std::string>& values) { return fmt::format("{}", fmt::join(values, " ")); }

  static Json Conditions(const Json& rule) {
    std::set<std::string> values;
    for (const Json& condition : rule.value("Conditions", Json::array())) {
      for (const char* kind : {"HostHeaderConfig", "PathPatternConfig"}) {
        for (const Json& value : condition.value(kind, Json::object()).value("Values", Json::array()))
          values.insert(value);
      }
    }
    return values;
  }

  static Json ConditionInput(const Context& context, const Paths& paths) {
    Json conditions = Json::array(
        {{{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", Json::array({context.config().host})}}}}});
    if (!paths.empty()) conditions.push_back({{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", paths}}}});
    return conditions;
  }

  const std::string balancer_;
  const std::vector<Paths> packed_;
};

}  // namespace

Json ReadTargetGroup(Context& context, const std::string& name) {
  return context.Once("target group " + name, [&]() -> Json {
    const auto found =
        context.CallUnless({"TargetGroupNotFound"}, "elbv2", "DescribeTargetGroups", {{"Names", Json::array({name})}});
    const Json groups = found ? found->value("TargetGroups", Json::array()) : Json::array();
    return groups.empty() ? Json() : groups[0];
  });
}

ResourcePtr MakeTargetGroup(const std::string& env, const config::Service& service) {
  return std::make_unique<TargetGroup>(env, service);
}
ResourcePtr MakeListenerRule(const std::string& env, const config::Service& service, const std::string& balancer) {
  return std::make_unique<ListenerRule>(env, service, balancer);
}

}  // namespace adhoc::env
