#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/names.h"
#include "env/placement.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

// The first one of shared resources, and those that are opened when it is full, which are made like it.
class LoadBalancer final : public Resource {
 public:
  LoadBalancer(const std::string& name, bool unless_used)
      : Resource("load balancer", name), unless_used_(unless_used) {}

  std::optional<Json> Read(Context& context) override {
    for (const Json& described : AllLoadBalancers(context)) {
      if (described.value("LoadBalancerName", "") == name()) return Attributes(described);
    }
    return std::nullopt;
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["state"] == "active") return {};
    return {{.what = "state", .from = observed["state"], .to = "active"}};
  }

  Json Create(Context& context) override {
    Json input = {{"Name", name()}, {"Type", "application"}};
    Json tags = Tags(context, context.shared(), name());
    if (const std::string first = LoadBalancerName(context.shared()); name() == first) {
      input["Scheme"] = "internet-facing";
      // It takes one of each zone.
      const auto existing = context.Find(fmt::format("subnets {}-public", context.shared()));
      input["Subnets"] = existing ? (*existing)["one_per_zone"] : SubnetIds(context, true);
      input["SecurityGroups"] =
          Json::array({context.Get(fmt::format("security group {}-alb-sg", context.shared()), "id")});
    } else {
      const Json like = context.Get("load balancer " + first);
      input["Scheme"] = like["scheme"];
      input["Subnets"] = like["subnets"];
      input["SecurityGroups"] = like["security_groups"];
      tags.push_back({{"Key", kOpenedForTag}, {"Value", context.environment()}});
    }
    input["Tags"] = tags;
    // When two environments open it at the same time, one of them finds it there.
    const auto made = context.CallUnless({"DuplicateLoadBalancerName"}, "elbv2", "CreateLoadBalancer", input);
    const auto there = made ? made : Described(context);
    if (!there) throw Error(id() + " was deleted while it was made", "try again");
    return Update(context, Attributes((*there)["LoadBalancers"][0]));
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
    if (unless_used_ && IsUsedByOthers(context, observed)) {
      context.Progress(id(), "has another environment's rules by now, so it stays");
      return;
    }
    context.Call("elbv2", "DeleteLoadBalancer", {{"LoadBalancerArn", observed["arn"]}});
    context.WaitUntil(id() + " to be gone", [&] { return !Described(context); });
  }

 private:
  static Json Attributes(const Json& described) {
    Json subnets = Json::array();
    for (const Json& zone : described.value("AvailabilityZones", Json::array())) subnets.push_back(zone["SubnetId"]);
    return {{"arn", described["LoadBalancerArn"]},
            {"dns_name", described.value("DNSName", "")},
            {"zone_id", described.value("CanonicalHostedZoneId", "")},
            {"scheme", described.value("Scheme", "internet-facing")},
            {"subnets", subnets},
            {"security_groups", described.value("SecurityGroups", Json::array())},
            {"state", described.value("State", Json::object()).value("Code", "active")},
            {"reason", described.value("State", Json::object()).value("Reason", "")}};
  }

  // As it is now.
  std::optional<Json> Described(Context& context) const {
    auto found = context.CallUnless({"LoadBalancerNotFound"}, "elbv2", "DescribeLoadBalancers",
                                    {{"Names", Json::array({name()})}});
    if (found && found->value("LoadBalancers", Json::array()).empty()) return std::nullopt;
    return found;
  }

  // As it is now, too: an environment may have come since the plan was made.
  static bool IsUsedByOthers(Context& context, const Json& observed) {
    const auto groups = TargetGroupNames(context);
    const auto listeners = context.CallUnless({"LoadBalancerNotFound"}, "elbv2", "DescribeListeners",
                                              {{"LoadBalancerArn", observed["arn"]}});
    if (!listeners) return false;
    for (const Json& listener : listeners->value("Listeners", Json::array())) {
      try {
        const Json rules = context.List("elbv2", "DescribeRules", {{"ListenerArn", listener["ListenerArn"]}}, "Rules",
                                        {"ListenerNotFound"});
        if (UseOf(rules, groups).rules > 0) return true;
      } catch (const aws::AwsError& error) {
        if (error.code() != "ListenerNotFound") throw;  // another `down` has begun to delete it
      }
    }
    return false;
  }

  const bool unless_used_;
};

class Listener final : public Resource {
 public:
  Listener(const std::string& balancer, ListenerKind kind)
      : Resource("listener", balancer + (kind == ListenerKind::kHttps ? "-https" : "-http")),
        balancer_(balancer),
        kind_(kind) {
    DependsOn("load balancer " + balancer);
  }

  std::optional<Json> Read(Context& context) override {
    const auto balancer = context.Find("load balancer " + balancer_);
    if (!balancer) return std::nullopt;
    return Find(ListenersOf(context, (*balancer)["arn"]), Port(context));
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    const Json wanted = DefaultAction(context);
    const Json actual = observed["actions"].empty() ? Json::object() : observed["actions"][0];
    if (actual.value("Type", "") == wanted["Type"]) return {};
    return {{.what = "default action", .from = actual.value("Type", ""), .to = wanted["Type"]}};
  }

  Json Create(Context& context) override {
    const std::string arn = context.Get("load balancer " + balancer_, "arn");
    Json input = {{"LoadBalancerArn", arn},
                  {"Protocol", kind_ == ListenerKind::kHttps ? "HTTPS" : "HTTP"},
                  {"Port", Port(context)},
                  {"DefaultActions", Json::array({DefaultAction(context)})},
                  {"Tags", Tags(context, context.shared(), name())}};
    if (kind_ == ListenerKind::kHttps) {
      const auto& target = context.config().target;
      if (const std::string first = LoadBalancerName(context.shared()); balancer_ != first) {
        const Json like = context.Get(MainListenerId(target, first));
        input["Certificates"] = like["certificates"];
        input["SslPolicy"] = like["ssl_policy"];
      } else {
        const std::string certificate =
            target.certificate.empty() ? context.Get("certificate *." + target.domain, "arn") : target.certificate;
        input["Certificates"] = Json::array({{{"CertificateArn", certificate}}});
        input["SslPolicy"] = "ELBSecurityPolicy-TLS13-1-2-2021-06";
      }
    }
    // When two environments open the load balancer at the same time, one of them finds it there.
    if (const auto made = context.CallUnless({"DuplicateListener"}, "elbv2", "CreateListener", input)) {
      Json attributes = Attributes((*made)["Listeners"][0]);
      attributes["new"] = true;
      return attributes;
    }
    const auto there =
        Find(context.List("elbv2", "DescribeListeners", {{"LoadBalancerArn", arn}}, "Listeners"), Port(context));
    if (!there) throw Error(id() + " was deleted while it was made", "try again");
    return *there;
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

  static Json Attributes(const Json& described) {
    Json certificates = Json::array();
    for (const Json& one : described.value("Certificates", Json::array())) {
      certificates.push_back({{"CertificateArn", one["CertificateArn"]}});
    }
    return {{"arn", described["ListenerArn"]},
            {"actions", described.value("DefaultActions", Json::array())},
            {"certificates", certificates},
            {"ssl_policy", described.value("SslPolicy", "")}};
  }

  static std::optional<Json> Find(const Json& listeners, int port) {
    for (const Json& listener : listeners) {
      if (listener.value("Port", 0) == port) return Attributes(listener);
    }
    return std::nullopt;
  }

  const std::string balancer_;
  const ListenerKind kind_;
};

}  // namespace

std::string MainListenerId(const config::Target& target, const std::string& balancer) {
  return "listener " + balancer + (target.https ? "-https" : "-http");
}

Json AllLoadBalancers(Context& context) {
  return context.Once("load balancers",
                      [&] { return context.List("elbv2", "DescribeLoadBalancers", Json::object(), "LoadBalancers"); });
}

Json ListenersOf(Context& context, const std::string& balancer_arn) {
  return context.Once("listeners of " + balancer_arn, [&] {
    return context.List("elbv2", "DescribeListeners", {{"LoadBalancerArn", balancer_arn}}, "Listeners");
  });
}

Json RulesOf(Context& context, const std::string& balancer_arn) {
  const auto& target = context.config().target;
  for (const Json& listener : ListenersOf(context, balancer_arn)) {
    if (listener.value("Port", 0) == (target.https ? target.https_port : target.http_port)) {
      return RulesOfListener(context, listener["ListenerArn"]);
    }
  }
  return Json::array();
}

Json RulesOfListener(Context& context, const std::string& arn) {
  return context.Once("rules of " + arn, [&] {
    return context.List("elbv2", "DescribeRules", {{"ListenerArn", arn}}, "Rules");
  });
}

ResourcePtr MakeLoadBalancer(const std::string& name) { return std::make_unique<LoadBalancer>(name, false); }
ResourcePtr MakeUnusedLoadBalancer(const std::string& name) { return std::make_unique<LoadBalancer>(name, true); }
ResourcePtr MakeListener(const std::string& balancer, ListenerKind kind) {
  return std::make_unique<Listener>(balancer, kind);
}

}  // namespace adhoc::env
