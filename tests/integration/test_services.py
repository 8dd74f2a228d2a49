"""ECS services: what the scheduler does when containers die, revisions change and deployments fail."""

import time

import pytest

from conftest import Cluster, wait_for


def running(cluster, service):
    return [task for task in cluster.tasks(service) if task["lastStatus"] == "RUNNING"]


def test_desired_count_up_and_down(cluster):
    definition = cluster.shell("sleeper", "sleep 600")
    cluster.create_service("sleeper", definition, desiredCount=2)
    assert cluster.wait_stable("sleeper")["runningCount"] == 2
    assert len(running(cluster, "sleeper")) == 2
    cluster.ecs.update_service(cluster=cluster.name, service="sleeper", desiredCount=1)
    cluster.wait_stable("sleeper")
    cluster.ecs.update_service(cluster=cluster.name, service="sleeper", desiredCount=0)
    wait_for(lambda: cluster.service("sleeper")["runningCount"] == 0, "nothing runs")
    wait_for(lambda: not cluster.tasks("sleeper"), "no task is left")


def test_a_container_that_is_killed_is_replaced(cluster, cloud):
    definition = cluster.shell("mortal", "sleep 600")
    cluster.create_service("mortal", definition)
    cluster.wait_stable("mortal")
    first = running(cluster, "mortal")[0]
    cloud.engine("kill", *[c for c in cluster.containers(first["taskArn"])])
    second = wait_for(lambda: [t for t in running(cluster, "mortal") if t["taskArn"] != first["taskArn"]], "another task runs")[0]
    assert second["taskDefinitionArn"] == definition
    gone = cluster.wait_stopped(first["taskArn"])
    assert gone["stopCode"] == "EssentialContainerExited"
    assert any("has started 1 tasks" in event["message"] for event in cluster.service("mortal")["events"])


def test_a_new_revision_rolls(cluster, aws):
    old = cluster.shell("rolling", "echo old; sleep 600")
    new = cluster.shell("rolling", "echo new; sleep 600")
    cluster.create_service("rolling", old, desiredCount=2)
    cluster.wait_stable("rolling")
    aws("ecs", "update-service", "--cluster", cluster.name, "--service", "rolling", "--task-definition", new)
    seen = set()

    def done():
        service = cluster.service("rolling")
        seen.add(service["runningCount"])
        return len(service["deployments"]) == 1 and service["deployments"][0]["rolloutState"] == "COMPLETED"

    wait_for(done, "the deployment is complete", 90, 0.05)
    assert min(seen) >= 2  # never fewer than minimumHealthyPercent=100 says
    assert {task["taskDefinitionArn"] for task in running(cluster, "rolling")} == {new}
    aws("ecs", "wait", "services-stable", "--cluster", cluster.name, "--services", "rolling")


def test_stop_first_never_runs_two_at_once(cluster):
    script = "sleep 600"
    configuration = {"minimumHealthyPercent": 0, "maximumPercent": 100}
    cluster.create_service("single", cluster.shell("single", script), deploymentConfiguration=configuration)
    cluster.wait_stable("single")
    cluster.ecs.update_service(cluster=cluster.name, service="single", taskDefinition=cluster.shell("single", script + " 1"))
    most = 0

    def done():
        nonlocal most
        service = cluster.service("single")
        most = max(most, service["runningCount"])
        return len(service["deployments"]) == 1 and service["runningCount"] == 1

    wait_for(done, "the new one runs", 90, 0.05)
    assert most == 1


def test_force_new_deployment_replaces_tasks(cluster):
    cluster.create_service("forced", cluster.shell("forced", "sleep 600"))
    cluster.wait_stable("forced")
    before = running(cluster, "forced")[0]["taskArn"]
    cluster.ecs.update_service(cluster=cluster.name, service="forced", forceNewDeployment=True)
    cluster.wait_stable("forced")
    assert before not in [task["taskArn"] for task in running(cluster, "forced")]


def test_the_circuit_breaker_rolls_back(cluster):
    good = cluster.shell("breaking", "echo good; sleep 600")
    bad = cluster.shell("breaking", "echo bad; exit 1")
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}, "minimumHealthyPercent": 100, "maximumPercent": 200}
    cluster.create_service("breaking", good, deploymentConfiguration=breaker)
    cluster.wait_stable("breaking")
    keeps = running(cluster, "breaking")[0]["taskArn"]
    cluster.ecs.update_service(cluster=cluster.name, service="breaking", taskDefinition=bad)

    def rolled_back():
        service = cluster.service("breaking")
        primary = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
        return primary["taskDefinition"] == good and len(service["deployments"]) == 1 and service

    service = wait_for(rolled_back, "the breaker has rolled back", 180, 0.5)
    messages = [event["message"] for event in service["events"]]
    assert any("deployment failed: tasks failed to start." in message for message in messages), messages
    assert any("rolling back to deployment" in message for message in messages), messages
    # The one that served all along still does.
    assert keeps in [task["taskArn"] for task in running(cluster, "breaking")]


def test_a_container_health_check_decides(cluster):
    healthcheck = {"command": ["CMD-SHELL", "test -e /tmp/well"], "interval": 5, "timeout": 2, "retries": 2}
    definition = cluster.shell("checked", "sleep 2; touch /tmp/well; sleep 600", healthCheck=healthcheck)
    cluster.create_service("checked", definition)
    wait_for(lambda: [t for t in running(cluster, "checked") if t["healthStatus"] == "HEALTHY"], "the task is healthy", 60)


def test_spot_takes_its_capacity_back_and_the_task_is_replaced(cluster, cloud, name):
    """`adhoc local interrupt <env> <service>`, with the names that an environment's cluster and services have."""
    ecs, environment = cluster.ecs, f"spot{name}"
    spot = Cluster(cloud, cluster.network, f"{environment}-cluster")
    try:
        ecs.put_cluster_capacity_providers(cluster=spot.name, capacityProviders=["FARGATE", "FARGATE_SPOT"], defaultCapacityProviderStrategy=[])
        definition = spot.shell("worker", "trap 'echo warned; exit 0' TERM; echo ready; while true; do sleep 0.1; done")
        ecs.create_service(cluster=spot.name, serviceName=f"{environment}-worker", taskDefinition=definition, desiredCount=1,
                           capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
                           networkConfiguration=spot.network.configuration)
        spot.wait_stable(f"{environment}-worker")
        first = running(spot, f"{environment}-worker")[0]
        assert first["capacityProviderName"] == "FARGATE_SPOT"
        wait_for(lambda: "ready" in spot.log(first["taskArn"], "worker"), "the worker handles SIGTERM")
        said = cloud.adhoc("local", "interrupt", environment, "worker").stdout
        assert first["taskArn"].rsplit("/", 1)[1] in said
        gone = spot.wait_stopped(first["taskArn"])
        assert (gone["stopCode"], gone["stoppedReason"]) == ("SpotInterruption", "Your Spot Task was interrupted.")
        assert gone["containers"][0]["exitCode"] == 0
        assert "warned" in spot.log(first["taskArn"], "worker")
        again = wait_for(lambda: running(spot, f"{environment}-worker"), "another task runs")[0]
        assert again["taskArn"] != first["taskArn"] and again["capacityProviderName"] == "FARGATE_SPOT"
        refused = cloud.adhoc("local", "interrupt", environment, "nobody", check=False)
        assert refused.returncode != 0 and f"there is no service {environment}-nobody" in refused.stderr
    finally:
        spot.end()


def test_deleting_a_service_leaves_no_container(cluster, cloud):
    cluster.create_service("doomed", cluster.shell("doomed", "sleep 600"), desiredCount=2)
    cluster.wait_stable("doomed")
    arns = [task["taskArn"] for task in running(cluster, "doomed")]
    with pytest.raises(cluster.ecs.exceptions.InvalidParameterException):
        cluster.ecs.delete_service(cluster=cluster.name, service="doomed")
    cluster.ecs.delete_service(cluster=cluster.name, service="doomed", force=True)
    for arn in arns:
        cluster.wait_stopped(arn)
    wait_for(lambda: cluster.service("doomed")["status"] == "INACTIVE", "the service is inactive")
    wait_for(lambda: not any(cloud.containers(f"label=adhoc.task={arn}", every=True) for arn in arns), "its containers are gone")


def test_a_cluster_with_services_is_not_deleted(cluster):
    cluster.create_service("holding", cluster.shell("holding", "sleep 600"), desiredCount=0)
    with pytest.raises(cluster.ecs.exceptions.ClusterContainsServicesException, match="while Services are active"):
        cluster.ecs.delete_cluster(cluster=cluster.name)


def test_two_services_of_one_name_differ(cluster):
    definition = cluster.shell("twice", "sleep 600")
    cluster.create_service("twice", definition, desiredCount=0)
    with pytest.raises(cluster.ecs.exceptions.InvalidParameterException, match="Creation of service was not idempotent."):
        cluster.create_service("twice", definition, desiredCount=3)


def test_a_service_that_cannot_start_says_why(cluster):
    cluster.create_service("stuck", cluster.register("stuck", None, image="nothing-of-that-name:1"))
    message = wait_for(lambda: [e["message"] for e in cluster.service("stuck")["events"] if "CannotPullContainerError" in e["message"]],
                       "an event says why", 60)
    assert "(service stuck) was unable to place a task." in message[0]
    time.sleep(3)
    stopped = cluster.ecs.list_tasks(cluster=cluster.name, serviceName="stuck", desiredStatus="STOPPED")["taskArns"]
    assert len(stopped) < 10  # it waits longer and longer between its tries
