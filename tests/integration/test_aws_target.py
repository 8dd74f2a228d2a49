"""A target of kind `aws` that is led to a local cloud by AWS_ENDPOINT_URL: credentials, the right account."""

import json
import textwrap

import pytest

ACCOUNT = "000000000000"
DEFINITION = """
name: tiny
shared: tst
services:
  redis: {image: "localhost/adhoc/redis:7", port: 6379}
targets:
  account: {kind: aws, region: us-east-1, account: "%s", domain: tst.example.com%s}
"""


@pytest.fixture
def project(cloud, tmp_path):
    """A definition whose only target is an account, and a home without any configuration."""

    class Project:
        def define(self, account=ACCOUNT, more=""):
            (tmp_path / "adhoc.yaml").write_text(DEFINITION % (account, more))

        def configure(self, text, name="config"):
            (tmp_path / ".aws").mkdir(exist_ok=True)
            (tmp_path / ".aws" / name).write_text(textwrap.dedent(text))

        def adhoc(self, *arguments, **environment):
            variables = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint, "AWS_ACCESS_KEY_ID": "",
                         "AWS_SECRET_ACCESS_KEY": "", **environment}
            return cloud.adhoc(*arguments, cwd=tmp_path, check=False, **variables)

    made = Project()
    made.define()
    made.path = tmp_path
    return made


KEYS = "aws_access_key_id = test\naws_secret_access_key = test\n"


@pytest.fixture
def role(cloud):
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    made = iam.create_role(RoleName="people", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    yield made
    iam.delete_role(RoleName="people")


def test_credentials_of_each_kind_work(project, role):
    project.configure(f"""\
        [profile team]
        role_arn = {role}
        source_profile = keys
        [profile program]
        credential_process = {project.path}/get-keys
        """)
    project.configure(f"[default]\n{KEYS}[keys]\n{KEYS}", "credentials")
    program = project.path / "get-keys"
    program.write_text('#!/bin/sh\necho \'{"Version":1,"AccessKeyId":"test","SecretAccessKey":"test"}\'\n')
    program.chmod(0o755)
    (project.path / "token").write_text("eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZXBvOm8vciJ9.x")
    for environment in ({}, {"AWS_PROFILE": "team"}, {"AWS_PROFILE": "program"},
                        {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
                        {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{project.path}/token", "AWS_ROLE_ARN": role}):
        result = project.adhoc("ls", **environment)
        assert result.returncode == 0, (environment, result.stderr)
        assert "no environments on account yet" in result.stdout


def test_no_credentials_names_what_was_tried(project):
    result = project.adhoc("ls")
    assert result.returncode == 1
    for text in ("no AWS credentials", "AWS_ACCESS_KEY_ID is not set", f"neither {project.path}/.aws/config", "try: aws configure"):
        assert text in result.stderr, result.stderr


def test_the_targets_profile_and_role_are_used(project, role):
    project.define(more=f", profile: keys, role: \"{role}\"")
    project.configure(f"[keys]\n{KEYS}", "credentials")
    assert project.adhoc("ls").returncode == 0
    project.define(more=f", profile: keys, role: \"arn:aws:iam::{ACCOUNT}:role/nobody\"")
    denied = project.adhoc("ls")
    assert denied.returncode == 1
    assert "sts AssumeRole: AccessDenied" in denied.stderr


def test_another_account_is_refused_before_anything_is_touched(project, cloud):
    project.define(account="111122223333")
    for command in (["shared", "up"], ["up", "alpha"], ["down", "alpha"], ["ls"]):
        (project.path / "envs").mkdir(exist_ok=True)
        (project.path / "envs" / "alpha.tfvars").write_text("")
        result = project.adhoc("-v", *command, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
        assert result.returncode == 1
        assert f"are of account {ACCOUNT}, but target account is account 111122223333" in result.stderr
        calls = [line.split()[:2] for line in result.stderr.splitlines() if line.endswith(" ms")]
        assert calls == [["sts", "GetCallerIdentity"]]
    assert cloud.client("ec2").describe_vpcs(Filters=[{"Name": "tag:env", "Values": ["tst"]}])["Vpcs"] == []




def lock_object(cloud, environment, **changes):
    """Writes the lock of a command on another machine, as S3 has it."""
    holder = {"who": "ann@laptop", "what": f"adhoc up {environment}", "pid": 7, "host": "laptop", "since": 1.0, **changes}
    cloud.client("s3").put_object(Bucket=f"adhoc-records-{ACCOUNT}-us-east-1", Key=f"locks/environment/{environment}.json",
                                  Body=json.dumps(holder))


@pytest.fixture
def bucket(cloud):
    s3 = cloud.client("s3")
    name = f"adhoc-records-{ACCOUNT}-us-east-1"
    s3.create_bucket(Bucket=name)
    yield name
    for version in s3.list_object_versions(Bucket=name).get("Versions", []):
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    for marker in s3.list_object_versions(Bucket=name).get("DeleteMarkers", []):
        s3.delete_object(Bucket=name, Key=marker["Key"], VersionId=marker["VersionId"])
    s3.delete_bucket(Bucket=name)


WITH_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def test_a_lock_is_shown_and_released(project, cloud, bucket):
    assert "environment alpha is free" in project.adhoc("lock", "status", "alpha", **WITH_KEYS).stdout
    lock_object(cloud, "alpha")
    status = json.loads(project.adhoc("--json", "lock", "status", "alpha", **WITH_KEYS).stdout)
    assert status["held"] and status["holder"]["who"] == "ann@laptop"
    refused = project.adhoc("lock", "release", "alpha", **WITH_KEYS)
    assert refused.returncode == 1
    assert "being changed by ann@laptop (`adhoc up alpha`, pid 7 on laptop" in refused.stderr and "--force" in refused.stderr
    down = project.adhoc("down", "alpha", "--lock-timeout", "0", **WITH_KEYS)
    assert down.returncode == 1 and "is being changed by ann@laptop" in down.stderr
    assert project.adhoc("lock", "release", "alpha", "--force", **WITH_KEYS).returncode == 0
    assert "environment alpha is free" in project.adhoc("lock", "status", "alpha", **WITH_KEYS).stdout


def test_two_processes_at_once_take_turns(project, cloud, bucket):
    """Eight commands want the same lock at once; each ends well, and afterwards it is free."""
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: project.adhoc("shared", "down", **WITH_KEYS), range(8)))
    assert [result.returncode for result in results] == [0] * 8, [result.stderr for result in results]
    assert "is free" in project.adhoc("lock", "status", "--shared", **WITH_KEYS).stdout
    versions = cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="locks/shared/resources/tst.json")
    assert len(versions["Versions"]) == 8  # none was overwritten by another


def test_the_records_bucket_is_made_private_encrypted_and_versioned(project, cloud, bucket):
    assert project.adhoc("shared", "down", **WITH_KEYS).returncode == 0
    s3 = cloud.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
