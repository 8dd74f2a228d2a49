"""The whole life of an environment on a local cloud without containers: only the control plane is real."""

import json
import shutil

import pytest
from conftest import ROOT, LocalCloud, wait_for

EXAMPLE = ROOT / "examples" / "ublog"


@pytest.fixture(scope="module")
def cloud(program):
    instance = LocalCloud(program)
    try:
        instance.start("--runtime", "none").wait_for_engine()
        yield instance
    finally:
        instance.stop()
        instance.log.close()
        shutil.rmtree(instance.home, ignore_errors=True)


def adhoc(cloud, *arguments, cwd=EXAMPLE):
    return cloud.adhoc(*arguments, cwd=cwd)


def up(cloud, name, *options):
    return adhoc(cloud, "up", name, "-f", "envs/alpha.tfvars", "--var=be_image_tag=v1.0.0", "--var=fe_image_tag=v2.0.0", *options)


def test_two_environments_come_up_with_their_database_migrations_and_targets(cloud):
    for name in ("one", "two"):
        up(cloud, name)
        status = json.loads(adhoc(cloud, "--json", "status", name).stdout)
        assert status["state"] == "ready"
        assert [service["running"] for service in status["services"]] == [1] * 5
    assert "is up to date" in up(cloud, "one").stdout
    elbv2 = cloud.client("elbv2")
    for group in elbv2.describe_target_groups()["TargetGroups"]:
        health = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        assert [target["TargetHealth"]["State"] for target in health] == ["healthy"]
    assert [instance["DBInstanceStatus"] for instance in cloud.client("rds").describe_db_instances()["DBInstances"]] == ["available"]
    ecs = cloud.client("ecs")
    stopped = ecs.list_tasks(cluster="one-cluster", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster="one-cluster", tasks=stopped)["tasks"]
    assert sorted(task["group"] for task in tasks) == ["family:one-collectstatic", "family:one-database", "family:one-migrate"]
    assert [task["containers"][0]["exitCode"] for task in tasks] == [0, 0, 0]


def test_a_deploy_rolls_its_services(cloud):
    adhoc(cloud, "deploy", "one", "backend", "v1.1.0")
    services = json.loads(adhoc(cloud, "--json", "status", "one").stdout)["services"]
    assert {service["name"]: service["image"].rpartition(":")[2] for service in services} == {
        "gunicorn": "v1.1.0", "worker": "v1.1.0", "beat": "v1.1.0", "frontend": "v2.0.0", "redis": "7"}


def test_the_number_of_tasks_follows_what_they_use(cloud, tmp_path):
    definition = (EXAMPLE / "adhoc.yaml").read_text()
    shutil.copytree(EXAMPLE / "envs", tmp_path / "envs")
    shutil.copy(tmp_path / "envs" / "alpha.tfvars", tmp_path / "envs" / "three.tfvars")
    versions = ["--var=be_image_tag=v1.0.0", "--var=fe_image_tag=v2.0.0"]

    def write(scale):
        assert definition.count("    scale: 1\n") == 1
        (tmp_path / "adhoc.yaml").write_text(definition.replace("    scale: 1\n", f"    scale: {scale}\n"))

    def planned():
        changes = json.loads(adhoc(cloud, "--json", "plan", "three", *versions, cwd=tmp_path).stdout)["changes"]
        return [(change["action"], change["kind"], change["name"], change["reasons"]) for change in changes]

    def scaling():
        targets = autoscaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
        policies = autoscaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
        return ([(target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) for target in targets],
                [policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] for policy in policies])

    ecs, autoscaling = cloud.client("ecs"), cloud.client("application-autoscaling")
    resource = "service/three-cluster/three-gunicorn"
    write("{min: 1, max: 3, cpu: 60}")
    adhoc(cloud, "up", "three", *versions, cwd=tmp_path)
    assert scaling() == ([(resource, 1, 3)], [60])
    # What it was scaled to is no difference, and an update leaves it.
    ecs.update_service(cluster="three-cluster", service="three-gunicorn", desiredCount=2)
    wait_for(lambda: ecs.describe_services(cluster="three-cluster", services=["three-gunicorn"])["services"][0]["runningCount"] == 2,
             "two tasks run")
    assert planned() == []
    adhoc(cloud, "deploy", "three", "backend", "v1.1.0", cwd=tmp_path)
    assert ecs.describe_services(cluster="three-cluster", services=["three-gunicorn"])["services"][0]["desiredCount"] == 2
    # Bounds that somebody changed, or the definition, are one.
    autoscaling.register_scalable_target(ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount", MaxCapacity=9)
    write("{min: 1, max: 3, cpu: 50}")
    assert planned() == [("update", "autoscaling", "three-gunicorn", ["max: 9 → 3", "cpu: 60 → 50"])]
    adhoc(cloud, "up", "three", *versions, cwd=tmp_path)
    assert scaling() == ([(resource, 1, 3)], [50])
    # Without it, the number counts again.
    write("1")
    assert ("delete", "autoscaling", "three-gunicorn", ["the definition says how many tasks run"]) in planned()
    adhoc(cloud, "up", "three", *versions, cwd=tmp_path)
    assert scaling() == ([], [])
    assert planned() == []
    write("{max: 2}")
    adhoc(cloud, "up", "three", *versions, cwd=tmp_path)
    assert scaling() == ([(resource, 1, 2)], [70])
    adhoc(cloud, "down", "three", cwd=tmp_path)
    assert scaling() == ([], [])
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def events_of(result):
    return [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]


def test_events_tell_what_is_expected(cloud):
    # Earlier runs took this long.
    events = events_of(up(cloud, "four", "--json"))
    assert all(event["time"] > 1.7e9 for event in events)
    begin = events[0]
    assert begin["type"] == "run-started" and begin["steps"] > 30 and begin["expected_seconds"] > 0 and begin["longest"]
    started = {event["step"]: event for event in events if event["type"] == "step-started"}
    finished = {event["step"]: event for event in events if event["type"] == "step-finished"}
    assert len(started) == begin["steps"] and started.keys() == finished.keys()
    assert all(event["expected_seconds"] > 0 for event in started.values())
    # Now this environment has a past of its own.
    rolled = events_of(adhoc(cloud, "--json", "deploy", "four", "backend", "v1.1.0"))
    again = events_of(adhoc(cloud, "--json", "deploy", "four", "backend", "v1.0.0"))
    took = max(event["seconds"] for event in rolled if event["type"] == "step-finished" and event["action"] == "roll")
    assert {event["expected_seconds"] for event in again if event["type"] == "step-started" and event["action"] == "roll"} == {took}
    adhoc(cloud, "down", "four")


def test_a_failure_names_the_resource_the_request_and_a_next_step(cloud):
    adhoc(cloud, "local", "chaos", "set", "ecs:CreateCluster", "--fault", "server-error")
    try:
        failed = cloud.adhoc("--json", "up", "five", "-f", "envs/alpha.tfvars", "--var=be_image_tag=v1.0.0", "--var=fe_image_tag=v2.0.0",
                             cwd=EXAMPLE, check=False)
        assert failed.returncode == 1
        failure = next(event for event in events_of(failed) if event["type"] == "step-failed")
        assert failure["step"] == "cluster five-cluster"
        assert failure["error"].startswith("ecs CreateCluster: ServerException")
        assert len(failure["request_id"]) == 36 and failure["request_id"] in failure["error"]
        assert "run the command again" in failure["hint"]
        assert {event["because"] for event in events_of(failed) if event["type"] == "step-skipped"} == {"cluster five-cluster"}
    finally:
        adhoc(cloud, "local", "chaos", "clear")
    up(cloud, "five")
    adhoc(cloud, "down", "five")


def test_they_run_again_after_a_restart(cloud):
    cloud.kill()
    cloud.start("--runtime", "none").wait_for_engine()
    up(cloud, "two")
    assert json.loads(adhoc(cloud, "--json", "status", "two").stdout)["state"] == "ready"


def test_nothing_is_left_of_them(cloud):
    for name in ("one", "two"):
        adhoc(cloud, "down", name)
    adhoc(cloud, "shared", "down")
    assert cloud.client("ecs").list_clusters()["clusterArns"] == []
    assert cloud.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert cloud.client("rds").describe_db_instances()["DBInstances"] == []
