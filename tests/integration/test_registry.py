"""The registry behind the local ECR: what is pushed with podman is what a task runs, and can be pulled."""

import base64
import json
import os
import subprocess
import uuid

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def repository(cloud):
    name = f"push-{uuid.uuid4().hex[:6]}"
    ecr = cloud.client("ecr")
    made = ecr.create_repository(repositoryName=name)["repository"]
    yield made
    ecr.delete_repository(repositoryName=name, force=True)


@pytest.fixture
def login(cloud, tmp_path):
    """As `aws ecr get-login-password | docker login` leaves it."""
    token = cloud.client("ecr").get_authorization_token()["authorizationData"][0]
    registry = token["proxyEndpoint"].removeprefix("http://")
    assert base64.b64decode(token["authorizationToken"]).startswith(b"AWS:")
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {registry: {"auth": token["authorizationToken"]}}}))
    return ["--tls-verify=false", "--authfile", str(tmp_path / "auth.json")], registry


def build(cloud, folder, reference, text):
    (folder / "Containerfile").write_text(f"FROM localhost/adhoc/redis:7\nRUN echo {text} >/said\nENTRYPOINT [\"cat\", \"/said\"]\n")
    cloud.engine("build", "--quiet", "--tag", reference, str(folder))
    return cloud.engine("inspect", "--format", "{{.Id}}", reference).strip()


def test_a_pushed_image_runs_and_can_be_pulled(cloud, repository, login, tmp_path):
    options, registry = login
    name, text = repository["repositoryName"], uuid.uuid4().hex
    pushed = f"{registry}/{name}:v1"
    image = build(cloud, tmp_path, pushed, text)
    cloud.engine("push", *options, "--digestfile", str(tmp_path / "digest"), pushed)
    cloud.engine("rmi", pushed)

    found = cloud.client("ecr").describe_images(repositoryName=name)["imageDetails"]
    assert [one["imageTags"] for one in found] == [["v1"]]
    assert found[0]["imageDigest"] == (tmp_path / "digest").read_text()
    # Under the name that task definitions use, and the same image.
    assert cloud.engine("inspect", "--format", "{{.Id}}", f"{repository['repositoryUri']}:v1").strip() == image
    assert cloud.engine("run", "--rm", "--network=none", f"{repository['repositoryUri']}:v1").strip() == text

    cloud.client("ecr").batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])
    with pytest.raises(ClientError, match="ImageNotFoundException"):
        cloud.client("ecr").describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])

    build(cloud, tmp_path, pushed, text)
    cloud.engine("push", *options, pushed)
    cloud.engine("rmi", "--force", pushed, f"{repository['repositoryUri']}:v1")
    cloud.engine("pull", "--quiet", *options, pushed)
    assert cloud.engine("run", "--rm", "--network=none", pushed).strip() == text
    cloud.engine("rmi", pushed)


def test_a_push_without_a_repository_says_so(cloud, login, tmp_path):
    options, registry = login
    build(cloud, tmp_path, f"{registry}/nowhere:v1", "x")
    with pytest.raises(AssertionError, match="The repository with name 'nowhere' does not exist"):
        cloud.engine("push", *options, f"{registry}/nowhere:v1")
    cloud.engine("rmi", f"{registry}/nowhere:v1")


def test_image_build_pushes_to_the_registry_of_an_account(cloud, tmp_path):
    name = f"built-{uuid.uuid4().hex[:6]}"
    (tmp_path / "adhoc.yaml").write_text(f"""
name: tiny
shared: tst
variables:
  tag: {{type: string}}
images:
  web: {{build: ., git: ., repository: {name}, tag: "${{var.tag}}"}}
services:
  web: {{image: web, port: 6379}}
targets:
  account: {{kind: aws, region: us-east-1, account: "000000000000", domain: tst.example.com}}
""")
    (tmp_path / "Containerfile").write_text("FROM localhost/adhoc/redis:7\nARG VERSION\nRUN echo $VERSION >/said\n")
    for command in ("init --quiet", "add --all", "-c user.name=t -c user.email=t@example.com commit --quiet -m made", "tag v1.0.0"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)

    def adhoc(*arguments, check=True):
        return cloud.adhoc(*arguments, cwd=tmp_path, check=check, AWS_ENDPOINT_URL=cloud.endpoint)

    try:
        built = adhoc("--json", "image", "build", "web", "v1.0.0")
        uri = json.loads(built.stdout)["uri"]
        assert uri == f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}:v1.0.0"
        image = cloud.client("ecr").describe_images(repositoryName=name)["imageDetails"][0]
        assert image["imageTags"] == ["v1.0.0"]
        # It went through the registry, which has it to pull.
        manifest = cloud.client("ecr").batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1.0.0"}])["images"][0]
        assert json.loads(manifest["imageManifest"])["layers"]
        again = adhoc("image", "build", "web", "v1.0.0")
        assert "is there already" in again.stdout
        assert f"127.0.0.1:{cloud.port}/{name}" not in cloud.engine("images", "--format", "{{.Repository}}")
    finally:
        cloud.client("ecr").delete_repository(repositoryName=name, force=True)


PUSH = ["BatchCheckLayerAvailability", "CompleteLayerUpload", "InitiateLayerUpload", "PutImage", "UploadLayerPart"]
PULL = ["BatchGetImage", "GetDownloadUrlForLayer"]


def test_enforced_podman_may_do_what_the_passwords_principal_may(fresh_cloud, tmp_path):
    fresh_cloud.stop()
    fresh_cloud.start("--iam", "enforce").wait_for_engine()
    iam, ecr = fresh_cloud.client("iam"), fresh_cloud.client("ecr")
    arn = ecr.create_repository(repositoryName="guarded")["repository"]["repositoryArn"]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName="ci", AssumeRolePolicyDocument=json.dumps(trust))

    def allow(*actions):
        statements = [{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
                      {"Effect": "Allow", "Action": [f"ecr:{action}" for action in actions], "Resource": arn}]
        iam.put_role_policy(RoleName="ci", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}))

    def refused(*arguments):
        result = subprocess.run([fresh_cloud._engine["ADHOC_CONTAINER_ENGINE"], *arguments], env={**os.environ, **fresh_cloud._engine},
                                capture_output=True, text=True)
        assert result.returncode != 0
        return result.stderr

    allow("BatchCheckLayerAvailability")
    keys = fresh_cloud.client("sts").assume_role(RoleArn="arn:aws:iam::000000000000:role/ci", RoleSessionName="job")["Credentials"]
    as_ci = boto3.client("ecr", endpoint_url=fresh_cloud.endpoint, region_name="us-east-1", aws_access_key_id=keys["AccessKeyId"],
                         aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"])
    token = as_ci.get_authorization_token()["authorizationData"][0]
    registry = token["proxyEndpoint"].removeprefix("http://")
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {registry: {"auth": token["authorizationToken"]}}}))
    options = ["--tls-verify=false", "--authfile", str(tmp_path / "auth.json")]
    pushed = f"{registry}/guarded:v1"
    build(fresh_cloud, tmp_path, pushed, uuid.uuid4().hex)
    try:
        assert (f"denied: User: arn:aws:sts::000000000000:assumed-role/ci/job is not authorized to perform: ecr:InitiateLayerUpload on "
                f"resource: {arn} because no identity-based policy allows") in refused("push", *options, pushed)
        allow(*PUSH)
        fresh_cloud.engine("push", *options, pushed)
        assert "ecr:BatchGetImage on resource" in refused("pull", "--quiet", *options, pushed)
        allow(*PULL)
        fresh_cloud.engine("rmi", "--force", pushed, "000000000000.dkr.ecr.us-east-1.amazonaws.com/guarded:v1")
        fresh_cloud.engine("pull", "--quiet", *options, pushed)
        made_up = base64.b64encode(b"AWS:made-up").decode()
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {registry: {"auth": made_up}}}))
        assert "unauthorized" in refused("pull", "--quiet", *options, pushed).lower()
    finally:
        ecr.delete_repository(repositoryName="guarded", force=True)
        fresh_cloud.engine("rmi", "--force", "--ignore", pushed)
