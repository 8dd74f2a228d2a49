"""The JavaScript SDK, version 3, as an independent client: each check is a function of javascript_sdk.mjs."""

import os
import pathlib
import re
import subprocess

import pytest

from conftest import CREDENTIALS, REGION, npm_packages

SCRIPT = pathlib.Path(__file__).with_name("javascript_sdk.mjs")
CLIENTS = ["client-cloudwatch", "client-cloudwatch-logs", "client-ec2", "client-ecs", "client-efs", "client-elastic-load-balancing-v2",
           "client-route-53", "client-s3", "client-secrets-manager", "client-servicediscovery", "client-sts", "s3-request-presigner"]
# The last ones for Debian's Node.js 18.
VERSIONS = ">=3.700.0 <3.960.0"


@pytest.fixture(scope="session")
def sdk(tmp_path_factory):
    return npm_packages(tmp_path_factory.mktemp("npm"), {f"@aws-sdk/{client}": VERSIONS for client in CLIENTS})


@pytest.mark.parametrize("check", re.findall(r"^  async (\w+)\(", SCRIPT.read_text(), re.M))
def test_javascript_sdk(cloud, sdk, check):
    environment = {**os.environ, **CREDENTIALS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": cloud.endpoint}
    result = subprocess.run(["node", SCRIPT, check], cwd=sdk, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
