#include <fmt/format.h>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

std::string WithDot(const std::string& name) { return name.ends_with('.') ? name : name + "."; }

// Answers carry `/hostedzone/Z123`, requests take `Z123`.
std::string BareId(const std::string& id) { return id.substr(id.rfind('/') + 1); }

class Certificate final : public Resource {
 public:
  explicit Certificate(const std::string& domain) : Resource("certificate", "*." + domain) {}

  std::optional<Json> Read(Context& context) override {
    for (const Json& summary : context.List("acm", "ListCertificates", Json::object(), "CertificateSummaryList")) {
      if (summary.value("DomainName", "") == name()) return Json{{"arn", summary["CertificateArn"]}};
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    const Json made = context.Call("acm", "RequestCertificate",
                                   {{"DomainName", name()},
                                    {"ValidationMethod", "DNS"},
                                    {"IdempotencyToken", "adhoc"},
                                    {"Tags", Tags(context, context.shared())}});
    context.WaitUntil(id() + " to be issued", [&] {
      const Json described =
          context.Call("acm", "DescribeCertificate", {{"CertificateArn", made["CertificateArn"]}})["Certificate"];
      if (described.value("Status", "") == "FAILED") {
        throw Error(id() + " was not issued: " + described.value("FailureReason", "no reason given"));
      }
      return described.value("Status", "") == "ISSUED";
    });
    return {{"arn", made["CertificateArn"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    context.WaitUntil(id() + " to be unused", [&] {
      try {
        context.CallUnless({"ResourceNotFoundException"}, "acm", "DeleteCertificate", {{"CertificateArn", observed["arn"]}});
        return true;
      } catch (const aws::AwsError& error) {
        if (error.code() != "ResourceInUseException") throw;
        return false;
      }
    });
  }
};

class HostedZone final : public Resource {
 public:
  explicit HostedZone(const std::string& domain) : Resource("hosted zone", domain) {}

  std::optional<Json> Read(Context& context) override {
    const Json found = context.Call("route53", "ListHostedZonesByName", {{"DNSName", WithDot(name())}, {"MaxItems", "1"}});
    for (const Json& zone : found.value("HostedZones", Json::array())) {
      if (zone["Name"] == WithDot(name()) && !zone.value("Config", Json::object()).value("PrivateZone", false)) {
        return Json{{"id", BareId(zone["Id"])}};
      }
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    if (!context.local()) {
      throw Error("there is no hosted zone " + name() + " in this account",
                  "register the domain in Route 53, or name another `domain` or `hosted_zone` in the target");
    }
    const Json made =
        context.Call("route53", "CreateHostedZone", {{"Name", WithDot(name())}, {"CallerReference", context.random().Uuid()}});
    return {{"id", BareId(made["HostedZone"]["Id"])}};
  }

  void Delete(Context& context, const Json& observed) override {
    if (!context.local()) return;  // it is the team's, not ours
    context.CallUnless({"NoSuchHostedZone"}, "route53", "DeleteHostedZone", {{"Id", observed["id"]}});
  }
};

class Record final : public Resource {
 public:
  explicit Record(const std::string& host) : Resource("record", host) {}

  std::optional<Json> Read(Context& context) override {
    const auto zone = context.Find(Zone(context));
    if (!zone) return std::nullopt;
    const Json found = context.Call("route53", "ListResourceRecordSets",
                                    {{"HostedZoneId", (*zone)["id"]},
                                     {"StartRecordName", WithDot(name())},
                                     {"StartRecordType", "A"},
                                     {"MaxItems", "1"}});
    for (const Json& record : found.value("ResourceRecordSets", Json::array())) {
      if (record["Name"] == WithDot(name()) && record["Type"] == "A") return Json{{"record", record}};
    }
    return std::nullopt;
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    const auto balancer = context.Find("load balancer " + LoadBalancerName(context.shared()));
    const std::string actual = observed["record"].value("AliasTarget", Json::object()).value("DNSName", "");
    if (!balancer) return {};
    const std::string wanted = WithDot((*balancer)["dns_name"]);
    if (WithDot(actual) == wanted) return {};
    return {{.what = "alias", .from = actual, .to = wanted}};
  }

  Json Create(Context& context) override {
    const Json balancer = context.Get("load balancer " + LoadBalancerName(context.shared()));
    const Json record = {{"Name", WithDot(name())},
                         {"Type", "A"},
                         {"AliasTarget",
                          {{"HostedZoneId", balancer["zone_id"]},
                           {"DNSName", WithDot(balancer["dns_name"])},
                           {"EvaluateTargetHealth", false}}}};
    Change(context, "UPSERT", record);
    return {{"record", record}};
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  void Delete(Context& context, const Json& observed) override {
    if (observed.contains("record")) Change(context, "DELETE", observed["record"]);
  }

 private:
  static std::string Zone(const Context& context) { return "hosted zone " + context.config().target.domain; }

  static void Change(Context& context, const char* action, const Json& record) {
    // Not waited for until it is INSYNC: the name resolves within a minute, and nothing that follows needs it.
    context.CallUnless({"NoSuchHostedZone"}, "route53", "ChangeResourceRecordSets",
                       {{"HostedZoneId", context.Get(Zone(context), "id")},
                        {"ChangeBatch", {{"Changes", Json::array({{{"Action", action}, {"ResourceRecordSet", record}}})}}}});
  }
};

// Waits for one of Cloud Map's asynchronous operations; its targets are in the answer.
Json FinishOperation(Context& context, const std::string& what, const Json& started) {
  Json operation;
  context.WaitUntil(what, [&] {
    operation = context.Call("servicediscovery", "GetOperation", {{"OperationId", started["OperationId"]}})["Operation"];
    if (operation.value("Status", "") == "FAIL") {
      throw Error(fmt::format("{} failed: {}", what, operation.value("ErrorMessage", "no reason given")));
    }
    return operation.value("Status", "") == "SUCCESS";
  });
  return operation;
}

class Namespace final : public Resource {
 public:
  explicit Namespace(const std::string& shared) : Resource("namespace", NamespaceName(shared)) {
    DependsOn("vpc " + Join(shared, "vpc"));
  }

  std::optional<Json> Read(Context& context) override {
    for (const Json& found : context.List("servicediscovery", "ListNamespaces", Json::object(), "Namespaces")) {
      if (found.value("Name", "") == name()) return Json{{"id", found["Id"]}};
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    const Json started = context.Call("servicediscovery", "CreatePrivateDnsNamespace",
                                      {{"Name", name()},
                                       {"Vpc", context.Get("vpc " + Join(context.shared(), "vpc"), "id")},
                                       {"CreatorRequestId", context.random().Uuid()},
                                       {"Tags", Tags(context, context.shared())}});
    const Json operation = FinishOperation(context, id() + " to be made", started);
    return {{"id", operation["Targets"]["NAMESPACE"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    if (const auto started = context.CallUnless({"NamespaceNotFound"}, "servicediscovery", "DeleteNamespace",
                                                {{"Id", observed["id"]}})) {
      FinishOperation(context, id() + " to be gone", *started);
    }
  }
};

class DiscoveryService final : public Resource {
 public:
  DiscoveryService(const std::string& env, const std::string& service)
      : Resource("discovery service", DiscoveryName(env, service)) {}

  std::optional<Json> Read(Context& context) override {
    const auto space = context.Find("namespace " + NamespaceName(context.shared()));
    if (!space) return std::nullopt;
    const Json services = context.Once("discovery services", [&] {
      return context.List(
          "servicediscovery", "ListServices",
          {{"Filters", Json::array({{{"Name", "NAMESPACE_ID"}, {"Values", Json::array({(*space)["id"]})}}})}}, "Services");
    });
    for (const Json& service : services) {
      if (service.value("Name", "") == name()) return Json{{"id", service["Id"]}, {"arn", service["Arn"]}};
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    const Json made = context.Call(
        "servicediscovery", "CreateService",
        {{"Name", name()},
         {"NamespaceId", context.Get("namespace " + NamespaceName(context.shared()), "id")},
         {"DnsConfig",
          {{"RoutingPolicy", "MULTIVALUE"}, {"DnsRecords", Json::array({{{"Type", "A"}, {"TTL", 10}}})}}},
         {"HealthCheckCustomConfig", {{"FailureThreshold", 1}}},
         {"Tags", Tags(context, context.environment())}});
    return {{"id", made["Service"]["Id"]}, {"arn", made["Service"]["Arn"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    // Its instances are deregistered when the tasks stop, a little later than the tasks are gone.
    context.WaitUntil(id() + " to be without instances", [&] {
      try {
        context.CallUnless({"ServiceNotFound"}, "servicediscovery", "DeleteService", {{"Id", observed["id"]}});
        return true;
      } catch (const aws::AwsError& error) {
        if (error.code() != "ResourceInUse") throw;
        return false;
      }
    });
  }
};

}  // namespace

ResourcePtr MakeCertificate(const std::string& domain) { return std::make_unique<Certificate>(domain); }
ResourcePtr MakeHostedZone(const std::string& domain) { return std::make_unique<HostedZone>(domain); }
ResourcePtr MakeRecord(const std::string& host) { return std::make_unique<Record>(host); }
ResourcePtr MakeNamespace(const std::string& shared) { return std::make_unique<Namespace>(shared); }
ResourcePtr MakeDiscoveryService(const std::string& env, const std::string& service) {
  return std::make_unique<DiscoveryService>(env, service);
}

}  // namespace adhoc::env
