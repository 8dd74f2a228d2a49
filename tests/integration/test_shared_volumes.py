"""EFS file systems as volumes of tasks: shared between tasks, and there when they are gone."""

import pytest

from conftest import wait_for


@pytest.fixture
def files(cloud, network, name):
    efs = cloud.client("efs")
    made = efs.create_file_system(CreationToken=name, Tags=[{"Key": "Name", "Value": name}])["FileSystemId"]
    target = efs.create_mount_target(FileSystemId=made, SubnetId=network.subnets[0])["MountTargetId"]
    yield made
    efs.delete_mount_target(MountTargetId=target)
    efs.delete_file_system(FileSystemId=made)
    assert not efs.describe_file_systems(CreationToken=name)["FileSystems"]


def volume(file_system, **more):
    return {"volumes": [{"name": "shared", "efsVolumeConfiguration": {"fileSystemId": file_system, **more}}],
            "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}


def test_what_one_task_wrote_the_next_one_reads(cluster, cloud, files):
    writer = cluster.shell("writer", "echo from the first > /shared/note; mkdir -p /shared/deep/er", **volume(files))
    cluster.run_to_end(writer)
    reader = cluster.shell("reader", "cat /shared/note; ls -d /shared/deep", **volume(files))
    assert cluster.run_to_end(reader)[1] == ["from the first", "/shared/deep"]
    # A directory of it as the volume's root.
    below = cluster.shell("below", "ls /shared", **volume(files, rootDirectory="/deep"))
    assert cluster.run_to_end(below)[1] == ["er"]
    assert cloud.client("efs").describe_file_systems(FileSystemId=files)["FileSystems"][0]["SizeInBytes"]["Value"] == 15


def test_two_running_tasks_see_each_other(cluster, files):
    answering = cluster.run(cluster.shell("answering", "until [ -e /shared/question ]; do sleep 0.1; done; touch /shared/answer",
                                          **volume(files)))
    asking = cluster.shell("asking", "touch /shared/question; until [ -e /shared/answer ]; do sleep 0.1; done; echo answered",
                           **volume(files))
    assert cluster.run_to_end(asking)[1] == ["answered"]
    cluster.wait_stopped(answering)


def test_an_access_point_gives_a_service_its_directory(cluster, cloud, files, name):
    point = cloud.client("efs").create_access_point(
        ClientToken=name, FileSystemId=files, PosixUser={"Uid": 65534, "Gid": 65534},
        RootDirectory={"Path": "/media", "CreationInfo": {"OwnerUid": 65534, "OwnerGid": 65534, "Permissions": "0755"}},
    )["AccessPointId"]
    definition = cluster.shell("nobody", "echo mine > /shared/file; stat -c %U /shared/file; cat /shared/file", user="65534",
                               **volume(files, transitEncryption="ENABLED", authorizationConfig={"accessPointId": point}))
    assert cluster.run_to_end(definition)[1] == ["nobody", "mine"]
    whole = cluster.shell("whole", "cat /shared/media/file", **volume(files))
    assert cluster.run_to_end(whole)[1] == ["mine"]


def test_a_file_system_that_is_not_there_is_the_stop_reason(cluster):
    definition = cluster.shell("lost", "ls /shared", **volume("fs-0123456789abcdef0"))
    task = cluster.wait_stopped(cluster.run(definition))
    assert task["stopCode"] == "TaskFailedToStart"
    assert "fs-0123456789abcdef0.efs.us-east-1.amazonaws.com" in task["stoppedReason"]


def test_a_volume_without_a_file_system_goes_with_its_task(cluster, cloud):
    definition = cluster.shell("scratch", "echo x > /scratch/x; sleep 60", volumes=[{"name": "scratch"}],
                               mountPoints=[{"sourceVolume": "scratch", "containerPath": "/scratch"}])
    arn = cluster.run(definition)
    wait_for(lambda: cluster.task(arn)["lastStatus"] == "RUNNING", "the task runs")
    volumes = lambda: [v for v in cloud.engine("volume", "ls", "--quiet").split() if v.startswith(f"adhoc-{cloud.instance}-")
                       and v.endswith("-scratch")]
    assert len(volumes()) == 1
    cluster.ecs.stop_task(cluster=cluster.name, task=arn)
    cluster.wait_stopped(arn)
    assert volumes() == []
