"""`existing:` as a person meets it, on a local cloud without containers: what could not work is refused before anything is made."""

import json

import pytest
from conftest import LocalCloud, Network, free_port

DEFINITION = """
name: shop
shared: dev
domain: localhost
services:
  web: {{image: localhost/adhoc/web:1, port: 8000, paths: ["/*"]}}
targets:
  local:
    kind: local
    http_port: {port}
    existing:
      vpc: {vpc}
      public_subnets: [{subnets}]
"""


@pytest.fixture(scope="module")
def cloud(program):
    instance = LocalCloud(program)
    try:
        instance.start("--runtime", "none").wait_for_engine()
        yield instance
    finally:
        instance.remove()


def test_subnets_that_lead_nowhere_are_refused_and_then_used(cloud, tmp_path):
    ec2, network = cloud.client("ec2"), Network(cloud)
    ec2.modify_vpc_attribute(VpcId=network.vpc, EnableDnsHostnames={"Value": True})
    (tmp_path / "adhoc.yaml").write_text(DEFINITION.format(port=free_port(), vpc=network.vpc, subnets=", ".join(network.subnets)))
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "alpha.tfvars").write_text("")

    def adhoc(*arguments, **options):
        return cloud.adhoc(*arguments, cwd=tmp_path, **options)

    def groups():
        return sorted(group["GroupName"] for group in ec2.describe_security_groups(
            Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["SecurityGroups"])

    before = groups()
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["RouteTables"][0]["RouteTableId"]
    for command in (["plan", "alpha"], ["shared", "plan"], ["up", "alpha"], ["shared", "up"]):
        refused = adhoc(*command, check=False)
        assert refused.returncode == 1, command
        assert f"the load balancer in {network.subnets[0]} could not be reached from the internet" in refused.stderr
        assert f"aws ec2 create-route --route-table-id {table}" in refused.stderr
    assert groups() == before
    assert cloud.client("elbv2").describe_load_balancers()["LoadBalancers"] == []

    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    planned = json.loads(adhoc("--json", "plan", "alpha").stdout)["changes"]
    assert {change["action"] for change in planned} == {"create"}
    kinds = {change["kind"] for change in planned}
    assert {"load balancer", "service"} <= kinds and not {"vpc", "subnets", "subnet"} & kinds
    done = adhoc("up", "alpha")
    assert "warning" not in done.stderr
    assert json.loads(adhoc("--json", "status", "alpha").stdout)["state"] == "ready"

    # A gateway that is gone stops the next change, and nothing else.
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert "is up to date" in adhoc("up", "alpha").stdout
    definition = (tmp_path / "adhoc.yaml").read_text()
    (tmp_path / "adhoc.yaml").write_text(definition.replace("port: 8000", "port: 8001"))
    refused = adhoc("plan", "alpha", check=False)
    assert refused.returncode == 1 and "could not be reached from the internet" in refused.stderr
    (tmp_path / "adhoc.yaml").write_text(definition)
    adhoc("down", "alpha")
    adhoc("shared", "down")
    assert groups() == before
