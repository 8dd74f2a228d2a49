"""A DB instance of the local cloud: PostgreSQL in a container, driven by boto3, asked with psql over the VPC's network."""

import json
import re
import subprocess
import urllib.parse

import pytest
from botocore.exceptions import ClientError

from conftest import IMAGE, wait_for

FAST = {"Delay": 1, "MaxAttempts": 60}


class Database:
    def __init__(self, cloud, network, name):
        self.cloud, self.network, self.name = cloud, network, name
        self.rds = cloud.client("rds")
        self.rds.create_db_subnet_group(DBSubnetGroupName=name, DBSubnetGroupDescription="x", SubnetIds=network.subnets)
        self.rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20, DBName="shop",
            MasterUsername="postgres", MasterUserPassword="first-Pass#1", DBSubnetGroupName=name,
            VpcSecurityGroupIds=[network.group])
        self.wait_available()
        self.password = "first-Pass#1"

    def describe(self):
        return self.rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]

    def query(self, action, **parameters):
        """The answer's XML, for what Debian's botocore doesn't know of yet."""
        fields = {"Action": action, "Version": "2014-10-31", "DBInstanceIdentifier": self.name, **parameters}
        with self.cloud.open("/", data=urllib.parse.urlencode(fields).encode()) as answer:
            return answer.read().decode()

    def wait_available(self):
        self.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=self.name, WaiterConfig=FAST)

    def containers(self, **options):
        return self.cloud.containers(f"label=adhoc.database={self.name}", **options)

    def command(self, *statements, database="shop", user="postgres", password=None):
        """psql in a container of its own; each statement in a transaction of its own."""
        vpc = self.cloud.client("ec2").describe_vpcs(VpcIds=[self.network.vpc])["Vpcs"][0]["VpcId"]
        arguments = [word for statement in statements for word in ("-c", statement)]
        return ("run", "--rm", "--network", f"adhoc-{self.cloud.instance}-{vpc}", "--env", f"PGPASSWORD={password or self.password}",
                "--label", f"adhoc.instance={self.cloud.instance}", IMAGE + "postgres:15",
                "psql", "-X", "-v", "ON_ERROR_STOP=1", "-At", "-h", self.describe()["Endpoint"]["Address"],
                "-U", user, "-d", database, *arguments)

    def psql(self, *statements, **options):
        return self.cloud.engine(*self.command(*statements, **options)).split()

    def delete(self):
        self.rds.delete_db_instance(DBInstanceIdentifier=self.name, SkipFinalSnapshot=True)
        self.rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=self.name, WaiterConfig=FAST)
        self.rds.delete_db_subnet_group(DBSubnetGroupName=self.name)


@pytest.fixture
def database(cloud, network, name):
    made = Database(cloud, network, name)
    yield made
    try:
        made.delete()
    except ClientError as error:
        if error.response["Error"]["Code"] != "DBInstanceNotFound":
            raise


def test_the_master_user_is_no_superuser_and_still_gets_rid_of_sessions(database):
    assert database.psql("SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user") == ["f|t|t"]
    database.psql("CREATE ROLE env LOGIN PASSWORD 'env'", "GRANT env TO CURRENT_USER", "CREATE DATABASE env OWNER env")
    session = subprocess.Popen(
        [database.cloud._engine["ADHOC_CONTAINER_ENGINE"],
         *database.command("SELECT pg_sleep(60)", database="env", user="env", password="env")],
        env={**database.cloud.environment, **database.cloud._engine}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: database.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'env'") == ["1"], "it has a session")
    database.psql("DROP DATABASE env WITH (FORCE)", "DROP ROLE env")
    assert session.wait(20) != 0
    assert database.psql("SELECT count(*) FROM pg_database WHERE datname = 'env'") == ["0"]


def test_what_was_committed_survives_the_death_and_the_removal_of_the_container(database):
    database.psql("CREATE TABLE t AS SELECT 1 AS n")
    (container,) = database.containers()
    database.cloud.engine("kill", "--signal", "KILL", container)

    def answers(expected):
        try:
            return database.psql("SELECT count(*) FROM t") == [expected]
        except AssertionError:
            return False

    wait_for(lambda: answers("1"), "PostgreSQL is back", 30)
    assert database.containers() == [container]
    database.psql("INSERT INTO t VALUES (2)")
    database.cloud.engine("rm", "--force", container)
    wait_for(lambda: answers("2"), "PostgreSQL is back in a container of its own", 30)
    assert database.containers() != [container]
    assert database.describe()["DBInstanceStatus"] == "available"


def test_the_password_can_be_changed_and_handed_to_secrets_manager(database):
    database.rds.modify_db_instance(DBInstanceIdentifier=database.name, MasterUserPassword="second-Pass#2", ApplyImmediately=True)
    database.wait_available()
    with pytest.raises(AssertionError, match="password authentication failed"):
        database.psql("SELECT 1")
    assert database.psql("SELECT 1", password="second-Pass#2") == ["1"]

    database.query("ModifyDBInstance", ManageMasterUserPassword="true", ApplyImmediately="true")
    database.wait_available()
    secrets = database.cloud.client("secretsmanager")
    arn = re.search("<SecretArn>(.*)</SecretArn>", database.query("DescribeDBInstances"))[1]
    managed = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
    assert managed["username"] == "postgres"
    assert database.psql("SELECT 1", password=managed["password"]) == ["1"]
    log = database.cloud.engine("logs", *database.containers())
    described = database.cloud.engine("inspect", *database.containers())
    for secret in ("first-Pass#1", "second-Pass#2", managed["password"]):
        assert secret not in log + described + database.cloud.log_text()

    database.delete()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secrets.get_secret_value(SecretId=arn)


def test_stop_start_and_reboot_keep_the_data(database):
    database.psql("CREATE TABLE t AS SELECT 42 AS n")
    database.rds.stop_db_instance(DBInstanceIdentifier=database.name)
    wait_for(lambda: database.describe()["DBInstanceStatus"] == "stopped", "it is stopped")
    assert database.containers() == []
    database.rds.start_db_instance(DBInstanceIdentifier=database.name)
    database.wait_available()
    database.rds.reboot_db_instance(DBInstanceIdentifier=database.name)
    database.wait_available()
    assert database.psql("SELECT n FROM t") == ["42"]


def test_nothing_is_left_of_a_deleted_instance(database):
    (address,) = [i["PrivateIpAddress"] for i in database.cloud.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "requester-id", "Values": ["amazon-rds"]}])["NetworkInterfaces"]]
    assert address
    volumes = ("volume", "ls", "--quiet", "--filter", f"label=adhoc.database={database.name}")
    assert len(database.cloud.engine(*volumes).split()) == 1
    database.delete()
    assert database.containers(every=True) == []
    assert database.cloud.engine(*volumes).split() == []
    assert database.cloud.client("ec2").describe_network_interfaces(
        Filters=[{"Name": "requester-id", "Values": ["amazon-rds"]}])["NetworkInterfaces"] == []


def test_the_network_of_a_deleted_vpc_is_removed(cloud, network):
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    name = f"adhoc-{cloud.instance}-{vpc}"
    # Made as if something had run in it.
    cloud.engine("network", "create", "--label", f"adhoc.instance={cloud.instance}", "--label", f"adhoc.vpc={vpc}", name)
    ec2.delete_vpc(VpcId=vpc)
    wait_for(lambda: name not in cloud.engine("network", "ls", "--format", "{{.Name}}").split(), "the network is gone", 10)
