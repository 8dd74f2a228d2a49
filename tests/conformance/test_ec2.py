"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"""

import pytest

from .conftest import refuses


@pytest.fixture
def ec2(client):
    return client("ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]


def by(name, *values):
    return [{"Name": name, "Values": list(values)}]


def test_an_account_begins_with_a_default_network(ec2):
    default = ec2.describe_vpcs(Filters=by("is-default", "true"))["Vpcs"]
    assert [vpc["CidrBlock"] for vpc in default] == ["172.31.0.0/16"]
    subnets = ec2.describe_subnets(Filters=by("default-for-az", "true"))["Subnets"]
    zones = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert {subnet["AvailabilityZone"] for subnet in subnets} == zones
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in subnets)
    groups = ec2.describe_security_groups(Filters=by("vpc-id", default[0]["VpcId"]) + by("group-name", "default"))
    assert len(groups["SecurityGroups"]) == 1


def test_a_vpc_brings_what_belongs_to_it(ec2, vpc):
    group = ec2.describe_security_groups(Filters=by("vpc-id", vpc))["SecurityGroups"][0]
    assert group["GroupName"] == "default"
    assert group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"], "its members reach each other"
    assert group["IpPermissionsEgress"][0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0"
    table = ec2.describe_route_tables(Filters=by("vpc-id", vpc))["RouteTables"][0]
    assert table["Associations"][0]["Main"] is True
    assert [(r["DestinationCidrBlock"], r["GatewayId"], r["Origin"]) for r in table["Routes"]] == [
        ("10.99.0.0/16", "local", "CreateRouteTable")]
    acl = ec2.describe_network_acls(Filters=by("vpc-id", vpc))["NetworkAcls"][0]
    assert acl["IsDefault"] and {entry["RuleNumber"] for entry in acl["Entries"]} == {100, 32767}
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"]["Value"] is True
    assert ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"] is False


@pytest.mark.parametrize("block, code", [("10.0.0.0/8", "InvalidVpc.Range"), ("10.0.0.0/29", "InvalidVpc.Range"),
                                         ("10.0.0.0", "InvalidParameterValue"), ("x", "InvalidParameterValue")])
def test_ranges_of_a_vpc(ec2, block, code):
    refuses(code, ec2.create_vpc, CidrBlock=block)


def test_subnets_lie_in_their_vpc_and_beside_each_other(ec2, vpc):
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.1.0/24")["Subnet"]
    assert subnet["AvailableIpAddressCount"] == 251, "AWS keeps five of each subnet"
    refuses("InvalidSubnet.Range", ec2.create_subnet, VpcId=vpc, CidrBlock="10.98.0.0/24")
    refuses("InvalidSubnet.Conflict", ec2.create_subnet, "conflicts with another subnet", VpcId=vpc, CidrBlock="10.99.1.128/25")


@pytest.mark.parametrize("operation, argument, value, code", [
    ("describe_vpcs", "VpcIds", "vpc-00000000000000000", "InvalidVpcID.NotFound"),
    ("describe_subnets", "SubnetIds", "subnet-00000000000000000", "InvalidSubnetID.NotFound"),
    ("describe_security_groups", "GroupIds", "sg-00000000000000000", "InvalidGroup.NotFound"),
    ("describe_route_tables", "RouteTableIds", "rtb-00000000000000000", "InvalidRouteTableID.NotFound"),
    ("describe_internet_gateways", "InternetGatewayIds", "igw-00000000000000000", "InvalidInternetGatewayID.NotFound"),
    ("describe_nat_gateways", "NatGatewayIds", "nat-00000000000000000", "NatGatewayNotFound"),
    ("describe_network_interfaces", "NetworkInterfaceIds", "eni-00000000000000000", "InvalidNetworkInterfaceID.NotFound"),
    ("describe_addresses", "AllocationIds", "eipalloc-00000000000000000", "InvalidAllocationID.NotFound"),
])
def test_each_kind_has_its_own_word_for_what_is_not_there(ec2, operation, argument, value, code):
    refuses(code, getattr(ec2, operation), value, **{argument: [value]})


def test_filters_take_wildcards_and_tags(ec2, vpc, name):
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": name}, {"Key": "env", "Value": "dev"}])
    for filters in (by("tag:Name", f"{name[:4]}*"), by("tag:Name", f"?{name[1:]}"), by("tag-key", "env") + by("vpc-id", vpc)):
        assert [found["VpcId"] for found in ec2.describe_vpcs(Filters=filters)["Vpcs"]] == [vpc]
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "env"}])
    assert ec2.describe_tags(Filters=by("resource-id", vpc))["Tags"] == [
        {"Key": "Name", "ResourceId": vpc, "ResourceType": "vpc", "Value": name}]
    refuses("InvalidParameterValue", ec2.describe_vpcs, Filters=by("no-such-filter", "x"))


def test_rules_of_a_security_group_have_ids(ec2, vpc, name):
    group = ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc)["GroupId"]
    refuses("InvalidGroup.Duplicate", ec2.create_security_group, GroupName=name, Description="x", VpcId=vpc)
    made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}])["SecurityGroupRules"][0]
    assert made["SecurityGroupRuleId"].startswith("sgr-") and made["ReferencedGroupInfo"]["GroupId"] == group
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []
    refuses("InvalidPermission.NotFound", ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])


def test_a_group_that_another_names_stays(ec2, vpc, name):
    named = ec2.create_security_group(GroupName=f"{name}-a", Description="x", VpcId=vpc)["GroupId"]
    naming = ec2.create_security_group(GroupName=f"{name}-b", Description="x", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=[
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": named}]}])
    refuses("DependencyViolation", ec2.delete_security_group, GroupId=named)
    ec2.delete_security_group(GroupId=naming)
    ec2.delete_security_group(GroupId=named)


def test_a_default_group_can_not_be_deleted(ec2, vpc):
    group = ec2.describe_security_groups(Filters=by("vpc-id", vpc))["SecurityGroups"][0]["GroupId"]
    refuses("CannotDelete", ec2.delete_security_group, GroupId=group)


def test_dry_run_says_that_it_would_have_succeeded(ec2):
    refuses("DryRunOperation", ec2.create_vpc, "Request would have succeeded, but DryRun flag is set.", CidrBlock="10.99.0.0/16",
            DryRun=True)


def test_pages_of_a_list(ec2, vpc):
    for i in range(7):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{i}.0/24")
    pages = list(ec2.get_paginator("describe_subnets").paginate(Filters=by("vpc-id", vpc), PaginationConfig={"PageSize": 5}))
    assert [len(page["Subnets"]) for page in pages] == [5, 2]
