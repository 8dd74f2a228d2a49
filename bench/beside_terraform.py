"""Terraform and the engine side by side: the same shared resources, made by terraform/live/shared-resources, and an
environment of the example each, on one local cloud without containers, whose slow things take no time.

What is compared is a command of a person: `terraform apply` or `destroy` in an initialised workspace, and `adhoc up` or
`down`. Terraform's own pauses (its AWS provider waits before it looks at some things for the first time, the module's tasks
are waited for with the AWS CLI) are part of it, as they are for a person.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from harness import CREDENTIALS, EXAMPLE, REGION, ROOT, VERSIONS, LocalCloud, Skip, boto3_client, median, note, program

PROVIDER = "registry.terraform.io/hashicorp/aws"
STATE = "terraform-state"


def provider_mirror():
    """A directory that holds the AWS provider as `terraform providers mirror` writes it, or None."""
    candidates = [os.environ.get("TF_PLUGIN_MIRROR"), "/opt/tf-plugins", "/usr/local/share/terraform/plugins",
                  "/usr/share/terraform/plugins", os.path.expanduser("~/.terraform.d/plugins")]
    return next((path for path in candidates if path and (pathlib.Path(path) / PROVIDER).is_dir()), None)


class Cost:
    """Of one command: seconds that passed, processor seconds of it and its children and of the server, calls."""

    def __init__(self, wall, cpu, server_cpu, calls):
        self.wall, self.cpu, self.server_cpu, self.calls = wall, cpu, server_cpu, calls


def summary(what, costs):
    walls = sorted(cost.wall for cost in costs)
    return (f"{what}: median {median(walls):.3f} s ({walls[0]:.3f} to {walls[-1]:.3f}, {len(costs)} runs), "
            f"CPU {median([cost.cpu for cost in costs]):.2f} s, the server's {median([cost.server_cpu for cost in costs]):.2f} s, "
            f"{median([cost.calls for cost in costs]):.0f} calls")


class SideBySide:
    def __init__(self, cloud, server, directory):
        self.cloud, self.server, self.directory = cloud, server, directory
        shutil.copytree(ROOT / "terraform", directory / "terraform", ignore=shutil.ignore_patterns(".terraform*"))
        (directory / "terraform.rc").write_text(
            f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{provider_mirror()}"\n  }}\n}}\n')
        self.environment = {
            **cloud.environment, **CREDENTIALS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", "NO_PROXY": "127.0.0.1,localhost", "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": str(directory / "terraform.rc"),
            # Past pyenv's shims, which take longer than what they start.
            "PATH": os.pathsep.join(path for path in os.environ["PATH"].split(os.pathsep) if "shims" not in path),
        }

    def calls(self):
        return sum(self.cloud.get("calls").values())

    def measure(self, command, folder, environment):
        calls, server_cpu = self.calls(), self.server.cpu_seconds()
        with tempfile.TemporaryFile() as output:
            begin = time.monotonic()
            process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                output.seek(0)
                sys.exit(f"{command}: exit code {process.returncode}\n{output.read().decode(errors='replace')[-6000:]}")
        return Cost(wall, usage.ru_utime + usage.ru_stime, self.server.cpu_seconds() - server_cpu,
                    self.calls() - calls)

    def terraform(self, configuration, workspace, *arguments):
        environment = {**self.environment, "TF_DATA_DIR": str(self.directory / f"data-{configuration}-{workspace}")}
        return self.measure(["terraform", *arguments], self.directory / "terraform" / "live" / configuration, environment)

    def init(self, configuration, workspace):
        self.terraform(configuration, workspace, "init", "-input=false", f"-backend-config=bucket={STATE}",
                       f"-backend-config=region={REGION}")
        self.terraform(configuration, workspace, "workspace", "select", "-or-create", workspace)

    def shared(self):
        boto3_client("s3", self.server.port).create_bucket(Bucket=STATE)
        self.init("shared-resources", "dev")
        cost = self.terraform("shared-resources", "dev", "apply", "-auto-approve", "-input=false", "-var-file=local.tfvars",
                              f"-var=http_port={self.cloud.http_port}")
        note(f"terraform made the shared resources in {cost.wall:.1f} s with {cost.calls} calls")
        plan = json.loads(self.cloud.adhoc("--json", "shared", "plan").stdout)
        if plan["changes"]:
            sys.exit(f"adhoc would change what Terraform made: {plan['changes']}")

    # ---- what is compared; an environment of ours and one of Terraform's don't know of each other

    def theirs(self, what, name):
        return self.terraform("ad-hoc", name, what, "-auto-approve", "-input=false", "-var-file=local.tfvars",
                              "-var-file=envs/alpha.tfvars", f"-var=state_bucket={STATE}",
                              f"-var=bucket_endpoint=http://localhost:{self.server.port}")

    def up(self, name):
        versions = [f"--var={variable}={VERSIONS[image]}" for variable, image in
                    (("be_image_tag", "backend"), ("fe_image_tag", "frontend"))]
        return self.measure([program(), "up", name, "-f", EXAMPLE / "envs" / "alpha.tfvars", *versions], EXAMPLE, self.environment)

    def down(self, name):
        return self.measure([program(), "down", name], EXAMPLE, self.environment)


@contextlib.contextmanager
def side_by_side():
    """On a cloud of its own, with the shared resources."""
    if not shutil.which("terraform"):
        raise Skip("no peer: terraform is not installed")
    if provider_mirror() is None:
        raise Skip("no peer: Terraform's AWS provider is not on this machine (TF_PLUGIN_MIRROR names a mirror of it)")
    if not shutil.which("aws"):
        raise Skip("the AWS CLI, which the module runs tasks with, is not installed")
    with LocalCloud(engineless=True) as cloud, cloud.serve() as server, tempfile.TemporaryDirectory(prefix="adhoc-bench-tf-") as directory:
        server.wait_for_answer()
        cloud.wait_for_engine()
        sides = SideBySide(cloud, server, pathlib.Path(directory))
        sides.shared()
        yield sides


def compare(ours, theirs, times):
    """The fields of the line: ours has to be so many times as fast."""
    note(summary("terraform", theirs))
    note(summary("adhoc", ours))
    mine, other = median([cost.wall for cost in ours]), median([cost.wall for cost in theirs])
    calls = [median([cost.calls for cost in costs]) for costs in (ours, theirs)]
    cpu = [median([cost.cpu for cost in costs]) for costs in (ours, theirs)]
    return {
        "ours": f"{mine:.3f}s", "peer": f"{other:.2f}s", "ratio": f"{mine / other:.4f}x",
        "verdict": "ok" if mine * times <= other else "short",
        "why": f"{other / mine:.0f} times as fast; {calls[0]:.0f} calls to {calls[1]:.0f}, CPU {cpu[0]:.2f} s to {cpu[1]:.2f} s",
    }
