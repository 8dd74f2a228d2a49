"""The update script of the article that this project began with, word for word, on an environment made by `adhoc up`."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest
from conftest import ROOT, aws_clis

SCRIPT = ROOT / "tests" / "e2e" / "seed_backend_update.sh"


@pytest.fixture
def seed(ublog, name, tmp_path):
    """The example with the article's name for the worker, `default`, in an environment that the test has for itself."""
    original = ublog.directory
    shutil.copytree(original, tmp_path / "project", symlinks=True)
    ublog.directory = tmp_path / "project"
    try:
        definition = ublog.directory / "adhoc.yaml"
        text, count = re.subn(r"^  worker:$", "  default:", definition.read_text(), flags=re.M)
        assert count == 1
        definition.write_text(text)
        shutil.copy(ublog.directory / "envs" / "beta.tfvars", ublog.directory / "envs" / f"{name}.tfvars")
        ublog.set_variable(name, "be_image_tag", "v1.0.0")
        ublog.adhoc("up", name)
        yield ublog
        ublog.adhoc("down", name)
    finally:
        ublog.directory = original


def test_the_articles_backend_update(seed, name, tmp_path):
    clis = aws_clis()
    if not clis or shutil.which("jq") is None:
        pytest.skip("the AWS CLI and jq are needed (tools/install-packages test)")
    # Debian's CLI doesn't know AWS_ENDPOINT_URL: an `aws` before it on PATH says where the cloud is.
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "aws").write_text(f'#!/bin/sh\nexec {clis[-1]} --endpoint-url {seed.cloud.endpoint} "$@"\n')
    (directory / "aws").chmod(0o755)
    environment = {**seed.cloud.environment, "PATH": f"{directory}:{seed.cloud.environment['PATH']}",
                   "WORKSPACE": name, "SHARED_RESOURCES_WORKSPACE": "dev", "BACKEND_IMAGE_TAG": "v1.1.0", "AWS_ACCOUNT_ID": "000000000000"}
    before = {s["name"]: s["image"] for s in seed.status(name)["services"]}
    try:
        result = subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, text=True, timeout=400)
    finally:
        for path in pathlib.Path("/tmp").glob(f"{name}-*.json"):
            path.unlink()
    output = result.stdout + result.stderr
    assert result.returncode == 0 and result.stderr == "", output
    assert "Backend update is now complete!" in result.stdout
    # The migration's own log, between the script's words.
    migration = result.stdout.partition("Task ID is")[2].partition("Migrations complete.")[0]
    assert "Running migrations" in migration, migration
    after = {s["name"]: s for s in seed.status(name)["services"]}
    for service in ("gunicorn", "default", "beat"):
        assert after[service]["image"] == "backend:v1.1.0", (before, after)
        assert after[service]["running"] == after[service]["desired"] == 1
    assert after["frontend"]["image"] == before["frontend"]
    assert json.loads(seed.get(name, "/api/info")[1])["version"] == "v1.1.0"
    # Only the image changed: what `adhoc` would have registered is the same to the last byte.
    ecs = seed.cloud.client("ecs")
    newest = ecs.describe_task_definition(taskDefinition=f"{name}-gunicorn")["taskDefinition"]
    older = ecs.describe_task_definition(taskDefinition=f"{name}-gunicorn:{newest['revision'] - 1}")["taskDefinition"]
    container, old = newest["containerDefinitions"][0], older["containerDefinitions"][0]
    assert {**container, "image": ""} == {**old, "image": ""}
    assert (container["image"], old["image"]) == tuple(f"000000000000.dkr.ecr.us-east-1.amazonaws.com/backend:{tag}" for tag in ("v1.1.0", "v1.0.0"))
