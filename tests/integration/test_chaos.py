"""Faults on request, as clients that nobody here wrote meet them."""

import json
import time

import pytest


@pytest.fixture
def chaos(fresh_cloud):
    def run(*arguments, **options):
        return fresh_cloud.adhoc("local", "chaos", *arguments, **options)
    return run


def test_each_fault_as_boto3_meets_it(fresh_cloud, chaos):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

    def ecs(**config):
        return boto3.client("ecs", aws_access_key_id="t", aws_secret_access_key="t", region_name="us-east-1",
                            endpoint_url=fresh_cloud.endpoint, config=Config(proxies={}, **config))

    impatient = ecs(read_timeout=1, retries={"max_attempts": 0})
    chaos("set", "ecs:CreateCluster", "--fault", "throttling")
    with pytest.raises(ClientError) as throttled:
        impatient.create_cluster(clusterName="a")
    assert throttled.value.response["Error"]["Code"] == "ThrottlingException"
    assert impatient.list_clusters()["clusterArns"] == []

    chaos("set", "ecs:CreateCluster", "--fault", "timeout")
    with pytest.raises(ReadTimeoutError):
        impatient.create_cluster(clusterName="a")
    assert impatient.list_clusters()["clusterArns"] == []

    chaos("set", "ecs:CreateCluster", "--fault", "drop")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        impatient.create_cluster(clusterName="a")
    assert impatient.list_clusters()["clusterArns"] == []

    chaos("set", "ecs:CreateCluster", "--fault", "lost-answer")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        impatient.create_cluster(clusterName="a")
    assert len(impatient.list_clusters()["clusterArns"]) == 1, "the effect is there, only the answer was lost"

    chaos("set", "ecs:ListClusters", "--fault", "delay", "--delay", "0.5")
    begin = time.monotonic()
    impatient.list_clusters()
    assert time.monotonic() - begin >= 0.5

    # A client that retries doesn't notice two failures.
    chaos("set", "ecs:*", "--fault", "server-error", "--limit", "2")
    answer = ecs(retries={"max_attempts": 4, "mode": "standard"}).list_clusters()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2


def test_faults_are_shown_added_and_cleared(fresh_cloud, chaos):
    assert "no faults are set" in chaos().stdout
    chaos("set", "ecs:*", "--fault", "throttling", "--probability", "0.5", "--seed", "7")
    chaos("add", "*:Describe*", "--fault", "delay", "--delay", "1.5", "--limit", "3")
    shown = json.loads(chaos("--json").stdout)
    assert [rule["match"] for rule in shown["rules"]] == [["ecs:*"], ["*:Describe*"]]
    assert "1.5 s" in chaos().stdout
    wrong = chaos("set", "esc:*", "--fault", "drop", check=False)
    assert wrong.returncode != 0 and "did you mean `ecs`?" in wrong.stderr
    assert json.loads(chaos("--json").stdout)["rules"] == shown["rules"], "a mistake changes nothing"
    chaos("clear")
    assert "no faults are set" in chaos().stdout
