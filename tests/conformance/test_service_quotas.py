"""Service Quotas (https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/Welcome.html)."""

import pytest
from botocore.exceptions import ClientError

RULES = {"ServiceCode": "elasticloadbalancing", "QuotaCode": "L-7EED9B64"}


def test_defaults_and_increases(cloud):
    quotas = cloud.client("service-quotas")
    default = quotas.get_aws_default_service_quota(**RULES)["Quota"]
    # Elastic Load Balancing, "Quotas for your Application Load Balancers": 100 rules, not counting default rules.
    assert (default["QuotaName"], default["Value"], default["Adjustable"]) == ("Rules per Application Load Balancer", 100.0, True)
    wanted = quotas.get_service_quota(**RULES)["Quota"]["Value"] + 50
    asked = quotas.request_service_quota_increase(**RULES, DesiredValue=wanted)["RequestedQuota"]
    assert quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]["DesiredValue"] == wanted
    assert quotas.get_service_quota(**RULES)["Quota"]["Value"] == wanted
    assert quotas.get_aws_default_service_quota(**RULES)["Quota"]["Value"] == 100.0
    with pytest.raises(ClientError, match="IllegalArgumentException"):
        quotas.request_service_quota_increase(**RULES, DesiredValue=wanted)


def test_lists_by_service_and_page(cloud):
    quotas = cloud.client("service-quotas")
    services = [service["ServiceCode"] for service in quotas.list_services()["Services"]]
    assert {"fargate", "elasticloadbalancing", "vpc"} <= set(services) and len(services) == len(set(services))
    pages = list(quotas.get_paginator("list_service_quotas").paginate(ServiceCode="elasticloadbalancing", PaginationConfig={"PageSize": 3}))
    assert len(pages) > 1
    assert RULES["QuotaCode"] in [quota["QuotaCode"] for page in pages for quota in page["Quotas"]]


def test_what_there_is_not(cloud):
    with pytest.raises(ClientError, match="NoSuchResourceException"):
        cloud.client("service-quotas").get_service_quota(ServiceCode="elasticloadbalancing", QuotaCode="L-00000000")
