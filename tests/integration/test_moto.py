"""A whole life of an account on moto, an AWS that shares no code with ours: bootstrap, shared resources, environment, deploy, and
all of it gone again.

Moto runs nothing. It is told that services run; one-off tasks, and what a new revision would start, it cannot do, so that the image
that is deployed here is a task's.
"""

import json
import os
import subprocess

import boto3
import pytest

ACCOUNT = "123456789012"
DOMAIN = "tst.example.com"
DEFINITION = """
name: tiny
shared: tst
variables:
  tag: {type: string}
images:
  backend: {build: ., repository: tst-backend, tag: "${var.tag}"}
bucket: {public: [static/*]}
secrets:
  KEY: {generate: 50}
services:
  redis: {image: "public.ecr.aws/docker/library/redis:7", port: 6379, discoverable: true}
  web:
    image: public.ecr.aws/docker/library/nginx:1
    port: 80
    paths: ["/*"]
    healthcheck: {path: /}
    environment: {REDIS: "${redis.address}", BUCKET: "${bucket.name}"}
    secrets: {KEY: "${secrets.KEY}"}
tasks:
  shell: {image: backend, command: [sh]}
targets:
  account: {kind: aws, region: us-east-1, account: "%s", domain: %s}
""" % (ACCOUNT, DOMAIN)


class Account:
    def __init__(self, program, folder, endpoint):
        self.program, self.folder, self.endpoint = program, folder, endpoint
        self.environment = {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                            "HOME": str(folder), "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test",
                            "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
        (folder / "adhoc.yaml").write_text(DEFINITION)
        (folder / "envs").mkdir()
        (folder / "envs" / "alpha.tfvars").write_text('tag = "v1"\n')

    def adhoc(self, *arguments):
        result = subprocess.run([self.program, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
                                timeout=120)
        assert result.returncode == 0, f"adhoc {' '.join(arguments)}:\n{result.stdout}{result.stderr}"
        return result.stdout

    def changes(self, *arguments):
        return json.loads(self.adhoc("--json", *arguments))["changes"]

    def client(self, service):
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1", aws_access_key_id="test",
                            aws_secret_access_key="test")

    def inventory(self):
        """What costs money or is in the way of the next one, by service."""
        ecs, elb, ec2 = self.client("ecs"), self.client("elbv2"), self.client("ec2")
        clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
        zone = self.client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
        records = self.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        found = {
            "clusters": [cluster["clusterName"] for cluster in clusters if cluster["status"] == "ACTIVE"],
            "definitions": ecs.list_task_definitions()["taskDefinitionArns"],
            "load balancers": [balancer["LoadBalancerName"] for balancer in elb.describe_load_balancers()["LoadBalancers"]],
            "target groups": [group["TargetGroupName"] for group in elb.describe_target_groups()["TargetGroups"]],
            "networks": [vpc["CidrBlock"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]],
            "gateways": [gateway["State"] for gateway in ec2.describe_nat_gateways()["NatGateways"] if gateway["State"] != "deleted"],
            "addresses": ec2.describe_addresses()["Addresses"],
            "names": [name["Name"] for name in self.client("servicediscovery").list_services()["Services"]],
            "namespaces": [space["Name"] for space in self.client("servicediscovery").list_namespaces()["Namespaces"]],
            "roles": [role["RoleName"] for role in self.client("iam").list_roles()["Roles"]],
            "secrets": [secret["Name"] for secret in self.client("secretsmanager").list_secrets()["SecretList"]],
            "logs": [group["logGroupName"] for group in self.client("logs").describe_log_groups()["logGroups"]],
            "buckets": [bucket["Name"] for bucket in self.client("s3").list_buckets()["Buckets"]],
            "records": [record["Name"] for record in records if record["Type"] == "A"],
            "repositories": [one["repositoryName"] for one in self.client("ecr").describe_repositories()["repositories"]],
        }
        return {what: sorted(map(str, things)) for what, things in found.items() if things}


@pytest.fixture
def account(program, tmp_path, moto):
    return Account(program, tmp_path, moto)


def push(account, *tags):
    for number, tag in enumerate(tags):
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [],
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": f"sha256:{number:064}"}}
        account.client("ecr").put_image(repositoryName="tst-backend", imageManifest=json.dumps(manifest), imageTag=tag)


def test_a_whole_life_of_an_account(account):
    account.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="1")
    empty = account.inventory()
    account.adhoc("bootstrap", "up", "--yes")
    push(account, "v1", "v2")
    bootstrapped = account.inventory()
    assert bootstrapped["repositories"] == ["tst-backend"]

    account.adhoc("shared", "up")
    assert account.changes("shared", "plan") == []
    shared = account.inventory()
    assert shared["load balancers"] == ["tst-alb"] and shared["gateways"] == ["available"]

    account.adhoc("up", "alpha")
    made = account.inventory()
    assert made["clusters"] == ["alpha-cluster"] and made["target groups"] == ["alpha-web"] and made["names"] == ["alpha-redis"]
    assert made["records"] == [f"alpha.{DOMAIN}."] and made["secrets"] == ["alpha/KEY"]
    rules = account.client("elbv2").describe_rules(ListenerArn=listener(account))["Rules"]
    conditions = [condition for rule in rules for condition in rule["Conditions"]]
    assert [f"alpha.{DOMAIN}"] in [condition.get("HostHeaderConfig", {}).get("Values") for condition in conditions]
    # What moto forgets of a new service, it keeps of one that is updated.
    assert {change["kind"] for change in account.changes("plan", "alpha")} <= {"service"}
    account.adhoc("up", "alpha")
    assert account.changes("plan", "alpha") == []
    [listed] = json.loads(account.adhoc("--json", "ls"))
    assert listed["name"] == "alpha" and listed["desired"] == 2

    account.adhoc("deploy", "alpha", "backend", "v2")
    shell = account.client("ecs").describe_task_definition(taskDefinition="alpha-shell")["taskDefinition"]
    assert shell["containerDefinitions"][0]["image"].endswith("/tst-backend:v2")

    account.adhoc("down", "alpha")
    assert account.inventory() == shared
    account.adhoc("shared", "down")
    assert account.inventory() == bootstrapped
    account.adhoc("bootstrap", "down", "--yes", "--force")
    assert account.inventory() == empty


def listener(account):
    elb = account.client("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    return next(one["ListenerArn"] for one in listeners if one["Protocol"] == "HTTPS")
