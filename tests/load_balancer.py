"""A load balancer of the local cloud, targets for it, and clients of it, for tests."""

import http.client
import http.server
import json
import socket
import threading
import urllib.parse

from botocore.exceptions import ClientError

from conftest import free_port, wait_for

FAST = {"Delay": 1, "MaxAttempts": 40}


class Application:
    """Answers each request with what it saw of it."""

    def __init__(self, ip, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                status = int(self.path[8:]) if self.path.startswith("/status/") else 200
                seen = {"name": name, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
                body = json.dumps(seen).encode()
                self.send_response(status)
                if self.path == "/login":
                    self.send_header("Set-Cookie", "sessionid=1; Path=/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ip, 0), Handler)
        self.target = {"Id": ip, "Port": self.server.server_port}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class RawTarget:
    """Passes its health checks, which ask for "/", and for anything else behaves as `behave(connection)` does."""

    def __init__(self, ip, behave):
        self.behave = behave
        self.listener = socket.create_server((ip, 0))
        self.target = {"Id": ip, "Port": self.listener.getsockname()[1]}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    received = connection.recv(65536)
                    if not received:
                        return
                    head += received
                if head.split(b" ")[1] == b"/":
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                else:
                    self.behave(connection)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Client:
    """Keeps the cookies that it is given, as a browser does."""

    def __init__(self, port):
        self.port, self.cookies, self.lines = port, {}, []

    def name(self, path="/"):
        """Of the application that answers."""
        return json.loads(self.get(path))["name"]

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
            connection.request("GET", path, headers=sent)
            response = connection.getresponse()
            body = response.read().decode()
            assert response.status == 200, (response.status, body)
            self.lines = response.headers.get_all("Set-Cookie") or []
            for line in self.lines:
                name, value = line.split(";")[0].split("=", 1)
                self.cookies[name] = value
            return body
        finally:
            connection.close()


class Balancer:
    """A load balancer `name` with one listener on a free port and one target group behind it."""

    def __init__(self, cloud, name):
        self.cloud, self.name = cloud, name
        self.ec2, self.elb = cloud.client("ec2"), cloud.client("elbv2")
        self.port = free_port()
        self.applications, self.more_groups = [], []
        self.vpc = self.ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.77.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for i, zone in enumerate("ab")
        ]
        made = self.elb.create_load_balancer(Name=name, Subnets=self.subnets)["LoadBalancers"][0]
        self.arn, self.dns_name = made["LoadBalancerArn"], made["DNSName"]
        self.elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[self.arn], WaiterConfig=FAST)
        self.group = self.elb.create_target_group(
            Name=f"{name}-web", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.elb.modify_target_group_attributes(
            TargetGroupArn=self.group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}])
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=self.port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"]

    def client(self):
        return Client(self.port)

    def request(self, path="/", host="alpha.localhost", method="GET", timeout=10, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, headers={"Host": f"{host}:{self.port}", **headers})
            response = connection.getresponse()
            return response.status, dict((k.lower(), v) for k, v in response.getheaders()), response.read().decode()
        except OSError as error:
            return 0, {}, str(error)
        finally:
            connection.close()

    def wait_for_status(self, status, **request):
        return wait_for(lambda: (r := self.request(**request))[0] == status and r, f"status {status}", 20)

    def gateway(self):
        network = json.loads(self.cloud.engine("network", "inspect", f"adhoc-{self.cloud.instance}-{self.vpc}"))[0]
        subnets = network.get("subnets") or network["IPAM"]["Config"]
        return subnets[0].get("gateway") or subnets[0]["Gateway"]

    def start_application(self, name, group=None):
        return self.add(Application(self.gateway(), name), group)

    def start_raw_target(self, behave):
        return self.add(RawTarget(self.gateway(), behave))

    def add(self, application, group=None):
        self.applications.append(application)
        group = group or self.group
        self.elb.register_targets(TargetGroupArn=group, Targets=[application.target])
        self.elb.get_waiter("target_in_service").wait(
            TargetGroupArn=group, Targets=[application.target], WaiterConfig=FAST)
        return application

    def set_attributes(self, group=None, **attributes):
        self.elb.modify_target_group_attributes(TargetGroupArn=group or self.group, Attributes=[
            {"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()])

    def set_balancer_attributes(self, **attributes):
        self.elb.modify_load_balancer_attributes(LoadBalancerArn=self.arn, Attributes=[
            {"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()])

    def set_listener_attributes(self, **attributes):
        """In a form of its own: Debian's botocore doesn't know of them yet."""
        fields = {"Action": "ModifyListenerAttributes", "Version": "2015-12-01", "ListenerArn": self.listener}
        for number, (key, value) in enumerate(attributes.items(), 1):
            fields[f"Attributes.member.{number}.Key"] = key.replace("__", ".")
            fields[f"Attributes.member.{number}.Value"] = value
        self.cloud.open("/", data=urllib.parse.urlencode(fields).encode()).close()

    def create_group(self, name):
        """A second target group, which goes with the load balancer."""
        arn = self.elb.create_target_group(
            Name=f"{self.name}-{name}", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2)["TargetGroups"][0]["TargetGroupArn"]
        self.more_groups.append(arn)
        return arn

    def stop_application(self, application):
        self.elb.deregister_targets(TargetGroupArn=self.group, Targets=[application.target])
        self.elb.get_waiter("target_deregistered").wait(
            TargetGroupArn=self.group, Targets=[application.target], WaiterConfig=FAST)
        application.close()
        self.applications.remove(application)

    def containers(self):
        return self.cloud.containers(f"label=adhoc.loadbalancer={self.arn}")

    def remove(self):
        for application in self.applications:
            application.close()
        self.elb.delete_load_balancer(LoadBalancerArn=self.arn)
        wait_for(lambda: not self.containers(), "the load balancer's container is gone", 20)
        for group in [self.group, *self.more_groups]:
            self.elb.delete_target_group(TargetGroupArn=group)
        for subnet in self.subnets:
            wait_for(lambda: self.deleted("delete_subnet", SubnetId=subnet), "its network interface is gone", 20)
        self.ec2.delete_vpc(VpcId=self.vpc)

    def deleted(self, operation, **arguments):
        try:
            getattr(self.ec2, operation)(**arguments)
            return True
        except ClientError as error:
            assert error.response["Error"]["Code"] == "DependencyViolation", error
            return False
