#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

Json Filter(const std::string& name, const std::string& value) {
  return {{"Filters", Json::array({{{"Name", name}, {"Values", Json::array({value})}}})}};
}

Json Tagged(const std::string& type, const std::string& name) {
  return Json::array({{{"ResourceType", type}, {"Tags", Json::array({{{"Key", "Name"}, {"Value", name}}})}}});
}

struct Ec2 : ::testing::Test {
  LocalApi api;

  std::string MakeVpc(const std::string& cidr = "10.213.0.0/16") {
    return api.Call("ec2", "CreateVpc", {{"CidrBlock", cidr}})["Vpc"]["VpcId"];
  }
  std::string MakeSubnet(const std::string& vpc, const std::string& cidr, const std::string& name = "") {
    return api.Call(
        "ec2", "CreateSubnet",
        {{"VpcId", vpc}, {"CidrBlock", cidr}, {"TagSpecifications", Tagged("subnet", name)}})["Subnet"]["SubnetId"];
  }
  std::string MakeGroup(const std::string& vpc, const std::string& name) {
    return api.Call("ec2", "CreateSecurityGroup",
                    {{"VpcId", vpc}, {"GroupName", name}, {"Description", "x"}})["GroupId"];
  }
};

TEST_F(Ec2, AnAccountBeginsWithADefaultVpc) {
  const Json vpcs = api.Call("ec2", "DescribeVpcs", Filter("is-default", "true"))["Vpcs"];
  ASSERT_EQ(vpcs.size(), 1u);
  const std::string vpc = vpcs[0]["VpcId"];
  EXPECT_EQ(vpcs[0]["CidrBlock"], "172.31.0.0/16");
  EXPECT_EQ(vpcs[0]["CidrBlockAssociationSet"][0]["CidrBlockState"]["State"], "associated");
  const Json subnets = api.Call("ec2", "DescribeSubnets", Filter("vpc-id", vpc))["Subnets"];
  ASSERT_EQ(subnets.size(), 3u);
  EXPECT_EQ(subnets[0]["AvailableIpAddressCount"], 4091);
  const Json table = api.Call("ec2", "DescribeRouteTables", Filter("association.main", "true"))["RouteTables"][0];
  EXPECT_EQ(table["Routes"].size(), 2u);
  const Json group = api.Call("ec2", "DescribeSecurityGroups", Filter("group-name", "default"))["SecurityGroups"][0];
  EXPECT_EQ(group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], group["GroupId"]);
  EXPECT_EQ(group["IpPermissionsEgress"][0]["IpRanges"][0]["CidrIp"], "0.0.0.0/0");
  EXPECT_EQ(api.Call("ec2", "DescribeNetworkAcls")["NetworkAcls"][0]["Associations"].size(), 3u);
}

TEST_F(Ec2, TheDefaultVpcStaysAwayOnceDeleted) {
  const std::string vpc = api.Call("ec2", "DescribeVpcs")["Vpcs"][0]["VpcId"];
  const Json answer = api.Call("ec2", "DescribeSubnets");
  for (const auto& subnet : answer["Subnets"]) {
    api.Call("ec2", "DeleteSubnet", {{"SubnetId", subnet["SubnetId"]}});
  }
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", vpc}}), "DependencyViolation");
  const std::string gateway = api.Call("ec2", "DescribeInternetGateways")["InternetGateways"][0]["InternetGatewayId"];
  api.Call("ec2", "DetachInternetGateway", {{"VpcId", vpc}, {"InternetGatewayId", gateway}});
  api.Call("ec2", "DeleteVpc", {{"VpcId", vpc}});
  EXPECT_TRUE(api.Call("ec2", "DescribeVpcs")["Vpcs"].empty());
}

TEST_F(Ec2, AnInterfacesAddressIsNoElasticOne) {
  const std::string subnet = api.Call("ec2", "DescribeSubnets")["Subnets"][0]["SubnetId"];
  api.Call("ec2", "CreateNetworkInterface", {{"SubnetId", subnet}});
  EXPECT_TRUE(api.Call("ec2", "DescribeAddresses")["Addresses"].empty());
  api.Call("ec2", "AllocateAddress", {{"Domain", "vpc"}});
  EXPECT_EQ(api.Call("ec2", "DescribeAddresses")["Addresses"].size(), 1u);
}

TEST_F(Ec2, FindsSubnetsByTagWithWildcards) {
  const std::string vpc = MakeVpc();
  MakeSubnet(vpc, "10.213.1.0/24", "dev-public-a");
  const std::string wanted = MakeSubnet(vpc, "10.213.2.0/24", "dev-private-a");
  const Json found = api.Call("ec2", "DescribeSubnets", Filter("tag:Name", "*private*"))["Subnets"];
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["SubnetId"], wanted);
  EXPECT_EQ(api.Call("ec2", "DescribeSubnets", Filter("tag-key", "Name"))["Subnets"].size(), 2u);
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeSubnets", Filter("colour", "red")), "InvalidParameterValue");
}

TEST_F(Ec2, SubnetsLieInTheVpcAndApart) {
  const std::string vpc = MakeVpc();
  MakeSubnet(vpc, "10.213.1.0/24");
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.213.1.128/25"}}),
            "InvalidSubnet.Conflict");
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.214.0.0/24"}}),
            "InvalidSubnet.Range");
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSubnet", {{"VpcId", "vpc-0"}, {"CidrBlock", "10.213.9.0/24"}}),
            "InvalidVpcID.NotFound");
  EXPECT_EQ(api.ErrorOf("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/8"}}), "InvalidVpc.Range");
}

TEST_F(Ec2, AVpcGetsANetworkPlaceOfItsOwn) {
  const Json first = api.Document("ec2.vpcs", MakeVpc());
  const Json second = api.Document("ec2.vpcs", MakeVpc());
  EXPECT_EQ(first["CidrBlock"], second["CidrBlock"]);
  EXPECT_NE(first["_cidr"], second["_cidr"]);
  EXPECT_NE(first["_network"], second["_network"]);
}

TEST_F(Ec2, DeletingAVpcAbandonsItsNetwork) {
  const std::string vpc = MakeVpc();
  const std::string network = api.Document("ec2.vpcs", vpc)["_network"];
  const std::string subnet = MakeSubnet(vpc, "10.213.1.0/24");
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", vpc}}), "DependencyViolation");
  api.Call("ec2", "DeleteSubnet", {{"SubnetId", subnet}});
  const std::string group = MakeGroup(vpc, "web");
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", vpc}}), "DependencyViolation");
  api.Call("ec2", "DeleteSecurityGroup", {{"GroupId", group}});
  api.Call("ec2", "DeleteVpc", {{"VpcId", vpc}});
  EXPECT_EQ(api.Document("ec2.abandoned_networks", network)["VpcId"], vpc);
  EXPECT_TRUE(api.Call("ec2", "DescribeSecurityGroupRules", Filter("group-id", group))["SecurityGroupRules"].empty());
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", vpc}}), "InvalidVpcID.NotFound");
}

TEST_F(Ec2, VpcAttributesAreReadBack) {
  const std::string vpc = MakeVpc();
  api.Call("ec2", "ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", true}}}});
  const Json answer = api.Call("ec2", "DescribeVpcAttribute", {{"VpcId", vpc}, {"Attribute", "enableDnsHostnames"}});
  EXPECT_EQ(answer["EnableDnsHostnames"]["Value"], true);
}

TEST_F(Ec2, SecurityGroupRulesCanBeAddedOnceAndTakenAway) {
  const std::string vpc = MakeVpc();
  const std::string web = MakeGroup(vpc, "web");
  const std::string tasks = MakeGroup(vpc, "tasks");
  const Json http{{"GroupId", web},
                  {"IpPermissions",
                   Json::array({{{"IpProtocol", "tcp"},
                                 {"FromPort", 80},
                                 {"ToPort", 80},
                                 {"IpRanges", Json::array({{{"CidrIp", "0.0.0.0/0"}, {"Description", "world"}}})}}})}};
  const Json added = api.Call("ec2", "AuthorizeSecurityGroupIngress", http);
  EXPECT_EQ(added["SecurityGroupRules"][0]["CidrIpv4"], "0.0.0.0/0");
  try {
    api.Call("ec2", "AuthorizeSecurityGroupIngress", http);
    FAIL();
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.code(), "InvalidPermission.Duplicate");
    EXPECT_STREQ(error.what(),
                 "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW\" already exists");
  }
  const Json from_web{{"GroupId", tasks},
                      {"IpPermissions", Json::array({{{"IpProtocol", "tcp"},
                                                      {"FromPort", 8000},
                                                      {"ToPort", 8000},
                                                      {"UserIdGroupPairs", Json::array({{{"GroupId", web}}})}}})}};
  api.Call("ec2", "AuthorizeSecurityGroupIngress", from_web);
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteSecurityGroup", {{"GroupId", web}}), "DependencyViolation");
  api.Call("ec2", "RevokeSecurityGroupIngress", from_web);
  EXPECT_EQ(api.ErrorOf("ec2", "RevokeSecurityGroupIngress", from_web), "InvalidPermission.NotFound");
  const Json group = api.Call("ec2", "DescribeSecurityGroups", {{"GroupIds", Json::array({web})}})["SecurityGroups"][0];
  EXPECT_EQ(group["IpPermissions"][0]["IpRanges"][0]["Description"], "world");
  api.Call("ec2", "RevokeSecurityGroupIngress",
           {{"GroupId", web},
            {"SecurityGroupRuleIds", Json::array({added["SecurityGroupRules"][0]["SecurityGroupRuleId"]})}});
  api.Call("ec2", "DeleteSecurityGroup", {{"GroupId", web}});
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSecurityGroup", {{"VpcId", vpc}, {"GroupName", "tasks"}, {"Description", "x"}}),
            "InvalidGroup.Duplicate");
}

TEST_F(Ec2, ANatGatewayBecomesAvailableAndHoldsItsAddressUntilItIsGone) {
  const std::string vpc = MakeVpc();
  const std::string subnet = MakeSubnet(vpc, "10.213.1.0/24");
  const std::string address = api.Call("ec2", "AllocateAddress", {{"Domain", "vpc"}})["AllocationId"];
  const std::string nat = api.Call("ec2", "CreateNatGateway",
                                   {{"SubnetId", subnet}, {"AllocationId", address}})["NatGateway"]["NatGatewayId"];
  const auto state = [&] {
    return api.Call("ec2", "DescribeNatGateways", {{"NatGatewayIds", Json::array({nat})}})["NatGateways"][0]["State"]
        .get<std::string>();
  };
  EXPECT_EQ(state(), "pending");
  api.clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(state(), "available");
  EXPECT_EQ(api.ErrorOf("ec2", "ReleaseAddress", {{"AllocationId", address}}), "InvalidIPAddress.InUse");
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteSubnet", {{"SubnetId", subnet}}), "DependencyViolation");

  const std::string table = api.Call("ec2", "CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"];
  api.Call("ec2", "CreateRoute",
           {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}, {"NatGatewayId", nat}});
  EXPECT_EQ(api.ErrorOf("ec2", "CreateRoute",
                        {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", "vgw-1"}}),
            "RouteAlreadyExists");

  api.Call("ec2", "DeleteNatGateway", {{"NatGatewayId", nat}});
  EXPECT_EQ(state(), "deleting");
  api.clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(state(), "deleted");
  EXPECT_EQ(api.Call("ec2", "DescribeRouteTables",
                     {{"RouteTableIds", Json::array({table})}})["RouteTables"][0]["Routes"][1]["State"],
            "blackhole");
  api.Call("ec2", "ReleaseAddress", {{"AllocationId", address}});
  api.Call("ec2", "DeleteSubnet", {{"SubnetId", subnet}});
  api.clock().Advance(std::chrono::hours(2));
  EXPECT_EQ(api.ErrorOf("ec2", "DescribeNatGateways", {{"NatGatewayIds", Json::array({nat})}}), "NatGatewayNotFound");
}

// The answer was lost and the client asked again: there were two route tables.
TEST_F(Ec2, AClientTokenMakesOnlyOne) {
  const std::string vpc = MakeVpc();
  const Json input = {{"VpcId", vpc}, {"ClientToken", "once"}};
  const Json first = api.Call("ec2", "CreateRouteTable", input);
  EXPECT_EQ(api.Call("ec2", "CreateRouteTable", input), first);
  EXPECT_EQ(api.ErrorOf("ec2", "CreateRouteTable", {{"VpcId", MakeVpc()}, {"ClientToken", "once"}}),
            "IdempotentParameterMismatch");
  EXPECT_NE(api.Call("ec2", "CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"],
            first["RouteTable"]["RouteTableId"]);
  api.clock().Advance(std::chrono::hours(25));
  EXPECT_NE(api.Call("ec2", "CreateRouteTable", input), first);
}

TEST_F(Ec2, ARouteTableThatSubnetsUseIsNotDeleted) {
  const std::string vpc = MakeVpc();
  const std::string subnet = MakeSubnet(vpc, "10.213.1.0/24");
  const std::string table = api.Call("ec2", "CreateRouteTable", {{"VpcId", vpc}})["RouteTable"]["RouteTableId"];
  const std::string association =
      api.Call("ec2", "AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", subnet}})["AssociationId"];
  EXPECT_EQ(
      api.Call("ec2", "DescribeRouteTables", Filter("association.subnet-id", subnet))["RouteTables"][0]["RouteTableId"],
      table);
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteRouteTable", {{"RouteTableId", table}}), "DependencyViolation");
  api.Call("ec2", "DisassociateRouteTable", {{"AssociationId", association}});
  api.Call("ec2", "DeleteRouteTable", {{"RouteTableId", table}});
  EXPECT_EQ(api.ErrorOf("ec2", "DisassociateRouteTable", {{"AssociationId", association}}),
            "InvalidAssociationID.NotFound");
}

TEST_F(Ec2, TagsAreAddedListedAndRemoved) {
  const std::string vpc = MakeVpc();
  api.Call("ec2", "CreateTags",
           {{"Resources", Json::array({vpc})}, {"Tags", Json::array({{{"Key", "env"}, {"Value", "dev"}}})}});
  const Json tags = api.Call("ec2", "DescribeTags", Filter("resource-id", vpc))["Tags"];
  ASSERT_EQ(tags.size(), 1u);
  EXPECT_EQ(tags[0]["ResourceType"], "vpc");
  api.Call("ec2", "DeleteTags",
           {{"Resources", Json::array({vpc})}, {"Tags", Json::array({{{"Key", "env"}, {"Value", "other"}}})}});
  EXPECT_EQ(api.Call("ec2", "DescribeVpcs", Filter("tag:env", "dev"))["Vpcs"].size(), 1u);
  api.Call("ec2", "DeleteTags", {{"Resources", Json::array({vpc})}, {"Tags", Json::array({{{"Key", "env"}}})}});
  EXPECT_TRUE(api.Call("ec2", "DescribeVpcs", Filter("tag:env", "dev"))["Vpcs"].empty());
  EXPECT_EQ(
      api.ErrorOf("ec2", "CreateTags",
                  {{"Resources", Json::array({"subnet-0"})}, {"Tags", Json::array({{{"Key", "a"}, {"Value", "b"}}})}}),
      "InvalidSubnetID.NotFound");
}

TEST_F(Ec2, PagesAndDryRuns) {
  const std::string vpc = MakeVpc();
  for (int i = 0; i < 6; ++i) MakeSubnet(vpc, "10.213." + std::to_string(i) + ".0/24");
  Json input = Filter("vpc-id", vpc);
  input["MaxResults"] = 5;
  const Json first = api.Call("ec2", "DescribeSubnets", input);
  EXPECT_EQ(first["Subnets"].size(), 5u);
  input["NextToken"] = first["NextToken"];
  const Json second = api.Call("ec2", "DescribeSubnets", input);
  EXPECT_EQ(second["Subnets"].size(), 1u);
  EXPECT_FALSE(second.contains("NextToken"));
  EXPECT_EQ(api.ErrorOf("ec2", "DeleteVpc", {{"VpcId", MakeVpc()}, {"DryRun", true}}), "DryRunOperation");
}

}  // namespace
}  // namespace adhoc::testing
