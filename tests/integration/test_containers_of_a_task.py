"""Tasks with several containers, their order, their common network and disk, and the limits that hold for them."""

from conftest import IMAGE, REGION, wait_for


def register(cluster, family, containers, **options):
    definitions = []
    for container in containers:
        definitions.append({
            "image": IMAGE + "debian:12", "essential": True, "stopTimeout": 2,
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": f"/ecs/{cluster.name}", "awslogs-region": REGION,
                "awslogs-stream-prefix": container["name"]}},
            **container})
    answer = cluster.ecs.register_task_definition(**{
        "family": f"{cluster.name}-{family}", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": definitions, **options})
    return answer["taskDefinition"]["taskDefinitionArn"]


def script(text):
    return ["bash", "-c", text]


def test_containers_share_one_address_and_a_volume(cluster):
    server = {"name": "server", "image": IMAGE + "nginx:1.22",
              "command": ["sh", "-c", "printf 'server { listen 8080; location / { return 200 shared-localhost; } }' "
                                      "> /etc/nginx/conf.d/default.conf; echo written > /data/note; exec nginx -g 'daemon off;'"],
              "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    client = {"name": "client", "essential": True,
              "command": script("for i in $(seq 50); do exec 3<>/dev/tcp/127.0.0.1/8080 && break; sleep 0.1; done; "
                                "printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 | tail -1; echo; cat /data/note; cat /proc/net/fib_trie"),
              "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
              "dependsOn": [{"containerName": "server", "condition": "START"}]}
    arn = cluster.run(register(cluster, "pair", [client, server], volumes=[{"name": "data"}]))
    task = cluster.wait_stopped(arn)
    assert task["stopCode"] == "EssentialContainerExited"
    lines = cluster.log(arn, "client")
    assert "shared-localhost" in lines and "written" in lines
    address = next(d["value"] for d in task["attachments"][0]["details"] if d["name"] == "privateIPv4Address")
    assert any(line.endswith(f"-- {address}") for line in lines), "it is in the network of the task's interface"
    assert {c["networkInterfaces"][0]["privateIpv4Address"] for c in task["containers"]} == {address}
    assert cluster.cloud.containers(f"label=adhoc.task={arn}", every=True) == [], "the pause container goes too"


def test_a_container_waits_for_another_ones_success(cluster):
    init = {"name": "init", "essential": False, "command": script("sleep 1; echo ready > /data/state")}
    main = {"name": "main", "command": script("cat /data/state"),
            "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}
    for container in (init, main):
        container["mountPoints"] = [{"sourceVolume": "data", "containerPath": "/data"}]
    arn = cluster.run(register(cluster, "init", [main, init], volumes=[{"name": "data"}]))
    task = cluster.wait_stopped(arn)
    assert {c["name"]: c["exitCode"] for c in task["containers"]} == {"init": 0, "main": 0}
    assert cluster.log(arn, "main") == ["ready"]


def test_what_waits_for_a_failure_never_starts(cluster):
    init = {"name": "init", "essential": False, "command": script("exit 4")}
    main = {"name": "main", "command": script("echo started"),
            "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}
    arn = cluster.run(register(cluster, "init", [main, init]))
    task = cluster.wait_stopped(arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert "exited with 4" in task["stoppedReason"]
    assert "exitCode" not in next(c for c in task["containers"] if c["name"] == "main")
    assert cluster.log(arn, "main") == []


def test_a_container_that_needs_too_much_memory_is_killed_and_says_so(cluster):
    definition = register(cluster, "greedy", [{
        "name": "greedy", "memory": 64,
        "command": script("perl -e 'my $x = \"x\" x (200 * 1024 * 1024); sleep 1'")}])
    task = cluster.wait_stopped(cluster.run(definition))
    container = task["containers"][0]
    assert container["exitCode"] == 137
    assert container["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_the_engine_enforces_the_tasks_size(cluster):
    arn = cluster.run(register(cluster, "sized", [{"name": "sized", "command": script("sleep 60")}]))
    wait_for(lambda: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs")
    (container,) = cluster.containers(arn)
    assert int(cluster.cloud.engine("inspect", container, "--format", "{{.HostConfig.Memory}}")) == 512 * 1024 * 1024

    # What inspect says of the CPUs is, with podman, what the container was made with; the kernel knows better.
    read = "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"

    def microseconds_of_100_000():
        return int(cluster.cloud.engine("exec", container, "sh", "-c", read).split()[0])

    assert microseconds_of_100_000() in (100_000, 25_000), "a whole CPU to start with"
    wait_for(lambda: microseconds_of_100_000() == 25_000, "it has the CPUs of its size once it has started", 15)


def test_a_moved_tag_reaches_a_service_only_by_a_new_deployment(cluster):
    tag, engine = f"localhost/adhoc-test/{cluster.name}:1", cluster.cloud.engine
    engine("tag", IMAGE + "debian:12", tag)
    try:
        definition = register(cluster, "moved", [{"name": "moved", "image": tag, "command": ["sleep", "60"]}])
        cluster.create_service("moved", definition)
        cluster.wait_stable("moved")

        def image():
            (task,) = cluster.tasks("moved")
            (container,) = cluster.containers(task["taskArn"])
            return engine("inspect", container, "--format", "{{.Image}}").strip()

        first = image()
        engine("tag", IMAGE + "nginx:1.22", tag)
        (task,) = cluster.tasks("moved")
        engine("kill", *cluster.containers(task["taskArn"]))
        wait_for(lambda: cluster.task(task["taskArn"])["lastStatus"] == "STOPPED", "the task stops")
        cluster.wait_stable("moved")
        assert image() == first, "a replacement runs what its deployment began with"
        cluster.ecs.update_service(cluster=cluster.name, service="moved", forceNewDeployment=True)
        cluster.wait_stable("moved")
        wait_for(lambda: len(cluster.tasks("moved")) == 1, "the old task is gone")
        assert image() != first
    finally:
        engine("untag", tag, tag)
