"""adhoc export terraform: what adhoc made goes on with Terraform, which finds nothing to make and nothing to destroy."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from test_terraform import ask_for_a_bastion, require_terraform, write_configuration


class Exported:
    """An environment of adhoc's, and the configurations that it is exported to."""

    def __init__(self, ublog, directory, mirror):
        self.ublog, self.directory = ublog, directory
        self.environment = {**ublog.cloud.environment, "AWS_ENDPOINT_URL": ublog.cloud.endpoint, "TF_IN_AUTOMATION": "1",
                            "TF_CLI_CONFIG_FILE": write_configuration(directory, mirror)}

    def export(self, *arguments):
        folder = self.directory / arguments[0].lstrip("-")
        self.ublog.adhoc("export", "terraform", *arguments, "--output", folder)
        return folder

    def terraform(self, folder, *arguments, codes=(0,)):
        done = subprocess.run(["terraform", *arguments, *(["-no-color"] if arguments[0] != "show" else [])], cwd=folder,
                              env=self.environment, text=True, timeout=500, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode in codes, done.stdout[-6000:]
        return done.stdout

    def plan(self, folder):
        """{action: resources} of what an apply would do, and how many it would import."""
        self.terraform(folder, "init", "-input=false")
        self.terraform(folder, "plan", "-input=false", "-out=plan")
        changes = json.loads(self.terraform(folder, "show", "-json", "plan"))["resource_changes"]
        actions = {}
        for change in changes:
            if change["mode"] == "managed":
                actions.setdefault("+".join(change["change"]["actions"]), []).append(change)
        return actions, sum("importing" in change["change"] for change in changes)


IN_STATE_ALONE = {
    "action", "apply_immediately", "comment", "egress", "engine_version", "force_destroy", "ingress", "manage_master_user_password",
    "recovery_window_in_days", "revoke_rules_on_delete", "root_block_device", "skip_final_snapshot", "tags", "tags_all",
    "user_data_replace_on_change", "volume_tags"}


def differences(change):
    before, after = change["before"], change["after"]
    return {name: (before.get(name), after.get(name)) for name in after if before.get(name) != after.get(name)}


@pytest.fixture(scope="module")
def exported(program, tmp_path_factory):
    mirror = require_terraform()
    from e2e.conftest import Ublog

    ublog = Ublog(program, tmp_path_factory.mktemp("ublog"))
    try:
        exports = dict(line.removeprefix("export ").split("=", 1) for line in ublog.adhoc("local", "engine").stdout.splitlines())
        environment = {**os.environ, **{name: value.strip("'") for name, value in exports.items()}}
        subprocess.run([ROOT / "images" / "build"], check=True, env=environment, stdout=sys.stderr)
        ublog.cloud.start().wait_for_engine()
        for image, tag in (("backend", "v1.0.0"), ("frontend", "v2.0.0")):
            ublog.adhoc("image", "build", image, tag, timeout=900)
        ask_for_a_bastion(ublog)
        ublog.adhoc("up", "alpha")
        yield Exported(ublog, tmp_path_factory.mktemp("export"), mirror)
    finally:
        ublog.end()


@pytest.mark.parametrize("what", ["--shared", "alpha"])
def test_terraform_takes_over_without_making_anything(exported, what):
    folder = exported.export(what)
    assert exported.terraform(folder, "fmt", "-check", "-diff", "main.tf", "imports.tf") == ""
    actions, imports = exported.plan(folder)
    assert not {"create", "delete", "delete+create", "create+delete"} & set(actions), {
        action: [change["address"] for change in changes] for action, changes in actions.items() if action not in ("no-op", "update")}
    assert imports == sum(map(len, actions.values()))
    # What only Terraform's state holds has its default until the first apply.
    unexpected = {change["address"]: differences(change["change"]) for change in actions.get("update", [])
                  if not set(differences(change["change"])) <= IN_STATE_ALONE}
    assert not unexpected
    exported.terraform(folder, "apply", "-input=false", "plan")
    # The provider goes on asking for the target group of an imported rule, in the other of the two forms that ELB answers, and for
    # tags of an imported instance's volume.
    again, _ = exported.plan(folder)
    assert set(again) <= {"no-op", "update"}
    changed = {change["address"]: differences(change["change"]) for change in again.get("update", [])}
    assert not {address: change for address, change in changed.items() if not set(change) <= {"action", "root_block_device", "volume_tags"}}


def test_adhoc_goes_on_working_on_it(exported):
    ublog = exported.ublog
    assert ublog.json("shared", "plan")["changes"] == []
    assert ublog.json("plan", "alpha")["changes"] == []
    assert ublog.get("alpha")[0] == 200


def test_only_what_is_as_defined_is_exported(exported):
    refused = exported.ublog.adhoc("export", "terraform", "alpha", "--var", "log_level=debug", "--output", exported.directory / "x",
                                   check=False)
    assert refused.returncode == 1 and "alpha is not as its definition says" in refused.stderr
    assert not (exported.directory / "x").exists()
    again = exported.ublog.adhoc("export", "terraform", "alpha", "--output", exported.directory / "alpha", check=False)
    assert again.returncode == 1 and "it is there already" in again.stderr
