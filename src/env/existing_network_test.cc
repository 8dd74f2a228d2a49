#include "env/existing_network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

using Kind = WayOut::Kind;

Json Route(const char* target, const std::string& id, const char* destination = "0.0.0.0/0") {
  return {{"DestinationCidrBlock", destination}, {target, id}, {"State", "active"}};
}
Json Local() { return Route("GatewayId", "local", "10.0.0.0/16"); }
Json Table(const std::string& id, const Json& associations, const Json& routes) {
  return {{"RouteTableId", id}, {"Associations", associations}, {"Routes", routes}};
}
// Of subnet-1 with these routes, besides its VPC's own.
WayOut WayWith(Json routes) {
  routes.insert(routes.begin(), Local());
  return FindWayOut(Json::array({Table("rtb-1", Json::array({{{"SubnetId", "subnet-1"}, {"Main", false}}}), routes)}),
                    "subnet-1");
}

TEST(WayOut, IsWhereTheDefaultRouteLeads) {
  const auto expect = [](const Json& routes, Kind kind, const std::string& via) {
    EXPECT_EQ(WayWith(routes), (WayOut{.kind = kind, .via = via, .table = "rtb-1"})) << routes;
  };
  expect(Json::array(), Kind::kNone, "");
  expect(Json::array({Route("GatewayId", "igw-1")}), Kind::kInternetGateway, "igw-1");
  expect(Json::array({Route("NatGatewayId", "nat-1")}), Kind::kOther, "nat-1");
  expect(Json::array({Route("TransitGatewayId", "tgw-1")}), Kind::kOther, "tgw-1");
  expect(Json::array({Route("GatewayId", "vpce-1")}), Kind::kOther, "vpce-1");  // a firewall's
  Json instance = Route("NetworkInterfaceId", "eni-1");
  instance["InstanceId"] = "i-1";
  expect(Json::array({instance}), Kind::kOther, "i-1");
  // The default route counts, wherever it stands.
  expect(Json::array({Route("VpcPeeringConnectionId", "pcx-1", "10.9.0.0/16"), Route("GatewayId", "igw-1")}),
         Kind::kInternetGateway, "igw-1");
  expect(Json::array({Route("VpcPeeringConnectionId", "pcx-1", "10.9.0.0/16")}), Kind::kSomeRanges, "pcx-1");
  // What it led to is gone.
  Json gone = Route("NatGatewayId", "nat-1");
  gone["State"] = "blackhole";
  expect(Json::array({gone}), Kind::kNone, "");
  // The route of a gateway endpoint, and IPv6's.
  expect(Json::array({{{"DestinationPrefixListId", "pl-1"}, {"GatewayId", "vpce-1"}, {"State", "active"}},
                      {{"DestinationIpv6CidrBlock", "::/0"}, {"GatewayId", "igw-1"}, {"State", "active"}}}),
         Kind::kNone, "");
}

TEST(WayOut, IsThatOfTheSubnetsTableElseOfTheMainOne) {
  const Json tables = Json::array(
      {Table("rtb-main", Json::array({{{"Main", true}}}), Json::array({Local(), Route("GatewayId", "igw-1")})),
       Table("rtb-own", Json::array({{{"SubnetId", "subnet-2"}, {"Main", false}}}),
             Json::array({Local(), Route("NatGatewayId", "nat-1")})),
       Table("rtb-unused", Json::array(), Json::array({Local()}))});
  EXPECT_EQ(FindWayOut(tables, "subnet-1").table, "rtb-main");
  EXPECT_EQ(FindWayOut(tables, "subnet-2").table, "rtb-own");
  EXPECT_EQ(FindWayOut(Json::array(), "subnet-1"), WayOut{});
}

Json Endpoint(const std::string& service, const Json& more = Json::object()) {
  Json endpoint{{"ServiceName", "com.amazonaws.us-east-1." + service},
                {"VpcEndpointType", "Interface"},
                {"State", "available"},
                {"PrivateDnsEnabled", true}};
  endpoint.update(more);
  return endpoint;
}

TEST(Endpoints, ServeWhenTheyAreThereByNameOrRoute) {
  const std::vector<std::string> wanted{"ecr.api", "s3"};
  const auto missing = [&](const Json& endpoints) { return WithoutEndpoint(endpoints, "us-east-1", "rtb-1", wanted); };
  const Json gateway = Endpoint("s3", {{"VpcEndpointType", "Gateway"},
                                       {"PrivateDnsEnabled", false},
                                       {"RouteTableIds", Json::array({"rtb-0", "rtb-1"})}});
  EXPECT_EQ(missing(Json::array()), wanted);
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api"), gateway})), std::vector<std::string>{});
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api"), Endpoint("s3")})), std::vector<std::string>{});
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api", {{"State", "Available"}}), gateway})), std::vector<std::string>{});
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api", {{"State", "pending"}}), gateway})),
            std::vector<std::string>{"ecr.api"});
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api", {{"PrivateDnsEnabled", false}}), gateway})),
            std::vector<std::string>{"ecr.api"});
  Json elsewhere = gateway;
  elsewhere["RouteTableIds"] = Json::array({"rtb-2"});
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api"), elsewhere})), std::vector<std::string>{"s3"});
  // Of another region, and of a service whose name ends alike.
  EXPECT_EQ(WithoutEndpoint(Json::array({Endpoint("ecr.api")}), "eu-west-1", "rtb-1", {"ecr.api"}).size(), 1u);
  EXPECT_EQ(missing(Json::array({Endpoint("ecr.api"), Endpoint("com-s3")})), std::vector<std::string>{"s3"});
}

std::string Say(const std::optional<Finding>& finding) {
  if (!finding) return "";
  return fmt::format("{}: {} | {}", finding->works ? "warning" : "refused", finding->problem, finding->hint);
}

TEST(ABalancerInASubnet, NeedsAnInternetGateway) {
  const auto judge = [](const Json& routes) {
    return Say(JudgeReach("subnet-1", WayWith(routes), "the load balancer"));
  };
  EXPECT_EQ(judge(Json::array({Route("GatewayId", "igw-1")})), "");
  EXPECT_EQ(judge(Json::array()),
            "refused: the load balancer in subnet-1 could not be reached from the internet: route table rtb-1 has no "
            "default route | aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block "
            "0.0.0.0/0 --gateway-id igw-…, or name other subnets");
  EXPECT_EQ(judge(Json::array({Route("NatGatewayId", "nat-1")})),
            "refused: the load balancer in subnet-1 could not be reached from the internet: the default route of rtb-1 "
            "leads to nat-1 | aws ec2 replace-route --route-table-id rtb-1 "
            "--destination-cidr-block 0.0.0.0/0 --gateway-id igw-…, or name other subnets");
  constexpr const char* kHint = " | its default route should lead to an internet gateway";
  constexpr const char* kUnsure = "warning: whether the load balancer in subnet-1 is reached cannot be told: ";
  EXPECT_EQ(judge(Json::array({Route("GatewayId", "vpce-1")})),
            fmt::format("{}its default route leads to vpce-1{}", kUnsure, kHint));
  EXPECT_EQ(judge(Json::array({Route("GatewayId", "igw-1", "192.0.2.0/24")})),
            fmt::format("{}route table rtb-1 has no default route, and one to igw-1{}", kUnsure, kHint));
  EXPECT_EQ(Say(JudgeReach("subnet-1", {}, "the load balancer")),
            fmt::format("{}its routes are not to be seen{}", kUnsure, kHint));
}

TEST(TasksInASubnet, NeedAWayOutOrEndpoints) {
  const std::vector<std::string> missing{"ecr.api", "logs"};
  const auto judge = [&](const Json& routes, bool is_public, const std::vector<std::string>& without) {
    return Say(JudgeTasks("subnet-1", WayWith(routes), is_public, without));
  };
  EXPECT_EQ(judge(Json::array({Route("NatGatewayId", "nat-1")}), false, missing), "");
  EXPECT_EQ(judge(Json::array({Route("TransitGatewayId", "tgw-1")}), false, missing), "");
  EXPECT_EQ(judge(Json::array({Route("GatewayId", "igw-1")}), true, missing), "");
  EXPECT_EQ(judge(Json::array(), false, {}), "");
  EXPECT_EQ(judge(Json::array(), false, missing),
            "refused: tasks in subnet-1 could not pull images: its route table rtb-1 has no default route, and the VPC "
            "has no endpoint of ecr.api, logs | aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block "
            "0.0.0.0/0 --nat-gateway-id nat-…, make these endpoints, or name other subnets");
  EXPECT_EQ(judge(Json::array(), true, {"s3"}),
            "refused: tasks in subnet-1 could not pull images: its route table rtb-1 has no default route, and the VPC "
            "has no endpoint of s3 | aws ec2 create-route --route-table-id rtb-1 --destination-cidr-block 0.0.0.0/0 "
            "--gateway-id igw-…, make these endpoints, or name other subnets");
  // An internet gateway is for public addresses.
  EXPECT_EQ(judge(Json::array({Route("GatewayId", "igw-1")}), false, {"s3"}),
            "refused: tasks in subnet-1 could not pull images: its route table rtb-1 leads to igw-1, of no use without "
            "a public address, and the VPC has no endpoint of s3 | aws ec2 replace-route --route-table-id rtb-1 "
            "--destination-cidr-block 0.0.0.0/0 --nat-gateway-id nat-…, make these endpoints, or name other subnets");
  // They may be at the other end.
  EXPECT_EQ(judge(Json::array({Route("TransitGatewayId", "tgw-1", "10.0.0.0/8")}), false, {"s3"}),
            "warning: whether tasks in subnet-1 can pull images cannot be told: route table rtb-1 has no default "
            "route, and one to tgw-1, and the VPC has no endpoint of s3 | they do when what they need is in those "
            "ranges");
  EXPECT_EQ(judge(Json::array({Route("TransitGatewayId", "tgw-1", "10.0.0.0/8")}), false, {}), "");
  EXPECT_EQ(Say(JudgeTasks("subnet-1", {}, false, {})),
            "warning: whether tasks in subnet-1 can pull images cannot be told: its routes are not to be seen | they "
            "need a NAT gateway or VPC endpoints");
}

}  // namespace
}  // namespace adhoc::env
