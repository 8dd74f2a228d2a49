"""What a person gets wrong, and what the machine does wrong: a clear message, the next step, and nothing half made."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest
from conftest import LocalCloud, free_port, wait_for


@pytest.fixture
def project(tmp_path, program):
    """A small definition, and a local cloud that nothing has started."""
    (tmp_path / "adhoc.yaml").write_text("""\
name: small
shared: dev
domain: localhost
variables:
  tag: {type: string}
  text: {type: string, default: hello}
images:
  web: {build: ., repository: small-web, tag: "${var.tag}"}
services:
  web:
    image: localhost/adhoc/nginx:1.22
    command: [sh, -c, "echo 'server { listen 80 default_server; location / { return 200 ok; } }' > /etc/nginx/conf.d/default.conf; exec nginx -g 'daemon off;'"]
    port: 80
    paths: ["/*"]
    environment: {TEXT: "${var.text}"}
    healthcheck: {path: /, interval: 5, timeout: 2}
targets:
  local: {kind: local, http_port: 8080}
""")
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "alpha.tfvars").write_text('tag = "v1"\n')
    cloud = LocalCloud(program)
    port = str(free_port())

    class Project:
        directory = tmp_path

        def adhoc(self, *arguments, check=False, **environment):
            return cloud.adhoc(*arguments, cwd=tmp_path, check=check, ADHOC_HTTP_PORT=port, **environment)

        def write(self, path, text):
            (tmp_path / path).write_text(text)

        def edit(self, old, new):
            path = tmp_path / "adhoc.yaml"
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))

        def start(self, *arguments):
            return subprocess.Popen([str(cloud.program), *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, env={**cloud.environment, "ADHOC_HTTP_PORT": port})

    made = Project()
    made.cloud, made.port = cloud, port
    yield made
    cloud.adhoc("local", "stop", check=False)
    cloud.remove()


def failed(result, *texts):
    assert result.returncode not in (0, None), result.stdout
    for text in texts:
        assert text in result.stderr, result.stderr
    assert "terminate called" not in result.stderr


def test_unknown_keys_are_all_named_with_their_places(project):
    project.edit("    port: 80\n", "    port: 80\n    comand: [x]\n    enviroment: {}\n")
    result = project.adhoc("up", "alpha")
    failed(result, "adhoc.yaml:14:5", "`comand`", "did you mean `command`", "`enviroment`")


def test_wrong_types(project):
    project.edit("port: 80\n", "port: eighty\n")
    failed(project.adhoc("plan", "alpha"), "adhoc.yaml:13:11", "eighty")


def test_unset_references(project):
    project.edit("${var.text}", "${var.txet}")
    failed(project.adhoc("plan", "alpha"), "adhoc.yaml:", "var.txet", "var.text")


def test_an_unset_variable(project):
    project.write("envs/alpha.tfvars", "")
    failed(project.adhoc("up", "alpha"), "tag", "not set")


def test_mistakes_in_the_variables_have_positions(project):
    project.write("envs/alpha.tfvars", 'tag = "v1\nother = [1,\n')
    failed(project.adhoc("up", "alpha"), "alpha.tfvars:1:")


@pytest.mark.parametrize("name", ["Alpha", "-a", "a_b", "a" * 40, "a..b", "ä", "1a", "a b", "../../etc"])
def test_invalid_environment_names(project, name):
    failed(project.adhoc("up", "--", name), "environment")


def test_a_missing_variables_file(project):
    failed(project.adhoc("up", "alhpa"), "alhpa.tfvars does not exist", "alpha")
    failed(project.adhoc("up", "alpha", "-f", "nowhere.tfvars"), "nowhere.tfvars does not exist")


def test_no_definition(project, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    result = project.cloud.adhoc("up", "alpha", cwd=elsewhere, check=False)
    failed(result, "adhoc.yaml")


def test_an_unknown_command_is_a_usage_error(project):
    assert project.adhoc("upp").returncode == 64
    assert project.adhoc("deploy", "alpha").returncode == 64
    assert project.adhoc("--help").returncode == 0


def test_the_servers_port_is_in_use(project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", project.cloud.port))
        other.listen()
        failed(project.adhoc("ls"), f"port {project.cloud.port} on 127.0.0.1 is in use", "ADHOC_PORT")


def test_the_load_balancers_port_is_in_use(project):
    project.edit("image: localhost", "image: localhost")  # as it is
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(project.port)))
        other.listen()
        failed(project.adhoc("shared", "up"), f"port {project.port}", "in use")
    # Nothing is half made that the next run can't finish.
    assert project.adhoc("shared", "up").returncode == 0


def test_no_container_engine(project, tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    result = project.adhoc("ls", PATH=str(empty), ADHOC_CONTAINER_HOST="", DOCKER_HOST="")
    failed(result, "container engine", "apt")


def test_an_image_that_does_not_exist(project):
    project.edit("localhost/adhoc/nginx:1.22", "localhost/adhoc/no-such-image:1")
    started = time.monotonic()
    result = project.adhoc("up", "alpha")
    failed(result, "CannotPullContainerError", "no-such-image")
    assert time.monotonic() - started < 60
    project.edit("localhost/adhoc/no-such-image:1", "localhost/adhoc/nginx:1.22")
    assert project.adhoc("up", "alpha").returncode == 0
    assert project.adhoc("down", "alpha").returncode == 0


def test_a_tag_that_was_never_built(project):
    project.edit("image: localhost/adhoc/nginx:1.22", "image: web")
    failed(project.adhoc("up", "alpha"), "there is no image small-web:v1", "adhoc image build web v1")


@pytest.mark.parametrize("seconds", [0.2, 0.8, 1.6])
def test_ctrl_c_in_the_middle_of_up(project, seconds):
    project.adhoc("local", "start", check=True)
    process = project.start("up", "alpha")
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    if process.returncode != 0:
        assert process.returncode == 130, errors
    # The next `up` completes it, or `down` removes it.
    assert project.adhoc("up", "alpha").returncode == 0
    assert json.loads(project.adhoc("status", "alpha", "--json").stdout)["state"] == "ready"
    assert project.adhoc("down", "alpha").returncode == 0
    assert project.cloud.containers("label=adhoc.cluster=alpha-cluster", every=True) == []


def test_down_after_a_cut_off_up(project):
    project.adhoc("local", "start", check=True)
    process = project.start("up", "alpha")
    time.sleep(1.5)
    process.kill()
    process.wait()
    assert project.adhoc("down", "alpha").returncode == 0
    assert project.cloud.containers("label=adhoc.cluster=alpha-cluster", every=True) == []
    assert json.loads(project.adhoc("ls", "--json").stdout) == []


def test_two_ups_at_once(project):
    project.adhoc("local", "start", check=True)
    both = [project.start("up", "alpha") for _ in range(2)]
    results = [(p.communicate(timeout=120), p.returncode) for p in both]
    assert [code for _, code in results] == [0, 0], results
    assert any("is being changed by" in errors for (_, errors), _ in results)
    impatient = [project.start("up", "alpha", "--var", "text=new", "--lock-timeout", "0") for _ in range(2)]
    results = [(p.communicate(timeout=120), p.returncode) for p in impatient]
    assert sorted(code for _, code in results) in ([0, 1], [0, 0]), results


def test_the_server_is_killed_in_the_middle_of_up(project):
    project.adhoc("local", "start", check=True)
    process = project.start("up", "alpha")
    time.sleep(1.2)
    health = project.cloud.health()
    os.kill(health["pid"], signal.SIGKILL)
    process.communicate(timeout=120)
    wait_for(lambda: project.cloud.health() is None, "the server is gone")
    assert project.adhoc("up", "alpha").returncode == 0
    assert json.loads(project.adhoc("status", "alpha", "--json").stdout)["state"] == "ready"


def test_a_full_disk(project, tmp_path):
    """The state directory on a file system of 1 MiB."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True).returncode != 0:
        pytest.skip("cannot mount a file system here")
    try:
        with open(small / "filler", "wb") as filler:
            try:
                filler.write(b"x" * (1 << 20))
            except OSError:
                pass
        result = project.adhoc("ls", ADHOC_HOME=str(small))
        failed(result, str(small))
    finally:
        subprocess.run(["umount", small])
