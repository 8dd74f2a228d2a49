"""adhoc local status and reset, and the account and region of a local cloud."""

import json
import subprocess
import time

from conftest import Cluster, Network, wait_for


def reset_over_http(cloud):
    return json.load(cloud.open("/_adhoc/reset", data=b""))


def status(cloud):
    return json.loads(cloud.adhoc("--json", "local", "status").stdout)


def test_status_of_an_empty_cloud(fresh_cloud):
    fresh_cloud.wait_for_engine()
    shown = status(fresh_cloud)
    assert shown["running"] is True and shown["endpoint"] == fresh_cloud.endpoint
    assert (shown["account"], shown["region"]) == ("000000000000", "us-east-1")
    assert shown["clusters"] == shown["load_balancers"] == shown["databases"] == shown["buckets"] == []
    assert shown["server_memory_bytes"] > 1_000_000 and shown["containers"] == 0
    assert 0 <= shown["uptime_seconds"] < 300
    text = fresh_cloud.adhoc("local", "status").stdout
    assert "account 000000000000, region us-east-1" in text and "CLUSTER" not in text
    fresh_cloud.stop()
    assert "not running" in fresh_cloud.adhoc("local", "status").stdout
    assert status(fresh_cloud) == {"running": False}


def test_reset_over_http_leaves_a_new_account_and_a_server_that_goes_on(fresh_cloud):
    fresh_cloud.wait_for_engine()
    s3, ec2 = fresh_cloud.client("s3"), fresh_cloud.client("ec2")
    default_vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    cluster = Cluster(fresh_cloud, Network(fresh_cloud), "old")
    # A process that asks for patience when it is told to stop.
    cluster.create_service("stubborn", cluster.shell("stubborn", "trap '' TERM; while :; do sleep 0.2; done", stopTimeout=60),
                           desiredCount=3)
    cluster.wait_stable("stubborn")
    s3.create_bucket(Bucket="things")
    s3.put_object(Bucket="things", Key="a", Body=b"x" * 1000)

    shown = status(fresh_cloud)
    service = shown["clusters"][0]["services"][0]
    assert (service["name"], service["running"], service["containers"]) == ("stubborn", 3, 3)
    assert service["memory_bytes"] > 0 and shown["memory_bytes"] >= service["memory_bytes"]
    assert shown["buckets"] == [{"name": "things", "objects": 1, "bytes": 1000}]
    text = fresh_cloud.adhoc("local", "status").stdout
    assert "stubborn" in text and "3/3" in text and "things" in text

    # Also while one of them is being stopped, with a minute's patience.
    cluster.ecs.stop_task(cluster="old", task=cluster.tasks("stubborn")[0]["taskArn"])
    pid = fresh_cloud.health()["pid"]
    begin = time.monotonic()
    answer = reset_over_http(fresh_cloud)
    assert time.monotonic() - begin < 10, "the processes were not killed"
    assert answer["containers"] >= 3 and answer["networks"] == 1
    assert fresh_cloud.containers(every=True) == []
    assert fresh_cloud.health()["pid"] == pid

    assert cluster.ecs.list_clusters()["clusterArns"] == []
    assert s3.list_buckets()["Buckets"] == []
    vpcs = ec2.describe_vpcs()["Vpcs"]
    assert [vpc["IsDefault"] for vpc in vpcs] == [True] and vpcs[0]["VpcId"] != default_vpc

    # It works as before, with the same names and addresses.
    again = Cluster(fresh_cloud, Network(fresh_cloud), "old")
    again.create_service("stubborn", again.shell("stubborn", "trap '' TERM; while :; do sleep 0.2; done", stopTimeout=60))
    again.wait_stable("stubborn")
    begin = time.monotonic()
    fresh_cloud.adhoc("local", "reset")
    assert time.monotonic() - begin < 10, "a graceful stop of its task alone takes a minute"
    fresh_cloud.process.wait(10)
    fresh_cloud.process = None
    fresh_cloud.engine_again()
    assert fresh_cloud.containers(every=True) == []


def test_requests_during_a_reset_wait_and_find_a_new_account(fresh_cloud):
    fresh_cloud.wait_for_engine()
    s3 = fresh_cloud.client("s3")
    for turn in range(5):
        s3.create_bucket(Bucket=f"bucket-{turn}")
        client = subprocess.Popen(["curl", "-sS", "-XPOST", fresh_cloud.endpoint + "/_adhoc/reset"], stdout=subprocess.PIPE)
        names = wait_for(lambda: (n := [b["Name"] for b in s3.list_buckets()["Buckets"]]) == [] and [n], "it is empty", 10)
        assert names == [[]]
        assert json.loads(client.communicate(timeout=10)[0])["containers"] == 0


def test_account_and_region_are_chosen_once(program):
    from conftest import LocalCloud

    cloud = LocalCloud(program)
    try:
        cloud.adhoc("local", "start", "--account", "111122223333", "--region", "eu-west-1")
        ecs = cloud.client("ecs")
        arn = ecs.create_cluster(clusterName="a")["cluster"]["clusterArn"]
        assert arn == "arn:aws:ecs:eu-west-1:111122223333:cluster/a"
        assert cloud.client("sts").get_caller_identity()["Account"] == "111122223333"
        zones = {s["AvailabilityZone"][:-1] for s in cloud.client("ec2").describe_subnets()["Subnets"]}
        assert zones == {"eu-west-1"}

        running = cloud.adhoc("local", "start", "--account", "999999999999", check=False)
        assert running.returncode != 0 and "is account 111122223333, not 999999999999" in running.stderr
        cloud.adhoc("local", "stop")
        stopped = cloud.adhoc("local", "start", "--region", "us-east-1", check=False)
        assert stopped.returncode != 0 and "is region eu-west-1, not us-east-1" in stopped.stderr
        assert "adhoc local reset" in stopped.stderr

        cloud.adhoc("local", "start")
        shown = status(cloud)
        assert (shown["account"], shown["region"]) == ("111122223333", "eu-west-1")
        reset_over_http(cloud)
        assert status(cloud)["account"] == "111122223333"
        assert ecs.list_clusters()["clusterArns"] == []
    finally:
        cloud.remove()
