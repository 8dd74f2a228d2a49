"""adhoc doctor: what environments need, on one machine and in an account."""

import json
import uuid

import pytest

DEFINITION = """
name: tiny
shared: tst
services:
  redis: {image: "localhost/adhoc/redis:7", port: 6379}
targets:
  local: {kind: local}
  elsewhere: {kind: local, domain: "%(domain)s"}
  account: {kind: aws, region: us-east-1, account: "%(account)s", domain: "%(domain)s"}
"""


@pytest.fixture
def doctor(cloud, tmp_path):
    domain = f"d{uuid.uuid4().hex[:6]}.example.com"

    def ask(target, account="000000000000", **environment):
        (tmp_path / "adhoc.yaml").write_text(DEFINITION % {"domain": domain, "account": account})
        variables = {"HOME": str(tmp_path), "AWS_ENDPOINT_URL": cloud.endpoint, **environment}
        result = cloud.adhoc("--json", "--target", target, "doctor", cwd=tmp_path, check=False, **variables)
        assert result.stdout, result.stderr
        return result.returncode, {finding["subject"]: finding for finding in json.loads(result.stdout)["findings"]}

    ask.domain = domain
    return ask


def test_a_machine_that_can_run_environments(doctor, cloud):
    code, findings = doctor("local")
    assert {name: finding["state"] for name, finding in findings.items()} == dict.fromkeys(
        ["definition", "disk", "engine", "images", "local cloud", "names"], "ok")
    assert code == 0
    assert f"runs on port {cloud.port}" in findings["local cloud"]["text"]


def test_what_is_wrong_with_a_machine_is_named(doctor, tmp_path):
    code, findings = doctor("elsewhere", ADHOC_CONTAINER_HOST=f"unix://{tmp_path}/nowhere", ADHOC_HOME=str(tmp_path / "home"))
    assert code == 1
    assert findings["engine"]["state"] == "failed" and findings["engine"]["hint"]
    assert findings["names"]["state"] == "failed" and "127.0.0.1" in findings["names"]["hint"]
    assert findings["local cloud"]["text"].endswith("is another program's"), "it is another state directory's"


def test_an_account_is_looked_at(doctor, cloud):
    code, findings = doctor("account")
    assert code == 1
    assert findings["credentials"]["state"] == "ok"
    assert findings["permissions"]["state"] == "ok"
    assert findings["hosted zone"]["state"] == "failed"
    assert doctor.domain in findings["hosted zone"]["text"]
    zone = cloud.client("route53").create_hosted_zone(Name=doctor.domain, CallerReference="x")["HostedZone"]["Id"]
    acm = cloud.client("acm")
    certificate = acm.request_certificate(DomainName=f"*.{doctor.domain}", ValidationMethod="DNS")["CertificateArn"]
    try:
        code, findings = doctor("account")
        assert code == 0
        assert findings["hosted zone"]["state"] == "ok"
        assert findings["certificate"]["state"] == "warning"
    finally:
        acm.delete_certificate(CertificateArn=certificate)
        cloud.client("route53").delete_hosted_zone(Id=zone)


def test_another_account_is_refused_with_its_number(doctor):
    code, findings = doctor("account", account="999999999999")
    assert code == 1
    assert findings["credentials"]["state"] == "failed"
    assert "999999999999" in findings["credentials"]["text"]
    assert "hosted zone" not in findings


def test_quota_tells_how_many_more_fit(cloud, tmp_path):
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % {"domain": "q.example.com", "account": "000000000000"})
    result = cloud.adhoc("--json", "--target", "account", "quota", cwd=tmp_path, AWS_ENDPOINT_URL=cloud.endpoint)
    report = json.loads(result.stdout)
    quotas = {quota["code"]: quota for quota in report["quotas"]}
    spot = quotas["L-36FBB829"]
    assert (spot["limit"], spot["per_environment"]) == (6.0, 0.25)
    assert report["fits"] == min(quota["fits"] for quota in report["quotas"])
    assert "L-7EED9B64" not in quotas, "nothing of it is behind the load balancer"
    text = cloud.adhoc("--target", "account", "quota", cwd=tmp_path, AWS_ENDPOINT_URL=cloud.endpoint).stdout
    assert f"{report['fits']} more environments fit on account" in text


def test_on_one_machine_no_quota_of_an_account_counts(cloud, tmp_path):
    (tmp_path / "adhoc.yaml").write_text(DEFINITION % {"domain": "q.example.com", "account": "000000000000"})
    report = json.loads(cloud.adhoc("--json", "--target", "local", "quota", cwd=tmp_path).stdout)
    assert not {"fargate", "iam", "servicediscovery"} & {quota["service"] for quota in report["quotas"]}
