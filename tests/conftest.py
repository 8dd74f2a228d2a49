"""Local clouds of the tests' own: each with its state directory, its port and its containers, and gone afterwards.

What talks to them are boto3 and the AWS CLI, not our client, so that both of our halves can't share a mistake.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
REGION = "us-east-1"
IMAGE = "localhost/adhoc/"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def find_program():
    """ADHOC_PROGRAM, or the newest of the usual build directories."""
    if os.environ.get("ADHOC_PROGRAM"):
        return pathlib.Path(os.environ["ADHOC_PROGRAM"])
    built = [ROOT / name / "adhoc" for name in ("build", "build-dev")]
    built = [path for path in built if os.access(path, os.X_OK)]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=60, pause=0.1):
    """The condition's value as soon as it is true. Says what did not happen, and how it stood, when it never is."""
    deadline = time.monotonic() + seconds
    value = None
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(pause)
    pytest.fail(f"not within {seconds} s: {what} (last: {value!r})")


def npm_packages(folder, dependencies):
    """The folder, with these packages in node_modules. Skips the test where npm or its registry is missing."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": dependencies}))
    installed = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True,
                               timeout=300)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {' '.join(dependencies)}: {installed.stderr.strip()[:200]}")
    return folder


class LocalCloud:
    """A local cloud under our control: started as a child, killed and started again at will."""

    def __init__(self, program):
        self.program = program
        # Short: the paths of sockets inside have a limit of 107 characters.
        self.home = tempfile.mkdtemp(prefix="adhoc-test-")
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.log = open(os.path.join(self.home, "test-server.log"), "ab")

    @property
    def environment(self):
        """For our program and for the AWS CLI."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
            **CREDENTIALS,
            "ADHOC_HOME": self.home,
            "ADHOC_PORT": str(self.port),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def start(self, *options):
        self.process = subprocess.Popen(
            [self.program, "local", "run", "--state-dir", self.home, "--port", str(self.port), *options],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
        )
        wait_for(lambda: self.process.poll() is not None or self.health(), "the local cloud answers", 30, 0.02)
        assert self.process.poll() is None, self.log_text()
        return self

    def wait_for_engine(self):
        health = wait_for(lambda: (h := self.health()) and h["engine"]["state"] in ("ready", "failed") and h,
                          "the container engine is found", 60)
        assert health["engine"]["state"] == "ready", health["engine"]

    def health(self):
        try:
            with self.open("/_adhoc/health", timeout=5) as answer:
                return json.load(answer)
        except (OSError, ValueError):
            return None

    def open(self, path, **options):
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.endpoint + path, **options)

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def kill(self):
        """As a power cut would: no chance to write anything."""
        self.stop(signal.SIGKILL)

    def remove(self):
        self.stop()
        self.log.close()
        if os.environ.get("ADHOC_TEST_KEEP_LOGS"):
            pathlib.Path(os.environ["ADHOC_TEST_KEEP_LOGS"]).mkdir(parents=True, exist_ok=True)
            shutil.copy(self.log.name, os.environ["ADHOC_TEST_KEEP_LOGS"])
        reset = subprocess.run([self.program, "local", "reset"], env=self.environment, capture_output=True, text=True)
        shutil.rmtree(self.home, ignore_errors=True)
        assert reset.returncode == 0, reset.stderr

    # ---- clients

    def client(self, service, **options):
        import boto3
        from botocore.config import Config

        session = boto3.session.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        # No retries: an answer that only comes with the second try is a bug to see.
        # No host prefix: `data-127.0.0.1`, where DiscoverInstances would be sent to, is no host.
        config = Config(retries={"max_attempts": 0, "mode": "standard"}, proxies={}, s3={"addressing_style": "path"},
                        inject_host_prefix=False)
        return session.client(service, endpoint_url=self.endpoint, config=config, **options)

    def adhoc(self, *arguments, cwd=None, timeout=300, check=True, input=None, **environment):
        result = subprocess.run(
            [str(self.program), *map(str, arguments)], cwd=cwd, timeout=timeout, capture_output=True, text=True, input=input,
            env={**self.environment, **environment},
        )
        if check and result.returncode != 0:
            pytest.fail(f"adhoc {' '.join(map(str, arguments))} exited with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    # ---- what really runs

    def engine(self, *arguments):
        """The container engine's own word, without our runtime layer."""
        if not hasattr(self, "_engine"):
            lines = self.adhoc("local", "engine").stdout.splitlines()
            exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
            self._engine = {name: value.strip("'") for name, value in exports.items()}
        program = self._engine["ADHOC_CONTAINER_ENGINE"]
        result = subprocess.run([program, *arguments], env={**os.environ, **self._engine}, capture_output=True, text=True)
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout

    def engine_again(self):
        """After a reset the way to the engine, which was in the state directory, has to be made once more."""
        os.makedirs(self.home, exist_ok=True)
        del self._engine

    def containers(self, *filters, every=False):
        """Ids of this cloud's containers; filters such as `label=…`."""
        options = ["--all"] if every else []
        for text in (f"label=adhoc.instance={self.instance}", *filters):
            options += ["--filter", text]
        return self.engine("ps", "--quiet", "--no-trunc", *options).split()

    @property
    def instance(self):
        import hashlib

        return hashlib.sha256(self.home.encode()).hexdigest()[:8]


@pytest.fixture(scope="session")
def program():
    path = find_program()
    if path is None:
        pytest.skip("adhoc is not built (make)")
    return path


@pytest.fixture(scope="session")
def cloud(program):
    """The local cloud that most tests share; they keep apart by the names that they choose."""
    instance = LocalCloud(program)
    try:
        instance.start().wait_for_engine()
        yield instance
    finally:
        instance.remove()


@pytest.fixture
def fresh_cloud(program):
    """One of the test's own: to be killed, or to be looked at from its first second on."""
    instance = LocalCloud(program)
    try:
        yield instance.start()
    finally:
        instance.remove()


@pytest.fixture
def moto(tmp_path):
    """The endpoint of an AWS that shares no code with ours. Skips the test where the machine has none."""
    program = shutil.which("moto_server")
    if program is None or subprocess.run([program, "--help"], capture_output=True).returncode != 0:
        pytest.skip("moto_server is not on this machine")
    port = free_port()
    with open(tmp_path / "moto.log", "wb") as log:
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   env={**os.environ, "MOTO_ACM_VALIDATION_WAIT": "1", "MOTO_ECS_SERVICE_RUNNING": "1"})
    endpoint = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return urllib.request.urlopen(endpoint + "/moto-api/", timeout=2).status == 200
        except OSError:
            assert process.poll() is None, (tmp_path / "moto.log").read_text()
            return False

    try:
        wait_for(answers, "moto answers", 60)
        yield endpoint
    finally:
        process.terminate()
        process.wait(10)


def dig(server, name, kind="A", *options, port=53, inside=None):
    """What dig, which shares no code with us, is told: (status, [data of each answer], all that it prints). `inside`: the
    process id of a container whose network it asks from."""
    program = shutil.which("dig") or pytest.skip("dig is not installed (tools/install-packages test)")
    enter = ["nsenter", "--net", "--target", str(inside)] if inside else []
    result = subprocess.run([*enter, program, f"@{server}", "-p", str(port), "+tries=1", "+time=5", *options, "-q", name, "-t", kind],
                            capture_output=True, text=True)
    answer = result.stdout.partition(";; ANSWER SECTION:\n")[2].partition("\n\n")[0]
    status = re.search(r"status: (\w+)", result.stdout)
    return status and status[1], [line.split(None, 4)[4] for line in answer.splitlines()], result.stdout


def issued_certificate(cloud, domain):
    """The ARN of a certificate whose validation record is published, as its domain's owner would."""
    acm, route53 = cloud.client("acm"), cloud.client("route53")
    arn = acm.request_certificate(DomainName=domain, ValidationMethod="DNS")["CertificateArn"]
    record = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"]
    zone = route53.create_hosted_zone(Name=domain.removeprefix("*."), CallerReference=os.urandom(8).hex())["HostedZone"]["Id"]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{
        "Action": "UPSERT", "ResourceRecordSet": {"Name": record["Name"], "Type": record["Type"], "TTL": 60,
                                                  "ResourceRecords": [{"Value": record["Value"]}]}}]})
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 3})
    return arn


def aws_clis():
    """The AWS CLIs on this machine: Debian's, and a newer one where there is one."""
    found = [shutil.which("aws"), "/usr/bin/aws"]
    return [path for path in dict.fromkeys(found) if path and os.access(path, os.X_OK)]


@pytest.fixture(scope="session", params=aws_clis() or [None], ids=lambda path: path or "none")
def aws(request, cloud):
    """aws("ecs", "list-clusters") → the answer as a document; fails=True → what it says on stderr."""
    if request.param is None:
        pytest.skip("the AWS CLI is not installed")

    def run(*arguments, fails=False):
        result = subprocess.run(
            [request.param, "--endpoint-url", cloud.endpoint, "--output", "json", *map(str, arguments)],
            env=cloud.environment, capture_output=True, text=True, timeout=120,
        )
        if fails:
            assert result.returncode != 0, (arguments, result.stdout)
            return result.stderr.strip()
        assert result.returncode == 0, (arguments, result.stderr)
        return json.loads(result.stdout) if result.stdout.strip().startswith(("{", "[")) else result.stdout

    return run


@pytest.fixture
def name():
    """A name that no other test uses."""
    return f"t{os.urandom(4).hex()}"


class Network:
    """A VPC with two subnets and a security group that lets everything in."""

    def __init__(self, cloud):
        self.cloud = cloud
        ec2 = cloud.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.77.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab", 1)
        ]
        self.group = ec2.create_security_group(VpcId=self.vpc, GroupName="everything", Description="for tests")["GroupId"]

    @property
    def configuration(self):
        return {"awsvpcConfiguration": {"subnets": self.subnets, "securityGroups": [self.group], "assignPublicIp": "DISABLED"}}


@pytest.fixture(scope="session")
def network(cloud):
    return Network(cloud)


class Cluster:
    """An ECS cluster with what most tests want to do in one. Everything in it is stopped at the end."""

    def __init__(self, cloud, network, name):
        self.cloud, self.network, self.name = cloud, network, name
        self.ecs, self.logs = cloud.client("ecs"), cloud.client("logs")
        self.ecs.create_cluster(clusterName=name)
        self.logs.create_log_group(logGroupName=f"/ecs/{name}")

    def register(self, family, command, image="debian:12", **container):
        """A Fargate task definition with one container that logs to /ecs/<cluster>. Returns its ARN."""
        task = {key: container.pop(key) for key in ("executionRoleArn", "taskRoleArn", "volumes") if key in container}
        definition = {
            "name": family, "image": IMAGE + image, "essential": True, "stopTimeout": 3,
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": f"/ecs/{self.name}", "awslogs-region": REGION, "awslogs-stream-prefix": family}},
            **({"command": command} if command else {}), **container,
        }
        answer = self.ecs.register_task_definition(
            family=f"{self.name}-{family}", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[definition], **{"executionRoleArn": "arn:aws:iam::000000000000:role/execution", **task})
        return answer["taskDefinition"]["taskDefinitionArn"]

    def shell(self, family, script, **container):
        return self.register(family, ["bash", "-c", script], **container)

    def web(self, family, text, **container):
        """A web server on port 80 that answers every path with the text."""
        script = ("cat >/etc/nginx/conf.d/default.conf <<'END'\n"
                  f"server {{ listen 80 default_server; location / {{ default_type text/plain; return 200 '{text}'; }} }}\n"
                  "END\nexec nginx -g 'daemon off;'")
        return self.register(family, ["sh", "-c", script], image="nginx:1.22",
                             portMappings=[{"containerPort": 80, "protocol": "tcp"}], **container)

    def run(self, definition, **options):
        answer = self.ecs.run_task(cluster=self.name, taskDefinition=definition, launchType="FARGATE",
                                   networkConfiguration=self.network.configuration, **options)
        assert not answer["failures"], answer["failures"]
        return answer["tasks"][0]["taskArn"]

    def task(self, arn):
        return self.ecs.describe_tasks(cluster=self.name, tasks=[arn])["tasks"][0]

    def wait_stopped(self, arn, seconds=60):
        return wait_for(lambda: (t := self.task(arn))["lastStatus"] == "STOPPED" and t, "the task stops", seconds)

    def run_to_end(self, definition, seconds=60, **options):
        """Runs a task; its description once stopped, and the lines that it logged."""
        arn = self.run(definition, **options)
        task = self.wait_stopped(arn, seconds)
        return task, self.log(task["taskArn"], task["containers"][0]["name"])

    def log(self, arn, container):
        stream = f"{container}/{container}/{arn.rsplit('/', 1)[1]}"
        try:
            events = self.logs.get_log_events(logGroupName=f"/ecs/{self.name}", logStreamName=stream, startFromHead=True)
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events["events"]]

    def create_service(self, service, definition, **options):
        return self.ecs.create_service(**{
            "cluster": self.name, "serviceName": service, "taskDefinition": definition, "desiredCount": 1,
            "launchType": "FARGATE", "networkConfiguration": self.network.configuration, **options})["service"]

    def service(self, service):
        return self.ecs.describe_services(cluster=self.name, services=[service])["services"][0]

    def wait_stable(self, service, seconds=90):
        """More than the waiter `services-stable`, which is content before the tasks are known to be healthy."""
        def stable():
            found = self.service(service)
            return (len(found["deployments"]) == 1 and found["deployments"][0]["rolloutState"] == "COMPLETED"
                    and found["runningCount"] == found["desiredCount"] and found)
        return wait_for(stable, f"{service} is stable", seconds)

    def tasks(self, service):
        arns = self.ecs.list_tasks(cluster=self.name, serviceName=service)["taskArns"]
        return self.ecs.describe_tasks(cluster=self.name, tasks=arns)["tasks"] if arns else []

    def containers(self, task_arn):
        return self.cloud.containers(f"label=adhoc.task={task_arn}")

    def end(self):
        for service in self.ecs.list_services(cluster=self.name)["serviceArns"]:
            self.ecs.delete_service(cluster=self.name, service=service, force=True)
        for task in self.ecs.list_tasks(cluster=self.name)["taskArns"]:
            self.ecs.stop_task(cluster=self.name, task=task)


@pytest.fixture
def cluster(cloud, network, name):
    made = Cluster(cloud, network, name)
    yield made
    made.end()
