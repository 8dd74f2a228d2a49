"""kill -9 of the server: what runs goes on running, and the next server adopts it."""

import os
import signal

from conftest import Cluster, Network, wait_for


def names_of(cloud):
    return sorted(cloud.containers())


def test_a_killed_server_adopts_what_runs(fresh_cloud):
    cloud = fresh_cloud
    cloud.wait_for_engine()
    cluster = Cluster(cloud, Network(cloud), "survivors")
    script = "trap 'exit 0' TERM; n=0; while :; do echo tick $n; n=$((n+1)); sleep 0.2; done"
    cluster.create_service("ticker", cluster.shell("ticker", script), desiredCount=2)
    cluster.wait_stable("ticker")
    before = {task["taskArn"] for task in cluster.tasks("ticker")}
    containers = names_of(cloud)

    cloud.kill()
    assert names_of(cloud) == containers
    cloud.start().wait_for_engine()
    cluster.wait_stable("ticker")
    assert {task["taskArn"] for task in cluster.tasks("ticker")} == before
    assert names_of(cloud) == containers

    # Nothing is lost of the log, and nothing is there twice.
    arn = sorted(before)[0]
    count = len(cluster.log(arn, "ticker"))
    wait_for(lambda: len(cluster.log(arn, "ticker")) > count + 5, "the log goes on", 20)
    lines = cluster.log(arn, "ticker")
    assert lines == [f"tick {number}" for number in range(len(lines))]


def test_what_died_meanwhile_is_replaced(fresh_cloud):
    cloud = fresh_cloud
    cloud.wait_for_engine()
    cluster = Cluster(cloud, Network(cloud), "mourners")
    cluster.create_service("mourner", cluster.shell("mourner", "sleep 600"))
    cluster.wait_stable("mourner")
    first = cluster.tasks("mourner")[0]["taskArn"]
    cloud.kill()
    cloud.engine("kill", *cluster.containers(first))
    cloud.start().wait_for_engine()

    def replaced():
        running = [t["taskArn"] for t in cluster.tasks("mourner") if t["lastStatus"] == "RUNNING"]
        return running and first not in running and running

    assert len(wait_for(replaced, "another task runs", 30)) == 1
    assert cluster.wait_stopped(first)["containers"][0]["exitCode"] == 137


def test_a_task_that_was_starting_is_neither_lost_nor_doubled(fresh_cloud):
    cloud = fresh_cloud
    cloud.wait_for_engine()
    cluster = Cluster(cloud, Network(cloud), "starters")
    definition = cluster.shell("starter", "echo once; sleep 600")
    arns = [cluster.run(definition) for _ in range(3)]
    cloud.kill()  # in the middle of it
    cloud.start().wait_for_engine()
    for arn in arns:
        wait_for(lambda arn=arn: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs", 60)
        wait_for(lambda arn=arn: cluster.log(arn, "starter") == ["once"], "its log is there once", 20)
    mains = cloud.containers("label=adhoc.container=starter")
    assert len(mains) == 3


def test_a_polite_stop_ends_the_server_and_nothing_else(fresh_cloud):
    cloud = fresh_cloud
    cloud.wait_for_engine()
    cluster = Cluster(cloud, Network(cloud), "sleepers")
    arn = cluster.run(cluster.shell("sleeper", "sleep 600"))
    wait_for(lambda: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs")
    pid = cloud.health()["pid"]
    os.kill(pid, signal.SIGTERM)
    assert cloud.process.wait(20) == 0
    cloud.process = None
    assert len(cloud.containers()) >= 1


def test_reset_leaves_nothing(program):
    from conftest import LocalCloud

    cloud = LocalCloud(program)
    try:
        cloud.start().wait_for_engine()
        cluster = Cluster(cloud, Network(cloud), "leavers")
        cluster.create_service("leaver", cluster.shell("leaver", "sleep 600"))
        cluster.wait_stable("leaver")
        assert cloud.containers()
        cloud.stop()
        instance = f"label=adhoc.instance={cloud.instance}"
        # The command that people use; then nothing is left to ask but another engine of the same store.
        cloud.adhoc("local", "reset")
        assert not os.path.exists(cloud.home)
        cloud.engine_again()
        assert cloud.engine("ps", "--all", "--quiet", "--filter", instance).split() == []
        assert cloud.engine("network", "ls", "--quiet", "--filter", instance).split() == []
        assert cloud.engine("volume", "ls", "--quiet", "--filter", instance).split() == []
    finally:
        cloud.remove()
