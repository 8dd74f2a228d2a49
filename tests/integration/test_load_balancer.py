"""An Application Load Balancer in the local cloud: HAProxy in a container, driven by boto3.

The targets are servers of the test itself on the VPC's gateway address, which the load balancer's container reaches as it
does a task.
"""

import http.client
import http.server
import json
import socket
import ssl
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError

from conftest import free_port, issued_certificate, wait_for

FAST = {"Delay": 1, "MaxAttempts": 40}


class Application:
    """Answers each request with what it saw of it."""

    def __init__(self, ip, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                seen = {"name": name, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
                body = json.dumps(seen).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ip, 0), Handler)
        self.target = {"Id": ip, "Port": self.server.server_port}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Balancer:
    """A load balancer `name` with one listener on a free port and one target group behind it."""

    def __init__(self, cloud, name):
        self.cloud, self.name = cloud, name
        self.ec2, self.elb = cloud.client("ec2"), cloud.client("elbv2")
        self.port = free_port()
        self.applications = []
        self.vpc = self.ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.77.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for i, zone in enumerate("ab")
        ]
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnets)["LoadBalancers"][0]
        self.arn, self.dns_name = made["LoadBalancerArn"], made["DNSName"]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[self.arn], WaiterConfig=FAST)
        self.group = self.elb.create_target_group(
            Name=f"{name}-web", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=self.port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"]

    def request(self, path="/", host="alpha.localhost", method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={"Host": f"{host}:{self.port}", **headers})
            response = connection.getresponse()
            return response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read().decode()
        except OSError as error:
            return 0, {}, str(error)
        finally:
            connection.close()

    def wait_for_status(self, status, **request):
        return wait_for(lambda: (r := self.request(**request))[0] == status and r, f"status {status}", 20)

    def start_application(self, name):
        network = json.loads(self.cloud.engine("network", "inspect", f"adhoc-{self.cloud.instance}-{self.vpc}"))[0]
        subnets = network.get("subnets") or network["IPAM"]["Config"]
        application = Application(subnets[0].get("gateway") or subnets[0]["Gateway"], name)
        self.applications.append(application)
        self.elb.register_targets(TargetGroupArn=self.group, Targets=[application.target])
        self.elb.get_waiter("target_in_service").wait(
            TargetGroupArn=self.group, Targets=[application.target], WaiterConfig=FAST)
        return application

    def stop_application(self, application):
        self.elb.deregister_targets(TargetGroupArn=self.group, Targets=[application.target])
        self.elb.get_waiter("target_deregistered").wait(
            TargetGroupArn=self.group, Targets=[application.target], WaiterConfig=FAST)
        application.close()
        self.applications.remove(application)

    def containers(self):
        return self.cloud.containers(f"label=adhoc.loadbalancer={self.arn}")

    def remove(self):
        for application in self.applications:
            application.close()
        self.elb.delete_load_balancer(LoadBalancerArn=self.arn)
        wait_for(lambda: not self.containers(), "the load balancer's container is gone", 20)
        self.elb.delete_target_group(TargetGroupArn=self.group)
        for subnet in self.subnets:
            wait_for(lambda: self.deleted("delete_subnet", SubnetId=subnet), "its network interface is gone", 20)
        self.ec2.delete_vpc(VpcId=self.vpc)

    def deleted(self, operation, **arguments):
        try:
            getattr(self.ec2, operation)(**arguments)
            return True
        except ClientError as error:
            assert error.response["Error"]["Code"] == "DependencyViolation", error
            return False


@pytest.fixture
def balancer(cloud):
    balancer = Balancer(cloud, "lbtest")
    try:
        yield balancer
    finally:
        balancer.remove()


def code_of(error):
    return error.value.response["Error"]["Code"]


def test_requests_reach_a_registered_target(balancer):
    status, headers, body = balancer.wait_for_status(503)
    assert headers["server"] == "awselb/2.0"
    assert "503 Service Temporarily Unavailable" in body

    application = balancer.start_application("one")
    status, _, body = balancer.request("/posts?page=2", **{"X-Forwarded-For": "192.0.2.1"})
    assert status == 200
    seen = json.loads(body)
    assert seen["path"] == "/posts?page=2"
    assert seen["headers"]["host"] == f"alpha.localhost:{balancer.port}"
    assert seen["headers"]["x-forwarded-for"].startswith("192.0.2.1, ")
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["x-forwarded-port"] == str(balancer.port)
    assert seen["headers"]["x-amzn-trace-id"].startswith("Root=1-")

    balancer.stop_application(application)
    balancer.wait_for_status(503)


def test_health_checks_look_like_an_albs(balancer):
    balancer.wait_for_status(503)
    application = balancer.start_application("one")
    health = balancer.elb.describe_target_health(TargetGroupArn=balancer.group)["TargetHealthDescriptions"]
    assert health[0]["TargetHealth"] == {"State": "healthy"}
    balancer.elb.modify_target_group(TargetGroupArn=balancer.group, Matcher={"HttpCode": "204"})
    health = wait_for(
        lambda: (h := balancer.elb.describe_target_health(TargetGroupArn=balancer.group)["TargetHealthDescriptions"][0]
                 ["TargetHealth"])["State"] == "unhealthy" and h, "two failed checks", 30)
    assert health["Reason"] == "Target.ResponseCodeMismatch"
    assert health["Description"] == "Health checks failed with these codes: [200]"
    assert balancer.request()[0] == 200, "with no healthy target at all, requests go to all of them"
    balancer.stop_application(application)


def test_rules_are_evaluated_by_priority(balancer):
    balancer.wait_for_status(503)
    balancer.start_application("one")

    def rule(priority, conditions, action):
        return balancer.elb.create_rule(
            ListenerArn=balancer.listener, Priority=priority, Conditions=conditions, Actions=[action])["Rules"][0]["RuleArn"]

    def fixed(text, status="200"):
        return {"Type": "fixed-response",
                "FixedResponseConfig": {"StatusCode": status, "ContentType": "text/plain", "MessageBody": text}}

    host = {"Field": "host-header", "Values": ["*.beta.localhost"]}
    api = {"Field": "path-pattern", "Values": ["/api/*"]}
    rule(20, [host], fixed("beta"))
    first = rule(10, [host, api], fixed("beta api"))
    rule(30, [{"Field": "path-pattern", "Values": ["/old/*"]}],
         {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}})
    rule(40, [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}}], fixed("query"))
    rule(50, [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Who", "Values": ["*bot*"]}}],
         fixed("no \"bots\"\n${HOME} %[src]", "403"))
    rule(60, [{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["DELETE"]}}], fixed("gone", "410"))
    balancer.wait_for_status(410, method="DELETE")

    assert balancer.request("/api/x", host="www.beta.localhost")[2] == "beta api"
    assert balancer.request("/api", host="www.beta.localhost")[2] == "beta"
    assert balancer.request("/API/x", host="WWW.BETA.localhost")[2] == "beta"
    assert json.loads(balancer.request("/api/x", host="beta.localhost")[2])["name"] == "one"
    status, headers, _ = balancer.request("/old/page?a=1")
    assert (status, headers["location"]) == (301, "https://alpha.localhost:443/old/page?a=1")
    assert balancer.request("/x?a=1&v=21")[2] == "query"
    assert balancer.request("/x?av=21")[0] == 200 and balancer.request("/x?av=21")[2] != "query"
    assert balancer.request("/x", **{"X-Who": "A Bot"})[::2] == (403, "no \"bots\"\n${HOME} %[src]")
    assert balancer.request("/", method="TRACE")[0] == 405

    balancer.elb.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 25}])
    wait_for(lambda: balancer.request("/api/x", host="www.beta.localhost")[2] == "beta", "the new order", 10)


def test_no_request_fails_while_targets_are_replaced(balancer):
    balancer.wait_for_status(503)
    current = balancer.start_application("0")
    stop = threading.Event()
    counts = {"requests": 0}
    failures = []

    def busy(keep, pause):
        connection = http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=10)
        while not stop.is_set():
            try:
                connection.request("GET", "/", headers={} if keep else {"Connection": "close"})
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    failures.append((keep, pause, response.status, body))
            except (OSError, http.client.HTTPException) as error:
                failures.append((keep, pause, repr(error)))
                connection.close()
            counts["requests"] += 1
            stop.wait(pause)

    threads = [threading.Thread(target=busy, args=(keep, pause))
               for keep, pause in [(True, 0.001), (True, 0.7), (True, 2.1), (True, 3.3), (False, 0.001)]]
    for thread in threads:
        thread.start()
    try:
        for i in range(1, 6):
            following = balancer.start_application(str(i))
            balancer.elb.create_rule(
                ListenerArn=balancer.listener, Priority=i, Conditions=[{"Field": "path-pattern", "Values": [f"/r{i}"]}],
                Actions=[{"Type": "forward", "TargetGroupArn": balancer.group}])
            balancer.stop_application(current)
            current = following
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert counts["requests"] > 500


def test_a_taken_port_is_refused_with_the_next_step(balancer):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ClientError) as error:
            balancer.elb.create_listener(
                LoadBalancerArn=balancer.arn, Protocol="HTTP", Port=port,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": balancer.group}])
    assert code_of(error) == "InvalidConfigurationRequest"
    assert f"port {port} on 127.0.0.1 is in use by another program" in str(error.value)


def test_a_used_target_group_cannot_be_deleted(balancer):
    with pytest.raises(ClientError) as error:
        balancer.elb.delete_target_group(TargetGroupArn=balancer.group)
    assert code_of(error) == "ResourceInUse"
    assert f"Target group '{balancer.group}' is currently in use by a listener or a rule" in str(error.value)


def test_it_serves_while_the_local_cloud_is_dead_and_is_adopted_afterwards(fresh_cloud):
    fresh_cloud.start().wait_for_engine()
    balancer = Balancer(fresh_cloud, "survivor")
    try:
        balancer.wait_for_status(503)
        application = balancer.start_application("one")
        before = balancer.containers()
        fresh_cloud.kill()
        assert balancer.request()[0] == 200
        fresh_cloud.start().wait_for_engine()
        balancer.ec2, balancer.elb = fresh_cloud.client("ec2"), fresh_cloud.client("elbv2")
        assert balancer.request()[0] == 200
        balancer.stop_application(application)
        balancer.wait_for_status(503)
        assert balancer.containers() == before
        balancer.start_application("two")

        fresh_cloud.engine("rm", "--force", *before)
        balancer.wait_for_status(200)
        assert balancer.containers() != before
    finally:
        balancer.remove()
    time.sleep(0.1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", balancer.port))


def test_https_chooses_the_certificate_by_name_and_port_80_redirects_to_it(cloud, balancer):
    acm = cloud.client("acm")
    port = free_port()
    arns = [issued_certificate(cloud, domain) for domain in ("*.alpha.test", "*.beta.test")]
    try:
        listener = balancer.elb.create_listener(
            LoadBalancerArn=balancer.arn, Protocol="HTTPS", Port=port, Certificates=[{"CertificateArn": arns[0]}],
            DefaultActions=[{"Type": "fixed-response",
                             "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "safe"}}],
        )["Listeners"][0]["ListenerArn"]
        balancer.elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arns[1]}])
        balancer.elb.modify_listener(
            ListenerArn=balancer.listener,
            DefaultActions=[{"Type": "redirect",
                             "RedirectConfig": {"Protocol": "HTTPS", "Port": str(port), "StatusCode": "HTTP_301"}}])

        def names(host):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
                    with context.wrap_socket(raw, server_hostname=host) as connection:
                        pem = ssl.DER_cert_to_PEM_cert(connection.getpeercert(binary_form=True))
                        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                        answer = b"".join(iter(lambda: connection.recv(4096), b""))
                        assert answer.endswith(b"safe"), answer
            except OSError:
                return ""
            text = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=pem, text=True,
                                  capture_output=True, check=True)
            return text.stdout

        wait_for(lambda: "*.beta.test" in names("www.beta.test"), "the second certificate", 20)
        assert "*.alpha.test" in names("www.alpha.test")
        assert "*.alpha.test" in names("unknown.test"), "the default one"
        status, headers, _ = balancer.wait_for_status(301)
        assert headers["location"] == f"https://alpha.localhost:{port}/"
    finally:
        balancer.elb.delete_listener(ListenerArn=listener)
        for arn in arns:
            acm.delete_certificate(CertificateArn=arn)
