"""What the benchmarks share: servers of their own, medians, and the one line that each prints.

A benchmark prints its line on stdout and everything else on stderr. It works on a local cloud of its own, in a folder and
on ports that nothing else uses, and leaves nothing behind.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "ublog"
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
VERSIONS = {"backend": "v1.0.0", "frontend": "v2.0.0"}


class Skip(Exception):
    """The benchmark can't run here; the text says why."""


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def median(values):
    return statistics.median(values)


def spread(values, unit="s", digits=3):
    """`median 0.123 (0.110 to 0.200, 9 runs)`."""
    return f"median {median(values):.{digits}f} {unit} ({min(values):.{digits}f} to {max(values):.{digits}f}, {len(values)} runs)"


def line(name, ours="-", peer="-", ratio="-", goal="-", verdict="skipped", why=""):
    text = f"{name} ours={ours} peer={peer} ratio={ratio} goal={goal} {verdict}"
    return f"{text} ({why})" if why else text


def run(name, goal, measure):
    """Runs `measure`, which gives the fields of the line, and prints the line. Exits non-zero only when it broke."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    note(f"{name}: {program()}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    try:
        fields = {"name": name, "goal": goal, **measure()}
    except Skip as skip:
        fields = {"name": name, "goal": goal, "why": str(skip)}
    print(line(**fields), flush=True)


# ---- what is measured, and with what


def program():
    """ADHOC_PROGRAM, or what `make` leaves."""
    path = pathlib.Path(os.environ.get("ADHOC_PROGRAM") or ROOT / "build" / "adhoc")
    if not os.access(path, os.X_OK):
        sys.exit(f"{path} is not there: make")
    return str(path)


def moto_server():
    """The path of moto's server, or None. Past pyenv's shim, which is a shell script that takes longer than moto."""
    path = shutil.which("moto_server")
    if path and "shims" in pathlib.Path(path).parts:
        found = subprocess.run(["pyenv", "which", "moto_server"], capture_output=True, text=True)
        path = found.stdout.strip() if found.returncode == 0 else None
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def boto3_client(service, port):
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise Skip("boto3 is not installed: apt-get install python3-boto3") from None
    config = Config(retries={"max_attempts": 0, "mode": "standard"}, proxies={}, s3={"addressing_style": "path"})
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, config=config,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


# Enough for servers that find the service in the credential's scope; none of them checks the signature.
def authorization(service):
    scope = f"{CREDENTIALS['AWS_ACCESS_KEY_ID']}/20260101/{REGION}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"


class Server:
    """A child process that listens on a port of 127.0.0.1. Use it in `with`."""

    def __init__(self, command, port, environment=None):
        self.port = port
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def wait_for_answer(self, seconds=60):
        """Until GetCallerIdentity is answered. A try costs well below a millisecond, so that waiting adds next to nothing."""
        headers = {
            "Authorization": authorization("sts"),
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "X-Amz-Date": "20260101T000000Z",
        }
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                self.fail("it ended at once")
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
            try:
                connection.request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", headers)
                answer = connection.getresponse()
                body = answer.read()
            except (ConnectionError, http.client.HTTPException):
                time.sleep(0.0005)
                continue
            finally:
                connection.close()
            if answer.status != 200 or b"<Arn>" not in body:
                self.fail(f"GetCallerIdentity: {answer.status} {body[:300]!r}")
            return self
        self.fail(f"no answer within {seconds} s")

    def fail(self, what):
        self.log.seek(0)
        sys.exit(f"{shlex.join(self.process.args)}: {what}\n{self.log.read().decode(errors='replace')}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """MiB that are resident, and that are ours when what is shared is divided."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return tuple(int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M)[1]) / 1024 for field in ("Rss", "Pss"))


class LocalCloud:
    """A local cloud with state and ports of its own, removed with all that it made at the end of `with`."""

    def __init__(self, engineless=False, timing="instant"):
        self.engineless = engineless  # tasks only seem to run
        self.timing = timing
        # Short: the paths of sockets inside have a limit of 107 characters.
        self.home = tempfile.mkdtemp(prefix="adhoc-bench-")
        self.port = free_port()
        self.http_port = free_port()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.engineless:
            reset = self.adhoc("local", "reset", check=False)
            if reset.returncode != 0:
                note(f"adhoc local reset: {reset.stderr.strip()}")
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def environment(self):
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "ADHOC_HOME": self.home,
            "ADHOC_PORT": str(self.port),
            "ADHOC_HTTP_PORT": str(self.http_port),
        }

    def serve(self):
        """The server in the foreground, for measuring it."""
        options = ["--runtime", "none"] if self.engineless else []
        options += ["--timing", self.timing]
        command = [program(), "local", "run", "--state-dir", self.home, "--port", str(self.port), *options]
        return Server(command, self.port, self.environment)

    def get(self, page):
        """A page of the server's own, `/_adhoc/calls`."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}/_adhoc/{page}", timeout=5) as answer:
            return json.load(answer)

    def health(self):
        return self.get("health")

    def wait_for_engine(self, seconds=60):
        """Until the server has found, or not found, its container engine. The state it ended in."""
        deadline = time.monotonic() + seconds
        while (state := self.health()["engine"]["state"]) == "preparing" and time.monotonic() < deadline:
            time.sleep(0.05)
        return state

    def adhoc(self, *arguments, check=True, timeout=600):
        """Runs a command of the program where the definition of the example is."""
        result = subprocess.run(
            [program(), *map(str, arguments)], cwd=EXAMPLE, env=self.environment, capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if check and result.returncode != 0:
            sys.exit(f"adhoc {shlex.join(map(str, arguments))}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def engine(self):
        """The container engine's program, and the environment in which it works here."""
        result = self.adhoc("local", "engine", check=False)
        if result.returncode != 0:
            raise Skip("no container engine: " + result.stderr.strip().replace("\n", "; "))
        pairs = [shlex.split(text)[1].split("=", 1) for text in result.stdout.splitlines() if text.startswith("export ")]
        variables = dict(pairs)
        return variables["ADHOC_CONTAINER_ENGINE"], {**self.environment, **variables}


class Client:
    """JSON requests over one connection that stays open; next to nothing of what they take is the client's."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ecs(self, operation, **document):
        headers = {
            "Authorization": authorization("ecs"), "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{operation}",
        }
        self.connection.request("POST", "/", json.dumps(document), headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"{operation}: {answer.status} {body[:500]!r}")
        return json.loads(body)


@contextlib.contextmanager
def moto():
    """A running moto_server, or None where there is none."""
    path = moto_server()
    if path is None:
        yield None
        return
    port = free_port()
    with Server([path, "-p", str(port)], port) as server:
        yield server


# ---- the example application


class ImageMaker:
    """Makes images that are missing, in the engine of a local cloud."""

    def __init__(self, cloud):
        self.engine, self.environment = cloud.engine()

    def present(self, image):
        return subprocess.run([self.engine, "image", "inspect", image], env=self.environment, capture_output=True).returncode == 0

    def make(self, *command):
        note("making images: " + shlex.join(map(str, command)))
        result = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0:
            sys.exit(f"{shlex.join(map(str, command))}: exit code {result.returncode}\n{result.stdout[-4000:]}")

    def base(self):
        """Those of the data plane, and the system that the others are made of."""
        if not all(self.present(f"localhost/adhoc/{part}") for part in ("debian:12", "haproxy:2.6", "pause:1", "postgres:15", "redis:7")):
            self.make(ROOT / "images" / "build")


def images(cloud):
    """Makes the images of the example that are missing, as tools/demo does. Their names, by the definition's."""
    maker = ImageMaker(cloud)
    account = f"000000000000.dkr.ecr.{REGION}.amazonaws.com"
    names = {image: f"{account}/{image}:{tag}" for image, tag in VERSIONS.items()}
    maker.base()
    if not all(maker.present(name) for name in names.values()):
        maker.make(EXAMPLE / "make-repo")
        for image, tag in VERSIONS.items():
            maker.make(program(), "-C", EXAMPLE, "image", "build", image, tag)
    return names


def up(cloud, name, *options, **keywords):
    """`adhoc up` of an environment of the example; the result and the seconds that it took."""
    versions = [f"--var={variable}={VERSIONS[image]}" for variable, image in
                (("be_image_tag", "backend"), ("fe_image_tag", "frontend"))]
    started = time.monotonic()
    result = cloud.adhoc(*options, "up", name, "-f", EXAMPLE / "envs" / "alpha.tfvars", *versions, **keywords)
    return result, time.monotonic() - started
