"""ECS services behind an application load balancer: nobody notices a roll, and a sick task is replaced."""

import http.client
import threading
import time

import pytest

from conftest import free_port, wait_for


class Balancer:
    def __init__(self, cloud, network, name):
        self.elb, self.network, self.name = cloud.client("elbv2"), network, name
        self.port = free_port()
        self.arn = self.elb.create_load_balancer(
            Name=name, Subnets=network.subnets, SecurityGroups=[network.group], Scheme="internet-facing", Type="application",
        )["LoadBalancers"][0]["LoadBalancerArn"]
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=self.port,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {
                "StatusCode": "404", "ContentType": "text/plain", "MessageBody": "nobody lives here"}}],
        )["Listeners"][0]["ListenerArn"]
        self.groups = []

    def target_group(self, suffix, path="/"):
        arn = self.elb.create_target_group(
            Name=f"{self.name}-{suffix}", Protocol="HTTP", Port=80, VpcId=self.network.vpc, TargetType="ip", HealthCheckPath=path,
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "3"}])
        self.groups.append(arn)
        return arn

    def rule(self, priority, action, **conditions):
        fields = {"host": "host-header", "path": "path-pattern"}
        return self.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Actions=[action],
            Conditions=[{"Field": fields[key], "Values": values} for key, values in conditions.items()],
        )["Rules"][0]["RuleArn"]

    def forward(self, priority, group, **conditions):
        return self.rule(priority, {"Type": "forward", "TargetGroupArn": group}, **conditions)

    def get(self, path="/", host="example.test"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def try_get(self, *arguments, **options):
        try:
            return self.get(*arguments, **options)
        except OSError:
            return None

    def wait_healthy(self, group, count=1):
        def healthy():
            found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            states = [target["TargetHealth"]["State"] for target in found]
            return states.count("healthy") == count and states
        return wait_for(healthy, "the targets are healthy", 90)

    def end(self):
        self.elb.delete_load_balancer(LoadBalancerArn=self.arn)
        for group in self.groups:
            self.elb.delete_target_group(TargetGroupArn=group)


@pytest.fixture
def balancer(cloud, network, name):
    made = Balancer(cloud, network, name)
    yield made
    made.end()


def behind(balancer, group, container):
    return {"loadBalancers": [{"targetGroupArn": group, "containerName": container, "containerPort": 80}]}


def test_rules_by_host_and_path_in_the_order_of_priority(balancer, cluster):
    groups = {}
    for service in ("api", "page"):
        groups[service] = balancer.target_group(service)
    balancer.forward(10, groups["api"], host=["a.test"], path=["/api/*"])
    balancer.forward(20, groups["page"], host=["a.test"])
    for service, group in groups.items():
        cluster.create_service(service, cluster.web(service, f"the {service}"), **behind(balancer, group, service))
    for group in groups.values():
        balancer.wait_healthy(group)
    wait_for(lambda: balancer.try_get("/", "a.test") == (200, "the page"), "the page is served", 10)
    assert balancer.get("/api/posts", "a.test") == (200, "the api")
    assert balancer.get("/api/posts", "A.TEST") == (200, "the api")  # host names have no case
    assert balancer.get("/API/posts", "a.test") == (200, "the page")  # paths have
    assert balancer.get("/api", "a.test") == (200, "the page")
    assert balancer.get("/api/posts", "b.test") == (404, "nobody lives here")


def test_a_service_needs_a_target_group_that_a_rule_uses(balancer, cluster):
    group = balancer.target_group("lonely")
    with pytest.raises(cluster.ecs.exceptions.InvalidParameterException, match="does not have an associated load balancer"):
        cluster.create_service("lonely", cluster.web("lonely", "x"), **behind(balancer, group, "lonely"))


def test_no_request_fails_while_a_service_rolls(balancer, cluster):
    group = balancer.target_group("web")
    balancer.forward(1, group, path=["/*"])
    cluster.create_service("web", cluster.web("web", "one"), **behind(balancer, group, "web"))
    balancer.wait_healthy(group)
    wait_for(lambda: balancer.try_get() == (200, "one"), "the first version is served", 10)

    answers, stop = [], threading.Event()

    def load():
        while not stop.is_set():
            answers.append(balancer.try_get())
            time.sleep(0.005)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        cluster.ecs.update_service(cluster=cluster.name, service="web", taskDefinition=cluster.web("web", "two"))
        cluster.wait_stable("web", 120)
        wait_for(lambda: balancer.try_get() == (200, "two"), "the second version is served", 10)
        time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(answers) > 200
    assert {answer for answer in answers} == {(200, "one"), (200, "two")}
    assert answers[-1] == (200, "two")


def test_a_target_that_fails_its_check_gets_no_requests_and_its_task_is_replaced(balancer, cluster, cloud):
    group = balancer.target_group("sick")
    balancer.forward(1, group, path=["/*"])
    cluster.create_service("sick", cluster.web("sick", "fine"), desiredCount=2, **behind(balancer, group, "sick"))
    balancer.wait_healthy(group, 2)
    cluster.wait_stable("sick")
    victim = cluster.tasks("sick")[0]["taskArn"]
    for container in cluster.containers(victim):
        if "nginx" in cloud.engine("inspect", "--format", "{{.ImageName}}", container):
            # What it serves from now on are errors.
            cloud.engine("exec", container, "sh", "-c", "sed -i 's/return 200/return 500/' /etc/nginx/conf.d/default.conf; nginx -s reload")
    stopped = cluster.wait_stopped(victim, 90)
    assert stopped["stoppedReason"].startswith("Task failed ELB health checks in (target-group arn:")
    balancer.wait_healthy(group, 2)
    assert {balancer.get() for _ in range(20)} == {(200, "fine")}
