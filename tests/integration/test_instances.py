"""EC2 instances of the local cloud: containers in their VPC, reached through Session Manager."""

import os

import pytest

import session_client
from conftest import Network, wait_for

IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'


class Machine:
    """An instance with an instance profile, running."""

    def __init__(self, cloud, network, **options):
        self.cloud, self.ec2 = cloud, cloud.client("ec2")
        iam = cloud.client("iam")
        name = f"m{os.urandom(4).hex()}"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=POLICY)
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        self.id = self.ec2.run_instances(
            ImageId=cloud.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"], InstanceType="t4g.nano",
            MinCount=1, MaxCount=1, SubnetId=network.subnets[0], SecurityGroupIds=[network.group],
            IamInstanceProfile={"Name": name}, **options)["Instances"][0]["InstanceId"]
        self.wait("running")

    def describe(self):
        return self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]

    def wait(self, state):
        return wait_for(lambda: (i := self.describe())["State"]["Name"] == state and i, f"the instance is {state}", 30)

    def containers(self):
        return self.cloud.containers(f"label=adhoc.machine={self.id}", every=True)

    def run(self, command):
        """What a command in a Session Manager session prints."""
        started = self.cloud.client("ssm").start_session(
            Target=self.id, DocumentName="AWS-StartInteractiveCommand", Parameters={"command": [command]})
        session = session_client.Session(started["StreamUrl"], started["TokenValue"])
        output = b""
        while (received := session.receive()) is not None:
            output += received[1] if received[0] == session_client.DATA else b""
        return output.decode().replace("\r\n", "\n").strip()

    def terminate(self):
        self.ec2.terminate_instances(InstanceIds=[self.id])


@pytest.fixture
def machine(cloud, network):
    made = Machine(cloud, network, UserData="#!/bin/sh\ndate >>/var/lib/first-boot\n")
    yield made
    made.terminate()


def test_it_is_a_machine_in_its_subnet(cloud, machine):
    instance = machine.describe()
    shown = cloud.engine("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", *machine.containers())
    assert shown.strip() == instance["PrivateIpAddress"]
    assert machine.run("hostname") == instance["PrivateDnsName"].split(".")[0]
    information = cloud.client("ssm").describe_instance_information(
        Filters=[{"Key": "InstanceIds", "Values": [machine.id]}])["InstanceInformationList"]
    assert [one["PingStatus"] for one in information] == ["Online"]


def test_it_knows_the_private_zones_of_its_vpc(cloud, network, machine):
    route53 = cloud.client("route53")
    zone = route53.create_hosted_zone(
        Name="office.internal", CallerReference=machine.id, VPC={"VPCRegion": "us-east-1", "VPCId": network.vpc})["HostedZone"]["Id"]
    record = {"Name": "db.office.internal", "Type": "A", "TTL": 5, "ResourceRecords": [{"Value": "192.0.2.7"}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
    assert machine.run("getent hosts db.office.internal").split() == ["192.0.2.7", "db.office.internal"]


def test_user_data_runs_at_the_first_start_only(machine):
    wait_for(lambda: machine.run("cat /var/lib/first-boot"), "user data has run")
    container = machine.containers()
    machine.ec2.stop_instances(InstanceIds=[machine.id])
    machine.wait("stopped")
    assert machine.cloud.containers(f"label=adhoc.machine={machine.id}") == []
    machine.ec2.start_instances(InstanceIds=[machine.id])
    machine.wait("running")
    assert machine.containers() == container, "its disk is still there"
    assert len(machine.run("cat /var/lib/first-boot").splitlines()) == 1


def test_it_leads_to_hosts_behind_it(cloud, cluster, machine):
    arn = cluster.run(cluster.web("page", "from behind the bastion"))
    task = wait_for(lambda: (t := cluster.task(arn))["lastStatus"] == "RUNNING" and t, "the task runs")
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    started = cloud.client("ssm").start_session(
        Target=machine.id, DocumentName="AWS-StartPortForwardingSessionToRemoteHost",
        Parameters={"host": [address], "portNumber": ["80"], "localPortNumber": ["0"]})
    session = session_client.Session(started["StreamUrl"], started["TokenValue"])
    mux = session_client.Mux(session)
    stream = mux.open()
    mux.write(stream, b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
    assert mux.read_all(stream).endswith(b"from behind the bastion")
    # It ends with the instance.
    machine.terminate()
    assert session.receive() is None
    assert f"the instance {machine.id} has stopped" in session.closing or "is gone" in session.closing


def test_it_outlives_the_server(fresh_cloud):
    fresh_cloud.wait_for_engine()
    network = Network(fresh_cloud)
    machine = Machine(fresh_cloud, network)
    containers = machine.containers()
    machine.run("touch /root/here")
    fresh_cloud.kill()
    fresh_cloud.start().wait_for_engine()
    assert machine.run("ls /root") == "here"
    assert machine.containers() == containers
    # Killed from outside it is started again; terminated it leaves nothing, so that its VPC can go.
    fresh_cloud.engine("kill", *containers)
    wait_for(lambda: fresh_cloud.containers(f"label=adhoc.machine={machine.id}"), "it runs again", 20)
    machine.terminate()
    machine.wait("terminated")
    assert machine.containers() == []
    for subnet in network.subnets:
        machine.ec2.delete_subnet(SubnetId=subnet)
    machine.ec2.delete_security_group(GroupId=network.group)
    machine.ec2.delete_vpc(VpcId=network.vpc)
    wait_for(lambda: network.vpc not in fresh_cloud.engine("network", "ls", "--format", "{{.Name}}"), "the network is gone", 10)
