"""Names inside tasks: private hosted zones, Cloud Map and AWS's own names, asked with dig and with the C library."""

import time

import pytest

from conftest import Cluster, Network, dig, wait_for


@pytest.fixture
def zone(cloud, network, name):
    """A private zone of the VPC that the tests' tasks are in. Puts records: zone("www", "A", "192.0.2.1")."""
    return private_zone(cloud, network.vpc, f"{name}.internal")


def private_zone(cloud, vpc, domain):
    route53 = cloud.client("route53")
    made = route53.create_hosted_zone(Name=domain, CallerReference=domain, VPC={"VPCRegion": "us-east-1", "VPCId": vpc})["HostedZone"]["Id"]

    def put(label, kind, value):
        content = value if isinstance(value, dict) else {"TTL": 5, "ResourceRecords": [{"Value": value}]}
        route53.change_resource_record_sets(HostedZoneId=made, ChangeBatch={"Changes": [{
            "Action": "UPSERT", "ResourceRecordSet": {"Name": f"{label}.{domain}", "Type": kind, **content}}]})

    return put


@pytest.fixture
def sleeper(cluster, cloud):
    """A task's view of names: ask(name, type), and what its C library makes of a name."""
    return Sleeper(cluster, cloud)


class Sleeper:
    def __init__(self, cluster, cloud):
        self.cloud, self.arn = cloud, cluster.run(cluster.shell("sleeper", "sleep 600"))
        wait_for(lambda: cluster.task(self.arn)["lastStatus"] == "RUNNING", "the task runs")
        self.container = cluster.containers(self.arn)[0]
        self.pid = cloud.engine("inspect", "--format", "{{.State.Pid}}", self.container).strip()

    def ask(self, name, kind="A", *options):
        return dig("169.254.169.253", name, kind, *options, inside=self.pid)

    def resolves(self, name):
        """The address that programs in the task get, or nothing."""
        return self.cloud.engine("exec", self.container, "bash", "-c", f"getent ahostsv4 {name} | cut -d' ' -f1 | sort -u").split()


def cloud_map_service(cloud, vpc, namespace, name, **options):
    discovery = cloud.client("servicediscovery")
    operation = discovery.create_private_dns_namespace(Name=namespace, Vpc=vpc)["OperationId"]
    made = wait_for(lambda: (o := discovery.get_operation(OperationId=operation)["Operation"])["Status"] == "SUCCESS" and o, "a namespace")
    return discovery.create_service(**{
        "Name": name, "NamespaceId": made["Targets"]["NAMESPACE"],
        "DnsConfig": {"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]}, **options})["Service"]["Arn"]


def test_records_of_a_private_zone_resolve_in_its_vpc(sleeper, zone, cloud, network, name):
    zone("db", "A", "192.0.2.1")
    zone("alias", "CNAME", f"db.{name}.internal")
    zone("_db._tcp", "SRV", f"1 1 5432 db.{name}.internal")
    zone("text", "TXT", '"hello"')
    assert sleeper.resolves(f"db.{name}.internal") == ["192.0.2.1"]
    assert sleeper.resolves(f"alias.{name}.internal") == ["192.0.2.1"]
    assert sleeper.ask(f"_db._tcp.{name}.internal", "SRV")[1] == [f"1 1 5432 db.{name}.internal."]
    assert sleeper.ask(f"text.{name}.internal", "TXT", "+tcp")[1] == ['"hello"']
    status, answers, text = sleeper.ask(f"db.{name}.internal", "AAAA")
    assert (status, answers) == ("NOERROR", []) and " ra" in text.split("flags:")[1].split(";")[0]
    assert sleeper.ask(f"none.{name}.internal")[0] == "NXDOMAIN"
    assert sleeper.resolves(f"none.{name}.internal") == []

    other = cloud.client("ec2").create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    private_zone(cloud, other, f"{name}.foreign")("db", "A", "192.0.2.9")
    assert sleeper.ask(f"db.{name}.foreign")[1] == []
    assert sleeper.resolves(f"db.{name}.foreign") == []


def test_a_load_balancers_name_leads_to_it(sleeper, zone, cloud, cluster, network, name):
    from test_services_behind_a_load_balancer import Balancer

    balancer = Balancer(cloud, network, name)
    try:
        described = cloud.client("elbv2").describe_load_balancers(LoadBalancerArns=[balancer.arn])["LoadBalancers"][0]
        zone("www", "A", {"AliasTarget": {
            "HostedZoneId": described["CanonicalHostedZoneId"], "DNSName": "dualstack." + described["DNSName"], "EvaluateTargetHealth": False}})
        wait_for(lambda: balancer.try_get("/"), "the load balancer answers")
        interfaces = cloud.client("ec2").describe_network_interfaces(
            Filters=[{"Name": "description", "Values": [f"ELB app/{name}/*"]}])["NetworkInterfaces"]
        address = interfaces[0]["PrivateIpAddress"]
        assert sleeper.resolves(f"www.{name}.internal") == [address]
        assert sleeper.resolves(described["DNSName"]) == [address]
        assert dig("127.0.0.1", f"www.{name}.internal", port=cloud.health()["dns_port"])[1] == ["127.0.0.1"]
        task, log = cluster.run_to_end(cluster.shell(
            "visitor", f"exec 3<>/dev/tcp/www.{name}.internal/{balancer.port}; "
            f"printf 'GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' >&3; cat <&3"))
        assert log[-1] == "nobody lives here"
    finally:
        cloud.client("elbv2").delete_load_balancer(LoadBalancerArn=balancer.arn)


def test_cloud_map_names_come_and_go_with_tasks(sleeper, cluster, cloud, network, name):
    registry = cloud_map_service(cloud, network.vpc, f"{name}-sd-ns", "web")
    full = f"web.{name}-sd-ns"
    assert sleeper.resolves(full) == []
    cluster.create_service("web", cluster.shell("web", "sleep 600"), desiredCount=2, serviceRegistries=[{"registryArn": registry}])
    cluster.wait_stable("web")
    addresses = sorted(t["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for t in cluster.tasks("web"))
    assert sorted(sleeper.resolves(full)) == addresses
    assert sorted(dig("127.0.0.1", full, port=cloud.health()["dns_port"])[1]) == addresses
    cluster.ecs.update_service(cluster=cluster.name, service="web", desiredCount=1)
    wait_for(lambda: len(sleeper.resolves(full)) == 1, "one is left")
    cluster.ecs.update_service(cluster=cluster.name, service="web", desiredCount=0)
    wait_for(lambda: sleeper.resolves(full) == [], "none is left")
    assert sleeper.ask(full)[0] == "NXDOMAIN"


def test_a_task_has_its_name_when_it_is_healthy(sleeper, cluster, cloud, network, name):
    registry = cloud_map_service(cloud, network.vpc, f"{name}-sd-ns", "web", HealthCheckCustomConfig={"FailureThreshold": 1})
    definition = cluster.shell("web", "trap 'exit 0' TERM; sleep 600 & wait", healthCheck={
        "command": ["CMD-SHELL", "test -e /tmp/well"], "interval": 5, "retries": 10, "startPeriod": 60})
    cluster.create_service("web", definition, serviceRegistries=[{"registryArn": registry}])
    task = wait_for(lambda: [t for t in cluster.tasks("web") if t["lastStatus"] == "RUNNING"], "the task runs")[0]
    assert sleeper.ask(f"web.{name}-sd-ns")[0] == "NXDOMAIN"
    cloud.engine("exec", cluster.containers(task["taskArn"])[0], "touch", "/tmp/well")
    wait_for(lambda: sleeper.resolves(f"web.{name}-sd-ns"), "the healthy task has its name")


def test_other_names_are_asked_of_the_machines_resolvers(sleeper, zone, name):
    import socket

    try:
        socket.getaddrinfo("deb.debian.org", 80, socket.AF_INET)
    except OSError:
        pytest.skip("this machine resolves no name of the internet")
    assert sleeper.resolves("deb.debian.org")
    zone("mirror", "CNAME", "deb.debian.org")
    assert sleeper.ask(f"mirror.{name}.internal")[1][0] == "deb.debian.org."
    assert sleeper.resolves(f"mirror.{name}.internal")


def test_names_outlive_the_server(fresh_cloud):
    """Containers go on when it is killed: they find names again once it runs. A polite stop leaves those of containers."""
    fresh_cloud.wait_for_engine()
    network = Network(fresh_cloud)
    cluster = Cluster(fresh_cloud, network, "lasting")
    sleeper = Sleeper(cluster, fresh_cloud)
    private_zone(fresh_cloud, network.vpc, "lasting.internal")("db", "A", "192.0.2.1")
    registry = cloud_map_service(fresh_cloud, network.vpc, "lasting-sd-ns", "web")
    cluster.create_service("web", cluster.shell("web", "sleep 600"), serviceRegistries=[{"registryArn": registry}])
    cluster.wait_stable("web")
    address = sleeper.resolves("web.lasting-sd-ns")
    assert address and sleeper.resolves("db.lasting.internal") == ["192.0.2.1"]

    fresh_cloud.kill()
    before = time.monotonic()
    assert sleeper.resolves("db.lasting.internal") == []
    assert time.monotonic() - before < 4, "it is told at once that nobody answers"
    fresh_cloud.start().wait_for_engine()
    wait_for(lambda: sleeper.resolves("db.lasting.internal") == ["192.0.2.1"], "names resolve again", 10)
    assert sleeper.resolves("web.lasting-sd-ns") == address

    fresh_cloud.stop()
    assert sleeper.resolves("web.lasting-sd-ns") == address
    fresh_cloud.start().wait_for_engine()
    wait_for(lambda: sleeper.resolves("db.lasting.internal") == ["192.0.2.1"], "names resolve again", 10)
