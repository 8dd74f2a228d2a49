"""https://docs.aws.amazon.com/IAM/latest/APIReference/, https://docs.aws.amazon.com/STS/latest/APIReference/"""

import json

import pytest

from .conftest import refuses

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})


@pytest.fixture
def iam(client):
    return client("iam")


@pytest.fixture
def role(iam, name):
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]


def test_the_caller_is_somebody(client):
    caller = client("sts").get_caller_identity()
    assert caller["Account"] == "000000000000" and caller["Arn"].startswith("arn:aws:")


def test_a_role_is_assumed(client, role):
    answer = client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="suite")
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA") and answer["Credentials"]["SessionToken"]
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{role['RoleName']}/suite"
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:suite"


def test_a_role_has_an_id_and_a_path(iam, role, name):
    assert role["RoleId"].startswith("AROA") and role["Path"] == "/" and role["MaxSessionDuration"] == 3600
    refuses("EntityAlreadyExists", iam.create_role, f"Role with name {name} already exists.", RoleName=name,
            AssumeRolePolicyDocument=TRUST)
    refuses("NoSuchEntity", iam.get_role, f"The role with name {name}-none cannot be found.", RoleName=f"{name}-none")


def test_documents_have_to_be_policies(iam, name):
    refuses("MalformedPolicyDocument", iam.create_role, RoleName=name, AssumeRolePolicyDocument="{")
    refuses("MalformedPolicyDocument", iam.create_policy, PolicyName=name, PolicyDocument="[]")


def test_a_role_has_a_permissions_boundary(iam, role, name):
    def boundary():
        return iam.get_role(RoleName=name)["Role"].get("PermissionsBoundary")

    assert boundary() is None
    none = f"arn:aws:iam::000000000000:policy/{name}-none"
    refuses("NoSuchEntity", iam.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=none)
    refuses("NoSuchEntity", iam.create_role, RoleName=f"{name}-2", AssumeRolePolicyDocument=TRUST, PermissionsBoundary=none)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=arn)
    assert boundary() == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"] == 1
    refuses("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.delete_role_permissions_boundary(RoleName=name)
    assert boundary() is None
    iam.delete_policy(PolicyArn=arn)


def test_policies_of_ones_own_have_versions(iam, name):
    arn = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW)["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::000000000000:policy/{name}"
    second = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=True)["PolicyVersion"]
    assert second["VersionId"] == "v2" and second["IsDefaultVersion"] is True
    refuses("DeleteConflict", iam.delete_policy_version, PolicyArn=arn, VersionId="v2")
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW)
    refuses("LimitExceeded", iam.create_policy_version, PolicyArn=arn, PolicyDocument=ALLOW)
    refuses("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    for version in ("v1", "v3", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    refuses("NoSuchEntity", iam.get_policy, PolicyArn=arn)


def test_an_attached_policy_holds_its_role_and_itself(iam, role, name):
    arn = iam.create_policy(PolicyName=name, PolicyDocument=ALLOW)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    refuses("DeleteConflict", iam.delete_role, RoleName=name)
    refuses("DeleteConflict", iam.delete_policy, PolicyArn=arn)
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    refuses("NoSuchEntity", iam.detach_role_policy, RoleName=name, PolicyArn=arn)


def test_a_profile_holds_one_role(iam, role, name):
    iam.create_instance_profile(InstanceProfileName=name)
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    assert [r["RoleName"] for r in iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]] == [name]
    refuses("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=name)
    refuses("DeleteConflict", iam.delete_instance_profile, InstanceProfileName=name)


def test_lists_are_paged(iam, name):
    for i in range(5):
        iam.create_role(RoleName=f"{name}{i}", AssumeRolePolicyDocument=TRUST, Path=f"/{name}/")
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": 2}))
    assert [len(page["Roles"]) for page in pages] == [2, 2, 1]
