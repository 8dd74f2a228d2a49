"""An environment's life, from the first `up` to `down`, with real containers. The tests build on each other, in this order."""

import contextlib
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
from conftest import wait_for

from .conftest import Load, fetch

SERVICES = {"redis", "gunicorn", "worker", "beat", "frontend"}


def by_name(status):
    return {service["name"]: service for service in status["services"]}


def test_two_environments_side_by_side(ublog):
    ublog.adhoc("up", "alpha", "-f", "envs/alpha.tfvars")
    ublog.adhoc("up", "beta")
    for environment in ("alpha", "beta"):
        status = ublog.status(environment)
        assert status["name"] == environment
        assert status["state"] == "ready"
        assert status["url"] == f"http://{environment}.localhost:{ublog.http_port}"
        assert set(by_name(status)) == SERVICES
        for service in status["services"]:
            assert (service["running"], service["desired"], service["health"]) == (1, 1, "healthy"), service
        assert by_name(status)["gunicorn"]["image"] == "backend:v1.0.0"
        assert ublog.get(environment)[0] == 200
        assert ublog.get_json(environment, "/api/info")["environment"] == environment


def test_each_has_its_own_data(ublog):
    ublog.write_post("alpha", "only in alpha")
    assert "only in alpha" in ublog.get("alpha", "/mtv/")[1]
    assert "only in alpha" not in ublog.get("beta", "/mtv/")[1]
    assert ublog.get_json("alpha", "/api/info")["database"] != ublog.get_json("beta", "/api/info")["database"]


def test_neither_may_open_the_others_database(ublog):
    code = "from django.db import connection; connection.settings_dict['NAME'] = 'beta-db'; connection.ensure_connection()"
    refused = ublog.adhoc("run", "alpha", "--", "python3", "manage.py", "shell", "-c", code, check=False)
    assert refused.returncode != 0
    assert 'permission denied for database "beta-db"' in refused.stdout + refused.stderr


def test_the_worker_and_the_schedule_run(ublog):
    post = ublog.write_post("alpha", "one two three")
    wait_for(lambda: ublog.get_json("alpha", f"/api/posts/{post['id']}/")["word_count"] == 3, "the worker counts the words", 30)
    wait_for(lambda: ublog.get_json("alpha", "/api/info")["last_beat"], "the schedule beats", 40)


def test_static_files_come_from_the_bucket(ublog):
    page = ublog.get("alpha", "/admin/login/")[1]
    style = re.search(r'href="(http://[^"]+/static/admin/css/base[^"]*\.css)"', page)
    assert style, page[:2000]
    status, body = fetch(style[1])
    assert status == 200 and "body" in body
    assert "localhost-alpha-bucket" in style[1]


def test_up_again_changes_nothing(ublog):
    before = {c: ublog.cloud.engine("inspect", "--format", "{{.State.StartedAt}}", c) for c in ublog.cloud.containers()}
    assert ublog.json("up", "alpha")["changed"] is False
    assert "up to date" in ublog.adhoc("up", "alpha").stdout
    after = {c: ublog.cloud.engine("inspect", "--format", "{{.State.StartedAt}}", c) for c in ublog.cloud.containers()}
    assert after == before


def test_plan_says_what_and_why(ublog):
    assert ublog.adhoc("plan", "alpha", "--detailed-exitcode").returncode == 0
    changed = ublog.adhoc("plan", "alpha", "--detailed-exitcode", "--var", "log_level=debug", check=False)
    assert changed.returncode == 2
    assert "~ task definition alpha-gunicorn" in changed.stdout
    assert "environment LOG_LEVEL: info → debug" in changed.stdout
    plan = ublog.json("plan", "alpha", "--var", "log_level=debug")
    actions = {(change["kind"], change["name"]): change["action"] for change in plan["changes"]}
    assert actions[("service", "alpha-gunicorn")] == "update"
    assert ("service", "alpha-redis") not in actions


def test_ls(ublog):
    rows = {row["name"]: row for row in ublog.json("ls")}
    assert set(rows) == {"alpha", "beta"}
    assert rows["alpha"]["images"]["backend"] == "v1.0.0"
    assert rows["alpha"]["owner"]
    assert "alpha" in ublog.adhoc("ls").stdout


def test_logs(ublog):
    ublog.get("alpha", "/api/posts/?marker=find-me")
    wait_for(lambda: "find-me" in ublog.adhoc("logs", "alpha", "gunicorn").stdout, "the request is in the log", 15)
    words, environment = ublog.command("logs", "alpha", "gunicorn", "-f", "--tail", "0")
    follower = subprocess.Popen(words, cwd=ublog.directory, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(1)
        ublog.get("alpha", "/api/posts/?marker=while-following")
        deadline = time.monotonic() + 20
        line = ""
        while "while-following" not in line:
            assert select.select([follower.stdout], [], [], max(0, deadline - time.monotonic()))[0], "the line does not come"
            line = follower.stdout.readline()
    finally:
        follower.terminate()
        follower.wait(10)


def test_run_has_the_commands_output_and_exit_code(ublog):
    result = ublog.adhoc("run", "alpha", "--", "sh", "-c", "echo from $ENVIRONMENT; exit 7", check=False)
    assert result.returncode == 7
    assert result.stdout == "from alpha\n"
    created = ublog.adhoc("run", "alpha", "-e", "DJANGO_SUPERUSER_PASSWORD=secret", "--", "python3", "manage.py", "createsuperuser",
                          "--noinput", "--username", "root", "--email", "root@example.com")
    assert "Superuser created" in created.stdout


def test_exec_is_a_terminal(ublog):
    words, environment = ublog.command("exec", "alpha", "gunicorn", "--", "bash", "--norc")
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", "33", "cols", "101"], stdin=slave, check=True)
    process = subprocess.Popen(words, cwd=ublog.directory, env=environment, stdin=slave, stdout=slave, stderr=subprocess.STDOUT,
                               start_new_session=True)
    os.close(slave)
    seen = ""

    def read_until(text, seconds=20):
        nonlocal seen
        deadline = time.monotonic() + seconds
        while text not in seen:
            assert select.select([master], [], [], max(0, deadline - time.monotonic()))[0], (text, seen)
            seen += os.read(master, 4096).decode(errors="replace")

    try:
        read_until("# ")
        os.write(master, b"echo answer=$((6*7)); stty size\r")
        read_until("answer=42")
        read_until("33 101")
        # Ctrl-C reaches the command in the container, not adhoc.
        os.write(master, b"sleep 100\r")
        time.sleep(0.5)
        os.write(master, b"\x03")
        os.write(master, b"echo interrupted=$?\r")
        read_until("interrupted=130")
        subprocess.run(["stty", "rows", "40", "cols", "120"], stdin=master, check=True)
        time.sleep(1)
        os.write(master, b"stty size\r")
        read_until("40 120")
        os.write(master, b"exit 5\r")
        assert process.wait(20) == 5
    finally:
        process.kill()
        os.close(master)


def test_exec_passes_the_exit_code(ublog):
    result = ublog.adhoc("exec", "alpha", "gunicorn", "--", "sh", "-c", "echo it\\'s; exit 3", check=False)
    assert result.returncode == 3 and "it's" in result.stdout
    assert ublog.adhoc("exec", "alpha", "gunicorn", "--", "true").stderr == ""
    missing = ublog.adhoc("exec", "alpha", "gunicorn", "--", "no-such-program", check=False)
    assert missing.returncode == 127 and "no-such-program: not found" in missing.stdout
    for one in (result, missing):
        assert "\033]adhoc" not in one.stdout


@pytest.mark.parametrize("words, text, shown", [
    (["cat"], "no newline", "no newline"),
    (["python3", "-q"], "print(6 * 7)\n", "42"),  # changes the terminal's mode
    (["sh", "-c", "sleep 2; exec bash"], "echo $((6 * 7))\n", "42")])
def test_exec_ends_with_its_input(ublog, words, text, shown):
    result = ublog.adhoc("exec", "alpha", "gunicorn", "--", *words, input=text, timeout=60)
    assert shown in result.stdout


@contextlib.contextmanager
def forward(ublog, *arguments):
    """adhoc forward, while it runs; yields what it says when connections are taken, and checks that Ctrl-C ends it well."""
    words, environment = ublog.command("--json", "forward", *arguments)
    process = subprocess.Popen(words, cwd=ublog.directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield json.loads(line)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()


def test_forward_reaches_the_database(ublog):
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    secret = ublog.cloud.client("secretsmanager").get_secret_value(SecretId="alpha/database")["SecretString"]
    with forward(ublog, "alpha", "0:5432") as said:
        assert said["host"].endswith(".rds.amazonaws.com") and said["remotePort"] == 5432
        environment = {**os.environ, "PGPASSWORD": json.loads(secret)["password"], "PGCONNECT_TIMEOUT": "20"}

        def psql(statement):
            return subprocess.Popen(["psql", "-h", said["address"], "-p", str(said["port"]), "-U", "alpha", "-Atc", statement, "alpha-db"],
                                    env=environment, stdout=subprocess.PIPE, text=True)

        # Several at a time: one that takes long does not keep the others.
        slow = psql("select pg_sleep(3), 'slow'")
        assert psql("select current_database()").communicate(timeout=30)[0] == "alpha-db\n"
        assert len(psql("select repeat('x', 2000000)").communicate(timeout=60)[0]) == 2000001
        assert slow.communicate(timeout=30)[0] == "|slow\n"


def test_forward_reaches_a_service_and_says_what_is_wrong(ublog):
    with forward(ublog, "alpha", "gunicorn", "0:8000") as said:
        assert fetch(f"http://127.0.0.1:{said['port']}/api/health-check", headers={"Host": "alpha.localhost"})[0] == 200
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = ublog.adhoc("forward", "alpha", f"{port}:5432", check=False)
        assert result.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}: address already in use" in result.stderr
        assert "another port of this machine: adhoc forward alpha" in result.stderr
    result = ublog.adhoc("forward", "alpha", "webserver", "80", check=False)
    assert "no service is called webserver" in result.stderr


def test_a_browser_sees_the_workers_effect(ublog):
    webdriver = pytest.importorskip("webdriver")
    if webdriver.Browser.missing():
        pytest.skip(f"{webdriver.Browser.missing()} is not installed")
    with webdriver.Browser() as browser:
        browser.open(ublog.url("alpha"))
        browser.wait(lambda: browser.text("[data-test=backend-version]") == "v1.0.0")
        browser.type("input[name=author]", "Ada")
        browser.type("textarea[name=body]", "four words are here")
        browser.click(".composer button")
        newest = "article.post:first-of-type"
        browser.wait(lambda: browser.text(f"{newest} .words") == "4 words", 30)
        assert browser.text(f"{newest} .processed").startswith("processed by worker")


@pytest.mark.parametrize("image, version", [("backend", "v1.1.0"), ("frontend", "v2.1.0")])
def test_a_deploy_fails_no_request(ublog, image, version):
    with Load([ublog.url("alpha"), ublog.url("alpha", "/api/posts/"), ublog.url("alpha", "/mtv/")]) as load:
        result = ublog.adhoc("deploy", "alpha", image, version)
        time.sleep(2)
    assert load.failures == []
    assert load.count > 100
    status = by_name(ublog.status("alpha"))
    rolled = {"gunicorn", "worker", "beat"} if image == "backend" else {"frontend"}
    assert {name for name, service in status.items() if service["image"] == f"{image}:{version}"} == rolled
    if image == "backend":
        assert "total_views" in result.stderr  # the migration's log was shown
        assert ublog.get_json("alpha", "/api/info")["version"] == version
    # Posts are still there, and the other environment was left alone.
    assert "only in alpha" in ublog.get("alpha", "/mtv/")[1]
    assert ublog.get_json("beta", "/api/info")["version"] == "v1.0.0"


def test_deploying_what_runs_does_nothing(ublog):
    assert "nothing to do" in ublog.adhoc("deploy", "alpha", "backend", "v1.1.0").stdout


def test_a_changed_variable_keeps_the_deployed_version(ublog):
    ublog.set_variable("alpha", "log_level", "debug")
    result = ublog.adhoc("up", "alpha")
    assert "backend stays at v1.1.0" in result.stderr
    status = by_name(ublog.status("alpha"))
    assert status["gunicorn"]["image"] == "backend:v1.1.0"
    assert status["frontend"]["image"] == "frontend:v2.1.0"
    assert ublog.adhoc("run", "alpha", "--", "sh", "-c", "echo $LOG_LEVEL").stdout == "debug\n"
    assert ublog.json("up", "alpha")["changed"] is False


@pytest.mark.parametrize("tag, expected", [
    ("v9.9.9", ["there is no image backend:v9.9.9", "adhoc image build backend v9.9.9"]),
    ("v1.2.0-migrate-fails", ["migrate", "exited with code 1", "v1.1.0 still serves"]),
    ("v1.2.0-boot-fails", ["gunicorn", "exited with code", "Error", "v1.1.0 still serves"]),
    ("v1.2.0-unhealthy", ["gunicorn", "health checks", "v1.1.0 still serves", "try:"]),
])
def test_a_deploy_that_cannot_work_explains_itself(ublog, tag, expected):
    before = by_name(ublog.status("alpha"))
    started = time.monotonic()
    with Load([ublog.url("alpha", "/api/posts/")]) as load:
        result = ublog.adhoc("deploy", "alpha", "backend", tag, check=False)
    assert result.returncode == 1
    assert time.monotonic() - started < 90
    for text in expected:
        assert text in result.stderr, result.stderr
    assert load.failures == []
    assert ublog.get_json("alpha", "/api/info")["version"] == "v1.1.0"

    def settled():
        status = ublog.status("alpha")
        return status["state"] == "ready" and status
    after = by_name(wait_for(settled, "the environment is as before", 60))
    assert {n: s["image"] for n, s in after.items()} == {n: s["image"] for n, s in before.items()}
    # Nor does what failed come back by itself.
    assert ublog.json("plan", "alpha")["changes"] == []


def test_the_server_may_be_killed(ublog):
    ecs = ublog.cloud.client("ecs")

    def stopping():
        tasks = ecs.list_tasks(cluster="alpha-cluster", desiredStatus="STOPPED")["taskArns"]
        return [t for t in ecs.describe_tasks(cluster="alpha-cluster", tasks=tasks)["tasks"] if t["lastStatus"] != "STOPPED"] if tasks else []

    wait_for(lambda: not stopping(), "what a deploy began to stop has stopped", 60)
    before = set(ublog.cloud.containers())
    health = ublog.cloud.health()
    os.kill(health["pid"], 9)
    wait_for(lambda: ublog.cloud.health() is None, "the server is gone")
    assert ublog.get("alpha")[0] == 200  # what runs goes on
    wait_for(lambda: ublog.status("alpha")["state"] == "ready", "everything is adopted", 60)  # any command starts it again
    assert ublog.json("up", "alpha")["changed"] is False
    assert set(ublog.cloud.containers()) == before


def test_down_leaves_nothing(ublog):
    ublog.adhoc("down", "alpha")
    client = ublog.cloud.client
    assert client("ecs").describe_clusters(clusters=["alpha-cluster"])["clusters"] in ([], [
        c for c in client("ecs").describe_clusters(clusters=["alpha-cluster"])["clusters"] if c["status"] == "INACTIVE"])
    families = client("ecs").list_task_definition_families(familyPrefix="alpha-", status="ACTIVE")["families"]
    assert families == []
    assert client("logs").describe_log_groups(logGroupNamePrefix="/ecs/alpha/")["logGroups"] == []
    assert not [g for g in client("elbv2").describe_target_groups()["TargetGroups"] if g["TargetGroupName"].startswith("alpha-")]
    listeners = client("elbv2").describe_load_balancers(Names=["dev-alb"])["LoadBalancers"][0]["LoadBalancerArn"]
    for listener in client("elbv2").describe_listeners(LoadBalancerArn=listeners)["Listeners"]:
        for rule in client("elbv2").describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
            assert "alpha.localhost" not in str(rule["Conditions"])
    assert "localhost-alpha-bucket" not in [b["Name"] for b in client("s3").list_buckets()["Buckets"]]
    assert not [s for s in client("secretsmanager").list_secrets()["SecretList"] if s["Name"].startswith("alpha/")]
    assert not [s for s in client("servicediscovery").list_services()["Services"] if s["Name"].startswith("alpha-")]
    zone = client("route53").list_hosted_zones_by_name(DNSName="localhost.")["HostedZones"][0]["Id"]
    records = client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert "alpha.localhost." not in [record["Name"] for record in records]
    assert not [r for r in client("iam").list_roles()["Roles"] if r["RoleName"].startswith("alpha-")]
    assert ublog.cloud.containers("label=adhoc.cluster=alpha-cluster", every=True) == []
    databases = ublog.adhoc("run", "beta", "--", "python3", "manage.py", "shell", "-c",
                            "from django.db import connection as c; k = c.cursor(); "
                            "k.execute('select datname from pg_database'); print([r[0] for r in k.fetchall()])").stdout
    assert "beta-db" in databases and "alpha-db" not in databases
    assert ublog.get("alpha")[0] == 404
    assert ublog.get("beta")[0] == 200
    assert [row["name"] for row in ublog.json("ls")] == ["beta"]


def test_down_of_what_is_gone_succeeds(ublog):
    result = ublog.adhoc("down", "alpha")
    assert "nothing to destroy" in result.stdout
    assert ublog.adhoc("down", "never-was").returncode == 0


def test_shared_resources_are_kept_while_in_use(ublog):
    refused = ublog.adhoc("shared", "down", check=False)
    assert refused.returncode == 1
    assert "in use by beta" in refused.stderr
    ublog.adhoc("down", "beta")
    ublog.adhoc("shared", "down")
    assert ublog.cloud.containers(every=True) == []
