"""One-off tasks: real containers, driven and watched by boto3 and the AWS CLI."""

import json
import re
import time

import pytest

from conftest import REGION, wait_for


def test_a_task_runs_with_its_environment_and_its_log_arrives(cluster):
    definition = cluster.shell("hello", 'echo "hello $WHO"; echo oops >&2; id -u; exit 3',
                               environment=[{"name": "WHO", "value": "wörld"}], user="65534")
    task, log = cluster.run_to_end(definition)
    # Two pipes: nobody knows in which order their lines are read.
    assert [line for line in log if line != "oops"] == ["hello wörld", "65534"]
    assert sorted(log) == ["65534", "hello wörld", "oops"]
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["containers"][0]["exitCode"] == 3
    assert task["createdAt"] <= task["startedAt"] <= task["stoppedAt"]


def test_overrides_replace_command_and_environment(cluster):
    definition = cluster.shell("overridden", "echo default $A $B",
                               environment=[{"name": "A", "value": "a"}, {"name": "B", "value": "b"}])
    _, log = cluster.run_to_end(definition, overrides={"containerOverrides": [
        {"name": "overridden", "command": ["bash", "-c", "echo replaced $A $B $C"],
         "environment": [{"name": "B", "value": "bb"}, {"name": "C", "value": "cc"}]}]})
    assert log == ["replaced a bb cc"]


def test_the_update_script_of_a_pipeline(cluster, aws, network):
    """describe, register, run, wait, get-log-events: the calls with which teams update their services by hand."""
    cluster.shell("migrate", "echo old; exit 1")
    described = aws("ecs", "describe-task-definition", "--task-definition", f"{cluster.name}-migrate")["taskDefinition"]
    container = described["containerDefinitions"][0]
    container["command"] = ["bash", "-c", "echo migrated"]
    registered = aws("ecs", "register-task-definition", "--family", described["family"], "--network-mode", "awsvpc",
                     "--container-definitions", json.dumps([container]), "--cpu", described["cpu"],
                     "--memory", described["memory"], "--execution-role-arn", described["executionRoleArn"],
                     "--requires-compatibilities", "FARGATE")["taskDefinition"]
    assert registered["revision"] == described["revision"] + 1
    subnets = aws("ec2", "describe-subnets", "--filters", f"Name=vpc-id,Values={network.vpc}",
                  "--query", "Subnets[*].SubnetId", "--output", "text").split()
    assert sorted(subnets) == sorted(network.subnets)
    started = int(time.time()) * 1000
    task = aws("ecs", "run-task", "--cluster", cluster.name, "--task-definition", registered["taskDefinitionArn"],
               "--launch-type", "FARGATE", "--network-configuration",
               f"awsvpcConfiguration={{subnets=[{','.join(subnets)}],securityGroups=[{network.group}],assignPublicIp=ENABLED}}",
               )["tasks"][0]["taskArn"]
    aws("ecs", "wait", "tasks-stopped", "--cluster", cluster.name, "--tasks", task)
    events = aws("logs", "get-log-events", "--log-group-name", f"/ecs/{cluster.name}", "--log-stream-name",
                 f"migrate/migrate/{task.rsplit('/')[-1]}", "--start-time", started, "--end-time", int(time.time()) * 1000 + 1000)
    assert [event["message"] for event in events["events"]] == ["migrated"]


def test_an_image_that_does_not_exist_is_the_stop_reason(cluster):
    definition = cluster.register("missing", None, image="nothing-of-that-name:1")
    task = cluster.wait_stopped(cluster.run(definition))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "nothing-of-that-name:1" in task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_a_secret_becomes_a_variable_and_a_key_of_it_too(cluster, cloud, name):
    secrets = cloud.client("secretsmanager")
    plain = secrets.create_secret(Name=f"{name}-plain", SecretString="s3cret 'quoted' $HOME")["ARN"]
    document = secrets.create_secret(Name=f"{name}-json", SecretString=json.dumps({"password": "of json"}))["ARN"]
    definition = cluster.shell("secretive", 'echo "$PLAIN"; echo "$PASSWORD"',
                               secrets=[{"name": "PLAIN", "valueFrom": plain},
                                        {"name": "PASSWORD", "valueFrom": f"{document}:password::"}])
    _, log = cluster.run_to_end(definition)
    assert log == ["s3cret 'quoted' $HOME", "of json"]


def test_a_missing_secret_keeps_the_task_from_starting(cluster, cloud):
    arn = f"arn:aws:secretsmanager:{REGION}:000000000000:secret:no-such-secret-AbCdEf"
    definition = cluster.shell("unlucky", "echo never", secrets=[{"name": "X", "valueFrom": arn}])
    task = cluster.wait_stopped(cluster.run(definition))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("ResourceInitializationError: ")


def test_stop_task_sends_sigterm_and_waits(cluster):
    definition = cluster.shell("patient", 'trap "echo told; exit 7" TERM; echo ready; while :; do sleep 0.1; done')
    arn = cluster.run(definition)
    wait_for(lambda: "ready" in cluster.log(arn, "patient"), "the task is ready")
    cluster.ecs.stop_task(cluster=cluster.name, task=arn, reason="enough")
    task = cluster.wait_stopped(arn)
    assert task["stopCode"] == "UserInitiated" and task["stoppedReason"] == "enough"
    assert task["containers"][0]["exitCode"] == 7
    assert cluster.log(arn, "patient") == ["ready", "told"]


def test_a_container_that_ignores_sigterm_is_killed_after_its_stop_timeout(cluster):
    definition = cluster.shell("stubborn", 'trap "" TERM; echo ready; while :; do sleep 0.1; done')
    arn = cluster.run(definition)
    wait_for(lambda: "ready" in cluster.log(arn, "stubborn"), "the task is ready")
    started = time.monotonic()
    cluster.ecs.stop_task(cluster=cluster.name, task=arn)
    task = cluster.wait_stopped(arn)
    assert 2 < time.monotonic() - started < 20
    assert task["containers"][0]["exitCode"] == 137
    assert task["stoppedReason"] == "Task stopped by user"


def test_a_task_has_an_address_of_its_subnet(cluster, network, cloud):
    definition = cluster.shell("addressed", "hostname -I; sleep 60")
    arn = cluster.run(definition)
    task = wait_for(lambda: (t := cluster.task(arn))["lastStatus"] == "RUNNING" and t, "the task runs")
    details = {d["name"]: d["value"] for d in task["attachments"][0]["details"]}
    address = details["privateIPv4Address"]
    assert details["subnetId"] in network.subnets
    assert wait_for(lambda: cluster.log(arn, "addressed"), "its log arrives")[0].split() == [address]
    interface = cloud.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    assert interface["NetworkInterfaces"][0]["PrivateIpAddress"] == address


def test_a_command_in_a_running_container(cluster, cloud):
    """ExecuteCommand answers with a session; its stream is another test's."""
    definition = cluster.shell("shell", "sleep 60", taskRoleArn="arn:aws:iam::000000000000:role/task")
    arn = cluster.run(definition, enableExecuteCommand=True)
    wait_for(lambda: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs")
    answer = cluster.ecs.execute_command(cluster=cluster.name, task=arn, container="shell", command="id", interactive=True)
    assert answer["session"]["streamUrl"].startswith("ws")
    assert answer["session"]["tokenValue"]


def test_execute_command_needs_to_be_enabled(cluster):
    definition = cluster.shell("closed", "sleep 60")
    arn = cluster.run(definition)
    wait_for(lambda: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs")
    with pytest.raises(cluster.ecs.exceptions.InvalidParameterException, match="execute command was not enabled"):
        cluster.ecs.execute_command(cluster=cluster.name, task=arn, command="id", interactive=True)


@pytest.mark.parametrize("arguments, message", [
    (["list-tasks", "--cluster", "no-such"], r"ClusterNotFoundException.*Cluster not found\."),
    (["run-task", "--cluster", "{cluster}", "--task-definition", "no-such"], r"(ClientException|InvalidParameterException).*TaskDefinition not found\."),
    (["describe-task-definition", "--task-definition", "no-such"], r"ClientException.*Unable to describe task definition\."),
    (["update-service", "--cluster", "{cluster}", "--service", "no-such"], r"ServiceNotFoundException.*Service not found\."),
])
def test_errors_are_ecs_own(cluster, aws, arguments, message):
    said = aws("ecs", *(argument.format(cluster=cluster.name) for argument in arguments), fails=True)
    assert re.search(message, said), said


def test_a_request_that_the_model_forbids_is_refused(cloud):
    """Sent by hand, because no client would send it."""
    import urllib.error
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", cloud.endpoint + "/", data=b'{"tasks": "not a list"}', headers={
        "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.DescribeTasks"})
    SigV4Auth(Credentials("test", "test"), "ecs", REGION).add_auth(request)
    sent = urllib.request.Request(request.url, request.data, dict(request.headers), method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent, timeout=10)
    assert refused.value.code == 400
    assert "Exception" in json.load(refused.value)["__type"]
