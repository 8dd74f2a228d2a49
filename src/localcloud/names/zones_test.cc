#include "localcloud/names/zones.h"

#include <gtest/gtest.h>

#include "localcloud/names/record_data.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

struct ZonesTest : ::testing::Test {
  testing::LocalApi api;
  std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];
  std::string space = MakeNamespace();

  std::string MakeNamespace() {
    const std::string operation =
        api.Call("servicediscovery", "CreatePrivateDnsNamespace", {{"Name", "dev-sd-ns"}, {"Vpc", vpc}})["OperationId"];
    return api.Call("servicediscovery", "GetOperation",
                    {{"OperationId", operation}})["Operation"]["Targets"]["NAMESPACE"];
  }
  std::string MakeService(const std::string& name, Json dns, Json health = nullptr) {
    Json input{{"Name", name}, {"NamespaceId", space}, {"DnsConfig", std::move(dns)}};
    if (!health.is_null()) input["HealthCheckCustomConfig"] = std::move(health);
    return api.Call("servicediscovery", "CreateService", input)["Service"]["Id"];
  }
  void Register(const std::string& service, const std::string& id, const Json& attributes) {
    api.Call("servicediscovery", "RegisterInstance",
             {{"ServiceId", service}, {"InstanceId", id}, {"Attributes", attributes}});
  }
  Zones Read() { return ReadZones(*api.store().Begin(), api.cloud().settings); }
  // What there is at a name of the one zone.
  std::vector<RecordSet> At(const std::string& name) {
    const Zones zones = Read();
    const auto& names = zones.zones.at(0).names;
    const auto found = names.find(name);
    return found == names.end() ? std::vector<RecordSet>() : found->second;
  }
};

Json Records(std::initializer_list<Json> records, const char* policy = "MULTIVALUE") {
  return {{"RoutingPolicy", policy}, {"DnsRecords", Json(records)}};
}

TEST_F(ZonesTest, InstancesAreInTheirNamespacesZone) {
  const std::string service = MakeService("alpha-redis", Records({{{"Type", "A"}, {"TTL", 10}}}));
  EXPECT_TRUE(At("alpha-redis.dev-sd-ns.").empty());
  Register(service, "one", {{"AWS_INSTANCE_IPV4", "10.213.1.4"}});
  Register(service, "two", {{"AWS_INSTANCE_IPV4", "10.213.1.5"}});
  const auto sets = At("alpha-redis.dev-sd-ns.");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].policy, RoutingPolicy::kMultivalue);
  EXPECT_EQ(sets[0].ttl, 10u);
  EXPECT_EQ(sets[0].data[0], RecordData(net::kDnsA, "10.213.1.4"));
  const Zones zones = Read();
  EXPECT_TRUE(zones.zones[0].is_private);
  EXPECT_TRUE(zones.zones[0].vpcs.contains(vpc));
  api.Call("servicediscovery", "DeregisterInstance", {{"ServiceId", service}, {"InstanceId", "one"}});
  EXPECT_EQ(At("alpha-redis.dev-sd-ns.").size(), 1u);
}

TEST_F(ZonesTest, OnlyHealthyInstancesHaveRecords) {
  const std::string service =
      MakeService("web", Records({{{"Type", "A"}, {"TTL", 10}}}, "WEIGHTED"), Json{{"FailureThreshold", 1}});
  Register(service, "one", {{"AWS_INSTANCE_IPV4", "10.213.1.4"}});
  Register(service, "two", {{"AWS_INSTANCE_IPV4", "10.213.1.5"}, {"AWS_INIT_HEALTH_STATUS", "UNHEALTHY"}});
  const auto sets = At("web.dev-sd-ns.");
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].policy, RoutingPolicy::kWeighted);
  EXPECT_EQ(sets[0].weight, 1);
  const auto set_health = [&](const char* id, const char* status) {
    api.Call("servicediscovery", "UpdateInstanceCustomHealthStatus",
             {{"ServiceId", service}, {"InstanceId", id}, {"Status", status}});
  };
  set_health("two", "HEALTHY");
  EXPECT_EQ(At("web.dev-sd-ns.").size(), 2u);
  set_health("one", "UNHEALTHY");
  set_health("two", "UNHEALTHY");
  EXPECT_TRUE(At("web.dev-sd-ns.").empty());
}

TEST_F(ZonesTest, AnInstanceOfAnSrvServiceHasAnAddressToo) {
  const std::string service = MakeService("_redis._tcp", Records({{{"Type", "SRV"}, {"TTL", 10}}}));
  Register(service, "one", {{"AWS_INSTANCE_IPV4", "10.213.1.4"}, {"AWS_INSTANCE_PORT", "6379"}});
  const auto sets = At("_redis._tcp.dev-sd-ns.");
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0].data[0], RecordData(net::kDnsSrv, "1 1 6379 one._redis._tcp.dev-sd-ns"));
  EXPECT_EQ(At("one._redis._tcp.dev-sd-ns.").at(0).data[0], RecordData(net::kDnsA, "10.213.1.4"));
}

TEST_F(ZonesTest, AwssOwnNamesAreKnown) {
  const std::string subnet =
      api.Call("ec2", "CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.213.1.0/24"}})["Subnet"]["SubnetId"];
  const Json interface = api.Call("ec2", "CreateNetworkInterface", {{"SubnetId", subnet}})["NetworkInterface"];
  const auto txn = api.store().Begin();
  txn->Put("elbv2.loadbalancers", "arn",
           {{"DNSName", "Dev-alb-1.us-east-1.elb.amazonaws.com"}, {"Scheme", "internet-facing"}});
  txn->Put("elbv2.holdings", "arn", {{"interface", interface["NetworkInterfaceId"]}});
  txn->Put("rds.instances", "dev", {{"_address", "dev.abc.us-east-1.rds.amazonaws.com"}, {"_ip", "10.213.1.9"}});
  txn->Put("rds.instances", "new", {{"_address", "new.abc.us-east-1.rds.amazonaws.com"}});
  const Zones zones = ReadZones(*txn, api.cloud().settings);
  const std::string ip = interface["PrivateIpAddress"];
  EXPECT_EQ(zones.hosts.at("dev-alb-1.us-east-1.elb.amazonaws.com.").inside, ip);
  EXPECT_EQ(zones.hosts.at("dev-alb-1.us-east-1.elb.amazonaws.com.").outside, "127.0.0.1");
  EXPECT_EQ(zones.hosts.at("dev.abc.us-east-1.rds.amazonaws.com.").inside, "10.213.1.9");
  EXPECT_FALSE(zones.hosts.contains("new.abc.us-east-1.rds.amazonaws.com."));
  EXPECT_EQ(zones.hosts.at(interface["PrivateDnsName"].get<std::string>() + ".").inside, ip);
  EXPECT_EQ(zones.reverse.at("4.1.213.10.in-addr.arpa."), *net::ParseDnsName("ip-10-213-1-4.ec2.internal"));
}

TEST_F(ZonesTest, RecordsKeepTheirPoliciesAliasesAndWildcards) {
  const std::string zone =
      api.Call("route53", "CreateHostedZone", {{"Name", "example.com"}, {"CallerReference", "1"}})["HostedZone"]["Id"];
  const auto value = [](const char* text) { return Json::array({{{"Value", text}}}); };
  Json changes = Json::array();
  for (Json record :
       {Json{{"Name", "*.example.com"}, {"Type", "A"}, {"TTL", 5}, {"ResourceRecords", value("192.0.2.1")}},
        Json{{"Name", "w.example.com"},
             {"Type", "A"},
             {"TTL", 5},
             {"SetIdentifier", "a"},
             {"Weight", 7},
             {"ResourceRecords", value("192.0.2.1")}},
        Json{{"Name", "f.example.com"},
             {"Type", "A"},
             {"TTL", 5},
             {"SetIdentifier", "a"},
             {"Failover", "PRIMARY"},
             {"ResourceRecords", value("192.0.2.1")}},
        Json{{"Name", "alias.example.com"},
             {"Type", "A"},
             {"AliasTarget",
              {{"HostedZoneId", "Z35SXDOTRQ7X7K"},
               {"DNSName", "dualstack.dev-alb-1.us-east-1.elb.amazonaws.com"},
               {"EvaluateTargetHealth", false}}}}}) {
    changes.push_back({{"Action", "CREATE"}, {"ResourceRecordSet", std::move(record)}});
  }
  api.Call("route53", "ChangeResourceRecordSets", {{"HostedZoneId", zone}, {"ChangeBatch", {{"Changes", changes}}}});
  const Zones zones = Read();
  const auto found =
      std::find_if(zones.zones.begin(), zones.zones.end(), [](const Zone& one) { return !one.is_private; });
  ASSERT_NE(found, zones.zones.end());
  EXPECT_EQ(found->names.count("*.example.com."), 1u);
  EXPECT_EQ(found->names.at("w.example.com.").at(0).weight, 7);
  EXPECT_TRUE(found->names.at("f.example.com.").at(0).preferred);
  EXPECT_EQ(net::DnsKey(found->names.at("alias.example.com.").at(0).alias), "dev-alb-1.us-east-1.elb.amazonaws.com.");
  EXPECT_EQ(found->names.at("example.com.").size(), 2u);  // NS and SOA
}

}  // namespace
}  // namespace adhoc::localcloud
