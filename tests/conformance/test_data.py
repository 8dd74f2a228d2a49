"""Secrets Manager, Parameter Store, CloudWatch Logs, RDS, ECR and ACM."""

import base64
import time

import pytest

from .conftest import refuses

# ---- Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/apireference/


@pytest.fixture
def secrets(client):
    return client("secretsmanager")


def test_a_secret_has_six_more_characters_in_its_arn(secrets, name):
    made = secrets.create_secret(Name=name, SecretString="1")
    assert made["ARN"].rsplit(":", 1)[1][:-6] == f"{name}-"
    refuses("ResourceExistsException", secrets.create_secret, Name=name, SecretString="2")
    refuses("ResourceNotFoundException", secrets.get_secret_value, "Secrets Manager can't find the specified secret.",
            SecretId=f"{name}-none")


def test_a_deleted_secret_waits_and_can_be_restored(secrets, name):
    secrets.create_secret(Name=name, SecretString="1")
    assert secrets.delete_secret(SecretId=name)["DeletionDate"].timestamp() == pytest.approx(time.time() + 30 * 86400, abs=86400)
    refuses("InvalidRequestException", secrets.get_secret_value, "marked for deletion", SecretId=name)
    refuses("InvalidRequestException", secrets.create_secret, "scheduled for deletion", Name=name, SecretString="2")
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "1"
    refuses("InvalidParameterException", secrets.delete_secret, SecretId=name, RecoveryWindowInDays=5)


def test_stages_move_with_versions(secrets, name):
    first = secrets.create_secret(Name=name, SecretString="1")["VersionId"]
    second = secrets.put_secret_value(SecretId=name, SecretString="2")["VersionId"]
    versions = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert versions == {first: ["AWSPREVIOUS"], second: ["AWSCURRENT"]}


def test_generated_passwords(secrets):
    made = secrets.get_random_password(PasswordLength=40, ExcludePunctuation=True, RequireEachIncludedType=True)["RandomPassword"]
    assert len(made) == 40 and made.isalnum()


# ---- CloudWatch Logs: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/


@pytest.fixture
def logs(client):
    return client("logs")


def test_groups_and_streams(logs, name):
    refuses("ResourceNotFoundException", logs.create_log_stream, "The specified log group does not exist.", logGroupName=name,
            logStreamName="s")
    logs.create_log_group(logGroupName=name, tags={"env": "dev"})
    refuses("ResourceAlreadyExistsException", logs.create_log_group, "The specified log group already exists", logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=7)
    refuses("InvalidParameterException", logs.put_retention_policy, logGroupName=name, retentionInDays=8)
    group = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]
    assert group["retentionInDays"] == 7 and group["arn"].endswith(f":log-group:{name}:*")
    assert logs.list_tags_log_group(logGroupName=name)["tags"] == {"env": "dev"}
    refuses("ResourceNotFoundException", logs.get_log_events, "The specified log stream does not exist.", logGroupName=name,
            logStreamName="s")


def test_events_that_are_too_old_are_told(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    old = now - 15 * 86_400_000
    answer = logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": old, "message": "old"}])
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[{"timestamp": now, "message": "new"}])
    refuses("InvalidParameterException", logs.put_log_events, "cannot span more than 24 hours", logGroupName=name,
            logStreamName="s", logEvents=[{"timestamp": old, "message": "old"}, {"timestamp": now, "message": "new"}])
    assert [e["message"] for e in logs.get_log_events(logGroupName=name, logStreamName="s")["events"]] == ["new"]
    refuses("InvalidParameterException", logs.put_log_events, logGroupName=name, logStreamName="s", logEvents=[
        {"timestamp": now, "message": "b"}, {"timestamp": now - 1000, "message": "a"}])


@pytest.mark.parametrize("pattern, found", [
    ("error", ["error one", "error two"]), ('"error two"', ["error two"]), ("?one ?three", ["error one", "three"]),
    ("error -one", ["error two"]), ("{ $.level = \"warn\" }", ['{"level":"warn"}'])])
def test_filter_patterns(logs, name, pattern, found):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(logGroupName=name, logStreamName="s", logEvents=[
        {"timestamp": now + i, "message": text} for i, text in enumerate(["error one", "error two", "three", '{"level":"warn"}'])])
    events = logs.filter_log_events(logGroupName=name, filterPattern=pattern)["events"]
    assert [event["message"] for event in events] == found


# ---- RDS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/


@pytest.fixture
def rds(client):
    return client("rds")


def test_what_rds_refuses(rds, name):
    refuses("DBInstanceNotFound", rds.describe_db_instances, f"DBInstance {name} not found.", DBInstanceIdentifier=name)
    refuses("DBSubnetGroupNotFoundFault", rds.describe_db_subnet_groups, DBSubnetGroupName=name)
    instance = {"DBInstanceIdentifier": name, "Engine": "postgres", "DBInstanceClass": "db.t3.micro", "AllocatedStorage": 20,
                "MasterUsername": "master", "MasterUserPassword": "correct-horse"}
    refuses("InvalidParameterValue", rds.create_db_instance, **{**instance, "MasterUserPassword": "short"})
    refuses("InvalidParameterValue", rds.create_db_instance, **{**instance, "MasterUserPassword": "with/slash1"})
    refuses("InvalidParameterValue", rds.create_db_instance, **{**instance, "DBInstanceIdentifier": "two--hyphens"})
    refuses("InvalidParameterValue", rds.create_db_instance, **{**instance, "Engine": "papyrus"})
    refuses("DBSubnetGroupNotFoundFault", rds.create_db_instance, **instance, DBSubnetGroupName=name)


def test_a_subnet_group_spans_zones(rds, client, name):
    subnets = client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    refuses("DBSubnetGroupDoesNotCoverEnoughAZs", rds.create_db_subnet_group, DBSubnetGroupName=name, DBSubnetGroupDescription="x",
            SubnetIds=[subnets[0]["SubnetId"]])
    made = rds.create_db_subnet_group(DBSubnetGroupName=name.upper(), DBSubnetGroupDescription="x",
                                      SubnetIds=[s["SubnetId"] for s in subnets[:2]])["DBSubnetGroup"]
    assert made["DBSubnetGroupName"] == name, "names of subnet groups are stored in lower case"
    assert made["VpcId"] == subnets[0]["VpcId"] and made["SubnetGroupStatus"] == "Complete"
    refuses("DBSubnetGroupAlreadyExists", rds.create_db_subnet_group, DBSubnetGroupName=name, DBSubnetGroupDescription="x",
            SubnetIds=[s["SubnetId"] for s in subnets[:2]])


# ---- ECR: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/


def test_repositories(client, name):
    ecr = client("ecr")
    made = ecr.create_repository(repositoryName=f"{name}/backend", imageTagMutability="IMMUTABLE")["repository"]
    assert made["repositoryUri"] == f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}/backend"
    refuses("RepositoryAlreadyExistsException", ecr.create_repository, repositoryName=f"{name}/backend")
    refuses("RepositoryNotFoundException", ecr.describe_repositories, repositoryNames=[name])
    refuses("LifecyclePolicyNotFoundException", ecr.get_lifecycle_policy, repositoryName=f"{name}/backend")
    token = ecr.get_authorization_token()["authorizationData"][0]
    assert base64.b64decode(token["authorizationToken"]).startswith(b"AWS:")


# ---- ACM: https://docs.aws.amazon.com/acm/latest/APIReference/


def test_a_certificate_says_how_it_is_validated(client, name):
    acm = client("acm")
    arn = acm.request_certificate(DomainName=f"*.{name}.test", ValidationMethod="DNS", SubjectAlternativeNames=[f"{name}.test"],
                                  IdempotencyToken=name)["CertificateArn"]
    assert acm.request_certificate(DomainName=f"*.{name}.test", ValidationMethod="DNS", SubjectAlternativeNames=[f"{name}.test"],
                                   IdempotencyToken=name)["CertificateArn"] == arn
    options = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    assert {option["ResourceRecord"]["Type"] for option in options} == {"CNAME"}
    assert {option["DomainName"] for option in options} == {f"*.{name}.test", f"{name}.test"}
    assert len({option["ResourceRecord"]["Name"] for option in options}) == 1, "a wildcard and its parent share their record"
    acm.delete_certificate(CertificateArn=arn)
    refuses("ResourceNotFoundException", acm.describe_certificate, CertificateArn=arn)


# ---- Parameters: https://docs.aws.amazon.com/systems-manager/latest/APIReference/


def test_parameters(client, name):
    ssm = client("ssm")
    assert ssm.put_parameter(Name=f"/{name}/a", Value="1", Type="SecureString")["Version"] == 1
    refuses("ParameterAlreadyExists", ssm.put_parameter, "set the overwrite option in the request to true", Name=f"/{name}/a",
            Value="2", Type="SecureString")
    assert ssm.put_parameter(Name=f"/{name}/a", Value="2", Type="SecureString", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=f"/{name}/a:1", WithDecryption=True)["Parameter"]["Value"] == "1"
    assert ssm.get_parameter(Name=f"/{name}/a")["Parameter"]["Value"] != "2", "encrypted, when decryption is not asked for"
    parameter = ssm.get_parameter(Name=f"/{name}/a", WithDecryption=True)["Parameter"]
    assert parameter["ARN"] == f"arn:aws:ssm:us-east-1:000000000000:parameter/{name}/a" and parameter["DataType"] == "text"
    answer = ssm.get_parameters(Names=[f"/{name}/a", f"/{name}/none"])
    assert answer["InvalidParameters"] == [f"/{name}/none"] and len(answer["Parameters"]) == 1
    refuses("ParameterNotFound", ssm.get_parameter, Name=f"/{name}/none")
    for key in "bcd":
        ssm.put_parameter(Name=f"/{name}/{key}", Value=key, Type="String")
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path=f"/{name}", PaginationConfig={"PageSize": 3}))
    assert [len(page["Parameters"]) for page in pages] == [3, 1]
