"""What tasks find around them: names, a database, a bucket, images."""

import urllib.error
import urllib.request

import pytest

from conftest import REGION, wait_for


def test_a_name_of_cloud_map_leads_to_the_task(cluster, cloud, network, name):
    discovery = cloud.client("servicediscovery")
    operation = discovery.create_private_dns_namespace(Name=f"{name}-ns", Vpc=network.vpc)["OperationId"]
    found = wait_for(lambda: (o := discovery.get_operation(OperationId=operation)["Operation"])["Status"] == "SUCCESS" and o,
                     "the namespace exists")
    service = discovery.create_service(
        Name="web", NamespaceId=found["Targets"]["NAMESPACE"],
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}], "RoutingPolicy": "MULTIVALUE"},
        HealthCheckCustomConfig={"FailureThreshold": 1})["Service"]
    cluster.create_service("named", cluster.web("named", "found me"), serviceRegistries=[{"registryArn": service["Arn"]}])
    cluster.wait_stable("named")
    instances = wait_for(lambda: discovery.list_instances(ServiceId=service["Id"])["Instances"], "the task is registered", 20)
    address = instances[0]["Attributes"]["AWS_INSTANCE_IPV4"]
    script = (f"getent ahostsv4 web.{name}-ns | head -n 1 | cut -d' ' -f1; "
              f"exec 3<>/dev/tcp/web.{name}-ns/80; printf 'GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' >&3; tail -n 1 <&3")
    _, log = cluster.run_to_end(cluster.shell("asker", script))
    assert log == [address, "found me"]

    cluster.ecs.update_service(cluster=cluster.name, service="named", desiredCount=0)
    wait_for(lambda: not discovery.list_instances(ServiceId=service["Id"])["Instances"], "the task is deregistered", 30)


def test_a_task_talks_to_the_database(cluster, cloud, network, name):
    rds = cloud.client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=network.subnets)
    rds.create_db_instance(
        DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20, DBName="postgres",
        MasterUsername="master", MasterUserPassword="correct-horse", DBSubnetGroupName=name,
        VpcSecurityGroupIds=[network.group])
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 1, "MaxAttempts": 90})
    endpoint = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["Endpoint"]
    environment = [{"name": "PGHOST", "value": endpoint["Address"]}, {"name": "PGPORT", "value": str(endpoint["Port"])},
                   {"name": "PGUSER", "value": "master"}, {"name": "PGPASSWORD", "value": "correct-horse"},
                   {"name": "PGDATABASE", "value": "postgres"}]

    def psql(family, statement):
        definition = cluster.register(family, ["psql", "-v", "ON_ERROR_STOP=1", "-Atc", statement], image="postgres:15",
                                      environment=environment)
        return cluster.run_to_end(definition)

    task, log = psql("writer", "CREATE TABLE t AS SELECT 42 AS answer")
    assert task["containers"][0]["exitCode"] == 0, log
    task, log = psql("reader", "SELECT answer FROM t")
    assert log == ["42"]
    environment[3]["value"] = "wrong"
    task, log = psql("stranger", "SELECT 1")
    assert task["containers"][0]["exitCode"] == 2
    assert any("password authentication failed" in line for line in log), log
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    wait_for(lambda: not [i for i in rds.describe_db_instances()["DBInstances"] if i["DBInstanceIdentifier"] == name],
             "the instance is gone", 60)


def test_objects_of_a_bucket(cloud, name, aws, tmp_path):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    body = bytes(range(256)) * 1000
    s3.put_object(Bucket=name, Key="a/b ü+c.bin", Body=body, ContentType="application/x-thing", Metadata={"who": "me"})
    answer = s3.get_object(Bucket=name, Key="a/b ü+c.bin")
    assert answer["Body"].read() == body
    assert answer["ContentType"] == "application/x-thing" and answer["Metadata"] == {"who": "me"}
    assert s3.get_object(Bucket=name, Key="a/b ü+c.bin", Range="bytes=256-511")["Body"].read() == bytes(range(256))
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=name, Prefix="a/")["Contents"]] == ["a/b ü+c.bin"]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=name, Key="nothing")
    with pytest.raises(s3.exceptions.ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=name)

    # The AWS CLI sends a large file in parts.
    large = tmp_path / "large"
    large.write_bytes(body * 50)
    aws("s3", "cp", large, f"s3://{name}/large")
    aws("s3", "cp", f"s3://{name}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()

    s3.delete_object(Bucket=name, Key="a/b ü+c.bin")
    s3.delete_object(Bucket=name, Key="large")
    s3.delete_bucket(Bucket=name)
    with pytest.raises(s3.exceptions.ClientError, match="404"):
        s3.head_bucket(Bucket=name)


def test_what_a_policy_makes_public_needs_no_signature(cloud, name):
    import json

    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    for key in ("static/style.css", "private/notes"):
        s3.put_object(Bucket=name, Key=key, Body=b"content")
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/static/*"}]}))
    with cloud.open(f"/{name}/static/style.css") as answer:
        assert answer.read() == b"content"
    with pytest.raises(urllib.error.HTTPError) as refused:
        cloud.open(f"/{name}/private/notes")
    assert refused.value.code == 403
    signed = s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "private/notes"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(signed) as answer:
        assert answer.read() == b"content"


def test_conditional_writes_give_a_lock(cloud, name):
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=name)
    # Debian's botocore does not know the parameter yet, so the header is set by hand.
    s3.meta.events.register("before-call.s3.PutObject", lambda params, **_: params["headers"].update({"If-None-Match": "*"}))
    s3.put_object(Bucket=name, Key="lock", Body=b"mine")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=name, Key="lock", Body=b"theirs")


def test_images_of_the_engine_are_those_of_the_registry(cloud, name, aws):
    repository = aws("ecr", "create-repository", "--repository-name", name)["repository"]
    uri = repository["repositoryUri"]
    assert uri.endswith(f".dkr.ecr.{REGION}.amazonaws.com/{name}")
    ecr = cloud.client("ecr")
    with pytest.raises(ecr.exceptions.ImageNotFoundException):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])
    cloud.engine("tag", "localhost/adhoc/pause:1", f"{uri}:v1")
    try:
        assert [image["imageTag"] for image in ecr.list_images(repositoryName=name)["imageIds"]] == ["v1"]
        details = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])["imageDetails"][0]
        assert details["imageDigest"].startswith("sha256:")
    finally:
        cloud.engine("untag", "localhost/adhoc/pause:1", f"{uri}:v1")
    ecr.delete_repository(repositoryName=name, force=True)
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.list_images(repositoryName=name)
