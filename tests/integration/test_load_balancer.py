"""An Application Load Balancer in the local cloud: HAProxy in a container, driven by boto3.

The targets are servers of the test itself on the VPC's gateway address, which the load balancer's container reaches as it
does a task.
"""

import base64
import gzip
import http.client
import ipaddress
import json
import re
import shlex
import socket
import ssl
import subprocess
import threading
import time

import pytest
from botocore.exceptions import ClientError

from conftest import free_port, issued_certificate, wait_for
from load_balancer import Balancer


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


def test_headers_follow_the_attributes(balancer):
    balancer.wait_for_status(503)
    balancer.start_application("one")

    def seen(**headers):
        return json.loads(balancer.request(**headers)[2])["headers"]

    trace = seen(**{"X-Amzn-Trace-Id": "Root=1-5f84c7a1-0123456789abcdef01234567;CalledFrom=app"})["x-amzn-trace-id"]
    assert re.fullmatch(r"Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=1-5f84c7a1-0123456789abcdef01234567;CalledFrom=app", trace), trace
    again = seen(**{"X-Amzn-Trace-Id": trace})["x-amzn-trace-id"]
    assert again.count("Self=") == 1 and again != trace and again.endswith(";CalledFrom=app")
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};CalledFrom=app",
                        seen(**{"X-Amzn-Trace-Id": "CalledFrom=app"})["x-amzn-trace-id"])
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", seen()["x-amzn-trace-id"])

    assert "with_underscore" in seen(With_Underscore="1")
    balancer.set_balancer_attributes(
        routing__http__drop_invalid_header_fields__enabled="true", routing__http__xff_client_port__enabled="true")
    wait_for(lambda: "with_underscore" not in seen(With_Underscore="1"), "such headers are dropped", 10)
    assert re.fullmatch(r"192\.0\.2\.1, [\d.]+:\d+", seen(**{"X-Forwarded-For": "192.0.2.1"})["x-forwarded-for"])
    balancer.set_balancer_attributes(routing__http__xff_header_processing__mode="remove")
    wait_for(lambda: "x-forwarded-for" not in seen(**{"X-Forwarded-For": "192.0.2.1"}), "it is removed", 10)


def test_answers_follow_the_listeners_attributes(balancer):
    def set_attributes(**attributes):
        balancer.set_listener_attributes(**{f"routing__http__response__{key}": value for key, value in attributes.items()})

    balancer.wait_for_status(503)
    policy = "default-src 'self'; report-uri /a%20b?c=\"${HOME}\""
    set_attributes(content_security_policy__header_value=policy, server__enabled="false",
                   strict_transport_security__header_value="max-age=31536000")
    wait_for(lambda: "server" not in balancer.request()[1], "the attributes are applied", 10)
    for path in ("/", "/" + "x" * 20000):
        headers = balancer.request(path)[1]
        assert headers["content-security-policy"] == policy, headers
        assert headers["strict-transport-security"] == "max-age=31536000"

    balancer.start_application("one")
    status, headers, _ = balancer.wait_for_status(200)
    assert headers["content-security-policy"] == policy
    assert headers["server"].startswith("BaseHTTP"), "a target's own is passed on"

    set_attributes(content_security_policy__header_value="", server__enabled="true")
    wait_for(lambda: "content-security-policy" not in balancer.request()[1], "it is empty again", 10)
    assert balancer.request()[1]["strict-transport-security"] == "max-age=31536000"


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


def test_clients_stay_with_their_target(balancer):
    balancer.wait_for_status(503)
    one, two = balancer.start_application("one"), balancer.start_application("two")
    balancer.set_attributes(stickiness__enabled="true", stickiness__lb_cookie__duration_seconds="3")
    first = wait_for(lambda: (c := balancer.client()).get() and "AWSALB" in c.cookies and c, "a cookie", 10)
    assert [line.split("=")[0] for line in first.lines] == ["AWSALB", "AWSALBCORS"]
    assert first.lines[0].split("; ")[1].startswith("Expires=") and first.lines[0].endswith("; Path=/")
    assert first.lines[1].endswith("; Path=/; SameSite=None")
    mine = first.name()
    assert {first.name() for _ in range(6)} == {mine}
    names = {balancer.client().name() for _ in range(6)}
    assert names == {"one", "two"}, "without the cookie requests go round"

    del first.cookies["AWSALB"]
    assert {(c := balancer.client(), c.cookies.update(AWSALBCORS=first.cookies["AWSALBCORS"]), c.name())[2]
            for _ in range(4)} == {mine}, "another site's request carries the second one only"

    balancer.elb.create_rule(
        ListenerArn=balancer.listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": balancer.group}])
    three = balancer.start_application("three")
    assert {first.name() for _ in range(6)} == {mine}, "a change of rules and targets in between"

    balancer.stop_application(one if mine == "one" else two)
    other = first.name()
    assert other != mine
    assert {first.name() for _ in range(4)} == {other}, "stuck to the new one"

    kept = dict(first.cookies)
    time.sleep(3.2)
    names = set()
    for _ in range(6):
        late = balancer.client()
        late.cookies.update(kept)
        names.add(late.name())
    assert len(names) == 2, "after its duration a cookie means nothing"
    garbage = balancer.client()
    garbage.cookies["AWSALB"] = "!!" + base64.b64encode(b"no|such").decode()
    assert garbage.name() in ("one", "two", "three")
    assert three in balancer.applications


def test_clients_stay_as_long_as_their_applications_cookie(balancer):
    balancer.wait_for_status(503)
    balancer.start_application("one"), balancer.start_application("two")
    balancer.set_attributes(stickiness__enabled="true", stickiness__type="app_cookie",
                            stickiness__app_cookie__cookie_name="sessionid",
                            stickiness__app_cookie__duration_seconds="60")
    client = wait_for(lambda: (c := balancer.client()).get() and "AWSALBAPP-0" in c.cookies and c, "a cookie", 10)
    assert client.cookies == {f"AWSALBAPP-{i}": "_remove_" for i in range(4)}
    assert {client.name() for _ in range(4)} == {"one", "two"}

    mine = client.name("/login")
    assert client.cookies["AWSALBAPP-0"] not in ("", "_remove_")
    assert {client.name() for _ in range(6)} == {mine}
    del client.cookies["sessionid"]
    assert {client.name() for _ in range(4)} == {"one", "two"}, "logged out"


def test_clients_stay_with_their_target_group(balancer):
    balancer.wait_for_status(503)
    blue = balancer.start_application("blue")
    group = balancer.create_group("green")

    def forward(seconds=0):
        balancer.elb.modify_listener(ListenerArn=balancer.listener, DefaultActions=[{"Type": "forward", "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": balancer.group, "Weight": 50}, {"TargetGroupArn": group, "Weight": 50}],
            "TargetGroupStickinessConfig": {"Enabled": seconds > 0, **({"DurationSeconds": seconds} if seconds else {})}}}])

    forward()
    balancer.start_application("green", group)
    wait_for(lambda: balancer.client().name() == "green", "both groups are used", 10)
    assert {balancer.client().name() for _ in range(20)} == {"blue", "green"}
    forward(60)
    client = wait_for(lambda: (c := balancer.client()).get() and "AWSALBTG" in c.cookies and c, "a cookie", 10)
    assert [line.split("=")[0] for line in client.lines] == ["AWSALBTG", "AWSALBTGCORS"]
    mine = client.name()
    assert {client.name() for _ in range(20)} == {mine}
    assert {balancer.client().name() for _ in range(20)} == {"blue", "green"}
    assert blue in balancer.applications


# ---- What it answers when a target doesn't

def title(text):
    return f"<html>\r\n<head><title>{text}</title></head>\r\n<body>\r\n<center><h1>{text}</h1></center>\r\n</body>\r\n</html>\r\n"


def assert_page(answer, text):
    status, headers, body = answer
    assert (status, body) == (int(text[:3]), title(text))
    assert headers["server"] == "awselb/2.0"
    assert headers["content-type"] == "text/html"
    assert headers["date"].endswith(" GMT")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("behave", [
    pytest.param(lambda connection: None, id="closes"),
    pytest.param(reset, id="resets"),
    pytest.param(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), id="is-no-http"),
    pytest.param(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent Length: 1\r\n\r\nx"), id="malformed"),
    pytest.param(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 80000 + b"\r\n\r\n"),
                 id="headers-too-large"),
])
def test_a_target_that_does_not_speak_http_is_a_502(balancer, behave):
    balancer.wait_for_status(503)
    balancer.start_raw_target(behave)
    balancer.wait_for_status(200)
    assert_page(balancer.request("/x"), "502 Bad Gateway")


def test_errors_are_the_load_balancers_own_pages(balancer):
    assert_page(balancer.wait_for_status(503), "503 Service Temporarily Unavailable")
    application = balancer.start_application("one")
    balancer.wait_for_status(200)
    status, headers, body = balancer.request("/status/503")
    assert (status, json.loads(body)["name"]) == (503, "one"), "a target's own 503 is passed on"
    assert headers["server"] != "awselb/2.0"
    assert balancer.request("/status/502")[1]["server"] != "awselb/2.0"

    application.close()
    balancer.applications.remove(application)
    begin = time.monotonic()
    assert_page(balancer.request(), "502 Bad Gateway")
    assert time.monotonic() - begin < 2, "refused, not timed out"

    addresses = ", ".join(f"192.0.2.{i}" for i in range(31))
    assert balancer.request(**{"X-Forwarded-For": addresses})[0] == 463
    assert balancer.request("/" + "x" * 20000)[0] == 414


def test_a_malformed_request_is_a_400(balancer):
    balancer.wait_for_status(503)
    for head in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: 1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 80000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", balancer.port), timeout=10) as client:
            client.sendall(head)
            answer = b""
            try:
                while received := client.recv(65536):
                    answer += received
            except ConnectionResetError:
                pass
        assert answer.startswith(b"HTTP/1.1 400 "), answer


def test_a_large_header_passes(balancer):
    balancer.wait_for_status(503)
    balancer.start_application("one")
    balancer.wait_for_status(200)
    seen = json.loads(balancer.request(**{f"X-{i}": "x" * 15000 for i in range(4)})[2])
    assert len(seen["headers"]["x-3"]) == 15000


def test_a_target_that_does_not_answer_in_time_is_a_504(balancer):
    balancer.set_balancer_attributes(idle_timeout__timeout_seconds="2")
    balancer.wait_for_status(503)
    balancer.start_raw_target(lambda connection: time.sleep(5))
    balancer.wait_for_status(200)
    begin = time.monotonic()
    assert_page(balancer.request("/slow"), "504 Gateway Time-out")
    assert 1.5 < time.monotonic() - begin < 4


def test_a_target_that_does_not_take_connections_is_a_504_after_ten_seconds(balancer):
    balancer.wait_for_status(503)
    # With its backlog full, the kernel ignores those who want to connect.
    with socket.socket() as deaf:
        deaf.bind((balancer.gateway(), 0))
        deaf.listen(0)
        address = deaf.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(address)
        balancer.elb.register_targets(TargetGroupArn=balancer.group, Targets=[{"Id": address[0], "Port": address[1]}])
        # It never passes a health check; with no healthy target requests go to all.
        wait_for(lambda: balancer.request(timeout=20)[0] == 504, "the target is used", 30)
        begin = time.monotonic()
        assert_page(balancer.request(timeout=20), "504 Gateway Time-out")
        assert 9 < time.monotonic() - begin < 12
        for connection in waiting:
            connection.close()


def test_a_target_that_is_gone_is_a_504(balancer):
    balancer.wait_for_status(503)
    gone = str(ipaddress.ip_address(balancer.gateway()) + 200)
    balancer.elb.register_targets(TargetGroupArn=balancer.group, Targets=[{"Id": gone, "Port": 80}])
    wait_for(lambda: balancer.request(timeout=20)[0] == 504, "the target is used", 30)
    assert_page(balancer.request(timeout=20), "504 Gateway Time-out")


def test_a_request_goes_on_to_another_target_at_once(balancer):
    balancer.wait_for_status(503)
    application = balancer.start_application("one")
    balancer.start_application("two")
    wait_for(lambda: {balancer.client().name() for _ in range(4)} == {"one", "two"}, "both are used")
    application.close()
    balancer.applications.remove(application)
    for _ in range(4):
        begin = time.monotonic()
        assert balancer.client().name() == "two"
        assert time.monotonic() - begin < 0.9, "it does not wait"


def test_a_new_target_starts_slowly(balancer):
    balancer.wait_for_status(503)
    balancer.set_attributes(slow_start__duration_seconds="30")
    balancer.start_application("one")
    assert {balancer.client().name() for _ in range(10)} == {"one"}, "the first one takes everything at once"
    balancer.start_application("two")
    begin = time.monotonic()
    early = [balancer.client().name() for _ in range(50)].count("two")
    assert time.monotonic() - begin < 8
    assert early < 15, "its share grows"
    wait_for(lambda: [balancer.client().name() for _ in range(50)].count("two") >= 24, "half of the requests", 40, 2)
    assert time.monotonic() - begin > 20


# ---- Access logs

FIELDS = """type time elb client target request_time target_time response_time status target_status received sent request
    agent cipher protocol group trace domain certificate priority created actions redirect error targets target_statuses
    classification reason connection host uri transform""".split()


class Logs:
    def __init__(self, balancer, name):
        self.balancer, self.bucket = balancer, f"logs-{name}"
        self.s3 = balancer.cloud.client("s3")
        self.s3.create_bucket(Bucket=self.bucket)

    def allow(self, **principal):
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": principal, "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{self.bucket}/web/AWSLogs/000000000000/*"}]}))

    def enable(self, prefix="web"):
        self.balancer.set_balancer_attributes(access_logs__s3__enabled="true", access_logs__s3__bucket=self.bucket,
                                              access_logs__s3__prefix=prefix)

    def keys(self):
        return [item["Key"] for item in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def entries(self):
        found = []
        for key in self.keys():
            if key.endswith(".log.gz"):
                text = gzip.decompress(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()).decode()
                found += [dict(zip(FIELDS, shlex.split(line), strict=True)) for line in text.splitlines()]
        return found


def test_requests_are_logged_to_s3(balancer, name):
    logs = Logs(balancer, name)
    with pytest.raises(ClientError) as error:
        logs.enable()
    assert code_of(error) == "InvalidConfigurationRequest"
    assert f"Access Denied for bucket: {logs.bucket}. Please check S3bucket permission" in str(error.value)
    logs.allow(Service="logdelivery.elasticloadbalancing.amazonaws.com")
    logs.enable()
    assert logs.keys() == ["web/AWSLogs/000000000000/ELBAccessLogTestFile"]
    assert logs.s3.get_object(Bucket=logs.bucket, Key=logs.keys()[0])["Body"].read().startswith(
        b"Enable AccessLog for ELB: lbtest at ")

    balancer.wait_for_status(503)
    wait_for(lambda: balancer.request()[0] == 503 and logs.entries(), "the log begins", 20, 0.3)
    application = balancer.start_application("one")
    balancer.elb.create_rule(
        ListenerArn=balancer.listener, Priority=7, Conditions=[{"Field": "path-pattern", "Values": ["/old"]}],
        Actions=[{"Type": "redirect", "RedirectConfig": {"Path": "/new", "StatusCode": "HTTP_302"}}])
    balancer.wait_for_status(302, path="/old")
    for number in range(200):
        assert balancer.request(f"/page?n={number}", **{"User-Agent": 'a "test"'})[0] == 200
        if number % 50 == 0:  # a new worker of HAProxy
            balancer.elb.create_rule(
                ListenerArn=balancer.listener, Priority=100 + number,
                Conditions=[{"Field": "path-pattern", "Values": [f"/r{number}"]}],
                Actions=[{"Type": "forward", "TargetGroupArn": balancer.group}])
    with socket.create_connection(("127.0.0.1", balancer.port)) as client:
        client.sendall(b"GARBAGE\r\n\r\n")
        client.recv(1000)

    # A worker that is replaced may take the entry of its last request along; logs are best effort on AWS too.
    pages = wait_for(lambda: len(p := [e for e in logs.entries() if "/page?n=" in e["request"]]) >= 196 and p, "the entries", 20)
    numbers = [int(entry["request"].split("n=")[1].split(" ")[0]) for entry in pages]
    assert len(set(numbers)) == len(numbers), "each one once"
    entry = pages[0]
    _, _, load_balancer = balancer.arn.partition("loadbalancer/")
    assert (entry["type"], entry["elb"], entry["group"]) == ("http", load_balancer, balancer.group)
    assert entry["target"] == f"{application.target['Id']}:{application.target['Port']}" == entry["targets"]
    assert (entry["status"], entry["target_status"], entry["priority"], entry["actions"]) == ("200", "200", "0", "forward")
    assert entry["request"].startswith(f"GET http://alpha.localhost:{balancer.port}/page?n=")
    assert entry["agent"] == "a \\x22test\\x22" and entry["trace"].startswith("Root=1-")
    assert min(float(entry[f"{part}_time"]) for part in ("request", "target", "response")) >= 0
    assert int(entry["received"]) > 50 and int(entry["sent"]) > 50

    entries = logs.entries()
    redirect = next(e for e in entries if e["actions"] == "redirect")
    assert (redirect["status"], redirect["priority"], redirect["target"]) == ("302", "7", "-")
    assert redirect["redirect"] == f"http://alpha.localhost:{balancer.port}/new"
    assert any(e["status"] == "503" and e["actions"] == "forward" and e["target"] == "-" for e in entries)
    assert any(e["status"] == "400" and e["request"].endswith("- -") for e in entries)
    key = next(key for key in logs.keys() if key.endswith(".log.gz"))
    assert re.fullmatch(
        r"web/AWSLogs/000000000000/elasticloadbalancing/us-east-1/\d{4}/\d\d/\d\d/000000000000_elasticloadbalancing_us-east-1_"
        + load_balancer.replace("/", ".") + r"_\d{8}T\d{4}Z_[\d.]+_[a-z0-9]{8}\.log\.gz", key), key

    balancer.set_balancer_attributes(access_logs__s3__enabled="false")
    wait_for(lambda: balancer.request("/off")[0] == 200 and not logs_grow(logs), "the log ends", 15)


def logs_grow(logs):
    before = len(logs.entries())
    time.sleep(2)
    return len(logs.entries()) > before


def test_a_client_that_leaves_is_logged_as_460(balancer, name):
    logs = Logs(balancer, name)
    logs.allow(AWS="arn:aws:iam::127311923021:root")
    logs.enable()
    balancer.wait_for_status(503)
    balancer.start_raw_target(lambda connection: time.sleep(3))
    balancer.wait_for_status(200)
    with socket.create_connection(("127.0.0.1", balancer.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n")
        time.sleep(0.5)
    entry = wait_for(lambda: next((e for e in logs.entries() if "/slow" in e["request"]), None), "its entry", 15)
    assert (entry["status"], entry["target_status"]) == ("460", "-")


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
