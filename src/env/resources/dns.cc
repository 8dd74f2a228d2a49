#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "base/error.h"
#include "env/names.h"
#include "env/plan.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

std::string WithDot(const std::string& name) { return name.ends_with('.') ? name : name + "."; }

// Answers carry `/hostedzone/Z123`, requests take `Z123`.
std::string BareId(const std::string& id) { return id.substr(id.rfind('/') + 1); }

std::string ZoneOf(const Context& context) { return "hosted zone " + context.config().target.domain; }

// Not waited for until it is INSYNC, which takes a minute: nothing that follows needs the name.
void ChangeRecord(Context& context, std::initializer_list<std::string_view> unless, const char* action,
                  const Json& record) {
  context.CallUnless(
      unless, "route53", "ChangeResourceRecordSets",
      {{"HostedZoneId", context.Get(ZoneOf(context), "id")},
       {"ChangeBatch", {{"Changes", Json::array({{{"Action", action}, {"ResourceRecordSet", record}}})}}}});
}

// The wildcard certificate of the target's domain, whoever requested it. ACM issues it, and renews it, while the record
// that validates it is in the hosted zone.
class Certificate final : public Resource {
 public:
  explicit Certificate(const std::string& domain) : Resource("certificate", "*." + domain) {
    DependsOn("hosted zone " + domain);
  }

  std::optional<Json> Read(Context& context) override {
    for (const char* status : {"ISSUED", "PENDING_VALIDATION"}) {
      // Without key types ACM lists RSA 2048 only.
      const Json input = {
          {"CertificateStatuses", Json::array({status})},
          {"Includes", {{"keyTypes", {"RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1"}}}}};
      for (const Json& summary : context.List("acm", "ListCertificates", input, "CertificateSummaryList")) {
        if (summary.value("DomainName", "") == name())
          return Json{{"arn", summary["CertificateArn"]}, {"status", status}};
      }
    }
    return std::nullopt;
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["status"] == "ISSUED") return {};
    return {{.what = "status", .from = "PENDING_VALIDATION", .to = "ISSUED"}};
  }

  Json Create(Context& context) override {
    const Json made = context.Call("acm", "RequestCertificate",
                                   {{"DomainName", name()},
                                    {"ValidationMethod", "DNS"},
                                    {"IdempotencyToken", "adhoc"},
                                    {"Tags", Tags(context, context.shared())}});
    return Update(context, {{"arn", made["CertificateArn"]}});
  }

  Json Update(Context& context, const Json& observed) override {
    bool published = false;
    context.WaitUntil(id() + " to be issued", [&] {
      const Json described = Describe(context, observed);
      const std::string status = described.value("Status", "");
      if (status == "FAILED") {
        throw Error(id() + " was not issued: " + described.value("FailureReason", "no reason given"));
      }
      if (status == "ISSUED") return true;
      if (!published) {
        // ACM tells the record some seconds after the request.
        for (const Json& record : ValidationRecords(described)) {
          ChangeRecord(context, {}, "UPSERT", record);
          published = true;
        }
        if (published) {
          context.Progress(
              id(), fmt::format("ACM looks for its validation record; the name servers of {} have to be those of "
                                "the hosted zone",
                                context.config().target.domain));
        }
      }
      return false;
    });
    return {{"arn", observed["arn"]}, {"status", "ISSUED"}};
  }

  void Delete(Context& context, const Json& observed) override {
    for (const Json& record : ValidationRecords(Describe(context, observed))) {
      ChangeRecord(context, {"NoSuchHostedZone", "InvalidChangeBatch"}, "DELETE", record);
    }
    context.WaitWhileRefused({"ResourceInUseException"}, id() + " to be unused", [&] {
      context.CallUnless({"ResourceNotFoundException"}, "acm", "DeleteCertificate",
                         {{"CertificateArn", observed["arn"]}});
    });
  }

  bool IsOurs(Context& context, const Json& observed) override {
    const Json wanted = Tags(context, context.shared());
    const auto answer = context.CallUnless({"ResourceNotFoundException"}, "acm", "ListTagsForCertificate",
                                           {{"CertificateArn", observed["arn"]}});
    if (!answer) return false;  // gone
    const Json tags = answer->value("Tags", Json::array());
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const Json& tag) { return std::find(tags.begin(), tags.end(), tag) != tags.end(); });
  }

 private:
  static Json Describe(Context& context, const Json& observed) {
    return context.Call("acm", "DescribeCertificate", {{"CertificateArn", observed["arn"]}})["Certificate"];
  }

  static std::vector<Json> ValidationRecords(const Json& described) {
    std::vector<Json> records;
    for (const Json& option : described.value("DomainValidationOptions", Json::array())) {
      if (!option.contains("ResourceRecord")) continue;
      const Json& given = option["ResourceRecord"];
      records.push_back({{"Name", given["Name"]},
                         {"Type", given["Type"]},
                         {"TTL", 300},
                         {"ResourceRecords", Json::array({{{"Value", given["Value"]}}})}});
    }
    return records;
  }
};

class HostedZone final : public Resource {
 public:
  explicit HostedZone(const std::string& domain) : Resource("hosted zone", domain) {}

  std::optional<Json> Read(Context& context) override {
    if (const std::string& given = context.config().target.hosted_zone; !given.empty())
      return Json{{"id", BareId(given)}};
    // The zone of the domain, or of the nearest parent that is in this account.
    for (std::string domain = name(); !domain.empty(); domain = Parent(domain)) {
      const Json found =
          context.Call("route53", "ListHostedZonesByName", {{"DNSName", WithDot(domain)}, {"MaxItems", "2"}});
      for (const Json& zone : found.value("HostedZones", Json::array())) {
        if (zone["Name"] == WithDot(domain) && !zone.value("Config", Json::object()).value("PrivateZone", false)) {
          return Json{{"id", BareId(zone["Id"])}};
        }
      }
      if (context.local()) break;  // there it is made
    }
    return std::nullopt;
  }

  Json Create(Context& context) override {
    if (!context.local()) {
      throw Error("there is no hosted zone of " + name() + " or of a parent in this account",
                  "register the domain in Route 53, or name another `domain` or `hosted_zone` in the target");
    }
    const Json made = context.Call("route53", "CreateHostedZone",
                                   {{"Name", WithDot(name())}, {"CallerReference", context.random().Uuid()}});
    return {{"id", BareId(made["HostedZone"]["Id"])}};
  }

  void Delete(Context& context, const Json& observed) override {
    // One in which somebody else has records stays.
    context.CallUnless({"NoSuchHostedZone", "HostedZoneNotEmpty"}, "route53", "DeleteHostedZone",
                       {{"Id", observed["id"]}});
  }

  bool IsOurs(Context& context, const Json&) override {
    return context.local() && context.config().target.hosted_zone.empty();
  }

 private:
  // Without its first label; nothing for a top-level domain's child.
  static std::string Parent(const std::string& domain) {
    const std::string parent = domain.substr(std::min(domain.find('.'), domain.size() - 1) + 1);
    return parent.find('.') == std::string::npos ? "" : parent;
  }
};

class Record final : public Resource {
 public:
  Record(const std::string& host, const std::string& balancer)
      : Resource("record", host), balancer_("load balancer " + balancer) {
    DependsOn(balancer_);
  }

  std::optional<Json> Read(Context& context) override {
    const auto zone = context.Find(ZoneOf(context));
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

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan& plan) override {
    const auto balancer = context.Find(balancer_);
    const std::string actual = observed["record"].value("AliasTarget", Json::object()).value("DNSName", "");
    if (!balancer && plan.ActionOf(balancer_) == Action::kNone) return {};
    if (!balancer) return {{.what = "alias", .from = actual, .to = "that of " + balancer_}};
    const std::string wanted = WithDot((*balancer)["dns_name"]);
    if (WithDot(actual) == wanted) return {};
    return {{.what = "alias", .from = actual, .to = wanted}};
  }

  Json Create(Context& context) override {
    const Json balancer = context.Get(balancer_);
    const Json record = {{"Name", WithDot(name())},
                         {"Type", "A"},
                         {"AliasTarget",
                          {{"HostedZoneId", balancer["zone_id"]},
                           {"DNSName", WithDot(balancer["dns_name"])},
                           {"EvaluateTargetHealth", false}}}};
    ChangeRecord(context, {"NoSuchHostedZone"}, "UPSERT", record);
    if (!context.local()) context.Progress(id(), "Route 53's name servers know it within a minute");
    return {{"record", record}};
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  void Delete(Context& context, const Json& observed) override {
    if (!observed.contains("record")) return;
    try {
      ChangeRecord(context, {"NoSuchHostedZone"}, "DELETE", observed["record"]);
    } catch (const aws::AwsError& error) {
      // It is gone: the answer to a first try was lost.
      if (std::string_view(error.what()).find("not found") == std::string_view::npos) throw;
    }
  }

 private:
  const std::string balancer_;  // its id
};

// Waits for one of Cloud Map's asynchronous operations; its targets are in the answer.
Json FinishOperation(Context& context, const std::string& what, const Json& started) {
  Json operation;
  context.WaitUntil(what, [&] {
    operation =
        context.Call("servicediscovery", "GetOperation", {{"OperationId", started["OperationId"]}})["Operation"];
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
    const Json input{{"Name", name()},
                     {"Vpc", context.Get("vpc " + Join(context.shared(), "vpc"), "id")},
                     {"CreatorRequestId", context.random().Uuid()},
                     {"Tags", Tags(context, context.shared())}};
    try {
      const Json started = Start(context, "CreatePrivateDnsNamespace", input);
      const Json operation = FinishOperation(context, id() + " to be made", started);
      return {{"id", operation["Targets"]["NAMESPACE"]}};
    } catch (const aws::AwsError& error) {
      if (error.code() != "NamespaceAlreadyExists" || !error.fields().contains("NamespaceId")) throw;
      return {{"id", error.fields()["NamespaceId"]}};
    }
  }

  void Delete(Context& context, const Json& observed) override {
    try {
      FinishOperation(context, id() + " to be gone", Start(context, "DeleteNamespace", {{"Id", observed["id"]}}));
    } catch (const aws::AwsError& error) {
      if (error.code() != "NamespaceNotFound") throw;
    }
  }

 private:
  // What a run that died has begun is gone on with.
  static Json Start(Context& context, const char* operation, const Json& input) {
    try {
      return context.Call("servicediscovery", operation, input, {"NamespaceNotFound"});
    } catch (const aws::AwsError& error) {
      if (error.code() != "DuplicateRequest" || !error.fields().contains("DuplicateOperationId")) throw;
      return {{"OperationId", error.fields()["DuplicateOperationId"]}};
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
          {{"Filters", Json::array({{{"Name", "NAMESPACE_ID"}, {"Values", Json::array({(*space)["id"]})}}})}},
          "Services");
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
         {"DnsConfig", {{"RoutingPolicy", "MULTIVALUE"}, {"DnsRecords", Json::array({{{"Type", "A"}, {"TTL", 10}}})}}},
         {"HealthCheckCustomConfig", {{"FailureThreshold", 1}}},
         {"Tags", Tags(context, context.environment())}});
    return {{"id", made["Service"]["Id"]}, {"arn", made["Service"]["Arn"]}};
  }

  void Delete(Context& context, const Json& observed) override {
    // Its instances are deregistered when the tasks stop, a little later than the tasks are gone.
    context.WaitWhileRefused({"ResourceInUse"}, id() + " to be without instances", [&] {
      context.CallUnless({"ServiceNotFound"}, "servicediscovery", "DeleteService", {{"Id", observed["id"]}});
    });
  }
};

}  // namespace

ResourcePtr MakeCertificate(const std::string& domain) { return std::make_unique<Certificate>(domain); }
ResourcePtr MakeHostedZone(const std::string& domain) { return std::make_unique<HostedZone>(domain); }
ResourcePtr MakeRecord(const std::string& host, const std::string& balancer) {
  return std::make_unique<Record>(host, balancer);
}
ResourcePtr MakeNamespace(const std::string& shared) { return std::make_unique<Namespace>(shared); }
ResourcePtr MakeDiscoveryService(const std::string& env, const std::string& service) {
  return std::make_unique<DiscoveryService>(env, service);
}

}  // namespace adhoc::env
