#include "localcloud/runtime/docker_wire.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud::docker {
namespace {

TEST(DockerWire, CpuLimitsAreUpdatedInEachEnginesWords) {
  EXPECT_EQ(UpdateBody(0.25), Json({{"NanoCpus", 250000000}}));
  EXPECT_EQ(PodmanUpdateBody(0.25), Json({{"cpu", {{"period", 100000}, {"quota", 25000}}}}));
}

TEST(CreateContainerBody, SaysWhatTheSpecSays) {
  ContainerSpec spec;
  spec.name = "task";
  spec.image = "localhost/app:1";
  spec.command = {"serve"};
  spec.environment = {{"A", "b=c"}, {"B", ""}};
  spec.labels = {{"adhoc.task", "1"}};
  spec.user = "1000:1000";
  spec.network = "vpc";
  spec.ip = "10.0.0.7";
  spec.aliases = {"redis.dev-ns"};
  spec.dns_server = "169.254.169.253";
  spec.ports = {{"127.0.0.1", 8080, 80}, {"0.0.0.0", 0, 80}};
  spec.mounts = {{"/host", "", "/in", true}, {"", "data", "/data", false}};
  spec.cpus = 0.25;
  spec.memory_bytes = 512 << 20;
  Json body = CreateContainerBody(spec);
  EXPECT_EQ(body["Image"], "localhost/app:1");
  EXPECT_EQ(body["Cmd"], Json({"serve"}));
  EXPECT_FALSE(body.contains("Entrypoint"));
  EXPECT_EQ(body["Env"], Json({"A=b=c", "B="}));
  EXPECT_EQ(body["User"], "1000:1000");
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "vpc");
  EXPECT_EQ(body["NetworkingConfig"]["EndpointsConfig"]["vpc"],
            Json::parse(R"({"Aliases": ["redis.dev-ns"], "IPAMConfig": {"IPv4Address": "10.0.0.7"}})"));
  EXPECT_EQ(body["HostConfig"]["Dns"], Json({"169.254.169.253"}));
  EXPECT_EQ(body["HostConfig"]["PortBindings"]["80/tcp"],
            Json::parse(R"([{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "0.0.0.0", "HostPort": "0"}])"));
  EXPECT_EQ(body["HostConfig"]["Mounts"][0],
            Json::parse(R"({"Type": "bind", "Source": "/host", "Target": "/in", "ReadOnly": true})"));
  EXPECT_EQ(body["HostConfig"]["Mounts"][1]["Type"], "volume");
  EXPECT_EQ(body["HostConfig"]["NanoCpus"], 250000000);
  EXPECT_EQ(body["HostConfig"]["MemorySwap"], 512 << 20);
}

TEST(CreateContainerBody, AJoinerHasNoNetworkOfItsOwn) {
  ContainerSpec spec;
  spec.image = "a:1";
  spec.share_network_with = "0123";
  spec.network = "ignored";
  Json body = CreateContainerBody(spec);
  EXPECT_EQ(body["HostConfig"]["NetworkMode"], "container:0123");
  EXPECT_FALSE(body.contains("NetworkingConfig"));
}

Json PodmanInspect(const std::string& status, bool running) {
  Json inspect = Json::parse(R"({
    "Id": "cbc6", "Created": "2026-11-23T07:54:20.552102341Z", "Image": "23c6", "Name": "/rt1",
    "State": {"OOMKilled": true, "ExitCode": 137, "Error": "",
              "StartedAt": "2026-11-23T07:54:20.700126336Z", "FinishedAt": "2026-11-23T07:54:21.759416026Z"},
    "Config": {"Image": "localhost/app:1", "Labels": {"task": "x"}, "Tty": false},
    "NetworkSettings": {"IPAddress": "", "Ports": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "34993"}], "81/tcp": null},
                        "Networks": {"vpc": {"IPAddress": "10.222.0.77"}}}})");
  inspect["State"]["Status"] = status;
  inspect["State"]["Running"] = running;
  return inspect;
}

TEST(ParseContainer, ReadsARunningOne) {
  ContainerState state = ParseContainer(PodmanInspect("running", true));
  EXPECT_EQ(state.name, "rt1");
  EXPECT_EQ(state.image, "localhost/app:1");
  EXPECT_EQ(state.image_id, "sha256:23c6");
  EXPECT_EQ(state.status, ContainerStatus::kRunning);
  EXPECT_EQ(state.exit_code, std::nullopt);
  EXPECT_FALSE(state.oom_killed);
  EXPECT_EQ(state.labels, (Labels{{"task", "x"}}));
  EXPECT_EQ(state.ip, "10.222.0.77");
  ASSERT_EQ(state.ports.size(), 1u);
  EXPECT_EQ(state.ports[0].host_port, 34993);
  EXPECT_EQ(state.ports[0].container_port, 80);
}

TEST(ParseContainer, KnowsTheEnginesWordsForEnded) {
  for (const char* word : {"exited", "stopped", "dead", "removing"}) {
    ContainerState state = ParseContainer(PodmanInspect(word, false));
    EXPECT_EQ(state.status, ContainerStatus::kExited) << word;
    EXPECT_EQ(state.exit_code, 137) << word;
    EXPECT_TRUE(state.oom_killed) << word;
    EXPECT_TRUE(state.finished_at.has_value()) << word;
  }
}

TEST(ParseContainer, NothingEndsBeforeItStarted) {
  Json inspect = PodmanInspect("exited", false);
  inspect["State"]["StartedAt"] = "2026-11-23T07:54:21.8Z";
  ContainerState state = ParseContainer(inspect);
  EXPECT_EQ(state.started_at, state.finished_at);
}

TEST(ParseContainer, AContainerThatNeverStartedHasNotExited) {
  for (const char* word : {"created", "configured", "initialized"}) {
    Json inspect = PodmanInspect(word, false);
    inspect["State"]["StartedAt"] = "0001-01-01T00:00:00Z";
    EXPECT_EQ(ParseContainer(inspect).status, ContainerStatus::kCreated) << word;
  }
  EXPECT_EQ(ParseContainer(PodmanInspect("stopping", false)).status, ContainerStatus::kRunning);
}

TEST(ParseContainer, AJoinerHasNoAddressOfItsOwn) {
  Json inspect = PodmanInspect("running", true);
  inspect["HostConfig"]["NetworkMode"] = "container:0123";
  ContainerState state = ParseContainer(inspect);
  EXPECT_EQ(state.share_network_with, "0123");
  EXPECT_EQ(state.ip, "");
  EXPECT_TRUE(state.ports.empty());
}

TEST(KernelKilledForMemory, OnlyTheContainerWhoseLimitItWas) {
  std::string log =
      "3,1,2,-;python3 invoked oom-killer: gfp_mask=0xcc0\n"
      "6,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=libpod-bbb,mems_allowed=0,"
      "oom_memcg=/libpod_parent/libpod-aaa,task_memcg=/libpod_parent/libpod-bbb,task=python3,pid=10056,uid=0\n";
  EXPECT_TRUE(KernelKilledForMemory(log, "aaa"));
  EXPECT_FALSE(KernelKilledForMemory(log, "bbb"));
  EXPECT_FALSE(KernelKilledForMemory("", "aaa"));
}

TEST(ParseContainer, NullsAreAbsent) {
  ContainerState state = ParseContainer(
      Json::parse(R"({"Id": "a", "Config": {"Labels": null}, "NetworkSettings": {"Networks": null, "Ports": null}})"));
  EXPECT_EQ(state.id, "a");
  EXPECT_TRUE(state.labels.empty());
}

TEST(ParseEvent, BothEnginesSpellings) {
  Json event = Json::parse(
      R"({"status": "die", "id": "cbc6", "Type": "container", "Action": "die", "timeNano": 1795420512637818177,
    "Actor": {"ID": "cbc6", "Attributes": {"containerExitCode": "137", "exitCode": "137", "image": "i:1", "name": "rt1",
              "podId": "", "task": "x"}}})");
  std::optional<ContainerEvent> parsed = ParseEvent(event);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kind, ContainerEventKind::kDied);
  EXPECT_EQ(parsed->exit_code, 137);
  EXPECT_EQ(parsed->name, "rt1");
  EXPECT_EQ(parsed->labels, (Labels{{"task", "x"}}));
  event["Action"] = "died";
  EXPECT_EQ(ParseEvent(event)->kind, ContainerEventKind::kDied);
  event["Action"] = "destroy";
  EXPECT_EQ(ParseEvent(event)->kind, ContainerEventKind::kRemoved);
  event["Action"] = "exec_died";
  EXPECT_FALSE(ParseEvent(event));
  event["Action"] = "die";
  event["Type"] = "network";
  EXPECT_FALSE(ParseEvent(event));
}

struct Refusal {
  int status;
  const char* message;
  RuntimeErrorKind kind;
};

class ErrorOfTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(ErrorOfTest, TellsTheKind) {
  RuntimeError error = ErrorOf("cannot start x", GetParam().status, Json{{"message", GetParam().message}}.dump());
  EXPECT_EQ(error.kind(), GetParam().kind) << error.what();
  EXPECT_EQ(std::string(error.what()).find("cannot start x: "), 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Podman, ErrorOfTest,
    ::testing::Values(
        Refusal{404, "no such image: localhost/nope:1: image not known", RuntimeErrorKind::kImageNotFound},
        Refusal{404, "no container with name or ID \"absent\" found: no such container", RuntimeErrorKind::kNotFound},
        Refusal{500,
                "container create: creating container storage: the container name \"rt1\" is already in use by cbc. "
                "You have to remove "
                "that container to be able to reuse that name: that name is already in use",
                RuntimeErrorKind::kNameInUse},
        Refusal{500,
                "runc: runc create failed: unable to start container process: exec: \"/nope\": stat /nope: no such "
                "file or directory: "
                "OCI runtime attempted to invoke a command that was not found",
                RuntimeErrorKind::kCommandNotFound},
        Refusal{500, "IPAM error: requested ip address 10.222.0.77 is already allocated to container ID cbc",
                RuntimeErrorKind::kAddressInUse},
        Refusal{500, "cannot listen on the TCP port: listen tcp4 127.0.0.1:18099: bind: address already in use",
                RuntimeErrorKind::kPortInUse},
        Refusal{500, "subnet 10.222.0.0/24 is already used on the host or by another config",
                RuntimeErrorKind::kAddressInUse},
        Refusal{500, "network name rtnet already used: network already exists", RuntimeErrorKind::kNameInUse},
        Refusal{500, "container create: unable to find network with name or ID nonet: network not found",
                RuntimeErrorKind::kNotFound},
        Refusal{500, "container 6d75 does not exist in database: no such container", RuntimeErrorKind::kNotFound},
        Refusal{500, "can only create exec sessions on running containers: container state improper",
                RuntimeErrorKind::kConflict},
        Refusal{409, "image localhost/a:b is in use: image used by 792f: image is in use by a container",
                RuntimeErrorKind::kConflict},
        Refusal{500, "\"rtnet\" has associated containers with it: network is being used",
                RuntimeErrorKind::kConflict}));

INSTANTIATE_TEST_SUITE_P(
    Docker, ErrorOfTest,
    ::testing::Values(Refusal{404, "No such image: localhost/nope:1", RuntimeErrorKind::kImageNotFound},
                      Refusal{404, "No such container: absent", RuntimeErrorKind::kNotFound},
                      Refusal{409, "Conflict. The container name \"/rt1\" is already in use by container \"cbc\"",
                              RuntimeErrorKind::kNameInUse},
                      Refusal{400,
                              "failed to create shim task: OCI runtime create failed: runc create failed: unable to "
                              "start container process: exec: "
                              "\"nope\": executable file not found in $PATH: unknown",
                              RuntimeErrorKind::kCommandNotFound},
                      Refusal{500,
                              "driver failed programming external connectivity on endpoint x: Bind for 127.0.0.1:80 "
                              "failed: port is already allocated",
                              RuntimeErrorKind::kPortInUse},
                      Refusal{403, "Address already in use", RuntimeErrorKind::kAddressInUse},
                      Refusal{403, "Pool overlaps with other one on this address space",
                              RuntimeErrorKind::kAddressInUse},
                      Refusal{409, "removal of container cbc is already in progress", RuntimeErrorKind::kNotFound},
                      Refusal{409, "Container cbc is not running", RuntimeErrorKind::kConflict},
                      Refusal{500, "something else", RuntimeErrorKind::kOther}));

TEST(ErrorOf, AnswersWithoutAMessageStillSaySomething) {
  EXPECT_STREQ(ErrorOf("cannot do it", 502, "").what(), "cannot do it: the engine answered 502");
  EXPECT_STREQ(ErrorOf("cannot do it", 500, "plain\n").what(), "cannot do it: plain");
}

TEST(SplitReference, APortIsNoTag) {
  EXPECT_EQ(SplitReference("localhost:5000/backend").tag, "");
  EXPECT_EQ(SplitReference("localhost:5000/backend:v1").repository, "localhost:5000/backend");
  EXPECT_EQ(SplitReference("localhost:5000/backend:v1").tag, "v1");
  EXPECT_EQ(SplitReference("redis").repository, "redis");
}

TEST(ParsePing, TellsPodmanFromDocker) {
  EngineInfo podman = ParsePing({{"Api-Version", "1.41"}, {"Server", "Libpod/4.3.1 (linux)"}});
  EXPECT_EQ(podman.name, "podman");
  EXPECT_EQ(podman.version, "4.3.1");
  EXPECT_EQ(podman.api_version, "1.41");
  EXPECT_EQ(ParsePing({{"Server", "Docker/20.10.24 (linux)"}}).name, "docker");
  EXPECT_EQ(ParsePing({{"Server", "Docker/20.10.24 (linux)"}}).version, "20.10.24");
  EXPECT_EQ(ParsePing({}).version, "");
}

TEST(LabelFilter, AnEmptyValueAsksForTheName) {
  EXPECT_EQ(Json::parse(LabelFilter({{"a", "1"}, {"b", ""}})), Json::parse(R"({"label": ["a=1", "b"]})"));
}

TEST(ParseImageSummary, DanglingImagesHaveNoReference) {
  EXPECT_TRUE(
      ParseImageSummary(Json::parse(R"({"Id": "sha256:1", "RepoTags": ["<none>:<none>"]})")).references.empty());
  EXPECT_TRUE(ParseImageSummary(Json::parse(R"({"Id": "sha256:1", "RepoTags": null})")).references.empty());
}

}  // namespace
}  // namespace adhoc::localcloud::docker
