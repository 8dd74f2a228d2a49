"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"""

import json

import pytest

from conftest import wait_for

from .conftest import refuses

NOT_FOUND = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no"}}


@pytest.fixture
def elbv2(client):
    return client("elbv2")


@pytest.fixture
def vpc(client):
    return client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]


@pytest.fixture
def balancer(elbv2, client, name):
    """An internal load balancer that no container stands for: it listens nowhere yet."""
    subnets = [s["SubnetId"] for s in client("ec2").describe_subnets(
        Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]][:2]
    made = elbv2.create_load_balancer(Name=name, Subnets=subnets, Scheme="internal", Type="application")["LoadBalancers"][0]
    yield made
    elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


@pytest.fixture
def listener(elbv2, balancer):
    return elbv2.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
                                 DefaultActions=[NOT_FOUND])["Listeners"][0]["ListenerArn"]


def group(elbv2, vpc, name, **options):
    return elbv2.create_target_group(**{"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": vpc, "TargetType": "ip",
                                        **options})["TargetGroups"][0]


def rule(elbv2, listener, priority, *conditions, action=NOT_FOUND):
    return elbv2.create_rule(ListenerArn=listener, Priority=priority, Conditions=list(conditions), Actions=[action])["Rules"][0]


def host(*values):
    return {"Field": "host-header", "HostHeaderConfig": {"Values": list(values)}}


def path(*values):
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def test_a_target_group_has_the_documented_defaults(elbv2, vpc, name):
    made = group(elbv2, vpc, name)
    assert (made["HealthCheckIntervalSeconds"], made["HealthCheckTimeoutSeconds"]) == (30, 5)
    assert (made["HealthyThresholdCount"], made["UnhealthyThresholdCount"]) == (5, 2)
    assert (made["HealthCheckPath"], made["HealthCheckPort"], made["Matcher"]) == ("/", "traffic-port", {"HttpCode": "200"})
    attributes = {a["Key"]: a["Value"] for a in elbv2.describe_target_group_attributes(
        TargetGroupArn=made["TargetGroupArn"])["Attributes"]}
    assert attributes["deregistration_delay.timeout_seconds"] == "300"
    assert attributes["stickiness.enabled"] == "false"
    assert attributes["slow_start.duration_seconds"] == "0"
    assert attributes["load_balancing.algorithm.type"] == "round_robin"


def test_creating_the_same_target_group_again_returns_it_another_is_refused(elbv2, vpc, name):
    first = group(elbv2, vpc, name)["TargetGroupArn"]
    assert group(elbv2, vpc, name)["TargetGroupArn"] == first
    refuses("DuplicateTargetGroupName", group, elbv2=elbv2, vpc=vpc, name=name, Port=81)


@pytest.mark.parametrize("wrong", ["-begins", "ends-", "under_score", "a" * 33, "internal-x"])
def test_names_of_target_groups(elbv2, vpc, wrong):
    refuses("ValidationError", group, elbv2=elbv2, vpc=vpc, name=wrong)


def test_a_target_group_in_use_is_not_deleted(elbv2, vpc, listener, name):
    arn = group(elbv2, vpc, name)["TargetGroupArn"]
    made = rule(elbv2, listener, 1, host("a.test"), action={"Type": "forward", "TargetGroupArn": arn})["RuleArn"]
    refuses("ResourceInUse", elbv2.delete_target_group, f"Target group '{arn}' is currently in use by a listener or a rule",
            TargetGroupArn=arn)
    elbv2.delete_rule(RuleArn=made)
    elbv2.delete_target_group(TargetGroupArn=arn)
    refuses("TargetGroupNotFound", elbv2.describe_target_groups, TargetGroupArns=[arn])


def test_targets_of_an_unused_group_are_unused(elbv2, vpc, client, name):
    arn = group(elbv2, vpc, name)["TargetGroupArn"]
    subnet = client("ec2").describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]
    address = subnet["CidrBlock"].rsplit(".", 1)[0] + ".200"
    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": address, "Port": 80}])

    def unused():
        health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"] == "unused" and health

    assert wait_for(unused, "the target is unused", 10)["Reason"] == "Target.NotInUse"
    refuses("ValidationError", elbv2.register_targets, TargetGroupArn=arn, Targets=[{"Id": "i-0123"}])


def test_the_default_rule_is_last_and_stays(elbv2, listener):
    rules = elbv2.describe_rules(ListenerArn=listener)["Rules"]
    assert [(r["Priority"], r["IsDefault"], r["Conditions"]) for r in rules] == [("default", True, [])]
    refuses("OperationNotPermitted", elbv2.delete_rule, RuleArn=rules[0]["RuleArn"])


def test_a_priority_belongs_to_one_rule(elbv2, listener):
    first = rule(elbv2, listener, 10, host("a.test"))["RuleArn"]
    second = rule(elbv2, listener, 20, host("b.test"))["RuleArn"]
    refuses("PriorityInUse", elbv2.create_rule, ListenerArn=listener, Priority=10, Conditions=[host("c.test")], Actions=[NOT_FOUND])
    elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": first, "Priority": 20}, {"RuleArn": second, "Priority": 10}])
    order = [r["RuleArn"] for r in elbv2.describe_rules(ListenerArn=listener)["Rules"][:2]]
    assert order == [second, first], "rules are listed by priority, and two can change places in one call"
    refuses("PriorityInUse", elbv2.set_rule_priorities, RulePriorities=[{"RuleArn": first, "Priority": 10}])


@pytest.mark.parametrize("conditions", [
    [host(*(f"h{i}.test" for i in range(4))), path("/a", "/b")],
    [path(*(f"/{i}" for i in range(6)))],
])
def test_a_rule_takes_five_values(elbv2, listener, conditions):
    refuses("ValidationError", elbv2.create_rule, ListenerArn=listener, Priority=5, Conditions=conditions, Actions=[NOT_FOUND])


@pytest.mark.parametrize("condition", [
    path("/" + "x" * 128), {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get it"]}},
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0"]}}, {"Field": "weather", "Values": ["x"]},
])
def test_conditions_that_are_none(elbv2, listener, condition):
    refuses("ValidationError", elbv2.create_rule, ListenerArn=listener, Priority=5, Conditions=[condition], Actions=[NOT_FOUND])


@pytest.mark.parametrize("condition", [
    {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}},
    {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
    {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Env", "Values": ["a*", "b?"]}},
    {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}, {"Value": "x"}]}},
])
def test_conditions_come_back_as_they_were_given(elbv2, listener, condition):
    made = rule(elbv2, listener, 7, condition)
    assert made["Conditions"] == [condition]


def test_host_and_path_come_back_in_both_forms(elbv2, listener):
    made = rule(elbv2, listener, 7, host("*.a.test"), path("/api/*"))
    by_field = {c["Field"]: c for c in made["Conditions"]}
    assert by_field["host-header"]["Values"] == ["*.a.test"] == by_field["host-header"]["HostHeaderConfig"]["Values"]
    assert by_field["path-pattern"]["Values"] == ["/api/*"] == by_field["path-pattern"]["PathPatternConfig"]["Values"]


def test_priorities_end_at_50000(elbv2, listener):
    rule(elbv2, listener, 50000, host("a.test"))
    refuses("ValidationError", elbv2.create_rule, ListenerArn=listener, Priority=50001, Conditions=[host("b.test")],
            Actions=[NOT_FOUND])


def test_a_redirect_must_lead_somewhere_else(elbv2, listener):
    def redirect(**config):
        return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}

    made = rule(elbv2, listener, 3, host("a.test"), action=redirect(Protocol="HTTPS", Port="443"))
    config = made["Actions"][0]["RedirectConfig"]
    assert (config["Host"], config["Path"], config["Query"]) == ("#{host}", "/#{path}", "#{query}")
    refuses("InvalidLoadBalancerAction", elbv2.create_rule, ListenerArn=listener, Priority=4, Conditions=[host("b.test")],
            Actions=[redirect()])


def test_a_second_listener_on_a_port_is_refused(elbv2, balancer, listener, vpc, name):
    arn = group(elbv2, vpc, f"{name}x")["TargetGroupArn"]
    refuses("DuplicateListener", elbv2.create_listener, LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}])


def test_https_needs_a_certificate(elbv2, balancer):
    refuses("ValidationError", elbv2.create_listener, "A certificate must be specified for HTTPS listeners",
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTPS", Port=443, DefaultActions=[NOT_FOUND])


def test_what_is_not_there(elbv2, balancer):
    arn = balancer["LoadBalancerArn"]
    refuses("LoadBalancerNotFound", elbv2.describe_load_balancers, Names=["no-such-thing"])
    refuses("LoadBalancerNotFound", elbv2.describe_load_balancers, LoadBalancerArns=[arn[:-4] + "0000"])
    listener = arn.replace(":loadbalancer/", ":listener/") + "/0123456789abcdef"
    refuses("ListenerNotFound", elbv2.describe_rules, ListenerArn=listener)
    refuses("RuleNotFound", elbv2.delete_rule, RuleArn=listener.replace(":listener/", ":listener-rule/") + "/0123456789abcdef")


def test_a_load_balancer_is_named_and_has_the_documented_attributes(elbv2, balancer):
    assert balancer["DNSName"].startswith(f"internal-{balancer['LoadBalancerName']}-")
    assert balancer["CanonicalHostedZoneId"] == "Z35SXDOTRQ7X7K", "that of us-east-1"
    attributes = {a["Key"]: a["Value"] for a in elbv2.describe_load_balancer_attributes(
        LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]}
    assert attributes["idle_timeout.timeout_seconds"] == "60"
    assert attributes["deletion_protection.enabled"] == "false"
    assert attributes["routing.http2.enabled"] == "true"
    refuses("InvalidConfigurationRequest", elbv2.modify_load_balancer_attributes, LoadBalancerArn=balancer["LoadBalancerArn"],
            Attributes=[{"Key": "no.such.attribute", "Value": "1"}])


def test_a_protected_load_balancer_is_not_deleted(elbv2, balancer):
    arn = balancer["LoadBalancerArn"]
    protect = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
    refuses("OperationNotPermitted", elbv2.delete_load_balancer, LoadBalancerArn=arn)
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{**protect[0], "Value": "false"}])


def test_deleting_what_is_gone_succeeds(elbv2, balancer):
    elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])


def set_attributes(elbv2, arn, **attributes):
    elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[
        {"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()])


@pytest.mark.parametrize("algorithm, words", [
    ("least_outstanding_requests", "least outstanding requests algorithm"), ("weighted_random", "weighted random algorithm"),
])
def test_slow_start_goes_with_round_robin_only(elbv2, vpc, name, algorithm, words):
    arn = group(elbv2, vpc, name)["TargetGroupArn"]
    set_attributes(elbv2, arn, slow_start__duration_seconds="30")
    message = f"You cannot enable both slow start and {words} on a target group"
    refuses("InvalidConfigurationRequest", set_attributes, message, elbv2=elbv2, arn=arn, load_balancing__algorithm__type=algorithm)
    set_attributes(elbv2, arn, slow_start__duration_seconds="0", load_balancing__algorithm__type=algorithm)
    refuses("InvalidConfigurationRequest", set_attributes, message, elbv2=elbv2, arn=arn, slow_start__duration_seconds="900")


@pytest.mark.parametrize("attribute, value", [
    ("slow_start.duration_seconds", "29"), ("slow_start.duration_seconds", "901"),
    ("stickiness.lb_cookie.duration_seconds", "0"), ("stickiness.lb_cookie.duration_seconds", "604801"),
    ("stickiness.app_cookie.duration_seconds", "0"), ("stickiness.type", "source_ip"), ("stickiness.enabled", "yes"),
    ("stickiness.app_cookie.cookie_name", "AWSALBTG"), ("load_balancing.algorithm.type", "random"),
])
def test_attributes_of_a_target_group_have_limits(elbv2, vpc, name, attribute, value):
    arn = group(elbv2, vpc, name)["TargetGroupArn"]
    refuses("ValidationError", elbv2.modify_target_group_attributes, TargetGroupArn=arn,
            Attributes=[{"Key": attribute, "Value": value}])


def test_an_application_cookie_needs_a_name(elbv2, vpc, name):
    arn = group(elbv2, vpc, name)["TargetGroupArn"]
    sticky = {"stickiness__enabled": "true", "stickiness__type": "app_cookie"}
    refuses("InvalidConfigurationRequest", set_attributes, elbv2=elbv2, arn=arn, **sticky)
    set_attributes(elbv2, arn, stickiness__app_cookie__cookie_name="sessionid", **sticky)


def test_a_forward_action_is_sticky_for_seven_days_at_most(elbv2, vpc, listener, name):
    arns = [group(elbv2, vpc, f"{name}{i}")["TargetGroupArn"] for i in (1, 2)]

    def forward(**stickiness):
        return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1} for arn in arns],
                                                     "TargetGroupStickinessConfig": stickiness}}

    made = rule(elbv2, listener, 1, host("a.test"), action=forward(Enabled=True, DurationSeconds=604800))
    assert made["Actions"][0]["ForwardConfig"]["TargetGroupStickinessConfig"] == {"Enabled": True, "DurationSeconds": 604800}
    refuses("ValidationError", elbv2.modify_rule, RuleArn=made["RuleArn"],
            Actions=[forward(Enabled=True, DurationSeconds=604801)])


def test_access_logs_need_a_bucket_that_takes_them(elbv2, client, balancer, name):
    arn, s3, bucket = balancer["LoadBalancerArn"], client("s3"), f"logs-{name}"

    def enable(prefix="", **more):
        elbv2.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[
            {"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket},
            {"Key": "access_logs.s3.prefix", "Value": prefix}])

    refuses("InvalidConfigurationRequest", enable)
    s3.create_bucket(Bucket=bucket)
    denied = f"Access Denied for bucket: {bucket}. Please check S3bucket permission"
    refuses("InvalidConfigurationRequest", enable, denied)

    def allow(principal, resource="/AWSLogs/*", effect="Allow"):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": effect, "Principal": principal, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}{resource}"}}))

    allow({"Service": "delivery.logs.amazonaws.com"})
    refuses("InvalidConfigurationRequest", enable, denied)
    allow({"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, "/elsewhere/*")
    refuses("InvalidConfigurationRequest", enable, denied)
    allow({"Service": "logdelivery.elasticloadbalancing.amazonaws.com"})
    refuses("InvalidConfigurationRequest", enable, denied, prefix="web")
    enable()
    [key] = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert key.startswith("AWSLogs/") and key.endswith("/ELBAccessLogTestFile")
