// The shared resources' network in all its shapes: that they are made, compared, become one another, and go; and who
// may reach what.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "deploy/shared_test.h"

namespace adhoc::env {
namespace {

using config::NatKind;

constexpr NatKind kShapes[] = {NatKind::kNone, NatKind::kSingle, NatKind::kPerZone, NatKind::kEndpoints};
constexpr std::size_t kInterfaceEndpoints = 5;

class SharedNetwork : public SharedTest {
 protected:
  std::vector<Json> All(const char* operation, const char* list) {
    std::vector<Json> found;
    for (const Json& one : api().Call("ec2", operation).value(list, Json::array())) {
      if (one.value("State", "") == "deleted") continue;
      found.push_back(one);
    }
    return found;
  }
  Json OfName(const char* operation, const char* list, const std::string& name) {
    return api().Call("ec2", operation, Filters({{"tag:Name", name}}))[list][0];
  }
  std::string IdOf(const std::string& group) {
    return api().Call("ec2", "DescribeSecurityGroups",
                      Filters({{"group-name", group}}))["SecurityGroups"][0]["GroupId"];
  }
  // Where the private subnets' traffic goes by default, without doubles.
  std::set<std::string> WaysOut() {
    std::set<std::string> ways;
    for (int zone = 1; zone <= config_.target.network.zones; ++zone) {
      const std::string subnet = OfName("DescribeSubnets", "Subnets", fmt::format("dev-private-{}", zone))["SubnetId"];
      const Json tables =
          api().Call("ec2", "DescribeRouteTables", Filters({{"association.subnet-id", subnet}}))["RouteTables"];
      std::string way = "none";
      for (const Json& route : tables[0]["Routes"]) {
        if (route.value("DestinationCidrBlock", "") != "0.0.0.0/0") continue;
        way = route.value("NatGatewayId", "no gateway");
        EXPECT_EQ(route["State"], "active");
      }
      ways.insert(way);
    }
    return ways;
  }
  void ExpectShape(NatKind nat) {
    const std::size_t zones = static_cast<std::size_t>(config_.target.network.zones);
    const std::size_t gateways = nat == NatKind::kSingle ? 1 : nat == NatKind::kPerZone ? zones : 0;
    EXPECT_EQ(All("DescribeNatGateways", "NatGateways").size(), gateways);
    EXPECT_EQ(All("DescribeAddresses", "Addresses").size(), gateways);
    EXPECT_EQ(WaysOut().size(), std::max<std::size_t>(gateways, 1));
    EXPECT_EQ(WaysOut().contains("none"), gateways == 0);
    const auto endpoints = All("DescribeVpcEndpoints", "VpcEndpoints");
    EXPECT_EQ(endpoints.size(), nat == NatKind::kEndpoints ? kInterfaceEndpoints + 1 : 0);
    const Json group = api().Call("ec2", "DescribeSecurityGroups", Filters({{"group-name", "dev-endpoints-sg"}}));
    EXPECT_EQ(group["SecurityGroups"].size(), nat == NatKind::kEndpoints ? 1u : 0u);
    EXPECT_EQ(Planned(), std::vector<std::string>{});
  }
};

TEST_F(SharedNetwork, EachShapeIsMadeUsedAndGone) {
  const auto everything = [&] {
    std::size_t count = 0;
    for (const auto& [operation, list] : {std::pair("DescribeVpcs", "Vpcs"),
                                          {"DescribeSubnets", "Subnets"},
                                          {"DescribeRouteTables", "RouteTables"},
                                          {"DescribeNatGateways", "NatGateways"},
                                          {"DescribeAddresses", "Addresses"},
                                          {"DescribeVpcEndpoints", "VpcEndpoints"},
                                          {"DescribeSecurityGroups", "SecurityGroups"},
                                          {"DescribeNetworkInterfaces", "NetworkInterfaces"},
                                          {"DescribeInternetGateways", "InternetGateways"}}) {
      count += All(operation, list).size();
    }
    return count;
  };
  const std::size_t before = everything();
  for (const NatKind nat : kShapes) {
    SCOPED_TRACE(static_cast<int>(nat));
    config_.target.network.nat = nat;
    ASSERT_EQ(SharedUp(), "");
    ExpectShape(nat);
    const Json tasks =
        api().Call("ec2", "DescribeSecurityGroups", Filters({{"group-name", "dev-ecs-sg"}}))["SecurityGroups"][0];
    EXPECT_NE(tasks["IpPermissions"].dump().find(IdOf("dev-alb-sg")), std::string::npos)
        << "else no health check comes through";
    ASSERT_EQ(Up(), "");
    const Json service =
        api().Call("ecs", "DescribeServices", {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}});
    const Json network = service["services"][0]["networkConfiguration"]["awsvpcConfiguration"];
    EXPECT_EQ(network["assignPublicIp"], nat == NatKind::kNone ? "ENABLED" : "DISABLED");
    const std::string kind = nat == NatKind::kNone ? "public" : "private";
    EXPECT_EQ(network["subnets"][0], OfName("DescribeSubnets", "Subnets", fmt::format("dev-{}-1", kind))["SubnetId"]);
    ASSERT_EQ(Down(), "");
    ASSERT_EQ(SharedDown(), "");
    Rest();
    EXPECT_EQ(everything(), before);
  }
}

TEST_F(SharedNetwork, OneShapeBecomesAnyOther) {
  for (const NatKind from : kShapes) {
    for (const NatKind to : kShapes) {
      if (from == to) continue;
      SCOPED_TRACE(fmt::format("{} to {}", static_cast<int>(from), static_cast<int>(to)));
      config_.target.network.nat = from;
      ASSERT_EQ(SharedUp(), "");
      ExpectShape(from);
      config_.target.network.nat = to;
      ASSERT_EQ(SharedUp(), "");
      ExpectShape(to);
    }
  }
  // What another shape left is no obstacle to the end.
  config_.target.network.nat = NatKind::kEndpoints;
  ASSERT_EQ(SharedUp(), "");
  config_.target.network.nat = NatKind::kPerZone;
  ASSERT_EQ(SharedDown(), "");
  EXPECT_TRUE(All("DescribeVpcEndpoints", "VpcEndpoints").empty());
}

TEST_F(SharedNetwork, EndpointsServeTasksOnlyAndAreKeptSo) {
  config_.target.network.nat = NatKind::kEndpoints;
  ASSERT_EQ(SharedUp(), "");
  const Json group =
      api().Call("ec2", "DescribeSecurityGroups", Filters({{"group-name", "dev-endpoints-sg"}}))["SecurityGroups"][0];
  ASSERT_EQ(group["IpPermissions"].size(), 1u);
  EXPECT_EQ(group["IpPermissions"][0]["FromPort"], 443);
  EXPECT_EQ(group["IpPermissions"][0]["ToPort"], 443);
  EXPECT_EQ(group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], IdOf("dev-ecs-sg"));
  EXPECT_TRUE(group["IpPermissions"][0].value("IpRanges", Json::array()).empty());

  // Somebody changed one, deleted another one and took S3's route away.
  const Json logs = OfName("DescribeVpcEndpoints", "VpcEndpoints", "dev-logs");
  const Json dkr = OfName("DescribeVpcEndpoints", "VpcEndpoints", "dev-ecr-dkr");
  const Json s3 = OfName("DescribeVpcEndpoints", "VpcEndpoints", "dev-s3");
  api().Call("ec2", "ModifyVpcEndpoint",
             {{"VpcEndpointId", logs["VpcEndpointId"]},
              {"PrivateDnsEnabled", false},
              {"RemoveSubnetIds", Json::array({logs["SubnetIds"][0]})},
              {"AddSecurityGroupIds", Json::array({IdOf("dev-alb-sg")})}});
  api().Call("ec2", "DeleteVpcEndpoints", {{"VpcEndpointIds", Json::array({dkr["VpcEndpointId"]})}});
  api().Call("ec2", "ModifyVpcEndpoint",
             {{"VpcEndpointId", s3["VpcEndpointId"]}, {"RemoveRouteTableIds", s3["RouteTableIds"]}});
  Rest();
  EXPECT_EQ(Planned(),
            (std::vector<std::string>{
                "+ vpc endpoint dev-ecr-dkr",
                fmt::format("~ vpc endpoint dev-logs; subnet: {}; security group: {} removed; private DNS: off → on",
                            logs["SubnetIds"][0].get<std::string>(), IdOf("dev-alb-sg")),
                fmt::format("~ vpc endpoint dev-s3; route table: {}", s3["RouteTableIds"][0].get<std::string>())}));
  ASSERT_EQ(SharedUp(), "");
  ExpectShape(NatKind::kEndpoints);
  // While one that a run which died began to delete is still there.
  api().Call("ec2", "DeleteVpcEndpoints", {{"VpcEndpointIds", Json::array({logs["VpcEndpointId"]})}});
  ASSERT_EQ(SharedUp(), "");
  ExpectShape(NatKind::kEndpoints);
}

TEST_F(SharedNetwork, OnlyImagesOfTheRegistryGoWithEndpoints) {
  config_.target.network.nat = NatKind::kEndpoints;
  ASSERT_EQ(SharedUp(), "");
  config_.target.kind = config::TargetKind::kAws;
  EXPECT_EQ(Up(),
            "service web runs localhost/adhoc/web:1, which a network with `nat: endpoints` cannot reach | push it "
            "to 000000000000.dkr.ecr.us-east-1.amazonaws.com/<repository> and name that, or choose another `nat`");
}

TEST_F(SharedNetwork, ADefaultRouteToAGatewayThatIsGoneLeadsToTheNewOne) {
  ASSERT_EQ(SharedUp(), "");
  const Json gateway = All("DescribeNatGateways", "NatGateways")[0];
  api().Call("ec2", "DeleteNatGateway", {{"NatGatewayId", gateway["NatGatewayId"]}});
  Rest();
  ASSERT_EQ(SharedUp(), "");
  ExpectShape(NatKind::kSingle);
}

// ---- Who may reach what

class Ingress : public SharedNetwork {
 protected:
  // `group protocol from-to source` of every permission that lets a range of addresses in.
  std::set<std::string> OpenTo() {
    std::set<std::string> open;
    for (const Json& group : All("DescribeSecurityGroups", "SecurityGroups")) {
      for (const Json& permission : group.value("IpPermissions", Json::array())) {
        for (const auto& [list, member] :
             {std::pair("IpRanges", "CidrIp"), {"Ipv6Ranges", "CidrIpv6"}, {"PrefixListIds", "PrefixListId"}}) {
          for (const Json& source : permission.value(list, Json::array())) {
            open.insert(fmt::format("{} {} {}-{} {}", group["GroupName"].get<std::string>(),
                                    permission["IpProtocol"].get<std::string>(), permission.value("FromPort", -1),
                                    permission.value("ToPort", -1), source[member].get<std::string>()));
          }
        }
      }
    }
    return open;
  }
};

TEST_F(Ingress, NothingButTheLoadBalancerIsOpenInAnyShape) {
  config_.target.http_port = 80;
  config_.target.https_port = 443;
  config_.target.bastion = true;
  using Open = std::set<std::string>;
  for (const NatKind nat : kShapes) {
    SCOPED_TRACE(static_cast<int>(nat));
    config_.target.network.nat = nat;
    config_.target.network.ingress = {"0.0.0.0/0"};
    ASSERT_EQ(SharedUp(), "");
    EXPECT_EQ(OpenTo(), (Open{"dev-alb-sg tcp 80-80 0.0.0.0/0", "dev-alb-sg tcp 443-443 0.0.0.0/0"}));
    // Narrower: the old rules go.
    config_.target.network.ingress = {"192.0.2.0/24", "198.51.100.7/32"};
    ASSERT_EQ(SharedUp(), "");
    EXPECT_EQ(OpenTo(), (Open{"dev-alb-sg tcp 80-80 192.0.2.0/24", "dev-alb-sg tcp 443-443 192.0.2.0/24",
                              "dev-alb-sg tcp 80-80 198.51.100.7/32", "dev-alb-sg tcp 443-443 198.51.100.7/32"}));
  }
}

TEST_F(Ingress, WhatSomebodyOpenedIsPlannedAndClosed) {
  config_.target.http_port = 80;
  config_.target.https_port = 443;
  config_.target.bastion = true;
  config_.target.network.nat = NatKind::kEndpoints;
  config_.target.network.ingress = {"192.0.2.0/24"};
  ASSERT_EQ(SharedUp(), "");
  const auto wanted = OpenTo();
  std::size_t opened = 0;
  for (const char* group : {"dev-alb-sg", "dev-ecs-sg", "dev-rds-sg", "dev-bastion-sg", "dev-endpoints-sg"}) {
    const Json permissions = Json::array(
        {{{"IpProtocol", "tcp"}, {"FromPort", 443}, {"ToPort", 443}, {"IpRanges", {{{"CidrIp", "0.0.0.0/0"}}}}},
         {{"IpProtocol", "tcp"}, {"FromPort", 443}, {"ToPort", 443}, {"Ipv6Ranges", {{{"CidrIpv6", "::/0"}}}}},
         {{"IpProtocol", "udp"}, {"FromPort", 0}, {"ToPort", 65535}, {"IpRanges", {{{"CidrIp", "0.0.0.0/0"}}}}},
         {{"IpProtocol", "-1"}, {"IpRanges", {{{"CidrIp", "0.0.0.0/0"}}}}}});
    api().Call("ec2", "AuthorizeSecurityGroupIngress", {{"GroupId", IdOf(group)}, {"IpPermissions", permissions}});
    opened += permissions.size();
  }
  EXPECT_EQ(OpenTo().size(), wanted.size() + opened);
  EXPECT_EQ(Planned().size(), 5u);
  ASSERT_EQ(SharedUp(), "");
  EXPECT_EQ(OpenTo(), wanted);
  EXPECT_EQ(Planned(), std::vector<std::string>{});
}

}  // namespace
}  // namespace adhoc::env
