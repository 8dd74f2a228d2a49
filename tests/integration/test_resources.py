"""The services that only keep documents, through boto3: its parsers, waiters, paginators and exceptions judge our answers."""

import io
import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import issued_certificate

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def code_of(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def test_a_network_is_built_and_taken_down(cloud, name):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.98.0.0/16", TagSpecifications=tagged("vpc", name))["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.98.1.0/24", TagSpecifications=tagged("subnet", f"{name}-private-a"))["Subnet"]
    assert subnet["AvailableIpAddressCount"] == 251
    found = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": [f"{name}*private*"]}])["Subnets"]
    assert [s["SubnetId"] for s in found] == [subnet["SubnetId"]]

    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=address)["NatGateway"]["NatGatewayId"]
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat], WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])["AssociationId"]

    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    assert code_of(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "DependencyViolation"
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    deadline = time.monotonic() + 10
    while ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] != "deleted":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ec2.release_address(AllocationId=address)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
    assert code_of(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"


def test_security_groups_and_their_rules(cloud, name):
    ec2 = cloud.client("ec2")
    group = ec2.create_security_group(GroupName=name, Description="x")["GroupId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "world"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[https])
    assert code_of(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[https]) == "InvalidPermission.Duplicate"
    permissions = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert permissions[0]["IpRanges"] == https["IpRanges"] and permissions[0]["FromPort"] == 443
    pages = ec2.get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": [group]}])
    assert sorted(rule["IsEgress"] for page in pages for rule in page["SecurityGroupRules"]) == [False, True]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[https])
    ec2.delete_security_group(GroupId=group)


def test_roles_come_back_with_their_documents(cloud, name):
    iam = cloud.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "env", "Value": "dev"}])
    iam.get_waiter("role_exists").wait(RoleName=name)
    # boto3 decodes the percent-encoding that IAM answers with.
    assert iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=TRUST)
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"] == json.loads(TRUST)
    managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam.attach_role_policy(RoleName=name, PolicyArn=managed)
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"][0]["PolicyArn"] == managed
    assert code_of(iam.delete_role, RoleName=name) == "DeleteConflict"
    iam.detach_role_policy(RoleName=name, PolicyArn=managed)
    iam.delete_role_policy(RoleName=name, PolicyName="p")
    iam.delete_role(RoleName=name)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName=name)


def test_logs_page_and_filter(cloud, name):
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[
        {"timestamp": now + i, "message": f"line {i} {'error' if i % 10 == 0 else 'ok'}"} for i in range(100)])
    found, token = [], None
    while True:
        options = {"nextToken": token} if token else {"startFromHead": True}
        page = logs.get_log_events(logGroupName=name, logStreamName="s", limit=30, **options)
        found += [event["message"] for event in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert found == [f"line {i} {'error' if i % 10 == 0 else 'ok'}" for i in range(100)]
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name, filterPattern="error", PaginationConfig={"PageSize": 3})
    assert len([event for page in pages for event in page["events"]]) == 10
    logs.delete_log_group(logGroupName=name)


def test_secrets_hold_text_and_bytes(cloud, name):
    secrets = cloud.client("secretsmanager")
    arn = secrets.create_secret(Name=name, SecretString="one")["ARN"]
    secrets.put_secret_value(SecretId=name, SecretBinary=b"\xff\x00")
    assert secrets.get_secret_value(SecretId=arn)["SecretBinary"] == b"\xff\x00"
    assert secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.describe_secret(SecretId=arn)


def test_records_of_a_zone(cloud, name):
    route53 = cloud.client("route53")
    zone = route53.create_hosted_zone(Name=f"{name}.test", CallerReference=name)["HostedZone"]["Id"]
    record = {"Name": f"*.{name}.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}

    def change(action):
        return route53.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]})

    changed = change("CREATE")["ChangeInfo"]["Id"]
    route53.get_waiter("resource_record_sets_changed").wait(Id=changed, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    with pytest.raises(route53.exceptions.InvalidChangeBatch, match="but it already exists"):
        change("CREATE")
    assert code_of(route53.delete_hosted_zone, Id=zone) == "HostedZoneNotEmpty"
    change("DELETE")
    route53.delete_hosted_zone(Id=zone)


def test_a_certificate_is_issued_by_the_local_authority(cloud, name):
    acm = cloud.client("acm")
    arn = issued_certificate(cloud, f"*.{name}.test")
    issued = acm.get_certificate(CertificateArn=arn)
    assert issued["Certificate"].startswith("-----BEGIN CERTIFICATE-----")
    with open(f"{cloud.home}/ca/ca.pem") as authority:
        assert issued["CertificateChain"] == authority.read()
    acm.delete_certificate(CertificateArn=arn)


def test_files_of_many_parts_come_back_whole(cloud, name):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    body = bytes(range(256)) * 80_000
    s3.upload_fileobj(io.BytesIO(body), name, "big")
    back = io.BytesIO()
    s3.download_fileobj(name, "big", back)
    assert back.getvalue() == body
    assert s3.head_object(Bucket=name, Key="big")["ETag"].endswith('-3"')
    s3.copy({"Bucket": name, "Key": "big"}, name, "copy")
    keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name, PaginationConfig={"PageSize": 1})
            for o in page["Contents"]]
    assert keys == ["big", "copy"]
    s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": key} for key in keys]})
    s3.delete_bucket(Bucket=name)


def test_what_was_accepted_survives_a_kill(fresh_cloud, name):
    s3 = fresh_cloud.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"kept")
    secret = fresh_cloud.client("secretsmanager").create_secret(Name=name, SecretString="kept")["ARN"]
    fresh_cloud.kill()
    fresh_cloud.start()
    assert fresh_cloud.client("s3").get_object(Bucket=name, Key="k")["Body"].read() == b"kept"
    assert fresh_cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "kept"
