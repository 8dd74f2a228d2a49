#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct CloudMap : ::testing::Test {
  LocalApi api;
  std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];

  std::string MakeNamespace(const std::string& name) {
    const std::string operation = api.Call("servicediscovery", "CreatePrivateDnsNamespace",
                                           {{"Name", name}, {"Vpc", vpc}, {"CreatorRequestId", name}})["OperationId"];
    api.clock().Advance(std::chrono::seconds(1));
    return api.Call("servicediscovery", "GetOperation",
                    {{"OperationId", operation}})["Operation"]["Targets"]["NAMESPACE"];
  }
  std::string MakeService(const std::string& space, const std::string& name) {
    return api.Call("servicediscovery", "CreateService",
                    {{"Name", name},
                     {"NamespaceId", space},
                     {"DnsConfig", {{"DnsRecords", Json::array({{{"Type", "A"}, {"TTL", 10}}})}}}})["Service"]["Id"];
  }
};

TEST_F(CloudMap, AnOperationTakesItsTime) {
  const std::string operation =
      api.Call("servicediscovery", "CreatePrivateDnsNamespace",
               {{"Name", "dev-sd-ns"}, {"Vpc", vpc}, {"CreatorRequestId", "1"}})["OperationId"];
  const auto status = [&] {
    return api.Call("servicediscovery", "GetOperation", {{"OperationId", operation}})["Operation"]["Status"]
        .get<std::string>();
  };
  EXPECT_EQ(status(), "SUBMITTED");
  api.clock().Advance(std::chrono::milliseconds(50));
  EXPECT_EQ(status(), "PENDING");
  api.clock().Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(status(), "SUCCESS");
  // The same request again is the same operation.
  EXPECT_EQ(api.Call("servicediscovery", "CreatePrivateDnsNamespace",
                     {{"Name", "dev-sd-ns"}, {"Vpc", vpc}, {"CreatorRequestId", "1"}})["OperationId"],
            operation);
  EXPECT_EQ(api.ErrorOf("servicediscovery", "CreatePrivateDnsNamespace",
                        {{"Name", "DEV-sd-ns"}, {"Vpc", vpc}, {"CreatorRequestId", "2"}}),
            "NamespaceAlreadyExists");
}

TEST_F(CloudMap, ThingsGoInTheRightOrderOnly) {
  const std::string space = MakeNamespace("dev-sd-ns");
  const std::string service = MakeService(space, "alpha-redis");
  EXPECT_EQ(api.Document("servicediscovery.services", service)["_fqdn"], "alpha-redis.dev-sd-ns");
  EXPECT_EQ(api.ErrorOf("servicediscovery", "DeleteNamespace", {{"Id", space}}), "ResourceInUse");
  api.Call("servicediscovery", "RegisterInstance",
           {{"ServiceId", service}, {"InstanceId", "i-1"}, {"Attributes", {{"AWS_INSTANCE_IPV4", "10.213.1.4"}}}});
  EXPECT_EQ(api.ErrorOf("servicediscovery", "DeleteService", {{"Id", service}}), "ResourceInUse");
  api.Call("servicediscovery", "DeregisterInstance", {{"ServiceId", service}, {"InstanceId", "i-1"}});
  EXPECT_EQ(api.ErrorOf("servicediscovery", "DeregisterInstance", {{"ServiceId", service}, {"InstanceId", "i-1"}}),
            "InstanceNotFound");
  api.Call("servicediscovery", "DeleteService", {{"Id", service}});
  EXPECT_EQ(api.ErrorOf("servicediscovery", "GetService", {{"Id", service}}), "ServiceNotFound");
  api.Call("servicediscovery", "DeleteNamespace", {{"Id", space}});
  EXPECT_EQ(api.ErrorOf("servicediscovery", "GetNamespace", {{"Id", space}}), "NamespaceNotFound");
}

TEST_F(CloudMap, ANamespaceBringsAndTakesItsHostedZone) {
  const std::string space = MakeNamespace("dev-sd-ns");
  const std::string zone = api.Call("servicediscovery", "GetNamespace",
                                    {{"Id", space}})["Namespace"]["Properties"]["DnsProperties"]["HostedZoneId"];
  EXPECT_EQ(api.Call("route53", "GetHostedZone", {{"Id", zone}})["HostedZone"]["Name"], "dev-sd-ns.");
  api.Call("servicediscovery", "DeleteNamespace", {{"Id", space}});
  EXPECT_EQ(api.ErrorOf("route53", "GetHostedZone", {{"Id", zone}}), "NoSuchHostedZone");
}

TEST_F(CloudMap, ServicesAreListedByNamespace) {
  const std::string dev = MakeNamespace("dev-sd-ns");
  const std::string stage = MakeNamespace("stage-sd-ns");
  MakeService(dev, "alpha-redis");
  MakeService(stage, "beta-redis");
  const Json found = api.Call("servicediscovery", "ListServices",
                              {{"Filters", Json::array({{{"Name", "NAMESPACE_ID"}, {"Values", Json::array({dev})}}})}});
  ASSERT_EQ(found["Services"].size(), 1u);
  EXPECT_EQ(found["Services"][0]["Name"], "alpha-redis");
  EXPECT_EQ(api.ErrorOf("servicediscovery", "CreateService", {{"Name", "alpha-redis"}, {"NamespaceId", dev}}),
            "ServiceAlreadyExists");
}

TEST_F(CloudMap, DiscoveryPrefersHealthyInstances) {
  const std::string space = MakeNamespace("dev-sd-ns");
  const std::string service = api.Call("servicediscovery", "CreateService",
                                       {{"Name", "web"},
                                        {"NamespaceId", space},
                                        {"HealthCheckCustomConfig", {{"FailureThreshold", 5}}}})["Service"]["Id"];
  for (const char* id : {"a", "b"}) {
    api.Call("servicediscovery", "RegisterInstance",
             {{"ServiceId", service},
              {"InstanceId", id},
              {"Attributes", {{"AWS_INSTANCE_IPV4", "10.213.1.4"}, {"zone", id}}}});
  }
  const auto ids = [&](Json extra) {
    extra.update({{"NamespaceName", "dev-sd-ns"}, {"ServiceName", "web"}});
    std::string joined;
    const Json answer = api.Call("servicediscovery", "DiscoverInstances", extra);
    for (const auto& instance : answer["Instances"]) joined += instance["InstanceId"].get<std::string>();
    return joined;
  };
  EXPECT_EQ(ids(Json::object()), "ab");
  EXPECT_EQ(ids({{"QueryParameters", {{"zone", "b"}}}}), "b");
  api.Call("servicediscovery", "UpdateInstanceCustomHealthStatus",
           {{"ServiceId", service}, {"InstanceId", "a"}, {"Status", "UNHEALTHY"}});
  EXPECT_EQ(ids(Json::object()), "b");
  EXPECT_EQ(ids({{"HealthStatus", "ALL"}}), "ba");
  EXPECT_EQ(api.ErrorOf("servicediscovery", "DiscoverInstances", {{"NamespaceName", "none"}, {"ServiceName", "web"}}),
            "NamespaceNotFound");
}

}  // namespace
}  // namespace adhoc::testing
