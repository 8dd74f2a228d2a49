"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/

boto3 speaks CBOR to CloudWatch where it is new enough, and the query protocol where it is Debian's.
"""

import datetime
import math

import pytest

from .conftest import refuses


@pytest.fixture
def cloudwatch(client):
    return client("cloudwatch")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def statistics(cloudwatch, name, **options):
    return cloudwatch.get_metric_statistics(**{
        "Namespace": name, "MetricName": "jobs", "StartTime": now() - datetime.timedelta(hours=1),
        "EndTime": now() + datetime.timedelta(minutes=1), "Period": 3600,
        "Statistics": ["Average", "Sum", "Minimum", "Maximum", "SampleCount"], **options})["Datapoints"]


def put_alarm(cloudwatch, name, **options):
    cloudwatch.put_metric_alarm(**{
        "AlarmName": name, "Namespace": name, "MetricName": "jobs", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
        "Threshold": 5.5, "ComparisonOperator": "GreaterThanThreshold", **options})
    return describe(cloudwatch, name)


def describe(cloudwatch, name):
    return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


# ---- Metrics


def test_values_become_statistics(cloudwatch, name):
    then = now() - datetime.timedelta(minutes=3)
    cloudwatch.put_metric_data(Namespace=name, MetricData=[
        {"MetricName": "jobs", "Value": 3, "Unit": "Count", "Timestamp": then},
        {"MetricName": "jobs", "Values": [5.0, 7.0], "Counts": [2.0, 1.0], "Unit": "Count", "Timestamp": then},
        {"MetricName": "jobs", "Unit": "Count", "Timestamp": then,
         "StatisticValues": {"SampleCount": 2, "Sum": 10, "Minimum": 1, "Maximum": 9}}])
    points = statistics(cloudwatch, name)
    assert sum(point["Sum"] for point in points) == 30
    assert sum(point["SampleCount"] for point in points) == 6
    assert min(point["Minimum"] for point in points) == 1
    assert max(point["Maximum"] for point in points) == 9
    assert {point["Unit"] for point in points} == {"Count"}
    assert all(isinstance(point["Timestamp"], datetime.datetime) for point in points)


def test_dimensions_make_a_metric_of_its_own(cloudwatch, name):
    for queue in ("mail", "video"):
        cloudwatch.put_metric_data(Namespace=name, MetricData=[
            {"MetricName": "jobs", "Value": len(queue), "Dimensions": [{"Name": "queue", "Value": queue}]}])
    assert statistics(cloudwatch, name) == []
    of_mail = statistics(cloudwatch, name, Dimensions=[{"Name": "queue", "Value": "mail"}])
    assert [point["Sum"] for point in of_mail] == [4]
    listed = cloudwatch.list_metrics(Namespace=name, Dimensions=[{"Name": "queue", "Value": "video"}])["Metrics"]
    assert listed == [{"Namespace": name, "MetricName": "jobs", "Dimensions": [{"Name": "queue", "Value": "video"}]}]
    assert len(cloudwatch.list_metrics(Namespace=name, Dimensions=[{"Name": "queue"}], RecentlyActive="PT3H")["Metrics"]) == 2


def test_percentiles(cloudwatch, name):
    cloudwatch.put_metric_data(Namespace=name, MetricData=[
        {"MetricName": "jobs", "Values": [float(value) for value in range(1, 101)]}])
    points = statistics(cloudwatch, name, Statistics=["Maximum"], ExtendedStatistics=["p90", "p99.9"])
    assert math.isclose(points[0]["ExtendedStatistics"]["p90"], 90, abs_tol=1)
    assert 99 < points[0]["ExtendedStatistics"]["p99.9"] <= 100


def test_metric_data_is_the_newest_first_unless_asked_otherwise(cloudwatch, name):
    for minute in (1, 2, 3):
        cloudwatch.put_metric_data(Namespace=name, MetricData=[
            {"MetricName": "jobs", "Value": minute, "Timestamp": now() - datetime.timedelta(minutes=minute)}])
    question = {
        "StartTime": now() - datetime.timedelta(hours=1), "EndTime": now() + datetime.timedelta(minutes=1),
        "MetricDataQueries": [{"Id": "m1", "Label": "all jobs", "MetricStat": {
            "Metric": {"Namespace": name, "MetricName": "jobs"}, "Period": 60, "Stat": "Sum"}}]}
    result = cloudwatch.get_metric_data(**question)["MetricDataResults"][0]
    assert (result["Values"], result["Label"], result["StatusCode"]) == ([1, 2, 3], "all jobs", "Complete")
    assert result["Timestamps"] == sorted(result["Timestamps"], reverse=True)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(**question, ScanBy="TimestampAscending", MaxDatapoints=2)
    assert [value for page in pages for value in page["MetricDataResults"][0]["Values"]] == [3, 2, 1]


def test_what_makes_no_sense_is_refused(cloudwatch, name):
    datum = {"MetricName": "jobs", "Value": 1}
    refuses("InvalidParameterValue", cloudwatch.put_metric_data, Namespace="AWS/ECS", MetricData=[datum])
    refuses("InvalidParameterCombination", cloudwatch.put_metric_data, Namespace=name, MetricData=[{**datum, "Values": [1.0]}])
    refuses("MissingParameter", cloudwatch.put_metric_data, Namespace=name, MetricData=[{"MetricName": "jobs"}])
    refuses("InvalidParameterValue", cloudwatch.put_metric_data, "two weeks", Namespace=name,
            MetricData=[{**datum, "Timestamp": now() - datetime.timedelta(days=30)}])
    question = {"Namespace": name, "MetricName": "jobs", "StartTime": now() - datetime.timedelta(days=2), "EndTime": now(),
                "Statistics": ["Sum"]}
    refuses("InvalidParameterCombination", cloudwatch.get_metric_statistics, "1,440", **question, Period=60)
    refuses("InvalidParameterValue", cloudwatch.get_metric_statistics, "Period", **question, Period=61)


# ---- Alarms


def test_an_alarm_begins_without_data(cloudwatch, name):
    alarm = put_alarm(cloudwatch, name, AlarmDescription="too many jobs", TreatMissingData="notBreaching", DatapointsToAlarm=1)
    assert alarm["StateValue"] == "INSUFFICIENT_DATA" or alarm["StateValue"] == "OK"
    assert alarm["AlarmArn"].endswith(f":alarm:{name}")
    assert (alarm["Threshold"], alarm["TreatMissingData"], alarm["AlarmDescription"]) == (5.5, "notBreaching", "too many jobs")
    assert alarm["ActionsEnabled"] is True and alarm["AlarmActions"] == []
    assert put_alarm(cloudwatch, name, Threshold=7)["Threshold"] == 7


def test_alarms_are_found_by_prefix_state_and_metric(cloudwatch, name):
    for suffix in ("a", "b", "c"):
        put_alarm(cloudwatch, f"{name}-{suffix}", Namespace=name)
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name, PaginationConfig={"PageSize": 2})
    assert [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]] == [f"{name}-{suffix}" for suffix in "abc"]
    cloudwatch.set_alarm_state(AlarmName=f"{name}-b", StateValue="ALARM", StateReason="a test")
    in_alarm = cloudwatch.describe_alarms(AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in in_alarm] == [f"{name}-b"]
    assert len(cloudwatch.describe_alarms_for_metric(Namespace=name, MetricName="jobs")["MetricAlarms"]) == 3
    cloudwatch.delete_alarms(AlarmNames=[f"{name}-{suffix}" for suffix in "abc"])
    assert cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"] == []
    refuses("ResourceNotFound", cloudwatch.delete_alarms, AlarmNames=[f"{name}-a"])


def test_a_transition_is_in_the_history(cloudwatch, name):
    put_alarm(cloudwatch, name, AlarmActions=["arn:aws:sns:us-east-1:123456789012:nobody"])
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test", StateReasonData='{"why": "a test"}')
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    assert describe(cloudwatch, name)["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    items = cloudwatch.describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [item["HistoryItemType"] for item in items][:3] == ["ConfigurationUpdate", "StateUpdate", "Action"]
    assert items[1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"
    assert items[2]["HistorySummary"].startswith("Failed to execute action")
    refuses("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName=f"{name}-none", StateValue="OK", StateReason="a test")
    refuses("InvalidFormat", cloudwatch.set_alarm_state, AlarmName=name, StateValue="OK", StateReason="a test",
            StateReasonData="no document")


def test_alarms_have_tags(cloudwatch, name):
    arn = put_alarm(cloudwatch, name, Tags=[{"Key": "env", "Value": "alpha"}])["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "ops"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["env"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "ops"}]
    refuses("ResourceNotFoundException", cloudwatch.list_tags_for_resource, ResourceARN=f"{arn}-none")


def test_an_alarm_that_makes_no_sense_is_refused(cloudwatch, name):
    refuses("ValidationError", put_alarm, "Period", cloudwatch=cloudwatch, name=name, Period=45)
    refuses("ValidationError", put_alarm, cloudwatch=cloudwatch, name=name, DatapointsToAlarm=2)
    refuses("ValidationError", put_alarm, cloudwatch=cloudwatch, name=name, TreatMissingData="maybe")
    refuses("ValidationError", put_alarm, cloudwatch=cloudwatch, name=name, Period=86400, EvaluationPeriods=8)


@pytest.mark.parametrize("command", [("put-metric-data", "--metric-name", "jobs", "--value", "3"), ("list-metrics",)],
                         ids=lambda command: command[0])
def test_the_aws_cli(aws, command, name):
    aws("cloudwatch", *command, "--namespace", name)
