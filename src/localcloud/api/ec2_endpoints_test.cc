#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct VpcEndpoints : ::testing::Test {
  LocalApi api;
  const std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];

  VpcEndpoints() { api.Call("ec2", "ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", true}}}}); }
  std::string MakeSubnet(const std::string& cidr, const std::string& zone) {
    return api.Call("ec2", "CreateSubnet",
                    {{"VpcId", vpc}, {"CidrBlock", cidr}, {"AvailabilityZone", zone}})["Subnet"]["SubnetId"];
  }
  std::string MakeGroup(const std::string& name) {
    return api.Call("ec2", "CreateSecurityGroup",
                    {{"VpcId", vpc}, {"GroupName", name}, {"Description", "x"}})["GroupId"];
  }
  Json Interface(const std::string& service, const Json& more = Json::object()) {
    Json input{{"VpcId", vpc}, {"VpcEndpointType", "Interface"}, {"ServiceName", "com.amazonaws.us-east-1." + service}};
    input.update(more);
    return input;
  }
  Json Describe(const std::string& id) {
    return api.Call("ec2", "DescribeVpcEndpoints", {{"VpcEndpointIds", Json::array({id})}})["VpcEndpoints"][0];
  }
  Json RoutesOf(const std::string& table) {
    return api.Call("ec2", "DescribeRouteTables",
                    {{"RouteTableIds", Json::array({table})}})["RouteTables"][0]["Routes"];
  }
};

TEST_F(VpcEndpoints, AnInterfaceEndpointHasAnInterfaceInEachSubnetUntilItIsGone) {
  const std::string one = MakeSubnet("10.213.1.0/24", "us-east-1a");
  const std::string two = MakeSubnet("10.213.2.0/24", "us-east-1b");
  const std::string group = MakeGroup("endpoints");
  const Json made = api.Call("ec2", "CreateVpcEndpoint",
                             Interface("ecr.dkr", {{"SubnetIds", Json::array({one})},
                                                   {"SecurityGroupIds", Json::array({group})}}))["VpcEndpoint"];
  const std::string id = made["VpcEndpointId"];
  EXPECT_EQ(made["State"], "pending");
  EXPECT_EQ(made["PrivateDnsEnabled"], true);
  EXPECT_EQ(made["DnsEntries"][1]["DnsName"], "*.dkr.ecr.us-east-1.amazonaws.com");
  api.clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(Describe(id)["State"], "available");
  const Json interfaces = api.Call("ec2", "DescribeNetworkInterfaces",
                                   {{"NetworkInterfaceIds", made["NetworkInterfaceIds"]}})["NetworkInterfaces"];
  ASSERT_EQ(interfaces.size(), 1u);
  EXPECT_EQ(interfaces[0]["InterfaceType"], "vpc_endpoint");
  EXPECT_EQ(interfaces[0]["Groups"][0]["GroupId"], group);

  const std::string other = MakeGroup("others");
  api.Call("ec2", "ModifyVpcEndpoint",
           {{"VpcEndpointId", id},
            {"AddSubnetIds", Json::array({two})},
            {"RemoveSubnetIds", Json::array({one})},
            {"AddSecurityGroupIds", Json::array({other})},
            {"RemoveSecurityGroupIds", Json::array({group})}});
  api.Call("ec2", "DeleteSubnet", {{"SubnetId", one}});
  api.Call("ec2", "DeleteSecurityGroup", {{"GroupId", group}});
  EXPECT_EQ(Describe(id)["SubnetIds"], Json::array({two}));
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteSecurityGroup", {{"GroupId", other}}), "DependencyViolation");

  EXPECT_TRUE(api.Call("ec2", "DeleteVpcEndpoints", {{"VpcEndpointIds", Json::array({id})}})["Unsuccessful"].empty());
  EXPECT_EQ(Describe(id)["State"], "deleting");
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteSubnet", {{"SubnetId", two}}), "DependencyViolation");
  api.clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeVpcEndpoints", {{"VpcEndpointIds", Json::array({id})}}),
            "InvalidVpcEndpointId.NotFound");
  api.Call("ec2", "DeleteSubnet", {{"SubnetId", two}});
  EXPECT_EQ(api.Call("ec2", "DeleteVpcEndpoints",
                     {{"VpcEndpointIds", Json::array({id})}})["Unsuccessful"][0]["Error"]["Code"],
            "InvalidVpcEndpointId.NotFound");
}

TEST_F(VpcEndpoints, AGatewayEndpointIsARouteInItsTables) {
  const std::string table = api.Call("ec2", "CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"];
  const std::string other = api.Call("ec2", "CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"];
  const Json input{
      {"VpcId", vpc}, {"ServiceName", "com.amazonaws.us-east-1.s3"}, {"RouteTableIds", Json::array({table})}};
  const Json made = api.Call("ec2", "CreateVpcEndpoint", input)["VpcEndpoint"];
  EXPECT_EQ(made["State"], "available");
  const Json lists = api.Call(
      "ec2", "DescribePrefixLists",
      {{"Filters", Json::array({{{"Name", "prefix-list-name"}, {"Values", {"com.amazonaws.us-east-1.s3"}}}})}});
  ASSERT_EQ(lists["PrefixLists"].size(), 1u);
  EXPECT_EQ(RoutesOf(table)[1]["DestinationPrefixListId"], lists["PrefixLists"][0]["PrefixListId"]);
  EXPECT_EQ(RoutesOf(table)[1]["GatewayId"], made["VpcEndpointId"]);
  EXPECT_EQ(api.ErrorOf("ec2", "CreateVpcEndpoint", input), "RouteAlreadyExists");
  api.Call("ec2", "ModifyVpcEndpoint",
           {{"VpcEndpointId", made["VpcEndpointId"]},
            {"AddRouteTableIds", Json::array({other})},
            {"RemoveRouteTableIds", Json::array({table})}});
  EXPECT_EQ(RoutesOf(table).size(), 1u);
  EXPECT_EQ(RoutesOf(other).size(), 2u);
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", vpc}}), "DependencyViolation");
  api.Call("ec2", "DeleteVpcEndpoints", {{"VpcEndpointIds", Json::array({made["VpcEndpointId"]})}});
  EXPECT_EQ(RoutesOf(other).size(), 1u);
}

TEST_F(VpcEndpoints, RefusalsAreAwss) {
  const std::string subnet = MakeSubnet("10.213.1.0/24", "us-east-1a");
  const Json both = Json::array({subnet, MakeSubnet("10.213.2.0/24", "us-east-1a")});
  const auto error = [&](const Json& input) { return api.ErrorOf("ec2", "CreateVpcEndpoint", input); };
  EXPECT_EQ(error(Interface("logs", {{"ServiceName", "com.amazonaws.eu-west-1.logs"}})), "InvalidServiceName");
  EXPECT_EQ(error(Interface("logs", {{"VpcEndpointType", "Gateway"}})), "InvalidParameter");
  EXPECT_EQ(error(Interface("logs", {{"RouteTableIds", Json::array({"rtb-1"})}})), "InvalidParameter");
  EXPECT_EQ(error(Interface("s3", {{"VpcEndpointType", "Gateway"}, {"SubnetIds", Json::array({subnet})}})),
            "InvalidParameter");
  EXPECT_EQ(error(Interface("logs", {{"SubnetIds", both}})), "DuplicateSubnetsInSameZone");
  EXPECT_EQ(error(Interface("logs", {{"SubnetIds", Json::array({subnet})}})), "");
  EXPECT_EQ(error(Interface("logs")), "InvalidParameter") << "two of one private name";
  EXPECT_EQ(error(Interface("logs", {{"PrivateDnsEnabled", false}})), "");
  api.Call("ec2", "ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", false}}}});
  EXPECT_EQ(error(Interface("ssm")), "InvalidParameter");
}

}  // namespace
}  // namespace adhoc::testing
