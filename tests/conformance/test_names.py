"""https://docs.aws.amazon.com/cloud-map/latest/api/, https://docs.aws.amazon.com/Route53/latest/APIReference/"""

import pytest

from conftest import dig, wait_for

from .conftest import refuses


@pytest.fixture
def discovery(client):
    return client("servicediscovery")


def done(discovery, answer):
    """What a finished operation made or ended."""
    return wait_for(lambda: (o := discovery.get_operation(OperationId=answer["OperationId"])["Operation"])["Status"] == "SUCCESS" and o,
                    "the operation succeeds", 20)["Targets"]


@pytest.fixture
def namespace(discovery, client, name):
    vpc = client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    return done(discovery, discovery.create_private_dns_namespace(Name=f"{name}.local", Vpc=vpc))["NAMESPACE"]


def service(discovery, namespace, name="web", **options):
    return discovery.create_service(**{
        "Name": name, "NamespaceId": namespace, "HealthCheckCustomConfig": {"FailureThreshold": 1},
        "DnsConfig": {"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]}, **options})["Service"]


# ---- Cloud Map


def test_a_private_namespace_brings_a_hosted_zone(discovery, client, namespace, name):
    made = discovery.get_namespace(Id=namespace)["Namespace"]
    assert namespace.startswith("ns-") and made["Type"] == "DNS_PRIVATE"
    zone = client("route53").get_hosted_zone(Id=made["Properties"]["DnsProperties"]["HostedZoneId"])
    assert zone["HostedZone"]["Name"] == f"{name}.local." and zone["HostedZone"]["Config"]["PrivateZone"] is True
    assert zone["VPCs"]


def test_a_service_has_its_name_for_itself(discovery, namespace):
    service(discovery, namespace)
    refuses("ServiceAlreadyExists", service, discovery=discovery, namespace=namespace)


def test_what_holds_something_stays(discovery, namespace):
    made = service(discovery, namespace)["Id"]
    assert made.startswith("srv-")
    refuses("ResourceInUse", discovery.delete_namespace, Id=namespace)
    done(discovery, discovery.register_instance(ServiceId=made, InstanceId="i1", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.1"}))
    refuses("ResourceInUse", discovery.delete_service, Id=made)
    done(discovery, discovery.deregister_instance(ServiceId=made, InstanceId="i1"))
    discovery.delete_service(Id=made)
    done(discovery, discovery.delete_namespace(Id=namespace))
    refuses("NamespaceNotFound", discovery.get_namespace, Id=namespace)


def test_what_is_not_there(discovery, namespace):
    refuses("ServiceNotFound", discovery.get_service, Id="srv-0000000000000000")
    refuses("NamespaceNotFound", discovery.get_namespace, Id="ns-0000000000000000")
    refuses("OperationNotFound", discovery.get_operation, OperationId="none")
    refuses("InstanceNotFound", discovery.deregister_instance, ServiceId=service(discovery, namespace)["Id"], InstanceId="none")


def test_instances_are_found_by_name_when_they_are_healthy(discovery, namespace, name):
    made = service(discovery, namespace)["Id"]
    done(discovery, discovery.register_instance(ServiceId=made, InstanceId="i1", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.1", "v": "1"}))
    done(discovery, discovery.register_instance(ServiceId=made, InstanceId="i2", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.2", "v": "2"}))
    discovery.update_instance_custom_health_status(ServiceId=made, InstanceId="i2", Status="UNHEALTHY")

    def found(**options):
        answer = discovery.discover_instances(NamespaceName=f"{name}.local", ServiceName="web", **options)
        return sorted(instance["InstanceId"] for instance in answer["Instances"])

    assert found() == ["i1"], "HEALTHY_OR_ELSE_ALL is the default"
    assert found(HealthStatus="ALL") == ["i1", "i2"]
    assert found(HealthStatus="UNHEALTHY") == ["i2"]
    assert found(HealthStatus="ALL", QueryParameters={"v": "2"}) == ["i2"]
    assert discovery.get_instances_health_status(ServiceId=made)["Status"] == {"i1": "HEALTHY", "i2": "UNHEALTHY"}


# ---- Route 53


@pytest.fixture
def route53(client):
    return client("route53")


@pytest.fixture
def zone(route53, name):
    return route53.create_hosted_zone(Name=f"{name}.test", CallerReference=name)["HostedZone"]["Id"]


def change(route53, zone, *changes):
    return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [
        {"Action": action, "ResourceRecordSet": record} for action, record in changes]})


def record(name, kind="A", *values, ttl=60):
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}


def test_a_zone_begins_with_its_name_servers(route53, zone, name):
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [(s["Name"], s["Type"]) for s in sets] == [(f"{name}.test.", "NS"), (f"{name}.test.", "SOA")]
    assert len(sets[0]["ResourceRecords"]) == 4
    assert route53.list_hosted_zones_by_name(DNSName=f"{name}.test")["HostedZones"][0]["Id"] == zone
    refuses("NoSuchHostedZone", route53.get_hosted_zone, Id="Z0000000000000")


def test_the_same_caller_reference_is_the_same_request(route53, zone, name):
    refuses("HostedZoneAlreadyExists", route53.create_hosted_zone, Name=f"{name}.test", CallerReference=name)


def test_a_batch_happens_as_a_whole_or_not_at_all(route53, zone, name):
    import botocore.exceptions

    good, bad = record(f"a.{name}.test", "A", "10.0.0.1"), record(f"b.{name}.test", "A", "10.0.0.2")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        change(route53, zone, ("CREATE", good), ("DELETE", bad))
    assert refused.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert f"[Tried to delete resource record set [name='b.{name}.test.', type='A'] but it was not found]" in str(refused.value)
    assert len(route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]) == 2


def test_a_delete_names_the_values(route53, zone, name):
    import botocore.exceptions

    change(route53, zone, ("UPSERT", record(f"a.{name}.test", "A", "10.0.0.1")))
    change(route53, zone, ("UPSERT", record(f"a.{name}.test", "A", "10.0.0.2", "10.0.0.3")))
    with pytest.raises(botocore.exceptions.ClientError, match="but the values provided do not match the current values"):
        change(route53, zone, ("DELETE", record(f"a.{name}.test", "A", "10.0.0.1")))
    change(route53, zone, ("DELETE", record(f"a.{name}.test", "A", "10.0.0.2", "10.0.0.3")))


def test_a_cname_stands_alone(route53, zone, name):
    import botocore.exceptions

    change(route53, zone, ("CREATE", record(f"a.{name}.test", "A", "10.0.0.1")))
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record(f"a.{name}.test", "CNAME", "b.test")))
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidChangeBatch"):
        change(route53, zone, ("CREATE", record(f"{name}.test", "CNAME", "b.test")))


def test_records_are_listed_by_reversed_name(route53, zone, name):
    for label in ("z", "a", "a.b"):
        change(route53, zone, ("CREATE", record(f"{label}.{name}.test", "A", "10.0.0.1")))
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 2})
    names = [s["Name"].removesuffix(f".{name}.test.") for page in pages for s in page["ResourceRecordSets"] if s["Type"] == "A"]
    assert names == ["a", "a.b", "z"]


def test_special_characters_come_back_escaped(route53, zone, name):
    change(route53, zone, ("CREATE", record(f"*.{name}.test", "TXT", '"hello world"')))
    found = route53.list_resource_record_sets(HostedZoneId=zone, StartRecordName=f"*.{name}.test")["ResourceRecordSets"][0]
    assert found["Name"] == f"\\052.{name}.test." and found["ResourceRecords"] == [{"Value": '"hello world"'}]


@pytest.mark.parametrize("kind, value, problem", [
    ("A", "10.0.0", "ARRDATAIllegalIPv4Address"), ("AAAA", "10.0.0.1", "AAAARRDATAIllegalIPv6Address"),
    ("TXT", "v=spf1", "InvalidCharacterString"), ("MX", "mail.test", "MXRRDATANotTwoFields"), ("SRV", "1 2 x.test", "SRVRRDATANotFourFields"),
])
def test_a_value_that_is_none_of_its_type(route53, zone, name, kind, value, problem):
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record(f"a.{name}.test", kind, value)}]}
    refuses("InvalidChangeBatch", route53.change_resource_record_sets, problem, HostedZoneId=zone, ChangeBatch=batch)


# ---- What the DNS server says about them


@pytest.fixture
def ask(cloud):
    port = cloud.health()["dns_port"]
    return lambda name, kind="A", *options: dig("127.0.0.1", name, kind, *options, port=port)


def test_records_are_answered(ask, route53, zone, name):
    domain = f"{name}.test"
    change(route53, zone, *[("CREATE", one) for one in (
        record(f"a.{domain}", "A", "192.0.2.1", "192.0.2.2", ttl=77), record(f"six.{domain}", "AAAA", "2001:db8::1"),
        record(domain, "MX", f"10 mail.{domain}"), record(f"_sip._tcp.{domain}", "SRV", f"1 2 5060 sip.{domain}"),
        record(f"text.{domain}", "TXT", '"one \\"1\\"" "two"'), record(f"*.wild.{domain}", "A", "192.0.2.3"),
        record(f"here.wild.{domain}", "TXT", '"x"'), record(f"c1.{domain}", "CNAME", f"c2.{domain}"),
        record(f"c2.{domain}", "CNAME", f"a.{domain}"), record(f"caa.{domain}", "CAA", '0 issue "ca.test"'))])
    status, answers, text = ask(f"A.{domain.upper()}")
    assert status == "NOERROR" and sorted(answers) == ["192.0.2.1", "192.0.2.2"]
    assert " aa " in text.split("flags:")[1].split(";")[0] and "\t77\t" in text
    assert ask(f"six.{domain}", "AAAA")[1] == ["2001:db8::1"]
    assert ask(domain, "MX")[1] == [f"10 mail.{domain}."]
    assert ask(f"_sip._tcp.{domain}", "SRV")[1] == [f"1 2 5060 sip.{domain}."]
    assert ask(f"text.{domain}", "TXT")[1] == ['"one \\"1\\"" "two"']
    assert ask(f"caa.{domain}", "CAA")[1] == ['0 issue "ca.test"']
    assert ask(f"any.wild.{domain}")[1] == ["192.0.2.3"]
    assert ask(f"c1.{domain}")[1][:2] == [f"c2.{domain}.", f"a.{domain}."] and len(ask(f"c1.{domain}")[1]) == 4
    assert len(ask(domain, "NS")[1]) == 4

    for nothing in (f"a.{domain}", f"wild.{domain}", f"here.wild.{domain}"):
        status, answers, text = ask(nothing, "AAAA")
        assert (status, answers) == ("NOERROR", []) and "SOA" in text, nothing
    status, answers, text = ask(f"none.{domain}")
    assert (status, answers) == ("NXDOMAIN", []) and "SOA" in text
    assert ask(f"x.here.wild.{domain}")[0] == "NXDOMAIN"
    assert ask("example.org")[0] == "REFUSED"


def test_what_does_not_fit_into_a_datagram_comes_over_tcp(ask, route53, zone, name):
    values = sorted(f"192.0.2.{number}" for number in range(100))
    change(route53, zone, ("CREATE", record(f"many.{name}.test", "A", *values)))
    cut = ask(f"many.{name}.test", "A", "+noedns", "+ignore")
    assert " tc " in cut[2] and 0 < len(cut[1]) < 100
    for options in (["+noedns"], ["+bufsize=512"], ["+tcp"], ["+bufsize=4096"]):
        assert sorted(ask(f"many.{name}.test", "A", *options)[1]) == values, options


def test_a_weighted_record_is_one_of_several(ask, route53, zone, name):
    def weighted(value, weight):
        return {**record(f"w.{name}.test", "A", value), "SetIdentifier": value, "Weight": weight}

    change(route53, zone, ("CREATE", weighted("192.0.2.1", 1)), ("CREATE", weighted("192.0.2.2", 1)), ("CREATE", weighted("192.0.2.3", 0)))
    seen = {tuple(ask(f"w.{name}.test")[1]) for _ in range(40)}
    assert seen == {("192.0.2.1",), ("192.0.2.2",)}


def test_instances_have_records_while_they_are_healthy(ask, discovery, namespace, name):
    made = service(discovery, namespace)["Id"]
    for number in (1, 2):
        done(discovery, discovery.register_instance(ServiceId=made, InstanceId=f"i{number}", Attributes={"AWS_INSTANCE_IPV4": f"10.0.0.{number}"}))
    assert sorted(ask(f"web.{name}.local")[1]) == ["10.0.0.1", "10.0.0.2"]
    discovery.update_instance_custom_health_status(ServiceId=made, InstanceId="i2", Status="UNHEALTHY")
    assert ask(f"web.{name}.local")[1] == ["10.0.0.1"]
    done(discovery, discovery.deregister_instance(ServiceId=made, InstanceId="i1"))
    assert ask(f"web.{name}.local")[0] == "NXDOMAIN"
    ports = service(discovery, namespace, "_web._tcp", DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 10}]})["Id"]
    done(discovery, discovery.register_instance(
        ServiceId=ports, InstanceId="i3", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.3", "AWS_INSTANCE_PORT": "8000"}))
    assert ask(f"_web._tcp.{name}.local", "SRV")[1] == [f"1 1 8000 i3._web._tcp.{name}.local."]
    assert ask(f"i3._web._tcp.{name}.local")[1] == ["10.0.0.3"]
