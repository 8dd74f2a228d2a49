"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/"""

import pytest

from .conftest import refuses

LOGGED = {"name": "web", "image": "nothing:1", "essential": True}


@pytest.fixture
def ecs(client):
    return client("ecs")


@pytest.fixture
def cluster(ecs, name):
    ecs.create_cluster(clusterName=name)
    return name


@pytest.fixture
def placement(client):
    """The default VPC's subnets, as a real account has them."""
    subnets = client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    return {"awsvpcConfiguration": {"subnets": [subnet["SubnetId"] for subnet in subnets]}}


def register(ecs, family, **options):
    return ecs.register_task_definition(**{
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [LOGGED], **options})["taskDefinition"]


def idle_service(ecs, cluster, placement, **options):
    return ecs.create_service(**{
        "cluster": cluster, "serviceName": "idle", "taskDefinition": cluster, "desiredCount": 0, "launchType": "FARGATE",
        "networkConfiguration": placement, **options})["service"]


# ---- Clusters


def test_creating_a_cluster_again_returns_the_one_that_exists(ecs, cluster):
    assert ecs.create_cluster(clusterName=cluster)["cluster"]["status"] == "ACTIVE"
    assert [arn for arn in ecs.list_clusters()["clusterArns"] if arn.endswith(f":cluster/{cluster}")]


def test_a_cluster_without_name_is_the_default_one(ecs):
    assert ecs.create_cluster()["cluster"]["clusterName"] == "default"


def test_a_deleted_cluster_is_inactive_and_no_longer_listed(ecs, cluster):
    assert ecs.delete_cluster(cluster=cluster)["cluster"]["status"] == "INACTIVE"
    assert not [arn for arn in ecs.list_clusters()["clusterArns"] if arn.endswith(f"/{cluster}")]


def test_what_describe_does_not_find_is_a_failure_not_an_error(ecs, cluster):
    missing = ecs.describe_clusters(clusters=[f"{cluster}-none"])
    assert missing["clusters"] == [] and missing["failures"][0]["reason"] == "MISSING"
    assert missing["failures"][0]["arn"].endswith(f":cluster/{cluster}-none")
    missing = ecs.describe_services(cluster=cluster, services=["none"])
    assert missing["services"] == [] and missing["failures"][0]["reason"] == "MISSING"
    missing = ecs.describe_tasks(cluster=cluster, tasks=["0" * 32])
    assert missing["tasks"] == [] and missing["failures"][0]["reason"] == "MISSING"


def test_an_unknown_cluster_is_an_error_of_what_lives_in_one(ecs, name):
    refuses("ClusterNotFoundException", ecs.list_tasks, "Cluster not found.", cluster=name)
    refuses("ClusterNotFoundException", ecs.list_services, "Cluster not found.", cluster=name)
    refuses("ClusterNotFoundException", ecs.describe_services, "Cluster not found.", cluster=name, services=["x"])


def test_a_cluster_with_services_can_not_be_deleted(ecs, cluster, placement):
    register(ecs, cluster)
    idle_service(ecs, cluster, placement)
    refuses("ClusterContainsServicesException", ecs.delete_cluster, "The Cluster cannot be deleted while Services are active.",
            cluster=cluster)


# ---- Task definitions


def test_revisions_count_up_and_are_never_used_again(ecs, name):
    assert [register(ecs, name)["revision"] for _ in range(2)] == [1, 2]
    assert ecs.deregister_task_definition(taskDefinition=f"{name}:2")["taskDefinition"]["status"] == "INACTIVE"
    assert register(ecs, name)["revision"] == 3


def test_a_family_is_its_latest_active_revision(ecs, name):
    register(ecs, name), register(ecs, name)
    ecs.deregister_task_definition(taskDefinition=f"{name}:2")
    assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["revision"] == 1
    assert ecs.describe_task_definition(taskDefinition=f"{name}:2")["taskDefinition"]["status"] == "INACTIVE"


def test_task_definitions_are_listed_by_status_and_order(ecs, name):
    for _ in range(3):
        register(ecs, name)
    ecs.deregister_task_definition(taskDefinition=f"{name}:2")

    def listed(**options):
        arns = ecs.list_task_definitions(familyPrefix=name, **options)["taskDefinitionArns"]
        return [int(arn.rsplit(":", 1)[1]) for arn in arns]

    assert listed() == [1, 3]
    assert listed(sort="DESC") == [3, 1]
    assert listed(status="INACTIVE") == [2]
    assert ecs.list_task_definition_families(familyPrefix=name, status="ACTIVE")["families"] == [name]


def test_only_inactive_task_definitions_can_be_deleted(ecs, name):
    register(ecs, name)
    if not hasattr(ecs, "delete_task_definitions"):
        pytest.skip("this botocore is older than DeleteTaskDefinitions")
    failed = ecs.delete_task_definitions(taskDefinitions=[f"{name}:1"])
    assert failed["taskDefinitions"] == [] and len(failed["failures"]) == 1
    ecs.deregister_task_definition(taskDefinition=f"{name}:1")
    deleted = ecs.delete_task_definitions(taskDefinitions=[f"{name}:1"])
    assert deleted["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"


def test_an_unknown_task_definition_is_told(ecs, name):
    refuses("ClientException", ecs.describe_task_definition, "Unable to describe task definition.", taskDefinition=name)


@pytest.mark.parametrize("cpu, memory", [("256", "4096"), ("512", "512"), ("1000", "2048"), ("4096", "4096")])
def test_fargate_has_sizes_and_no_others(ecs, name, cpu, memory):
    refuses("ClientException", register, "No Fargate configuration exists for given values", ecs=ecs, family=name, cpu=cpu,
            memory=memory)


def test_what_fargate_requires_of_a_task_definition(ecs, name):
    def without(key):
        options = {"family": name, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
                   "memory": "512", "containerDefinitions": [LOGGED]}
        del options[key]
        return options

    refuses("ClientException", ecs.register_task_definition, "Fargate requires that 'memory' be defined at the task level.",
            **without("memory"))
    refuses("ClientException", ecs.register_task_definition, "Fargate requires that 'cpu' be defined at the task level.",
            **without("cpu"))
    refuses("ClientException", register, "awsvpc", ecs=ecs, family=name, networkMode="bridge")


def test_a_task_definition_comes_back_with_its_defaults(ecs, name):
    container = register(ecs, name, tags=[{"key": "env", "value": "dev"}])["containerDefinitions"][0]
    assert container["essential"] is True and container["cpu"] == 0
    for list_member in ("portMappings", "environment", "mountPoints", "volumesFrom"):
        assert container[list_member] == []
    described = ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
    assert described["tags"] == [{"key": "env", "value": "dev"}]
    assert described["taskDefinition"]["compatibilities"] == ["EC2", "FARGATE"]
    assert described["taskDefinition"]["requiresCompatibilities"] == ["FARGATE"]


# ---- Services


def test_a_service_is_created_once(ecs, cluster, placement):
    register(ecs, cluster)
    service = idle_service(ecs, cluster, placement)
    assert service["status"] == "ACTIVE" and service["schedulingStrategy"] == "REPLICA"
    assert service["deploymentConfiguration"]["maximumPercent"] == 200
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert service["platformVersion"] == "LATEST" and service["platformFamily"] == "Linux"
    assert service["deployments"][0]["id"].startswith("ecs-svc/") and service["deployments"][0]["status"] == "PRIMARY"
    refuses("InvalidParameterException", idle_service, "Creation of service was not idempotent.", ecs=ecs, cluster=cluster,
            placement=placement, desiredCount=1)


def test_a_service_needs_a_task_definition_and_a_network(ecs, cluster, placement):
    refuses("ClientException", idle_service, "TaskDefinition not found.", ecs=ecs, cluster=cluster, placement=placement)
    register(ecs, cluster)
    refuses("InvalidParameterException", ecs.create_service,
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.", cluster=cluster,
            serviceName="x", taskDefinition=cluster, desiredCount=0, launchType="FARGATE")


def test_an_inactive_task_definition_starts_nothing_new(ecs, cluster, placement):
    register(ecs, cluster)
    ecs.deregister_task_definition(taskDefinition=f"{cluster}:1")
    refuses("ClientException", idle_service, "TaskDefinition is inactive", ecs=ecs, cluster=cluster, placement=placement,
            taskDefinition=f"{cluster}:1")


def test_a_service_ends_draining_or_inactive_and_then_is_no_service_to_update(ecs, cluster, placement):
    register(ecs, cluster)
    idle_service(ecs, cluster, placement)
    assert ecs.delete_service(cluster=cluster, service="idle")["service"]["status"] in ("DRAINING", "INACTIVE")
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["idle"], WaiterConfig={"Delay": 1, "MaxAttempts": 10})
    assert ecs.list_services(cluster=cluster)["serviceArns"] == []
    refuses("ServiceNotActiveException", ecs.update_service, "Service was not ACTIVE.", cluster=cluster, service="idle",
            desiredCount=0)
    refuses("ServiceNotFoundException", ecs.update_service, "Service not found.", cluster=cluster, service="never",
            desiredCount=0)
    refuses("ServiceNotFoundException", ecs.delete_service, "Service not found.", cluster=cluster, service="never")


def test_a_service_that_should_run_tasks_is_not_deleted_without_force(ecs, cluster, placement):
    register(ecs, cluster)
    idle_service(ecs, cluster, placement, desiredCount=1)
    refuses("InvalidParameterException", ecs.delete_service, "The service cannot be stopped while it is scaled above 0.",
            cluster=cluster, service="idle")
    ecs.delete_service(cluster=cluster, service="idle", force=True)


def test_describe_takes_ten_services_at_most(ecs, cluster):
    refuses("InvalidParameterException", ecs.describe_services, cluster=cluster, services=[f"s{i}" for i in range(11)])


def test_services_are_listed_ten_a_page(ecs, cluster, placement):
    register(ecs, cluster)
    for i in range(11):
        idle_service(ecs, cluster, placement, serviceName=f"s{i:02}")
    first = ecs.list_services(cluster=cluster)
    assert len(first["serviceArns"]) == 10 and first["nextToken"]
    pages = ecs.get_paginator("list_services").paginate(cluster=cluster, PaginationConfig={"PageSize": 4})
    arns = [arn for page in pages for arn in page["serviceArns"]]
    assert len(set(arns)) == 11
    refuses("InvalidParameterException", ecs.list_services, cluster=cluster, nextToken="not one of ours")


def test_a_target_group_without_load_balancer_is_refused(ecs, cluster, placement, client):
    register(ecs, cluster, containerDefinitions=[{**LOGGED, "portMappings": [{"containerPort": 80}]}])
    elbv2 = client("elbv2")
    vpc = client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = elbv2.create_target_group(Name=cluster, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"][0]
    arn = group["TargetGroupArn"]
    refuses("InvalidParameterException", idle_service,
            f"The target group with targetGroupArn {arn} does not have an associated load balancer.", ecs=ecs,
            cluster=cluster, placement=placement,
            loadBalancers=[{"targetGroupArn": arn, "containerName": "web", "containerPort": 80}])


# ---- Tasks


def test_run_task_is_limited_and_checked(ecs, cluster, placement):
    register(ecs, cluster)
    run = {"cluster": cluster, "taskDefinition": cluster, "launchType": "FARGATE", "networkConfiguration": placement}
    refuses("InvalidParameterException", ecs.run_task, **run, count=11)
    refuses("ClientException", ecs.run_task, "TaskDefinition not found.", **{**run, "taskDefinition": f"{cluster}-none"})
    refuses("InvalidParameterException", ecs.run_task, **run, overrides={"containerOverrides": [{"name": "other"}]})


def test_a_new_task_is_as_aws_shows_one(ecs, cluster, placement):
    register(ecs, cluster)
    task = ecs.run_task(cluster=cluster, taskDefinition=cluster, launchType="FARGATE", networkConfiguration=placement,
                        startedBy="suite")["tasks"][0]
    assert task["lastStatus"] == "PROVISIONING" and task["desiredStatus"] == "RUNNING"
    assert task["group"] == f"family:{cluster}" and task["startedBy"] == "suite"
    assert task["cpu"] == "256" and task["memory"] == "512" and task["platformVersion"] == "1.4.0"
    assert task["attachments"][0]["type"] == "ElasticNetworkInterface"
    assert {"name": "ecs.cpu-architecture", "value": "x86_64"} in task["attributes"]
    assert task["ephemeralStorage"] == {"sizeInGiB": 20}
    ecs.get_waiter("tasks_stopped").wait(cluster=cluster, tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    stopped = ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"][0]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("CannotPullContainerError: pull image manifest has been retried")
    assert "exitCode" not in stopped["containers"][0], "a container that never ran has none"
    assert ecs.list_tasks(cluster=cluster)["taskArns"] == [], "without filter only those that should run"
    assert ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"] == [task["taskArn"]]
    assert ecs.list_tasks(cluster=cluster, desiredStatus="PENDING")["taskArns"] == []


def test_a_client_token_runs_a_task_once(ecs, cluster, placement):
    if "clientToken" not in ecs.meta.service_model.operation_model("RunTask").input_shape.members:
        pytest.skip("this botocore is older than RunTask's clientToken")
    register(ecs, cluster)
    run = {"cluster": cluster, "taskDefinition": cluster, "launchType": "FARGATE", "networkConfiguration": placement,
           "clientToken": "once"}
    first, again = ecs.run_task(**run), ecs.run_task(**run)
    assert first["tasks"][0]["taskArn"] == again["tasks"][0]["taskArn"]
    refuses("ConflictException", ecs.run_task, **{**run, "startedBy": "other"})


def test_exec_needs_to_have_been_enabled(ecs, cluster, placement):
    register(ecs, cluster)
    task = ecs.run_task(cluster=cluster, taskDefinition=cluster, launchType="FARGATE", networkConfiguration=placement)["tasks"][0]
    refuses("InvalidParameterException", ecs.execute_command, "execute command was not enabled when the task was run",
            cluster=cluster, task=task["taskArn"], command="sh", interactive=True)


# ---- Tags


def test_tags_belong_to_arns(ecs, cluster, placement):
    register(ecs, cluster)
    arn = idle_service(ecs, cluster, placement, tags=[{"key": "a", "value": "1"}])["serviceArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "3"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]
    assert "tags" not in ecs.describe_services(cluster=cluster, services=["idle"])["services"][0]
    described = ecs.describe_services(cluster=cluster, services=["idle"], include=["TAGS"])["services"][0]
    assert described["tags"] == [{"key": "a", "value": "3"}]
