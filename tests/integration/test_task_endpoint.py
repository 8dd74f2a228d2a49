"""What a task's containers read at 169.254.170.2, as on Fargate: metadata, and credentials of the task's role."""

import json

import pytest

from conftest import wait_for

BACKEND = "000000000000.dkr.ecr.us-east-1.amazonaws.com/backend:v1.0.0"
ROLE = "arn:aws:iam::000000000000:role/task"
# Of Debian's tools only bash is in the image: HTTP by hand.
GET = r'''
get() {  # path on 169.254.170.2:80
  exec 3<>/dev/tcp/169.254.170.2/80
  printf 'GET %s HTTP/1.0\r\nHost: 169.254.170.2\r\n\r\n' "$1" >&3
  local line body=
  while read -r line <&3; do [ "$line" = $'\r' ] && break; done
  cat <&3; echo
}
'''


def test_a_task_reads_what_it_is_and_whose_credentials_it_has(cluster, cloud):
    definition = cluster.shell("curious", GET + '''
        get "${ECS_CONTAINER_METADATA_URI_V4#http://169.254.170.2}/task"
        get "${ECS_CONTAINER_METADATA_URI_V4#http://169.254.170.2}/stats"
        get "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
        get /v2/credentials/00000000-0000-4000-8000-000000000000
        echo "keys in variables: ${AWS_ACCESS_KEY_ID-none}"''', taskRoleArn=ROLE)
    task, log = cluster.run_to_end(definition)
    described, stats, credentials, guessed = map(json.loads, log[:4])
    assert described["TaskARN"] == task["taskArn"] and described["KnownStatus"] in ("ACTIVATING", "RUNNING")
    assert described["Containers"][0]["Name"] == "curious"
    # The container is described as running when its start has been written down, which may be after its first line.
    assert stats is None or stats["memory_stats"]["limit"] == 512 << 20
    assert credentials["RoleArn"] == ROLE
    assert guessed["code"] == "InvalidIdInRequest"
    assert log[4] == "keys in variables: none"

    import boto3
    sts = boto3.client("sts", region_name="us-east-1", endpoint_url=cloud.endpoint,
                       aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
                       aws_session_token=credentials["Token"])
    task_id = task["taskArn"].rsplit("/", 1)[1]
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:sts::000000000000:assumed-role/task/{task_id}"


def test_an_sdk_in_a_task_finds_its_role(cluster, cloud):
    """boto3 in the example application's image, with no other setting than the endpoint."""
    if not cloud.engine("images", "--quiet", BACKEND).strip():
        pytest.skip("the example application's image is not built (make demo)")
    definition = cluster.register("sdk", ["python3", "-c", '''
import boto3, os
endpoint = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}  # Debian 12's does not read it by itself
print(boto3.client("sts", **endpoint).get_caller_identity()["Arn"])
s3 = boto3.client("s3", **endpoint)
s3.create_bucket(Bucket="of-a-task")
s3.put_object(Bucket="of-a-task", Key="k", Body=b"value")
print(s3.get_object(Bucket="of-a-task", Key="k")["Body"].read().decode())
'''], taskRoleArn=ROLE)
    described = cluster.ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    described["containerDefinitions"][0]["image"] = BACKEND
    definition = cluster.ecs.register_task_definition(**{key: described[key] for key in (
        "family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn",
        "containerDefinitions")})["taskDefinition"]["taskDefinitionArn"]
    task, log = cluster.run_to_end(definition)
    task_id = task["taskArn"].rsplit("/", 1)[1]
    assert log == [f"arn:aws:sts::000000000000:assumed-role/task/{task_id}", "value"]


def test_it_still_answers_after_a_restart(fresh_cloud):
    """The containers of a local cloud that was killed go on, and so do their credentials."""
    from conftest import Cluster, Network

    fresh_cloud.wait_for_engine()
    cluster = Cluster(fresh_cloud, Network(fresh_cloud), "survivor")
    definition = cluster.shell("asking", GET + '''
        while sleep 0.3; do get "$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" 2>/dev/null; done''', taskRoleArn=ROLE)
    arn = cluster.run(definition)
    answers = lambda: [line for line in cluster.log(arn, "asking") if line.startswith('{"Access')]
    wait_for(answers, "the first answer")
    fresh_cloud.kill()
    fresh_cloud.start().wait_for_engine()
    before = len(answers())
    wait_for(lambda: len(answers()) > before + 2, "answers of the new server")
    assert len(set(answers())) == 1
