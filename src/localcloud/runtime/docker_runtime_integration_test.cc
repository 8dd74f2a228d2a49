// The runtime against the engine of this machine. Needs no image from outside: containers run this machine's /usr.
//
// Everything it makes is labelled and removed again. Not part of the unit tests; configure with
// -DADHOC_CONTAINER_TESTS=ON.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "base/process.h"
#include "base/random.h"
#include "localcloud/runtime/docker_runtime.h"
#include "localcloud/runtime/engine_setup.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;

// One engine for all tests; nothing when this machine has none.
class Engine {
 public:
  static Engine& Get() {
    static Engine engine;
    return engine;
  }
  ~Engine() {
    if (runtime) {
      for (const ContainerState& container : runtime->List(labels)) runtime->Remove(container.id, true);
      for (const NetworkInfo& network : runtime->ListNetworks(labels)) runtime->RemoveNetwork(network.name);
      for (const VolumeInfo& volume : runtime->ListVolumes(labels)) runtime->RemoveVolume(volume.name);
      for (const std::string& reference : images) runtime->RemoveImage(reference);
      StopEngine(state_dir);
    }
    std::filesystem::remove_all(state_dir);
  }

  std::string run = SystemRandom().Hex(8);
  Labels labels = {{"adhoc.test", run}};
  std::string state_dir = "/tmp/adhoc-runtime-" + run;
  std::string repository = "localhost/adhoc-test-" + run;
  std::string image = repository + ":1";
  std::string network = "adhoc-test-" + run;
  std::string prefix;  // of the network's addresses
  std::vector<std::string> images;
  std::unique_ptr<ContainerRuntime> runtime;
  std::string missing;  // why there is no runtime

 private:
  Engine() {
    try {
      EngineEnvironment environment = PrepareEngine({.state_dir = state_dir});
      std::filesystem::create_directories(state_dir);
      std::string root = state_dir + "/engine-probe";
      std::string archive = state_dir + "/image.tar";
      std::filesystem::remove_all(root);
      for (const char* name : {"dev", "proc", "sys", "etc", "tmp", "run", "usr"}) {
        std::filesystem::create_directories(root + "/" + name);
      }
      for (const char* name : {"bin", "sbin", "lib", "lib64"}) {
        std::filesystem::create_symlink(std::string("usr/") + name, root + "/" + name);
      }
      Check(RunProcess({"tar", "-C", root, "-cf", archive, "."}));
      Check(RunProcess({environment.engine, "import", archive, image}, {.env = environment.variables}));
      images.push_back(image);
      runtime = MakeDockerRuntime(environment.socket_path, RealClock());
      for (int third = 100; prefix.empty(); ++third) {
        std::string candidate = "10.211." + std::to_string(third) + ".";
        try {
          runtime->EnsureNetwork({network, candidate + "0/24", candidate + "1", labels});
          prefix = candidate;
        } catch (const RuntimeError& error) {
          if (error.kind() != RuntimeErrorKind::kAddressInUse || third == 200) throw;
        }
      }
    } catch (const Error& error) {
      missing = error.what();
    }
  }
  static void Check(const ProcessResult& result) {
    if (result.exit_code != 0) throw Error(result.err);
  }
};

class DockerRuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!engine_.runtime) GTEST_SKIP() << "no container engine: " << engine_.missing;
  }
  void TearDown() override {
    if (!engine_.runtime) return;
    for (const ContainerState& container : runtime().List(engine_.labels)) runtime().Remove(container.id, true);
  }

  ContainerRuntime& runtime() { return *engine_.runtime; }
  ContainerSpec Shell(const std::string& script) {
    ContainerSpec spec;
    spec.image = engine_.image;
    spec.name = "adhoc-test-" + engine_.run + "-" + std::to_string(++counter_);
    spec.command = {"/bin/sh", "-c", script};
    spec.labels = engine_.labels;
    spec.mounts = {{.host_path = "/usr", .container_path = "/usr", .read_only = true}};
    spec.network = engine_.network;
    return spec;
  }
  std::string Run(const ContainerSpec& spec) {
    std::string id = runtime().Create(spec);
    runtime().Start(id);
    return id;
  }
  std::vector<LogLine> Logs(const std::string& id, LogOptions options = {}) {
    std::vector<LogLine> lines;
    runtime().FollowLogs(id, options, [&](const LogLine& line) { return lines.push_back(line), true; }, {});
    return lines;
  }
  RuntimeErrorKind KindOf(const std::function<void()>& action) {
    try {
      action();
    } catch (const RuntimeError& error) {
      last_error_ = error.what();
      return error.kind();
    }
    ADD_FAILURE() << "nothing was thrown";
    return RuntimeErrorKind::kOther;
  }
  std::string Output(const std::string& id, std::vector<std::string> argv) {
    return runtime().RunExec(id, {.argv = std::move(argv)}, 10s).output;
  }

  Engine& engine_ = Engine::Get();
  std::string last_error_;
  static inline int counter_ = 0;
};

TEST_F(DockerRuntimeTest, ATaskRunsFromCreationToItsExitCode) {
  ContainerSpec spec = Shell("echo $GREETING from $(id -u) in $(pwd); echo trouble >&2; exit 3");
  spec.environment = {{"GREETING", "hello = world"}};
  spec.user = "65534";
  spec.working_directory = "/tmp";
  std::string id = runtime().Create(spec);
  EXPECT_EQ(runtime().Inspect(id)->status, ContainerStatus::kCreated);
  runtime().Start(id);
  EXPECT_EQ(runtime().Wait(id, {}), 3);
  std::optional<ContainerState> state = runtime().Inspect(spec.name);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->id, id);
  EXPECT_EQ(state->status, ContainerStatus::kExited);
  EXPECT_EQ(state->exit_code, 3);
  EXPECT_EQ(state->labels.at("adhoc.test"), engine_.run);
  EXPECT_EQ(state->image, engine_.image);
  EXPECT_EQ(state->image_id, runtime().FindImage(engine_.image)->id);
  ASSERT_TRUE(state->started_at && state->finished_at);
  EXPECT_LE(*state->started_at, *state->finished_at);
  std::vector<LogLine> lines = Logs(id);
  ASSERT_EQ(lines.size(), 2u);
  std::string out = lines[0].from_stderr ? lines[1].text : lines[0].text;
  EXPECT_EQ(out, "hello = world from 65534 in /tmp");
  runtime().Remove(id, false);
  EXPECT_FALSE(runtime().Inspect(id));
  runtime().Remove(id, false);
}

TEST_F(DockerRuntimeTest, LogsAreFollowedToTheLastLine) {
  std::string id =
      Run(Shell("i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); done; sleep 0.3; printf 'no newline'"));
  std::vector<LogLine> lines = Logs(id);
  ASSERT_EQ(lines.size(), 201u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(lines[i].text, "line " + std::to_string(i));
  EXPECT_EQ(lines[200].text, "no newline");
  EXPECT_EQ(Logs(id, {.skip_lines = 199}).size(), 2u);
  EXPECT_EQ(Logs(id, {.skip_lines = 201}).size(), 0u);
  for (std::size_t i = 1; i < lines.size(); ++i) EXPECT_LE(lines[i - 1].time, lines[i].time);
}

TEST_F(DockerRuntimeTest, AFollowedLineArrivesSoonAndAStopEndsIt) {
  std::string id = Run(Shell("while true; do date +%s.%N; sleep 0.2; done"));
  std::stop_source stop;
  std::vector<double> delays;
  runtime().FollowLogs(
      id, {},
      [&](const LogLine& line) {
        delays.push_back(ToSeconds(RealClock().Now()) - std::stod(line.text));
        if (delays.size() == 8) stop.request_stop();
        return true;
      },
      stop.get_token());
  ASSERT_GE(delays.size(), 8u);
  EXPECT_LT(delays.back(), 0.5);
}

TEST_F(DockerRuntimeTest, WhoeverWatchesAContainerNoticesItsRemoval) {
  std::string id = Run(Shell("echo here; sleep 60"));
  std::promise<void> line;
  auto follow = std::async(std::launch::async, [&] {
    runtime().FollowLogs(id, {}, [&](const LogLine&) { return line.set_value(), true; }, {});
  });
  auto wait = std::async(std::launch::async, [&] {
    try {
      EXPECT_EQ(runtime().Wait(id, {}), 137);  // seen between its death and its removal
    } catch (const RuntimeError& error) {
      EXPECT_EQ(error.kind(), RuntimeErrorKind::kNotFound) << error.what();
    }
  });
  line.get_future().get();
  RealClock().SleepFor(200ms);
  runtime().Remove(id, true);
  EXPECT_EQ(follow.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(wait.wait_for(10s), std::future_status::ready);
}

TEST_F(DockerRuntimeTest, LongLinesStayWhole) {
  std::string id = Run(Shell("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end"));
  runtime().Wait(id, {});
  std::vector<LogLine> lines = Logs(id);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text.size(), 100000u);
  EXPECT_EQ(lines[1].text, "end");
}

TEST_F(DockerRuntimeTest, StopSendsTheSignalThenKills) {
  ContainerSpec polite = Shell("trap 'exit 7' USR1; while true; do sleep 0.05; done");
  polite.stop_signal = "SIGUSR1";
  std::string id = Run(polite);
  RealClock().SleepFor(300ms);
  runtime().Stop(id, 10s);
  EXPECT_EQ(runtime().Inspect(id)->exit_code, 7);
  runtime().Stop(id, 10s);
  std::string stubborn = Run(Shell("trap '' TERM; while true; do sleep 0.05; done"));
  RealClock().SleepFor(300ms);
  runtime().Stop(stubborn, 1s);
  EXPECT_EQ(runtime().Inspect(stubborn)->exit_code, 137);
  EXPECT_EQ(KindOf([&] { runtime().Kill(stubborn, "SIGTERM"); }), RuntimeErrorKind::kConflict) << last_error_;
}

TEST_F(DockerRuntimeTest, KillOnlySendsTheSignal) {
  std::string id = Run(Shell("trap 'echo got it' USR2; while true; do sleep 0.05; done"));
  RealClock().SleepFor(300ms);
  runtime().Kill(id, "SIGUSR2");
  std::stop_source stop;
  std::vector<std::string> lines;
  runtime().FollowLogs(id, {}, [&](const LogLine& line) { return lines.push_back(line.text), false; }, {});
  EXPECT_EQ(lines, std::vector<std::string>{"got it"});
  EXPECT_TRUE(runtime().Inspect(id)->running());
}

TEST_F(DockerRuntimeTest, EventsTellOfTheEnd) {
  std::promise<void> ready;
  std::mutex mutex;
  std::vector<ContainerEvent> events;
  std::promise<void> removed;
  std::jthread watcher([&](std::stop_token stop) {
    runtime().WatchEvents(
        engine_.labels, [&] { ready.set_value(); },
        [&](const ContainerEvent& event) {
          std::lock_guard lock(mutex);
          events.push_back(event);
          if (event.kind == ContainerEventKind::kRemoved) removed.set_value();
        },
        stop);
  });
  ASSERT_EQ(ready.get_future().wait_for(10s), std::future_status::ready);
  std::string id = Run(Shell("exit 5"));
  runtime().Wait(id, {});
  runtime().Remove(id, true);
  ASSERT_EQ(removed.get_future().wait_for(10s), std::future_status::ready);
  watcher.request_stop();
  watcher.join();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, ContainerEventKind::kStarted);
  EXPECT_EQ(events[1].kind, ContainerEventKind::kDied);
  EXPECT_EQ(events[1].exit_code, 5);
  EXPECT_EQ(events[1].id, id);
}

TEST_F(DockerRuntimeTest, FailuresCarryTheirKind) {
  ContainerSpec absent = Shell("true");
  absent.image = "localhost/adhoc-absent:1";
  EXPECT_EQ(KindOf([&] { runtime().Create(absent); }), RuntimeErrorKind::kImageNotFound) << last_error_;
  ContainerSpec spec = Shell("sleep 60");
  spec.ip = engine_.prefix + "50";
  Run(spec);
  EXPECT_EQ(KindOf([&] { runtime().Create(spec); }), RuntimeErrorKind::kNameInUse) << last_error_;
  ContainerSpec same_ip = Shell("sleep 60");
  same_ip.ip = spec.ip;
  EXPECT_EQ(KindOf([&] { Run(same_ip); }), RuntimeErrorKind::kAddressInUse) << last_error_;
  ContainerSpec nothing = Shell("");
  nothing.command = {"/no/such/program"};
  std::string id = runtime().Create(nothing);
  EXPECT_EQ(KindOf([&] { runtime().Start(id); }), RuntimeErrorKind::kCommandNotFound) << last_error_;
  EXPECT_EQ(runtime().Inspect(id)->status, ContainerStatus::kCreated);
  EXPECT_EQ(KindOf([&] { runtime().Start("adhoc-absent"); }), RuntimeErrorKind::kNotFound) << last_error_;
  ContainerSpec no_source = Shell("true");
  no_source.mounts.push_back({.host_path = "/no/such/directory", .container_path = "/x"});
  EXPECT_EQ(KindOf([&] { runtime().Create(no_source); }), RuntimeErrorKind::kOther) << last_error_;
  EXPECT_EQ(KindOf([&] {
              runtime().EnsureNetwork({"adhoc-test2-" + engine_.run, engine_.prefix + "0/25", "", {}});
            }),
            RuntimeErrorKind::kAddressInUse)
      << last_error_;
  EXPECT_EQ(KindOf([&] {
              runtime().EnsureNetwork({engine_.network, "10.212.0.0/24", "", engine_.labels});
            }),
            RuntimeErrorKind::kNameInUse)
      << last_error_;
  EXPECT_EQ(KindOf([&] { runtime().RemoveNetwork(engine_.network); }), RuntimeErrorKind::kConflict) << last_error_;
  EXPECT_EQ(KindOf([&] { runtime().PullImage("127.0.0.1:1/nothing/here:1", ""); }), RuntimeErrorKind::kImageNotFound)
      << last_error_;
  EXPECT_EQ(KindOf([&] { MakeDockerRuntime("/no/such/socket", RealClock())->List({}); }),
            RuntimeErrorKind::kUnreachable);
}

TEST_F(DockerRuntimeTest, APublishedPortLeadsInside) {
  ContainerSpec spec = Shell("exec /usr/bin/python3 -m http.server 8000");
  spec.working_directory = "/tmp";
  spec.ports = {{"127.0.0.1", 0, 8000}};
  std::string id = Run(spec);
  std::optional<ContainerState> state = runtime().Inspect(id);
  ASSERT_EQ(state->ports.size(), 1u);
  ASSERT_GT(state->ports[0].host_port, 0);
  bool connected = false;
  for (int attempt = 0; attempt < 100 && !connected; ++attempt) {
    ProcessResult get = RunProcess({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                    "http://127.0.0.1:" + std::to_string(state->ports[0].host_port) + "/"});
    connected = get.out == "200";
    if (!connected) RealClock().SleepFor(50ms);
  }
  EXPECT_TRUE(connected);
  ContainerSpec second = Shell("sleep 60");
  second.ports = {{"127.0.0.1", state->ports[0].host_port, 80}};
  EXPECT_EQ(KindOf([&] { Run(second); }), RuntimeErrorKind::kPortInUse) << last_error_;
}

TEST_F(DockerRuntimeTest, NamesAndAddressesOnTheNetwork) {
  ContainerSpec server = Shell("exec /usr/bin/python3 -m http.server 8000");
  server.ip = engine_.prefix + "77";
  server.aliases = {"redis.dev-ns"};
  server.working_directory = "/tmp";
  std::string server_id = Run(server);
  EXPECT_EQ(runtime().Inspect(server_id)->ip, server.ip);
  std::string client = Run(Shell("sleep 60"));
  std::string answer = Output(client, {"/usr/bin/getent", "hosts", "redis.dev-ns"});
  EXPECT_EQ(answer.substr(0, answer.find(' ')), server.ip);

  ContainerSpec joiner = Shell("sleep 60");
  joiner.share_network_with = server_id;
  std::string joined = Run(joiner);
  EXPECT_EQ(runtime().Inspect(joined)->ip, "");
  EXPECT_EQ(runtime().Inspect(joined)->share_network_with, server_id);
  EXPECT_EQ(KindOf([&] { runtime().Remove(server_id, true); }), RuntimeErrorKind::kConflict) << last_error_;
  std::string local =
      "import urllib.request,time\nfor i in range(100):\n try:\n  "
      "print(urllib.request.urlopen('http://127.0.0.1:8000/').status); break\n except OSError: time.sleep(0.05)";
  EXPECT_EQ(Output(joined, {"/usr/bin/python3", "-c", local}), "200\n");
}

TEST_F(DockerRuntimeTest, LimitsHoldAndAnOutOfMemoryKillIsTold) {
  ContainerSpec spec = Shell("exec /usr/bin/python3 -c 'x = bytearray(300 << 20); print(len(x))'");
  spec.memory_bytes = 64 << 20;
  spec.cpus = 0.5;
  std::string id = Run(spec);
  EXPECT_EQ(runtime().Wait(id, {}), 137);
  EXPECT_TRUE(runtime().Inspect(id)->oom_killed);
}

TEST_F(DockerRuntimeTest, StatsOfARunningContainer) {
  ContainerSpec spec = Shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 60");
  spec.memory_bytes = 64 << 20;
  std::string id = Run(spec);
  RealClock().SleepFor(300ms);
  ContainerStats stats = runtime().Stats(id);
  EXPECT_GT(stats.cpu_time, 10ms);
  EXPECT_GT(stats.memory_bytes, 0);
  EXPECT_EQ(stats.memory_limit_bytes, 64 << 20);
}

TEST_F(DockerRuntimeTest, ARunningContainersCpusCanBeLimited) {
  ContainerSpec spec = Shell("while :; do :; done");
  spec.cpus = 1;
  std::string id = Run(spec);
  runtime().SetCpus(id, 0.1);
  const auto before = runtime().Stats(id).cpu_time;
  RealClock().SleepFor(1s);
  EXPECT_LT(runtime().Stats(id).cpu_time - before, 500ms);
  EXPECT_EQ(KindOf([&] { runtime().SetCpus("no-such-container", 0.1); }), RuntimeErrorKind::kNotFound) << last_error_;
}

TEST_F(DockerRuntimeTest, ExecPassesInputAndOutputAndTheExitCode) {
  std::string id = Run(Shell("sleep 60"));
  auto session = runtime().Exec(
      id, {.argv = {"/bin/sh", "-c", "cat; echo problem >&2; exit $CODE"}, .environment = {{"CODE", "9"}}});
  EXPECT_TRUE(session->Write("some\ninput\n"));
  session->CloseInput();
  std::string out;
  std::string err;
  while (auto output = session->Read()) (output->from_stderr ? err : out) += output->data;
  EXPECT_EQ(out, "some\ninput\n");
  EXPECT_EQ(err, "problem\n");
  EXPECT_EQ(session->ExitCode(), 9);

  ExecResult quick = runtime().RunExec(id, {.argv = {"/bin/sh", "-c", "echo fine"}}, 10s);
  EXPECT_EQ(quick.exit_code, 0);
  EXPECT_EQ(quick.output, "fine\n");
  ExecResult absent = runtime().RunExec(id, {.argv = {"/no/such/program"}}, 10s);
  EXPECT_EQ(absent.exit_code, 127);
  ExecResult slow = runtime().RunExec(id, {.argv = {"/bin/sleep", "30"}}, 300ms);
  EXPECT_TRUE(slow.timed_out);
  runtime().Stop(id, 0s);
  EXPECT_EQ(KindOf([&] { runtime().RunExec(id, {.argv = {"/bin/true"}}, 10s); }), RuntimeErrorKind::kConflict)
      << last_error_;
}

TEST_F(DockerRuntimeTest, ExecWithATerminalHasItsSizeAndPassesControlC) {
  std::string id = Run(Shell("sleep 60"));
  auto session = runtime().Exec(id, {.argv = {"/bin/bash", "--norc"},
                                     .tty = true,
                                     .environment = {{"PS1", "$ "}, {"TERM", "dumb"}},
                                     .columns = 100,
                                     .rows = 30});
  std::string screen;
  auto until = [&](const std::string& text) {
    while (screen.find(text) == std::string::npos) {
      auto output = session->Read();
      if (!output) return false;
      screen += output->data;
    }
    return true;
  };
  // The engine applies a size some time after it accepted it.
  auto until_size = [&](const std::string& size) {
    session->Write("until [ \"$(stty size)\" = '" + size + "' ]; do sleep 0.05; done; echo 'is' " + size + "\n");
    return until("is " + size + "\r\n");
  };
  EXPECT_TRUE(until_size("30 100")) << screen;
  session->Resize(80, 24);
  EXPECT_TRUE(until_size("24 80")) << screen;
  session->Write("sleep 100\n");
  RealClock().SleepFor(300ms);
  session->Write("\x03");
  session->Write("echo code $?\n");
  EXPECT_TRUE(until("code 130\r\n")) << screen;
  session->Write("exit 4\n");
  while (session->Read()) {
  }
  EXPECT_EQ(session->ExitCode(), 4);
}

TEST_F(DockerRuntimeTest, AnotherProcessFindsWhatRuns) {
  ContainerSpec spec = Shell("i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.1; done");
  spec.labels["adhoc.task"] = "t-1";
  std::string id = Run(spec);
  RealClock().SleepFor(500ms);
  std::unique_ptr<ContainerRuntime> other = MakeDockerRuntime(EngineSocketPath(engine_.state_dir), RealClock());
  std::vector<ContainerState> found = other->List({{"adhoc.test", engine_.run}, {"adhoc.task", ""}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, id);
  EXPECT_TRUE(found[0].running());
  std::vector<std::string> lines;
  other->FollowLogs(id, {.skip_lines = 3},
                    [&](const LogLine& line) { return lines.push_back(line.text), lines.size() < 2; }, {});
  EXPECT_EQ(lines, (std::vector<std::string>{"tick 3", "tick 4"}));
  EXPECT_TRUE(other->List({{"adhoc.test", engine_.run}, {"adhoc.task", "t-2"}}).empty());
}

TEST_F(DockerRuntimeTest, ImagesAreTaggedFoundAndRemoved) {
  std::string tag = "123456789012.dkr.ecr.us-east-1.localhost:4566/" + engine_.run + ":v1";
  EXPECT_FALSE(runtime().FindImage(tag));
  runtime().TagImage(engine_.image, tag);
  std::optional<ImageInfo> found = runtime().FindImage(tag);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, runtime().FindImage(engine_.image)->id);
  EXPECT_EQ(found->digest().substr(0, 7), "sha256:");
  std::vector<ImageInfo> listed = runtime().ListImages({tag.substr(0, tag.rfind(':'))});
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].id, found->id);
  runtime().RemoveImage(tag);
  EXPECT_FALSE(runtime().FindImage(tag));
  EXPECT_TRUE(runtime().FindImage(engine_.image));
  runtime().RemoveImage(tag);
  EXPECT_EQ(KindOf([&] { runtime().TagImage("localhost/adhoc-absent:1", tag); }), RuntimeErrorKind::kImageNotFound);
}

TEST_F(DockerRuntimeTest, AVolumeOutlivesItsContainer) {
  std::string volume = "adhoc-test-" + engine_.run;
  runtime().EnsureVolume(volume, engine_.labels);
  runtime().EnsureVolume(volume, engine_.labels);
  for (const char* script : {"echo kept > /data/file", "cat /data/file"}) {
    ContainerSpec spec = Shell(script);
    spec.mounts.push_back({.volume = volume, .container_path = "/data"});
    std::string id = Run(spec);
    EXPECT_EQ(runtime().Wait(id, {}), 0);
    if (std::string(script).starts_with("cat")) {
      EXPECT_EQ(Logs(id)[0].text, "kept");
    }
    runtime().Remove(id, true);
  }
  EXPECT_EQ(runtime().ListVolumes(engine_.labels).size(), 1u);
  runtime().RemoveVolume(volume);
  runtime().RemoveVolume(volume);
  EXPECT_TRUE(runtime().ListVolumes(engine_.labels).empty());
}

TEST_F(DockerRuntimeTest, ManyStartAtOnce) {
  std::vector<std::future<std::string>> starts;
  for (int i = 0; i < 8; ++i) {
    ContainerSpec spec = Shell("sleep 60");
    spec.ip = engine_.prefix + std::to_string(120 + i);
    starts.push_back(std::async(std::launch::async, [this, spec] { return Run(spec); }));
  }
  for (auto& start : starts) EXPECT_TRUE(runtime().Inspect(start.get())->running());
}

TEST_F(DockerRuntimeTest, TheServiceIsFoundAgainAndReplacedWhenItDied) {
  std::string id = Run(Shell("sleep 60"));
  auto begin = std::chrono::steady_clock::now();
  EngineEnvironment again = PrepareEngine({.state_dir = engine_.state_dir});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 100ms);
  if (again.engine != "podman") GTEST_SKIP() << "the service is not ours";
  EXPECT_EQ(again.socket_path, EngineSocketPath(engine_.state_dir));
  EXPECT_TRUE(StopEngine(engine_.state_dir));
  EXPECT_FALSE(StopEngine(engine_.state_dir));
  EXPECT_EQ(KindOf([&] { runtime().List({}); }), RuntimeErrorKind::kUnreachable);
  auto lasting = MakeEngineRuntime({.state_dir = engine_.state_dir}, RealClock());
  EXPECT_TRUE(lasting->Inspect(id)->running()) << "containers do not depend on the service";
  StopEngine(engine_.state_dir);
  EXPECT_TRUE(lasting->Inspect(id)->running()) << "the service comes back by itself";
}

TEST_F(DockerRuntimeTest, AnEngineThatWasNamedButDoesNotAnswerIsAnError) {
  ASSERT_EQ(::setenv("ADHOC_CONTAINER_HOST", "unix:///no/such/socket", 1), 0);
  std::string message;
  try {
    PrepareEngine({.state_dir = engine_.state_dir});
  } catch (const Error& error) {
    message = error.what();
  }
  ::unsetenv("ADHOC_CONTAINER_HOST");
  EXPECT_EQ(message,
            "cannot use ADHOC_CONTAINER_HOST=unix:///no/such/socket: cannot connect to /no/such/socket: No such file "
            "or directory");
}

TEST_F(DockerRuntimeTest, RemovingTwiceAtOnceIsNoError) {
  for (int round = 0; round < 3; ++round) {
    std::string id = Run(Shell("sleep 60"));
    std::vector<std::future<void>> removals;
    for (int i = 0; i < 4; ++i) removals.push_back(std::async(std::launch::async, [&] { runtime().Remove(id, true); }));
    for (auto& removal : removals) EXPECT_NO_THROW(removal.get());
    EXPECT_FALSE(runtime().Inspect(id));
  }
}

TEST_F(DockerRuntimeTest, WaitEndsWhenStopped) {
  std::string id = Run(Shell("sleep 60"));
  std::stop_source stop;
  std::jthread stopper([&] {
    RealClock().SleepFor(200ms);
    stop.request_stop();
  });
  EXPECT_EQ(runtime().Wait(id, stop.get_token()), std::nullopt);
}

}  // namespace
}  // namespace adhoc::localcloud
