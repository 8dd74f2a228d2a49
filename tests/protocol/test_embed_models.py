"""What the build says about operations.txt and overlay.json when they ask for what does not exist."""

import json
import pathlib
import subprocess

import pytest

pytest.importorskip("botocore")

ROOT = pathlib.Path(__file__).resolve().parents[2]


def embed(directory, operations, overlay="{}"):
    (directory / "operations.txt").write_text(operations, encoding="utf-8")
    (directory / "overlay.json").write_text(overlay, encoding="utf-8")
    return subprocess.run(
        ["/usr/bin/python3", ROOT / "tools" / "embed_models.py", "--operations", directory / "operations.txt",
         "--overlay", directory / "overlay.json", "--output", directory / "out"],
        stderr=subprocess.PIPE, text=True, check=False)


def records(directory, service):
    lines = (directory / "out" / f"{service}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_only_what_is_asked_for_is_kept(tmp_path):
    assert embed(tmp_path, "sts  # who am I\n  GetCallerIdentity\n").returncode == 0
    found = records(tmp_path, "sts")
    assert [record["n"] for record in found if record["k"] == "op"] == ["GetCallerIdentity"]
    assert {record["n"] for record in found if record["k"] == "shape"} >= {"GetCallerIdentityResponse", "arnType"}
    assert "AssumeRoleRequest" not in {record.get("n") for record in found}
    assert "documentation" not in (tmp_path / "out" / "sts.jsonl").read_text(encoding="utf-8")


def test_a_star_takes_all_but_what_is_excluded(tmp_path):
    assert embed(tmp_path, "sts\n  *\n  !AssumeRoleWithSAML\n").returncode == 0
    kept = {record["n"] for record in records(tmp_path, "sts") if record["k"] == "op"}
    assert "AssumeRole" in kept and "AssumeRoleWithSAML" not in kept


@pytest.mark.parametrize("operations, overlay, message", [
    ("ecs\n  LaunchRocket\n", "{}", "ecs has no operation LaunchRocket"),
    ("ecs\n  *\n  !LaunchRocket\n", "{}", "ecs has no operation LaunchRocket"),
    ("rocketry\n  Launch\n", "{}", "the installed botocore has no service rocketry"),
    ("sts\n  *\nsts\n  *\n", "{}", "operations.txt:3: service sts appears twice"),
    ("  Launch\n", "{}", "operations.txt:1: an operation before any service"),
    ("sts\n  *\n", '{"ecs": {}}', "describes ecs, of which operations.txt keeps nothing"),
    ("sts\n  *\n", '{"sts": {"shapes": {"GetCallerIdentityRequest": {"members": {"x": {"shape": "Y"}}}}}}',
     "sts: no shape Y"),
])
def test_mistakes_are_named(tmp_path, operations, overlay, message):
    run = embed(tmp_path, operations, overlay)
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr


def test_the_overlay_adds_replaces_and_frees(tmp_path):
    overlay = {"sts": {
        "operations": {"Greet": {"name": "Greet", "http": {"method": "POST", "requestUri": "/"},
                                 "input": {"shape": "GreetRequest"}}},
        "shapes": {"GreetRequest": {"type": "structure", "members": {"Name": {"shape": "arnType"}}},
                   "AssumeRoleRequest": {"optional": ["RoleSessionName"]},
                   "arnType": {"max": 7, "pattern": None}}}}
    assert embed(tmp_path, "sts\n  Greet AssumeRole\n", json.dumps(overlay)).returncode == 0
    shapes = {record["n"]: record for record in records(tmp_path, "sts") if record["k"] == "shape"}
    required = {member["n"]: member.get("req", False) for member in shapes["AssumeRoleRequest"]["m"]}
    assert required["RoleArn"] and not required["RoleSessionName"]
    assert shapes["arnType"]["max"] == 7 and "pattern" not in shapes["arnType"]
    assert [member["n"] for member in shapes["GreetRequest"]["m"]] == ["Name"]
