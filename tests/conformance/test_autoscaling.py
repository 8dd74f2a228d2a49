"""https://docs.aws.amazon.com/autoscaling/application/APIReference/"""

import pytest

from .conftest import refuses
from .test_ecs import idle_service, placement, register  # noqa: F401: placement is a fixture

CPU = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}


@pytest.fixture
def ecs(client):
    return client("ecs")


class Scaling:
    """Calls about one service."""

    def __init__(self, client, resource):
        self.client, self.resource = client, resource

    def __call__(self, operation, **options):
        return getattr(self.client, operation)(
            ServiceNamespace="ecs", ResourceId=self.resource, ScalableDimension="ecs:service:DesiredCount", **options)

    def refuses(self, code, operation, message=None, **options):
        return refuses(code, self, message, operation=operation, **options)


@pytest.fixture
def scaling(client, ecs, placement, name):  # noqa: F811
    ecs.create_cluster(clusterName=name)
    register(ecs, name)
    idle_service(ecs, name, placement)
    return Scaling(client("application-autoscaling"), f"service/{name}/idle")


@pytest.fixture
def registered(scaling):
    scaling("register_scalable_target", MinCapacity=0, MaxCapacity=4)
    return scaling


def track(scaling, **options):
    return scaling("put_scaling_policy", PolicyName="cpu", PolicyType="TargetTrackingScaling",
                   TargetTrackingScalingPolicyConfiguration={"TargetValue": 60.0, "PredefinedMetricSpecification": CPU, **options})


def test_a_target_is_registered_changed_and_deregistered(registered):
    target = registered.client.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[registered.resource])["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 4)
    assert target["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_ECSService")
    registered("register_scalable_target", MaxCapacity=6, SuspendedState={"DynamicScalingOutSuspended": True})
    target = registered.client.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[registered.resource])["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 6)
    assert target["SuspendedState"] == {
        "DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": True, "ScheduledScalingSuspended": False}
    registered("deregister_scalable_target")
    registered.refuses("ObjectNotFoundException", "deregister_scalable_target", "No scalable target registered")


def test_only_services_that_exist_are_scaled(scaling, client):
    autoscaling = client("application-autoscaling")
    refuses("ValidationException", autoscaling.register_scalable_target, "ECS service doesn't exist", ServiceNamespace="ecs",
            ResourceId="service/none/none", ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=2)
    scaling.refuses("ValidationException", "register_scalable_target", MinCapacity=3, MaxCapacity=2)
    scaling.refuses("ValidationException", "register_scalable_target", MinCapacity=1)
    scaling.refuses("ObjectNotFoundException", "put_scaling_policy", PolicyName="cpu", PolicyType="TargetTrackingScaling",
                    TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0, "PredefinedMetricSpecification": CPU})


def test_target_tracking_makes_two_alarms(registered, client):
    made = track(registered)
    names = [alarm["AlarmName"] for alarm in made["Alarms"]]
    assert [name.split("-")[-6] for name in names] == ["AlarmHigh", "AlarmLow"]
    assert all(name.startswith(f"TargetTracking-{registered.resource}-") for name in names)
    cloudwatch = client("cloudwatch")
    high, low = (cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0] for name in names)
    assert (high["Threshold"], high["ComparisonOperator"]) == (60, "GreaterThanThreshold")
    assert (low["Threshold"], low["ComparisonOperator"]) == (54, "LessThanThreshold")
    assert high["AlarmActions"] == low["AlarmActions"] == [made["PolicyARN"]]
    assert high["MetricName"] == "CPUUtilization" and high["Namespace"] == "AWS/ECS"
    assert track(registered, DisableScaleIn=True)["PolicyARN"] == made["PolicyARN"]
    policy = registered("describe_scaling_policies")["ScalingPolicies"][0]
    assert policy["PolicyType"] == "TargetTrackingScaling" and len(policy["Alarms"]) == 1
    assert cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []
    registered("delete_scaling_policy", PolicyName="cpu")
    assert registered("describe_scaling_policies")["ScalingPolicies"] == []
    registered.refuses("ObjectNotFoundException", "delete_scaling_policy", "No scaling policy found", PolicyName="cpu")


def test_a_step_policy_is_kept_and_checked(registered):
    arn = registered("put_scaling_policy", PolicyName="up", PolicyType="StepScaling", StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity", "Cooldown": 60,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 2}]})["PolicyARN"]
    policy = registered("describe_scaling_policies", PolicyNames=["up"])["ScalingPolicies"][0]
    assert policy["PolicyARN"] == arn and policy["StepScalingPolicyConfiguration"]["Cooldown"] == 60
    registered.refuses("ValidationException", "put_scaling_policy", PolicyName="none", PolicyType="StepScaling",
                       StepScalingPolicyConfiguration={"AdjustmentType": "ChangeInCapacity", "StepAdjustments": []})


def test_scheduled_actions(registered):
    registered("put_scheduled_action", ScheduledActionName="night", Schedule="cron(0 20 ? * MON-FRI *)",
               ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 0})
    registered("put_scheduled_action", ScheduledActionName="often", Schedule="rate(12 hours)",
               ScalableTargetAction={"MinCapacity": 1})
    names = [action["ScheduledActionName"] for action in registered("describe_scheduled_actions")["ScheduledActions"]]
    assert sorted(names) == ["night", "often"]
    for schedule in ("at(2000-01-01T00:00:00)", "cron(0 20 * * *)", "every(day)"):
        registered.refuses("ValidationException", "put_scheduled_action", ScheduledActionName="bad", Schedule=schedule,
                           ScalableTargetAction={"MinCapacity": 1})
    registered("delete_scheduled_action", ScheduledActionName="night")
    registered.refuses("ObjectNotFoundException", "delete_scheduled_action", ScheduledActionName="night")


def test_activities_begin_empty(registered):
    assert registered("describe_scaling_activities")["ScalingActivities"] == []
