"""CloudWatch's metrics of what really runs, and services that are scaled by them."""

import datetime

import pytest

from conftest import wait_for
from test_services_behind_a_load_balancer import balancer, behind  # noqa: F401: a fixture

# A busy loop that ends when somebody removes its file, in a container that goes on.
BUSY = "touch /tmp/busy; while [ -e /tmp/busy ]; do :; done; sleep 600"


@pytest.fixture
def cloudwatch(cloud):
    return cloud.client("cloudwatch")


def datapoints(cloudwatch, cluster, service, metric="CPUUtilization", period=10):
    now = datetime.datetime.now(datetime.timezone.utc)
    return sorted(cloudwatch.get_metric_statistics(
        Namespace="AWS/ECS", MetricName=metric, Period=period, Statistics=["Average", "SampleCount"],
        StartTime=now - datetime.timedelta(minutes=20), EndTime=now,
        Dimensions=[{"Name": "ClusterName", "Value": cluster.name}, {"Name": "ServiceName", "Value": service}],
    )["Datapoints"], key=lambda point: point["Timestamp"])


def calm_down(cluster, cloud):
    """Ends the busy loops of all tasks, those that still start included."""
    for task in cluster.tasks("burner"):
        for container in cluster.containers(task["taskArn"]):
            cloud.engine("exec", container, "rm", "-f", "/tmp/busy")


def test_a_busy_service_is_scaled_out_and_in_again(cluster, cloud, cloudwatch):
    scaling = cloud.client("application-autoscaling")
    about = {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster.name}/burner",
             "ScalableDimension": "ecs:service:DesiredCount"}
    cluster.create_service("burner", cluster.shell("burner", BUSY))
    cluster.wait_stable("burner")
    scaling.register_scalable_target(**about, MinCapacity=1, MaxCapacity=2)
    policy = scaling.put_scaling_policy(
        **about, PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 50.0, "ScaleOutCooldown": 10, "ScaleInCooldown": 10,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}})
    high, low = (alarm["AlarmName"] for alarm in policy["Alarms"])

    wait_for(lambda: cluster.service("burner")["desiredCount"] == 2, "it is scaled out", 90, 0.5)
    assert datapoints(cloudwatch, cluster, "burner")[-1]["Average"] > 50
    memory = datapoints(cloudwatch, cluster, "burner", "MemoryUtilization")[-1]["Average"]
    assert 0 < memory < 50
    wait_for(lambda: cluster.service("burner")["runningCount"] == 2, "two tasks run", 30)

    def rests():
        calm_down(cluster, cloud)
        points = datapoints(cloudwatch, cluster, "burner")
        return points and points[-1]["SampleCount"] == 2 and points[-1]["Average"] < 40

    wait_for(rests, "both tasks rest", 60, 1)
    wait_for(lambda: cluster.service("burner")["desiredCount"] == 1, "it is scaled in", 150, 0.5)
    causes = [activity["Cause"] for activity in scaling.describe_scaling_activities(**about)["ScalingActivities"]]
    assert causes == [f"monitor alarm {low} in state ALARM triggered policy cpu",
                      f"monitor alarm {high} in state ALARM triggered policy cpu"]
    wait_for(lambda: cluster.service("burner")["runningCount"] == 1, "one task runs", 30)
    scaling.deregister_scalable_target(**about)
    assert cloudwatch.describe_alarms(AlarmNames=[high, low])["MetricAlarms"] == []


def test_requests_to_a_load_balancer_are_counted(cluster, cloudwatch, balancer):  # noqa: F811
    group = balancer.target_group("web")
    balancer.forward(1, group, path=["/*"])
    cluster.create_service("web", cluster.web("web", "hello"), **behind(balancer, group, "web"))
    balancer.wait_healthy(group)
    of_balancer = [{"Name": "LoadBalancer", "Value": balancer.arn.split(":loadbalancer/")[1]}]
    of_group = [{"Name": "TargetGroup", "Value": group.split(":")[-1]}]
    alarm = f"{cluster.name}-requests"
    cloudwatch.put_metric_alarm(  # a short period also means that it is measured every 10 s
        AlarmName=alarm, Namespace="AWS/ApplicationELB", MetricName="RequestCount", Statistic="Sum", Period=10,
        EvaluationPeriods=1, Threshold=10, ComparisonOperator="GreaterThanThreshold", TreatMissingData="notBreaching",
        Dimensions=of_balancer)

    def total(metric, dimensions):
        now = datetime.datetime.now(datetime.timezone.utc)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/ApplicationELB", MetricName=metric, Period=60, Statistics=["Sum"], Dimensions=dimensions,
            StartTime=now - datetime.timedelta(minutes=10), EndTime=now)["Datapoints"]
        return sum(point["Sum"] for point in points)

    wait_for(lambda: total("HealthyHostCount", of_balancer + of_group) > 0, "it is measured", 40, 0.5)
    for _ in range(25):
        assert balancer.get()[0] == 200
    wait_for(lambda: total("RequestCount", of_balancer) == 25, "25 requests are counted", 40, 0.5)
    assert total("HTTPCode_Target_2XX_Count", of_balancer + of_group) == 25
    assert total("RequestCountPerTarget", of_group) == 25

    def went_off():
        items = cloudwatch.describe_alarm_history(AlarmName=alarm, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
        return any(item["HistorySummary"] == "Alarm updated from OK to ALARM" for item in items)

    wait_for(went_off, "the alarm went off", 30, 0.5)
    cloudwatch.delete_alarms(AlarmNames=[alarm])
