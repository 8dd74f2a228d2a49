// What the team made: looked up under the id that the engine's own would have, so that nothing else has to know whose
// it is. Never made, changed or deleted.
#include "env/existing.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

class Existing final : public Resource {
 public:
  using Reader = std::function<std::optional<Json>(Context&)>;

  Existing(std::string kind, std::string name, Reader read)
      : Resource(std::move(kind), std::move(name)), read_(std::move(read)) {}

  std::optional<Json> Read(Context& context) override { return read_(context); }
  // It was there when the plan was made.
  Json Create(Context&) override { throw Error(id() + " is named in `existing:`, and does not exist"); }
  void Delete(Context&, const Json&) override {}
  bool IsOurs(Context&, const Json&) override { return false; }

 private:
  const Reader read_;
};

std::optional<Json> IdOf(const Json& described, const char* member) {
  if (described.is_null()) return std::nullopt;
  return Json{{"id", described[member]}};
}

}  // namespace

ResourcePtr MakeExistingVpc(const config::Target& target) {
  return std::make_unique<Existing>("vpc", Join(target.shared, "vpc"),
                                    [](Context& context) { return IdOf(DescribeExistingVpc(context), "VpcId"); });
}

ResourcePtr MakeExistingSubnets(const config::Target& target, bool is_public) {
  return std::make_unique<Existing>("subnets", Join(target.shared, is_public ? "public" : "private"),
                                    [is_public](Context& context) -> std::optional<Json> {
                                      Json ids = Json::array();
                                      std::map<std::string, Json> by_zone;
                                      for (const Json& subnet : DescribeExistingSubnets(context, is_public)) {
                                        ids.push_back(subnet["SubnetId"]);
                                        by_zone.emplace(subnet["AvailabilityZone"], subnet["SubnetId"]);
                                      }
                                      if (ids.empty()) return std::nullopt;
                                      Json one_per_zone = Json::array();
                                      for (const auto& [zone, id] : by_zone) one_per_zone.push_back(id);
                                      return Json{{"ids", ids}, {"one_per_zone", one_per_zone}};
                                    });
}

ResourcePtr MakeExistingSecurityGroup(const config::Target& target) {
  return std::make_unique<Existing>("security group", Join(target.shared, "ecs-sg"), [](Context& context) {
    return IdOf(DescribeExistingSecurityGroup(context), "GroupId");
  });
}

ResourcePtr MakeExistingDatabase(const config::Target& target) {
  return std::make_unique<Existing>(
      "database instance", DatabaseInstanceName(target.shared), [](Context& context) -> std::optional<Json> {
        const Json found = DescribeExistingDatabase(context);
        if (found.is_null()) return std::nullopt;
        const Json endpoint = found.value("Endpoint", Json::object());
        return Json{{"state", found.value("DBInstanceStatus", "")},
                    {"address", endpoint.value("Address", "")},
                    {"port", std::to_string(endpoint.value("Port", 5432))},
                    {"user", found.value("MasterUsername", "postgres")},
                    {"secret_arn", MasterSecretOf(context.config().target.existing, found)}};
      });
}

Resources ExistingLoadBalancer(const config::Target& target) {
  Resources resources;
  resources.push_back(std::make_unique<Existing>(
      "load balancer", LoadBalancerName(target.shared), [](Context& context) -> std::optional<Json> {
        const Json found = DescribeExistingLoadBalancer(context);
        if (found.is_null()) return std::nullopt;
        return Json{{"arn", found["LoadBalancerArn"]},
                    {"dns_name", found.value("DNSName", "")},
                    {"zone_id", found.value("CanonicalHostedZoneId", "")},
                    {"state", found.value("State", Json::object()).value("Code", "active")}};
      }));
  const std::string balancer = resources.back()->id();
  // An interface has all of its groups, so whoever lets one in lets it in.
  resources.push_back(std::make_unique<Existing>(
      "security group", Join(target.shared, "alb-sg"), [](Context& context) -> std::optional<Json> {
        const Json found = DescribeExistingLoadBalancer(context);
        if (found.is_null() || found.value("SecurityGroups", Json::array()).empty()) return std::nullopt;
        return Json{{"id", found["SecurityGroups"][0]}};
      }));
  const std::shared_ptr<Resource> listener =
      MakeListener(LoadBalancerName(target.shared), target.https ? ListenerKind::kHttps : ListenerKind::kHttp);
  resources.push_back(std::make_unique<Existing>(listener->kind(), listener->name(),
                                                 [listener](Context& context) { return listener->Read(context); }));
  resources.back()->DependsOn(balancer);
  return resources;
}

}  // namespace adhoc::env
