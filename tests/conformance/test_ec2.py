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


# ---- Instances

AMAZON_LINUX = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"


@pytest.fixture
def image(client):
    return client("ssm").get_parameter(Name=AMAZON_LINUX)["Parameter"]["Value"]


@pytest.fixture
def subnet(ec2, vpc):
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.1.0/24")["Subnet"]["SubnetId"]


@pytest.fixture
def launch(ec2, image, subnet):
    """Runs an instance in a VPC of its own; all of them are terminated at the end."""
    launched = []

    def run(**options):
        asked = {"ImageId": image, "InstanceType": "t4g.nano", "SubnetId": subnet, "MinCount": 1, "MaxCount": 1, **options}
        instances = ec2.run_instances(**asked)["Instances"]
        launched.extend(instance["InstanceId"] for instance in instances)
        return instances[0]

    yield run
    if launched:
        ec2.terminate_instances(InstanceIds=launched)


def test_images_are_found_as_terraform_and_scripts_look_for_them(ec2, client, image):
    found = ec2.describe_images(Owners=["amazon"], Filters=by("name", "al2023-ami-2023.*") + by("architecture", "arm64"))["Images"]
    assert [one["ImageId"] for one in found] == [image]
    assert found[0]["RootDeviceName"] == found[0]["BlockDeviceMappings"][0]["DeviceName"]
    debian = ec2.describe_images(Owners=["136693071363"], Filters=by("name", "debian-12-amd64-*"))["Images"]
    assert [one["Architecture"] for one in debian] == ["x86_64"] and "ImageOwnerAlias" not in debian[0]
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    refuses("InvalidAMIID.NotFound", ec2.describe_images, "ami-00000000000000000", ImageIds=["ami-00000000000000000"])
    refuses("InvalidAMIID.Malformed", ec2.describe_images, ImageIds=["al2023"])
    below = client("ssm").get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"]
    assert {parameter["DataType"] for parameter in below} == {"text"} and image in {p["Value"] for p in below}


def test_types_know_their_architecture(ec2, image, subnet):
    described = ec2.describe_instance_types(InstanceTypes=["t4g.nano"])["InstanceTypes"][0]
    assert described["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    assert described["MemoryInfo"]["SizeInMiB"] == 512 and described["BurstablePerformanceSupported"] is True
    refuses("InvalidParameterValue", ec2.run_instances,
            "The architecture 'x86_64' of the specified instance type does not match the architecture 'arm64' of the specified AMI.",
            ImageId=image, InstanceType="t3.micro", SubnetId=subnet, MinCount=1, MaxCount=1)
    refuses("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["m5.24xlarge"])


def test_an_instance_is_described_with_what_belongs_to_it(ec2, launch, subnet, name):
    instance = launch(TagSpecifications=[{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}
                                         for kind in ("instance", "volume")])
    assert instance["State"] == {"Code": 0, "Name": "pending"}
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    found = ec2.describe_instances(Filters=by("tag:Name", name) + by("instance-state-name", "running"))["Reservations"]
    assert len(found) == 1 and len(found[0]["Instances"]) == 1
    instance = found[0]["Instances"][0]
    interface = ec2.describe_network_interfaces(Filters=by("attachment.instance-id", instance["InstanceId"]))["NetworkInterfaces"][0]
    assert instance["NetworkInterfaces"][0]["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    assert instance["PrivateIpAddress"] == interface["PrivateIpAddress"] and instance["SubnetId"] == subnet
    volume = ec2.describe_volumes(Filters=by("attachment.instance-id", instance["InstanceId"]))["Volumes"][0]
    assert volume["State"] == "in-use" and volume["Tags"] == [{"Key": "Name", "Value": name}]
    assert instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"] == volume["VolumeId"]
    assert ec2.describe_tags(Filters=by("resource-id", instance["InstanceId"]))["Tags"][0]["ResourceType"] == "instance"
    status = ec2.describe_instance_status(InstanceIds=[instance["InstanceId"]])["InstanceStatuses"][0]
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("ok", "ok")
    refuses("DependencyViolation", ec2.delete_subnet, SubnetId=subnet)


def test_attributes_of_an_instance(ec2, launch):
    instance = launch(UserData="#!/bin/sh\necho hello\n", MetadataOptions={"HttpTokens": "required"})
    id = instance["InstanceId"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"

    def read(attribute):
        return ec2.describe_instance_attribute(InstanceId=id, Attribute=attribute)

    import base64
    assert base64.b64decode(read("userData")["UserData"]["Value"]) == b"#!/bin/sh\necho hello\n"
    assert read("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    ec2.modify_instance_attribute(InstanceId=id, DisableApiTermination={"Value": True})
    assert read("disableApiTermination")["DisableApiTermination"]["Value"] is True
    refuses("OperationNotPermitted", ec2.terminate_instances, "Modify its 'disableApiTermination' instance attribute", InstanceIds=[id])
    ec2.modify_instance_attribute(InstanceId=id, DisableApiTermination={"Value": False})
    refuses("IncorrectInstanceState", ec2.modify_instance_attribute, "is not in the 'stopped' state", InstanceId=id,
            InstanceType={"Value": "t4g.micro"})
    credits = ec2.describe_instance_credit_specifications(InstanceIds=[id])["InstanceCreditSpecifications"]
    assert credits == [{"InstanceId": id, "CpuCredits": "unlimited"}]


def test_instances_that_are_not_there(ec2):
    missing = "i-00000000000000000"
    refuses("InvalidInstanceID.NotFound", ec2.describe_instances, f"The instance ID '{missing}' does not exist", InstanceIds=[missing])
    refuses("InvalidInstanceID.Malformed", ec2.describe_instances, 'Invalid id: "bastion"', InstanceIds=["bastion"])
    refuses("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=[missing])


def test_an_instance_profile_needs_a_role(ec2, client, launch, name):
    iam = client("iam")
    iam.create_instance_profile(InstanceProfileName=name)
    refuses("InvalidParameterValue", launch, "has no associated IAM Roles", IamInstanceProfile={"Name": name})
    refuses("InvalidParameterValue", launch, "Invalid IAM Instance Profile name", IamInstanceProfile={"Name": f"{name}-other"})
    iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    id = launch(IamInstanceProfile={"Name": name})["InstanceId"]
    association = ec2.describe_iam_instance_profile_associations(Filters=by("instance-id", id))["IamInstanceProfileAssociations"][0]
    assert association["State"] == "associated" and association["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{name}")
    ec2.disassociate_iam_instance_profile(AssociationId=association["AssociationId"])
    assert ec2.describe_iam_instance_profile_associations(Filters=by("instance-id", id))["IamInstanceProfileAssociations"] == []


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_key_pairs_are_real_keys(ec2, name, kind, tmp_path):
    import shutil
    import subprocess

    made = ec2.create_key_pair(KeyName=name, KeyType=kind)
    refuses("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName=name)
    shown = ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"][0]
    assert (shown["KeyType"], shown["KeyFingerprint"]) == (kind, made["KeyFingerprint"])
    if shutil.which("ssh-keygen"):
        file = tmp_path / "key"
        file.write_text(made["KeyMaterial"])
        file.chmod(0o600)
        read = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout
        assert read.split()[:2] == shown["PublicKey"].split()[:2]
    ec2.delete_key_pair(KeyName=name)
    refuses("InvalidKeyPair.NotFound", ec2.describe_key_pairs, f"The key pair '{name}' does not exist", KeyNames=[name])
    imported = ec2.import_key_pair(KeyName=name, PublicKeyMaterial=shown["PublicKey"].encode())
    assert (imported["KeyFingerprint"] == made["KeyFingerprint"]) == (kind == "ed25519"), "AWS digests an imported RSA key otherwise"
    refuses("InvalidKey.Format", ec2.import_key_pair, KeyName=f"{name}-2", PublicKeyMaterial=b"no key")
    ec2.delete_key_pair(KeyName=name)
    ec2.delete_key_pair(KeyName=name)
