#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "env/names.h"
#include "env/path_packing.h"
#include "env/plan.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

// Rules with path patterns of their own come before the one that takes all paths of a host, whatever order they were
// made in: each kind has a band of priorities to itself.
constexpr int kFirstSpecific = 1;
constexpr int kFirstCatchAll = 25000;
constexpr int kLastPriority = 50000;

std::string LoadBalancerId(const Context& context) { return "load balancer " + LoadBalancerName(context.shared()); }

class LoadBalancer final : public Resource {
 public:
  explicit LoadBalancer(const std::string& shared) : Resource("load balancer", LoadBalancerName(shared)) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"LoadBalancerNotFound"}, "elbv2", "DescribeLoadBalancers",
                                          {{"Names", Json::array({name()})}});
    if (!found || found->value("LoadBalancers", Json::array()).empty()) return std::nullopt;
    return Attributes((*found)["LoadBalancers"][0]);
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["state"] == "active") return {};
    return {{.what = "state", .from = observed["state"], .to = "active"}};
  }

  Json Create(Context& context) override {
    Json subnets = Json::array();
    for (int zone = 1; zone <= context.config().target.network.zones; ++zone) {
      subnets.push_back(context.Get("subnet " + SubnetName({context.shared(), true, zone}), "id"));
    }
    const Json made =
        context.Call("elbv2", "CreateLoadBalancer",
                     {{"Name", name()},
                      {"Type", "application"},
                      {"Scheme", "internet-facing"},
                      {"Subnets", subnets},
                      {"SecurityGroups",
                       Json::array({context.Get(fmt::format("security group {}-alb-sg", context.shared()), "id")})},
                      {"Tags", Tags(context, context.shared(), name())}});
    return Update(context, Attributes(made["LoadBalancers"][0]));
  }

  Json Update(Context& context, const Json& observed) override {
    Json attributes = observed;
    context.WaitUntil(id() + " to be active", [&] {
      attributes = Attributes(context.Call("elbv2", "DescribeLoadBalancers",
                                           {{"LoadBalancerArns", Json::array({observed["arn"]})}})["LoadBalancers"][0]);
      if (attributes["state"] == "failed")
        throw Error(id() + " failed: " + attributes.value("reason", "no reason given"));
      return attributes["state"] == "active";
    });
    return attributes;
  }

  void Delete(Context& context, const Json& observed) override {
    context.Call("elbv2", "DeleteLoadBalancer", {{"LoadBalancerArn", observed["arn"]}});
    context.WaitUntil(id() + " to be gone", [&] { return !Read(context); });
  }

 private:
  static Json Attributes(const Json& described) {
    return {{"arn", described["LoadBalancerArn"]},
            {"dns_name", described.value("DNSName", "")},
            {"zone_id", described.value("CanonicalHostedZoneId", "")},
            {"state", described.value("State", Json::object()).value("Code", "active")},
            {"reason", described.value("State", Json::object()).value("Reason", "")}};
  }
};

class Listener final : public Resource {
 public:
  Listener(const std::string& shared, ListenerKind kind)
      : Resource("listener", LoadBalancerName(shared) + (kind == ListenerKind::kHttps ? "-https" : "-http")),
        kind_(kind) {
    DependsOn("load balancer " + LoadBalancerName(shared));
  }

  std::optional<Json> Read(Context& context) override {
    const auto balancer = context.Find(LoadBalancerId(context));
    if (!balancer) return std::nullopt;
    const Json listeners = context.Once("listeners", [&] {
      return context.Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", (*balancer)["arn"]}});
    })["Listeners"];
    for (const Json& listener : listeners) {
      if (listener.value("Port", 0) == Port(context)) {
        return Json{{"arn", listener["ListenerArn"]}, {"actions", listener.value("DefaultActions", Json::array())}};
      }
    }
    return std::nullopt;
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    const Json wanted = DefaultAction(context);
    const Json actual = observed["actions"].empty() ? Json::object() : observed["actions"][0];
    if (actual.value("Type", "") == wanted["Type"]) return {};
    return {{.what = "default action", .from = actual.value("Type", ""), .to = wanted["Type"]}};
  }

  Json Create(Context& context) override {
    Json input = {{"LoadBalancerArn", context.Get(LoadBalancerId(context), "arn")},
                  {"Protocol", kind_ == ListenerKind::kHttps ? "HTTPS" : "HTTP"},
                  {"Port", Port(context)},
                  {"DefaultActions", Json::array({DefaultAction(context)})},
                  {"Tags", Tags(context, context.shared(), name())}};
    if (kind_ == ListenerKind::kHttps) {
      const auto& target = context.config().target;
      const std::string certificate =
          target.certificate.empty() ? context.Get("certificate *." + target.domain, "arn") : target.certificate;
      input["Certificates"] = Json::array({{{"CertificateArn", certificate}}});
      input["SslPolicy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06";
    }
    const Json made = context.Call("elbv2", "CreateListener", input);
    return {{"arn", made["Listeners"][0]["ListenerArn"]}};
  }

  Json Update(Context& context, const Json& observed) override {
    context.Call("elbv2", "ModifyListener",
                 {{"ListenerArn", observed["arn"]}, {"DefaultActions", Json::array({DefaultAction(context)})}});
    return observed;
  }

  void Delete(Context& context, const Json& observed) override {
    context.CallUnless({"ListenerNotFound"}, "elbv2", "DeleteListener", {{"ListenerArn", observed["arn"]}});
  }

 private:
  int Port(const Context& context) const {
    const auto& target = context.config().target;
    return kind_ == ListenerKind::kHttps ? target.https_port : target.http_port;
  }

  Json DefaultAction(const Context& context) const {
    if (kind_ == ListenerKind::kRedirect) {
      return {{"Type", "redirect"},
              {"RedirectConfig",
               {{"Protocol", "HTTPS"},
                {"Port", std::to_string(context.config().target.https_port)},
                {"StatusCode", "HTTP_301"}}}};
    }
    return {{"Type", "fixed-response"},
            {"FixedResponseConfig",
             {{"StatusCode", "404"},
              {"ContentType", "text/plain"},
              {"MessageBody", "There is no environment of this name. `adhoc ls` lists those that exist.\n"}}}};
  }

  const ListenerKind kind_;
};

class TargetGroup final : public Resource {
 public:
  TargetGroup(const std::string& env, const config::Service& service)
      : Resource("target group", TargetGroupName(env, service.name)), service_(service) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"TargetGroupNotFound"}, "elbv2", "DescribeTargetGroups",
                                          {{"Names", Json::array({name()})}});
    if (!found || found->value("TargetGroups", Json::array()).empty()) return std::nullopt;
    const Json& group = (*found)["TargetGroups"][0];
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
    // In use until its rule is really gone.
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
  ListenerRule(const std::string& env, const config::Service& service)
      : Resource("listener rule", TargetGroupName(env, service.name)), packed_(PackPaths(service.paths)) {
    DependsOn("target group " + TargetGroupName(env, service.name));
  }

  std::optional<Json> Read(Context& context) override {
    const auto group = context.Find("target group " + name());
    if (!group) return std::nullopt;
    Json rules = Json::array();
    for (const Json& rule : ListenerRules(context)) {
      for (const Json& action : rule.value("Actions", Json::array())) {
        if (action.value("TargetGroupArn", "") != (*group)["arn"]) continue;
        rules.push_back({{"arn", rule["RuleArn"]},
                         {"priority", std::stoi(rule.value("Priority", "0"))},
                         {"conditions", Conditions(rule)}});
        break;
      }
    }
    if (rules.empty()) return std::nullopt;
    return Json{{"rules", rules}};
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan& plan) override {
    if (plan.ActionOf("target group " + name()) == Action::kReplace) {
      return {{.what = "target group", .from = name(), .to = "a new one", .replace = true}};
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
      if (same == matched.missing.end() || !IsInBand(rule)) {
        matched.surplus.push_back(rule);
      } else {
        matched.missing.erase(same);
      }
    }
    return matched;
  }

  void CreateRules(Context& context, const std::vector<Paths>& wanted) {
    if (wanted.empty()) return;
    std::set<int> taken;
    for (const Json& rule : ListenerRules(context)) {
      const std::string priority = rule.value("Priority", "default");
      if (priority != "default") taken.insert(std::stoi(priority));
    }
    const int last = IsCatchAll() ? kLastPriority : kFirstCatchAll - 1;
    int priority = IsCatchAll() ? kFirstCatchAll : kFirstSpecific;
    for (const auto& paths : wanted) {
      for (bool made = false; !made; ++priority) {
        if (priority > last) throw Error("the listener has no free priority left for " + id());
        if (taken.contains(priority)) continue;
        // Somebody else may take the same one at the same moment; CreateRule is not idempotent, so each try is a new
        // number.
        made = context
                   .CallUnless(
                       {"PriorityInUse"}, "elbv2", "CreateRule",
                       {{"ListenerArn", context.Get(MainListenerId(context.config().target), "arn")},
                        {"Priority", priority},
                        {"Conditions", ConditionInput(context, paths)},
                        {"Actions", Json::array({{{"Type", "forward"},
                                                  {"TargetGroupArn", context.Get("target group " + name(), "arn")}}})},
                        {"Tags", Tags(context, context.environment(), name())}})
                   .has_value();
      }
    }
  }

  static void DeleteRule(Context& context, const Json& rule) {
    context.CallUnless({"RuleNotFound"}, "elbv2", "DeleteRule", {{"RuleArn", rule["arn"]}});
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

  const std::vector<Paths> packed_;
};

}  // namespace

std::string MainListenerId(const config::Target& target) {
  return "listener " + LoadBalancerName(target.shared) + (target.https ? "-https" : "-http");
}

Json ListenerRules(Context& context) {
  return context.Once("rules", [&]() -> Json {
    const auto listener = context.Find(MainListenerId(context.config().target));
    if (!listener) return Json::array();
    return context.List("elbv2", "DescribeRules", {{"ListenerArn", (*listener)["arn"]}}, "Rules");
  });
}

ResourcePtr MakeLoadBalancer(const std::string& shared) { return std::make_unique<LoadBalancer>(shared); }
ResourcePtr MakeListener(const std::string& shared, ListenerKind kind) {
  return std::make_unique<Listener>(shared, kind);
}
ResourcePtr MakeTargetGroup(const std::string& env, const config::Service& service) {
  return std::make_unique<TargetGroup>(env, service);
}
ResourcePtr MakeListenerRule(const std::string& env, const config::Service& service) {
  return std::make_unique<ListenerRule>(env, service);
}

}  // namespace adhoc::env
