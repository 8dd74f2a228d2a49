"""The Terraform configurations in terraform/, applied with the real AWS provider: shared resources and environments on them.

Two environments are made at the same time, in workspaces; one is destroyed by adhoc, the other by Terraform. Most of the
time goes into the provider's own pauses before it first asks for a resource's state.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import session_client
from conftest import ROOT, wait_for

ENVIRONMENTS = ("alpha", "beta")
PROVIDER = "registry.terraform.io/hashicorp/aws"


def find_mirror():
    """A directory that holds the AWS provider as `terraform providers mirror` writes it."""
    candidates = [os.environ.get("TF_PLUGIN_MIRROR"), "/opt/tf-plugins", "/usr/local/share/terraform/plugins",
                  "/usr/share/terraform/plugins", os.path.expanduser("~/.terraform.d/plugins")]
    return next((path for path in candidates if path and (pathlib.Path(path) / PROVIDER).is_dir()), None)


def require_terraform():
    """The provider's mirror. Skips the test where it, or Terraform, is missing."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not installed")
    mirror = find_mirror()
    if mirror is None:
        pytest.skip("Terraform's AWS provider is not on this machine (TF_PLUGIN_MIRROR names a mirror of it)")
    return mirror


def write_configuration(directory, mirror):
    """Terraform's own configuration: providers from the mirror, no word to the world. Returns the file."""
    file = directory / "terraform.rc"
    file.write_text(f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return str(file)


def ask_for_a_bastion(ublog):
    definition = ublog.directory / "adhoc.yaml"
    local = "    kind: local\n"
    text = definition.read_text()
    assert text.count(local) == 1
    definition.write_text(text.replace(local, f"{local}    bastion: true\n"))


class Terraform:
    def __init__(self, ublog, directory, mirror):
        self.ublog, self.directory, self.cloud = ublog, directory, ublog.cloud
        shutil.copytree(ROOT / "terraform", directory / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
        write_configuration(directory, mirror)
        self.cloud.client("s3").create_bucket(Bucket="terraform-state")

    def start(self, configuration, workspace, *arguments):
        """A terraform process; every workspace has a data directory of its own, so that several can run at once."""
        folder = self.directory / "terraform" / "live" / configuration
        environment = {
            **self.cloud.environment, "AWS_ENDPOINT_URL": self.cloud.endpoint, "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": str(self.directory / "terraform.rc"),
            "TF_DATA_DIR": str(self.directory / f"data-{configuration}-{workspace}"),
        }
        command = ["terraform", *arguments] if arguments[0] == "workspace" else ["terraform", *arguments, "-no-color"]
        return subprocess.Popen(command, cwd=folder, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    @staticmethod
    def finish(process, codes=(0,)):
        output = process.communicate(timeout=500)[0]
        assert process.returncode in codes, output[-4000:]
        return output

    def run(self, *arguments, codes=(0,)):
        return self.finish(self.start(*arguments), codes)

    def variables(self, configuration, workspace):
        if configuration == "shared-resources":
            return ["-var-file=local.tfvars", f"-var=http_port={self.ublog.http_port}", "-var=bastion=true"]
        return ["-var-file=local.tfvars", "-var-file=envs/alpha.tfvars", "-var=state_bucket=terraform-state",
                f"-var=bucket_endpoint=http://localhost:{self.cloud.port}"]

    def init(self, configuration, workspace):
        self.run(configuration, workspace, "init", "-input=false", "-backend-config=bucket=terraform-state",
                 "-backend-config=region=us-east-1")
        self.run(configuration, workspace, "workspace", "select", "-or-create", workspace)

    def begin(self, what, configuration, workspace):
        options = ["-detailed-exitcode", "-lock=false"] if what == "plan" else ["-auto-approve"]
        return self.start(configuration, workspace, what, "-input=false", *options,
                          *self.variables(configuration, workspace))

    def expect_no_changes(self, configuration, workspace):
        output = self.finish(self.begin("plan", configuration, workspace), codes=(0, 2))
        assert "No changes. Your infrastructure matches the configuration." in output, output[-6000:]


@pytest.fixture(scope="module")
def terraform(program, tmp_path_factory):
    mirror = require_terraform()
    if not shutil.which("aws"):
        pytest.skip("the AWS CLI, which the module runs tasks with, is not installed")
    from e2e.conftest import Ublog

    ublog = Ublog(program, tmp_path_factory.mktemp("ublog"))
    try:
        ublog.cloud.start().wait_for_engine()
        exports = dict(line.removeprefix("export ").split("=", 1) for line in ublog.adhoc("local", "engine").stdout.splitlines())
        environment = {**os.environ, **{name: value.strip("'") for name, value in exports.items()}}
        subprocess.run([ROOT / "images" / "build"], check=True, env=environment, stdout=sys.stderr)
        ask_for_a_bastion(ublog)
        for image, tag in (("backend", "v1.0.0"), ("frontend", "v2.0.0"), ("backend", "v1.1.0")):
            ublog.adhoc("image", "build", image, tag, timeout=900)
        yield Terraform(ublog, tmp_path_factory.mktemp("terraform"), mirror)
    finally:
        ublog.end()


def test_shared_resources(terraform):
    terraform.init("shared-resources", "dev")
    terraform.finish(terraform.begin("apply", "shared-resources", "dev"))
    terraform.expect_no_changes("shared-resources", "dev")


def test_adhoc_finds_them_as_it_would_make_them(terraform):
    assert terraform.ublog.json("shared", "plan")["changes"] == []


def test_the_state_is_in_the_bucket_without_a_lock_and_without_a_password(terraform):
    s3 = terraform.cloud.client("s3")
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket="terraform-state")["Contents"]]
    assert keys == ["env:/dev/shared-resources/terraform.tfstate"]
    state = s3.get_object(Bucket="terraform-state", Key=keys[0])["Body"].read().decode()
    secrets = terraform.cloud.client("secretsmanager")
    secret = next(s["Name"] for s in secrets.list_secrets()["SecretList"] if s["Name"].startswith("rds!"))
    assert json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])["password"] not in state


def test_the_bastion_leads_to_the_database(terraform):
    ssm = terraform.cloud.client("ssm")
    bastion = ssm.describe_instance_information()["InstanceInformationList"][0]["InstanceId"]
    instance = terraform.cloud.client("ec2").describe_instances(InstanceIds=[bastion])["Reservations"][0]["Instances"][0]
    assert instance["MetadataOptions"]["HttpTokens"] == "required" and "KeyName" not in instance
    address = terraform.cloud.client("rds").describe_db_instances()["DBInstances"][0]["Endpoint"]["Address"]
    started = ssm.start_session(Target=bastion, DocumentName="AWS-StartInteractiveCommand",
                                Parameters={"command": [f"pg_isready -h {address}"]})
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    output = b""
    while (received := session.receive()) is not None:
        output += received[1] if received[0] == session_client.DATA else b""
    assert b"accepting connections" in output


def test_two_environments_at_once(terraform):
    for environment in ENVIRONMENTS:
        terraform.init("ad-hoc", environment)
    for process in [terraform.begin("apply", "ad-hoc", environment) for environment in ENVIRONMENTS]:
        terraform.finish(process)
    terraform.expect_no_changes("ad-hoc", "alpha")


def test_they_run(terraform):
    ublog = terraform.ublog
    for environment in ENVIRONMENTS:
        wait_for(lambda: ublog.status(environment)["state"] == "ready", f"{environment} is ready", 120, 1)
        assert ublog.get(environment)[0] == 200
        assert ublog.get_json(environment, "/api/info")["environment"] == environment
    post = ublog.write_post("alpha", "one two three")
    wait_for(lambda: ublog.get_json("alpha", f"/api/posts/{post['id']}/")["word_count"] == 3, "the worker counts the words", 60)


def test_adhoc_works_on_them_by_name(terraform):
    ublog = terraform.ublog
    assert {"alpha", "beta"} <= {environment["name"] for environment in ublog.json("ls")}
    assert ublog.json("plan", "alpha")["changes"] == []
    assert ublog.adhoc("exec", "alpha", "gunicorn", "--", "printenv", "ENVIRONMENT").stdout.strip() == "alpha"
    assert "celery" in ublog.adhoc("logs", "alpha", "worker").stdout
    ublog.adhoc("deploy", "alpha", "backend", "v1.1.0")
    assert ublog.get_json("alpha", "/api/info")["version"] == "v1.1.0"
    # What was deployed is no difference to Terraform.
    terraform.expect_no_changes("ad-hoc", "alpha")


def test_both_destroy(terraform):
    destroying = terraform.begin("destroy", "ad-hoc", "alpha")
    terraform.ublog.adhoc("down", "beta")
    output = terraform.finish(destroying)
    assert "database alpha-db and role alpha are gone" in output
    ecs = terraform.cloud.client("ecs")
    assert ecs.list_clusters()["clusterArns"] == []
    assert terraform.cloud.client("elbv2").describe_target_groups()["TargetGroups"] == []
    buckets = [bucket["Name"] for bucket in terraform.cloud.client("s3").list_buckets()["Buckets"]]
    assert buckets == ["terraform-state"]


def test_shared_resources_are_destroyed(terraform):
    terraform.finish(terraform.begin("destroy", "shared-resources", "dev"))
    ec2 = terraform.cloud.client("ec2")
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]
    assert terraform.cloud.client("rds").describe_db_instances()["DBInstances"] == []
