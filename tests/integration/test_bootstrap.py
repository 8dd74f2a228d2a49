"""adhoc bootstrap and adhoc iam policy, on a local cloud and on moto: two AWSs that share no code."""

import base64
import json
import subprocess
import sys
import time

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import wait_for

ACCOUNTS = {"local": "000000000000", "moto": "123456789012"}
DEFINITION = """
name: tiny
shared: tst
variables:
  tag: {type: string}
images:
  backend: {build: ., repository: tst-backend, tag: "${var.tag}"}
services:
  web: {image: backend, port: 8000}
targets:
  account: {kind: aws, region: us-east-1, account: "%s", domain: tst.example.com}
"""
BUCKET = "adhoc-records-%s-us-east-1"
ISSUER = "token.actions.githubusercontent.com"


@pytest.fixture(params=["local", "moto"])
def account(request, cloud, tmp_path):
    """An AWS to set up, our program on it, and boto3 to look at it."""
    endpoint = cloud.endpoint if request.param == "local" else request.getfixturevalue("moto")
    number = ACCOUNTS[request.param]
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % number)

    class Account:
        def __init__(self):
            self.number = number
            self.bucket = BUCKET % number
            self.role = f"arn:aws:iam::{number}:role/tst-deploy-role"

        def adhoc(self, *arguments, check=True):
            variables = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": endpoint}
            return cloud.adhoc(*arguments, cwd=tmp_path, check=check, **variables)

        def client(self, service):
            return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
                                aws_secret_access_key="test")

    made = Account()
    yield made
    made.adhoc("bootstrap", "down", "--yes", "--force", check=False)


def test_an_account_is_set_up_and_left(account):
    plan = json.loads(account.adhoc("--json", "bootstrap", "plan", "--github", "shop/web").stdout)
    assert [(change["action"], change["name"]) for change in plan["changes"]] == [
        ("create", account.bucket), ("create", "tst-backend"), ("create", ISSUER), ("create", "tst-deploy-role"),
        ("create", "tst-shared-role")]
    made = json.loads(account.adhoc("--json", "bootstrap", "up", "--github", "shop/web", "--yes").stdout)
    assert made["role"] == account.role and made["bucket"] == account.bucket

    s3, iam, ecr = account.client("s3"), account.client("iam"), account.client("ecr")
    assert s3.get_bucket_versioning(Bucket=account.bucket)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=account.bucket)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(ecr.get_lifecycle_policy(repositoryName="tst-backend")["lifecyclePolicyText"])
    assert policy["rules"][0]["selection"]["tagStatus"] == "untagged"
    role = iam.get_role(RoleName="tst-deploy-role")["Role"]
    trust = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::{account.number}:oidc-provider/{ISSUER}"}
    assert trust["Condition"]["StringLike"][f"{ISSUER}:sub"] == ["repo:shop/web:*", "repo:shop@*/web@*:*"]
    for part in ("deploy", "shared"):
        printed = json.loads(account.adhoc("iam", "policy", part).stdout)
        assert iam.list_role_policies(RoleName=f"tst-{part}-role")["PolicyNames"] == ["adhoc"]
        assert iam.get_role_policy(RoleName=f"tst-{part}-role", PolicyName="adhoc")["PolicyDocument"] == printed

    assert "no changes" in account.adhoc("bootstrap", "plan", "--github", "shop/web").stdout
    other = json.loads(account.adhoc("--json", "bootstrap", "plan", "--github", "shop/other").stdout)
    assert [(c["action"], c["name"], c["reasons"]) for c in other["changes"]] == [
        ("update", f"tst-{part}-role", ["who may assume it changed"]) for part in ("deploy", "shared")]

    s3.put_object(Bucket=account.bucket, Key="records/alpha.json", Body=b"{}")
    refused = account.adhoc("bootstrap", "down", "--yes", check=False)
    assert refused.returncode == 1 and "has records of environments" in refused.stderr
    account.adhoc("bootstrap", "down", "--yes", "--force")
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=account.bucket)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="tst-deploy-role")
    assert "there is nothing of adhoc" in account.adhoc("bootstrap", "down", "--yes").stdout


def test_the_boundary_of_tasks_is_made_and_deleted(account, tmp_path):
    definition = (tmp_path / "adhoc.yaml").read_text()
    account.adhoc("bootstrap", "up", "--github", "shop/web", "--yes")
    (tmp_path / "adhoc.yaml").write_text(definition.replace("tst.example.com}", "tst.example.com, permissions_boundary: true}"))
    plan = json.loads(account.adhoc("--json", "bootstrap", "plan", "--github", "shop/web").stdout)
    assert [(change["action"], change["name"]) for change in plan["changes"]] == [
        ("create", "tst-task-boundary"), ("update", "tst-deploy-role")]
    account.adhoc("bootstrap", "up", "--github", "shop/web", "--yes")
    assert "no changes" in account.adhoc("bootstrap", "plan", "--github", "shop/web").stdout

    iam = account.client("iam")
    arn = f"arn:aws:iam::{account.number}:policy/tst-task-boundary"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    made = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    assert made == json.loads(account.adhoc("iam", "policy", "boundary").stdout)
    deploy = iam.get_role_policy(RoleName="tst-deploy-role", PolicyName="adhoc")["PolicyDocument"]
    makes = [statement for statement in deploy["Statement"] if "iam:CreateRole" in statement["Action"]]
    assert [statement["Condition"] for statement in makes] == [{"StringEquals": {"iam:PermissionsBoundary": arn}}]

    everything = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=everything, SetAsDefault=True)
    plan = json.loads(account.adhoc("--json", "bootstrap", "plan", "--github", "shop/web").stdout)
    assert [(c["action"], c["name"], c["reasons"]) for c in plan["changes"]] == [("update", "tst-task-boundary", ["policy changed"])]
    account.adhoc("bootstrap", "up", "--github", "shop/web", "--yes")
    account.adhoc("bootstrap", "down", "--yes")
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_policy(PolicyArn=arn)


def test_two_at_once_take_turns(cloud, tmp_path):
    """Of several that want another repository each, one is the last, in all that it wants."""
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % ACCOUNTS["local"])
    variables = {**cloud.environment, "HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint}

    def together(*commands):
        running = [subprocess.Popen([cloud.program, "bootstrap", *command], cwd=tmp_path, env=variables, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands]
        return [(process.communicate(timeout=120), process.returncode) for process in running]

    iam, s3 = cloud.client("iam"), cloud.client("s3")
    bucket = BUCKET % ACCOUNTS["local"]
    try:
        for result in together(*(["up", "--yes", "--github", f"shop/web{i}"] for i in range(4))):
            assert result[1] == 0, result
        trusts = [json.dumps(iam.get_role(RoleName=f"tst-{part}-role")["Role"]["AssumeRolePolicyDocument"]) for part in ("deploy", "shared")]
        assert trusts[0] == trusts[1] and trusts[0].count("repo:shop/web") == 1
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)  # nobody holds it
    finally:
        results = together(["down", "--yes", "--force"], ["down", "--yes", "--force"])
    assert [result[1] for result in results] == [0, 0], results
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=bucket)
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="tst-deploy-role")


def test_without_a_terminal_it_is_not_confirmed(cloud, tmp_path):
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % ACCOUNTS["local"])
    variables = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint}
    result = subprocess.run([cloud.program, "bootstrap", "up"], cwd=tmp_path, env={**cloud.environment, **variables},
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True)
    assert result.returncode == 1 and "not confirmed" in result.stderr and "--yes" in result.stderr
    with pytest.raises(ClientError):
        cloud.client("s3").head_bucket(Bucket=BUCKET % ACCOUNTS["local"])


@pytest.mark.parametrize("policy", ["deploy", "shared", "bootstrap", "execution", "task", "boundary"])
def test_policies_are_printed(cloud, tmp_path, policy):
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % ACCOUNTS["local"])
    result = cloud.adhoc("iam", "policy", policy, cwd=tmp_path)
    document = json.loads(result.stdout)
    assert document["Version"] == "2012-10-17" and document["Statement"]


IN_STATE = DEFINITION.replace('domain: tst.example.com}', """domain: tst.example.com, existing: {
    state: "s3://tst-states/shared.tfstate", vpc: "${state.vpc}", private_subnets: "${state.private}",
    load_balancer: "${state.balancer}", database: {instance: shop, secret: "${state.database.secret}"}}}""")
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/team/0123456789abcdef"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:shop-AbCdEf"


def test_policies_have_the_outputs_of_a_state_in_s3(cloud, tmp_path):
    (tmp_path / "adhoc.yaml").write_text(IN_STATE % ACCOUNTS["local"])
    nobody = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    somebody = {**nobody, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def policy(name, variables=somebody):
        result = cloud.adhoc("-v", "iam", "policy", name, cwd=tmp_path, check=False, **variables)
        calls = [line.split()[:2] for line in result.stderr.splitlines() if line.endswith(" ms")]
        return result, calls

    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="tst-states")
    try:
        missing, _ = policy("deploy")
        assert missing.returncode == 1 and "there is no state s3://tst-states/shared.tfstate" in missing.stderr
        outputs = {"vpc": "vpc-1", "private": ["subnet-1", "subnet-2"], "balancer": BALANCER, "database": {"secret": SECRET}}
        state = {"version": 4, "outputs": {name: {"value": value} for name, value in outputs.items()}}
        s3.put_object(Bucket="tst-states", Key="shared.tfstate", Body=json.dumps(state))

        for name, part in (("deploy", "listener-rule/app/team/0123456789abcdef/*"), ("shared", "vpc/vpc-1"), ("execution", SECRET)):
            printed, calls = policy(name)
            assert printed.returncode == 0, printed.stderr
            statements = json.loads(printed.stdout)["Statement"]
            assert any(resource.endswith(part) for statement in statements for resource in statement["Resource"]), printed.stdout
            assert "${state" not in printed.stdout
            assert calls == [["sts", "GetCallerIdentity"], ["s3", "GetObject"]]
            # The roles of pipelines read the state, too.
            reads = [statement for statement in statements if statement.get("Sid") == "TerraformState"]
            assert [(read["Action"], read["Resource"]) for read in reads] == (
                [] if name == "execution" else [(["s3:GetObject"], ["arn:aws:s3:::tst-states/shared.tfstate"])])
        # What has no name of the state needs neither it nor credentials.
        for name in ("task", "bootstrap"):
            printed, calls = policy(name, nobody)
            assert printed.returncode == 0 and json.loads(printed.stdout)["Statement"] and calls == []
        refused, _ = policy("deploy", nobody)
        assert refused.returncode == 1 and "no AWS credentials" in refused.stderr
    finally:
        s3.delete_object(Bucket="tst-states", Key="shared.tfstate")
        s3.delete_bucket(Bucket="tst-states")


def token(subject):
    claims = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com", "sub": subject, "exp": int(time.time()) + 600}
    return "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".c2ln"


def test_enforced_a_pipeline_may_do_what_its_role_may(fresh_cloud, tmp_path):
    fresh_cloud.stop()
    fresh_cloud.process = subprocess.Popen(
        [fresh_cloud.program, "local", "run", "--state-dir", fresh_cloud.home, "--port", str(fresh_cloud.port), "--iam", "enforce"],
        env=fresh_cloud.environment, stdin=subprocess.DEVNULL, stdout=fresh_cloud.log, stderr=subprocess.STDOUT)
    health = wait_for(fresh_cloud.health, "the local cloud answers", 30)
    assert health["iam"] == "enforce"
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % ACCOUNTS["local"])
    variables = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": fresh_cloud.endpoint}
    fresh_cloud.adhoc("bootstrap", "up", "--github", "shop/web", "--yes", cwd=tmp_path, **variables)

    sts = fresh_cloud.client("sts")
    role = f"arn:aws:iam::{ACCOUNTS['local']}:role/tst-deploy-role"
    with pytest.raises(ClientError) as refused:
        sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="ci", WebIdentityToken=token("repo:evil/web:pull_request"))
    assert refused.value.response["Error"]["Message"] == "Not authorized to perform sts:AssumeRoleWithWebIdentity"

    (tmp_path / "token").write_text(token("repo:shop/web:ref:refs/heads/main"))
    pipeline = {**variables, "AWS_WEB_IDENTITY_TOKEN_FILE": f"{tmp_path}/token", "AWS_ROLE_ARN": role, "AWS_ACCESS_KEY_ID": "",
                "AWS_SECRET_ACCESS_KEY": ""}
    assert "no environments" in fresh_cloud.adhoc("ls", cwd=tmp_path, **pipeline).stdout
    sharing = {**pipeline, "AWS_ROLE_ARN": f"arn:aws:iam::{ACCOUNTS['local']}:role/tst-shared-role"}
    assert "to create" in fresh_cloud.adhoc("shared", "plan", cwd=tmp_path, **sharing).stdout
    denied = fresh_cloud.adhoc("bootstrap", "down", "--yes", cwd=tmp_path, check=False, **pipeline)
    assert denied.returncode == 1
    assert "assumed-role/tst-deploy-role/" in denied.stderr and "is not authorized to perform: " in denied.stderr
