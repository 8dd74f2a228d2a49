"""The example application on a local cloud of the tests' own, driven through the commands as a person types them."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "ublog"
sys.path[:0] = [str(ROOT / "tests"), str(EXAMPLE / "tests")]

from conftest import LocalCloud, free_port  # noqa: E402: the folder above's

VERSIONS = [
    ("backend", "v1.0.0"), ("frontend", "v2.0.0"), ("backend", "v1.1.0"), ("frontend", "v2.1.0"),
    ("backend", "v1.2.0-migrate-fails"), ("backend", "v1.2.0-boot-fails"), ("backend", "v1.2.0-unhealthy"),
]


class Ublog:
    """A copy of the example's definition, so that a test may edit variables, and the local cloud that it runs on."""

    def __init__(self, program, directory):
        self.cloud = LocalCloud(program)
        self.directory = directory
        self.http_port = free_port()
        shutil.copy(EXAMPLE / "adhoc.yaml", directory)
        shutil.copytree(EXAMPLE / "envs", directory / "envs")
        subprocess.run([EXAMPLE / "make-repo"], check=True, capture_output=True)
        (directory / ".repo").symlink_to(EXAMPLE / ".repo")

    def adhoc(self, *arguments, check=True, timeout=300, **environment):
        return self.cloud.adhoc(*arguments, cwd=self.directory, check=check, timeout=timeout,
                                ADHOC_HTTP_PORT=str(self.http_port), **environment)

    def json(self, *arguments, **options):
        return json.loads(self.adhoc(*arguments, "--json", **options).stdout)

    def command(self, *arguments):
        """For a process that the test talks to: the words and the environment."""
        environment = {**self.cloud.environment, "ADHOC_HTTP_PORT": str(self.http_port)}
        return [str(self.cloud.program), *arguments], environment

    def status(self, environment):
        return self.json("status", environment)

    def set_variable(self, environment, name, value):
        path = self.directory / "envs" / f"{environment}.tfvars"
        lines = [line for line in path.read_text().splitlines() if not re.match(rf"{name}\s*=", line)]
        path.write_text("\n".join([*lines, f"{name} = {json.dumps(value)}"]) + "\n")

    def url(self, environment, path="/"):
        return f"http://{environment}.localhost:{self.http_port}{path}"

    def get(self, environment, path="/"):
        return fetch(self.url(environment, path))

    def get_json(self, environment, path):
        status, body = self.get(environment, path)
        assert status == 200, (path, status, body[:500])
        return json.loads(body)

    def write_post(self, environment, body):
        data = json.dumps({"author": "test", "body": body}).encode()
        status, answer = fetch(self.url(environment, "/api/posts/"), data, {"Content-Type": "application/json"})
        assert status == 201, (status, answer)
        return json.loads(answer)

    def make_images(self):
        engine = self.adhoc("local", "engine").stdout
        exports = dict(line.removeprefix("export ").split("=", 1) for line in engine.splitlines())
        environment = {**os.environ, **{name: value.strip("'") for name, value in exports.items()}}
        subprocess.run([ROOT / "images" / "build"], check=True, env=environment, stdout=sys.stderr)
        for image, tag in VERSIONS:
            self.adhoc("image", "build", image, tag, timeout=900)

    def end(self):
        self.cloud.remove()


def fetch(url, data=None, headers=None):
    """(status, body). Names under .localhost are this machine's, whatever the resolver says."""
    match = re.match(r"http://([^:/]+):(\d+)(.*)", url)
    request = urllib.request.Request(f"http://127.0.0.1:{match[2]}{match[3]}", data,
                                     {"Host": f"{match[1]}:{match[2]}", **(headers or {})})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


class Load:
    """Requests without a pause until it ends: on connections that are kept, and on a new one each time."""

    def __init__(self, urls):
        self.failures, self.count = [], 0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(url, keep)) for url in urls for keep in (True, False)]

    def _run(self, url, keep):
        import http.client

        host, port, path = re.match(r"http://([^:/]+):(\d+)(.*)", url).groups()
        connection = None
        while not self._stop.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
                connection.request("GET", path, headers={"Host": f"{host}:{port}", **({} if keep else {"Connection": "close"})})
                answer = connection.getresponse()
                body = answer.read()
                problem = None if answer.status == 200 else f"{answer.status} {body[:200]!r}"
                # The server may say that this was the connection's last answer.
                close = not keep or answer.getheader("Connection", "").lower() == "close"
            except (OSError, http.client.HTTPException) as error:
                problem, close = repr(error), True
            if close:
                connection.close()
                connection = None
            with self._lock:
                self.count += 1
                if problem:
                    self.failures.append(f"{time.strftime('%T')} {url} keep={keep}: {problem}")
            time.sleep(0.01)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="session")
def ublog(program, tmp_path_factory):
    made = Ublog(program, tmp_path_factory.mktemp("ublog"))
    try:
        made.make_images()
        yield made
    finally:
        made.end()
