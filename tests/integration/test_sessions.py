"""Session Manager's sessions with a task, by a client of the tests' own, and by AWS's plugin where it is installed."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

import session_client
from conftest import free_port, wait_for

# Answers on the loopback interface of the task only, as an admin port does.
SERVER = """cat >/etc/nginx/conf.d/default.conf <<'END'
server { listen 127.0.0.1:8080 default_server; location / { return 200 "from the task's own loopback"; } }
END
head -c 3000000 /dev/zero | tr '\\0' x >/usr/share/nginx/html/big
sed -i 's#location / #location = /big { root /usr/share/nginx/html; } location / #' /etc/nginx/conf.d/default.conf
exec nginx -g 'daemon off;'"""


@pytest.fixture
def target(cluster):
    """The Session Manager target of a task that serves on 127.0.0.1:8080."""
    definition = cluster.register("inside", ["sh", "-c", SERVER], image="nginx:1.22",
                                  taskRoleArn="arn:aws:iam::000000000000:role/task")
    arn = cluster.run(definition, enableExecuteCommand=True)
    task = wait_for(lambda: (t := cluster.task(arn))["lastStatus"] == "RUNNING" and t, "the task runs")
    return f"ecs:{cluster.name}_{arn.rsplit('/', 1)[1]}_{task['containers'][0]['runtimeId']}"


def start(cloud, target, port, host=None):
    parameters = {"portNumber": [str(port)], "localPortNumber": ["0"], **({"host": [host]} if host else {})}
    return cloud.client("ssm").start_session(
        Target=target, Parameters=parameters,
        DocumentName="AWS-StartPortForwardingSessionToRemoteHost" if host else "AWS-StartPortForwardingSession")


def get(path="/"):
    return f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode()


def test_connections_reach_a_port_of_the_tasks_own_loopback(cloud, target):
    started = start(cloud, target, 8080)
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    assert session.type == "Port"
    assert session.properties == {"portNumber": "8080", "localPortNumber": "0", "type": "LocalPortForwarding"}
    mux = session_client.Mux(session)
    one, two = mux.open(), mux.open()
    mux.write(two, get("/big"))
    mux.write(one, get())
    assert mux.read_all(one).endswith(b"from the task's own loopback")
    assert len(mux.read_all(two).split(b"\r\n\r\n", 1)[1]) == 3000000
    session.flag(session_client.TERMINATE)
    assert session.receive() is None
    history = wait_for(lambda: cloud.client("ssm").describe_sessions(
        State="History", Filters=[{"key": "SessionId", "value": started["SessionId"]}])["Sessions"], "the session is over", 10)
    assert history[0]["Status"] == "Terminated" and history[0]["Target"] == target


def test_a_port_without_a_listener_is_told(cloud, target):
    started = start(cloud, target, 9999)
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    mux = session_client.Mux(session)
    assert mux.read_all(mux.open()) == b""
    assert mux.refused == 1
    session.flag(session_client.TERMINATE)


def test_an_old_client_has_one_connection_after_the_other(cloud, target):
    started = start(cloud, target, 8080)
    session = session_client.Session(started["StreamUrl"], started["TokenValue"], version="1.1.50.0")
    for _ in range(2):
        session.send(session_client.DATA, get())
        answer = b""
        while not answer.endswith(b"own loopback"):
            answer += session.receive()[1]
        session.flag(session_client.DISCONNECT)
    session.flag(session_client.TERMINATE)


def test_a_session_goes_on_after_its_connection_broke(cloud, target):
    ssm = cloud.client("ssm")
    started = ssm.start_session(Target=target)
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    assert session.type == "Standard_Stream"
    session.send(session_client.DATA, b"answer=$((6*7))\r")
    session.receive()
    session.close()
    resumed = ssm.resume_session(SessionId=started["SessionId"])
    assert resumed["TokenValue"] != started["TokenValue"]
    with pytest.raises((AssertionError, TypeError)):
        session_client.Session(started["StreamUrl"], started["TokenValue"])  # a token is good once
    # The same channel: no second handshake, and the numbers go on.
    session.websocket = session_client.WebSocket(resumed["StreamUrl"])
    session.websocket.send(1, b'{"TokenValue": "%s"}' % resumed["TokenValue"].encode())
    session.send(session_client.DATA, b"echo still $answer\r")
    seen = b""
    while b"still 42" not in seen:
        seen += session.receive()[1]
    ssm.terminate_session(SessionId=started["SessionId"])
    while session.receive() is not None:
        pass
    assert session.closing == ""


def test_a_session_ends_with_its_task(cloud, cluster, target):
    started = start(cloud, target, 8080)
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    cluster.ecs.stop_task(cluster=cluster.name, task=target.split("_")[-2])
    assert session.receive() is None
    assert session.closing.endswith("has stopped")
    ssm = cloud.client("ssm")
    with pytest.raises(ssm.exceptions.TargetNotConnected, match="is not connected"):
        ssm.start_session(Target=target)


# ---- AWS's own client


@pytest.fixture
def plugin(cloud):
    cli = shutil.which("aws")
    if cli is None or shutil.which("session-manager-plugin") is None:
        pytest.skip("the AWS CLI or its session-manager-plugin is not installed")

    def begin(*arguments):
        return subprocess.Popen([cli, "--endpoint-url", cloud.endpoint, *arguments], env=cloud.environment, start_new_session=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return begin


def read_until(process, text, seconds=30):
    seen, deadline = "", time.monotonic() + seconds
    while not re.search(text, seen):
        assert select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0], (text, seen)
        piece = os.read(process.stdout.fileno(), 4096).decode(errors="replace")
        assert piece, (text, seen)
        seen += piece
    return seen


def test_awss_plugin_forwards_a_port(cloud, target, plugin):
    port = free_port()
    process = plugin("ssm", "start-session", "--target", target, "--document-name", "AWS-StartPortForwardingSession",
                     "--parameters", f"portNumber=8080,localPortNumber={port}")
    try:
        read_until(process, "Waiting for connections")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        held = socket.create_connection(("127.0.0.1", port))
        for _ in range(3):
            assert opener.open(f"http://127.0.0.1:{port}/", timeout=20).read() == b"from the task's own loopback"
        assert len(opener.open(f"http://127.0.0.1:{port}/big", timeout=60).read()) == 3000000
        held.sendall(get())
        assert b"own loopback" in held.recv(4096)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)


def test_awss_plugin_is_a_terminal(cluster, target, plugin):
    process = plugin("ecs", "execute-command", "--cluster", cluster.name, "--task", target.split("_")[-2],
                     "--container", "inside", "--interactive", "--command", "sh -c 'echo answer=$((6*7)); read x; echo got $x'")
    try:
        read_until(process, "answer=42")
        process.stdin.write("hello\n")
        process.stdin.flush()
        read_until(process, "got hello")
        assert process.wait(20) == 0
    finally:
        process.kill()
