"""The whole chain, with real containers: tasks, their addresses, checks, names, logs, replacement, a roll back."""

import urllib.request

from conftest import wait_for
from test_services_behind_a_load_balancer import balancer, behind  # noqa: F401: a fixture

PAGE = ("cat >/etc/nginx/conf.d/default.conf <<'END'\n"
        "server { listen 80 default_server; default_type text/plain;\n"
        "  location = /missing { return 404; } location / { return 200 $hostname; } }\n"
        "END\necho serving; exec nginx -g 'daemon off;'")


def ask(address):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}/", timeout=10) as answer:
        return answer.read().decode()


def address(task):
    return task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]


def running(cluster, service, count=2):
    def enough():
        found = [task for task in cluster.tasks(service) if task["lastStatus"] == "RUNNING"]
        return len(found) == count and found
    return wait_for(enough, f"{count} tasks run", 90)


def test_from_task_to_name(balancer, cluster, cloud, network, name):  # noqa: F811: the fixture
    discovery = cloud.client("servicediscovery")
    operation = discovery.create_private_dns_namespace(Name=f"{name}-ns", Vpc=network.vpc)["OperationId"]
    made = wait_for(lambda: (o := discovery.get_operation(OperationId=operation)["Operation"])["Status"] == "SUCCESS" and o,
                    "the namespace exists")
    registry = discovery.create_service(
        Name="pair", NamespaceId=made["Targets"]["NAMESPACE"],
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"},
        HealthCheckCustomConfig={"FailureThreshold": 1})["Service"]
    group, wrong = balancer.target_group("good"), balancer.target_group("wrong", path="/missing")
    balancer.forward(1, group, path=["/*"])
    balancer.forward(2, wrong, path=["/*"])
    good = cluster.register("pair", ["sh", "-c", PAGE], image="nginx:1.22", portMappings=[{"containerPort": 80}])
    cluster.create_service(
        "pair", good, desiredCount=2, serviceRegistries=[{"registryArn": registry["Arn"]}], **behind(balancer, group, "pair"),
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    cluster.wait_stable("pair")
    tasks = running(cluster, "pair")

    # One port, two addresses; the one in the answer is the one that answers.
    assert len({address(task) for task in tasks}) == 2
    for task in tasks:
        assert ask(address(task)) == "ip-" + address(task).replace(".", "-")
    # Its log while it runs, in the stream that the options name.
    for task in tasks:
        wait_for(lambda task=task: "serving" in cluster.log(task["taskArn"], "pair"), "the line is in the log", 15)

    # Health comes from real checks, with AWS's reasons.
    balancer.wait_healthy(group, 2)
    balancer.elb.register_targets(TargetGroupArn=wrong, Targets=[{"Id": address(tasks[0]), "Port": 80}])

    def mismatch():
        found = balancer.elb.describe_target_health(TargetGroupArn=wrong)["TargetHealthDescriptions"][0]["TargetHealth"]
        return found["State"] == "unhealthy" and found
    found = wait_for(mismatch, "the wrong path is unhealthy", 60)
    assert found["Reason"] == "Target.ResponseCodeMismatch"
    assert found["Description"] == "Health checks failed with these codes: [404]"

    def registered():
        return {i["Attributes"]["AWS_INSTANCE_IPV4"] for i in discovery.list_instances(ServiceId=registry["Id"])["Instances"]}
    assert registered() == {address(task) for task in tasks}
    _, log = cluster.run_to_end(cluster.shell("asker", f"getent ahostsv4 pair.{name}-ns | cut -d' ' -f1 | sort -u"))
    assert set(log) == {address(task) for task in tasks}

    # Killed from outside: replaced, and the events, the targets and the names say so.
    cloud.engine("kill", *cluster.containers(tasks[0]["taskArn"]))
    after = wait_for(lambda: (t := running(cluster, "pair")) and tasks[0]["taskArn"] not in [x["taskArn"] for x in t] and t,
                     "another task runs", 90)
    fresh = next(t for t in after if t["taskArn"] != tasks[1]["taskArn"])
    fresh_id = fresh["taskArn"].rsplit("/")[-1]
    assert cluster.wait_stopped(tasks[0]["taskArn"])["stopCode"] == "EssentialContainerExited"
    messages = [event["message"] for event in cluster.service("pair")["events"]]
    assert f"(service pair) has started 1 tasks: (task {fresh_id})." in messages, messages
    wait_for(lambda: registered() == {address(task) for task in after}, "the names follow", 30)
    balancer.wait_healthy(group, 2)
    cluster.wait_stable("pair")

    # A revision that exits 3: counted, rolled back.
    bad = cluster.register("pair", ["sh", "-c", "exit 3"], image="nginx:1.22", portMappings=[{"containerPort": 80}])
    cluster.ecs.update_service(cluster=cluster.name, service="pair", taskDefinition=bad)
    failed = []

    def rolled_back():
        service = cluster.service("pair")
        failed.extend(d["failedTasks"] for d in service["deployments"] if d["taskDefinition"] == bad)
        return len(service["deployments"]) == 1 and service["taskDefinition"] == good and service
    service = wait_for(rolled_back, "the breaker rolls back", 120, 0.05)
    assert max(failed) >= 2
    assert any("deployment failed: tasks failed to start." in event["message"] for event in service["events"])
    stopped = cluster.ecs.list_tasks(cluster=cluster.name, serviceName="pair", desiredStatus="STOPPED")["taskArns"]
    dead = [t for t in cluster.ecs.describe_tasks(cluster=cluster.name, tasks=stopped)["tasks"] if t["taskDefinitionArn"] == bad]
    assert dead and {t["containers"][0].get("exitCode") for t in dead if t["stopCode"] == "EssentialContainerExited"} == {3}
    assert {t["taskArn"] for t in running(cluster, "pair")} == {t["taskArn"] for t in after}
