#include "testing/fake_runtime.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace adhoc::testing {
namespace {

using namespace std::chrono_literals;
using localcloud::ContainerEvent;
using localcloud::ContainerEventKind;
using localcloud::ContainerSpec;
using localcloud::ContainerStatus;
using localcloud::LogLine;
using localcloud::RuntimeError;
using localcloud::RuntimeErrorKind;

RuntimeErrorKind KindOf(const std::function<void()>& action) {
  try {
    action();
  } catch (const RuntimeError& error) {
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return RuntimeErrorKind::kOther;
}

class FakeRuntimeTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  FakeRuntime runtime_{clock_};

  std::string Run(ContainerSpec spec) {
    std::string id = runtime_.Create(spec);
    runtime_.Start(id);
    return id;
  }
};

TEST_F(FakeRuntimeTest, AScriptedProcessLogsAndEndsAsTimeGoesBy) {
  FakeProcess process;
  process.exits_after = 5s;
  process.exit_code = 3;
  process.lines = {{0s, "hello"}, {2s, "trouble", true}, {9s, "never"}};
  runtime_.AddImage("job:1", process);
  std::string id = Run({.name = "job", .image = "job:1"});
  clock_.Advance(4s);
  EXPECT_TRUE(runtime_.Inspect(id)->running());
  clock_.Advance(10s);
  auto state = runtime_.Inspect("job");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->status, ContainerStatus::kExited);
  EXPECT_EQ(state->exit_code, 3);
  EXPECT_EQ(*state->finished_at - *state->started_at, 5s);
  std::vector<std::string> lines;
  runtime_.FollowLogs(id, {.skip_lines = 1},
                      [&](const LogLine& line) {
                        lines.push_back(line.text);
                        return true;
                      },
                      {});
  EXPECT_EQ(lines, std::vector<std::string>{"trouble"});
}

TEST_F(FakeRuntimeTest, StopOfAProcessThatIgnoresTheSignalTakesTheGracePeriod) {
  FakeProcess process;
  process.ignores_stop_signal = true;
  runtime_.AddImage("stubborn:1", process);
  std::string id = Run({.image = "stubborn:1"});
  auto stopped = std::async(std::launch::async, [&] { runtime_.Stop(id, 30s); });
  while (runtime_.signals(id).empty()) std::this_thread::yield();
  clock_.Advance(29s);
  EXPECT_TRUE(runtime_.Inspect(id)->running());
  clock_.Advance(1s);
  stopped.get();
  EXPECT_EQ(runtime_.Inspect(id)->exit_code, 137);
  EXPECT_EQ(runtime_.signals(id), (std::vector<std::string>{"SIGTERM", "SIGKILL"}));
}

TEST_F(FakeRuntimeTest, EventsReachTheWatchersOfTheirLabels) {
  runtime_.AddImage("web:1");
  std::promise<void> ready;
  std::promise<ContainerEvent> died;
  std::jthread watcher([&](std::stop_token stop) {
    runtime_.WatchEvents(
        {{"task", "a"}}, [&] { ready.set_value(); },
        [&](const ContainerEvent& event) {
          if (event.kind == ContainerEventKind::kDied) died.set_value(event);
        },
        stop);
  });
  ready.get_future().get();
  std::string other = Run({.image = "web:1", .labels = {{"task", "b"}}});
  std::string id = Run({.image = "web:1", .labels = {{"task", "a"}}});
  runtime_.EndProcess(other, 1);
  runtime_.EndProcess(id, 2);
  ContainerEvent event = died.get_future().get();
  EXPECT_EQ(event.id, id);
  EXPECT_EQ(event.exit_code, 2);
}

TEST_F(FakeRuntimeTest, FailuresCarryTheirKind) {
  runtime_.AddImage("web:1");
  FakeProcess broken;
  broken.start_error = RuntimeError(RuntimeErrorKind::kCommandNotFound, "exec: \"nope\": executable file not found");
  runtime_.AddImage("broken:1", broken);
  runtime_.OccupyPort(8080);
  EXPECT_EQ(KindOf([&] { runtime_.Create({.image = "absent:1"}); }), RuntimeErrorKind::kImageNotFound);
  runtime_.Create({.name = "taken", .image = "web:1"});
  EXPECT_EQ(KindOf([&] { runtime_.Create({.name = "taken", .image = "web:1"}); }), RuntimeErrorKind::kNameInUse);
  EXPECT_EQ(KindOf([&] { Run({.image = "broken:1"}); }), RuntimeErrorKind::kCommandNotFound);
  EXPECT_EQ(KindOf([&] { Run({.image = "web:1", .ports = {{"127.0.0.1", 8080, 80}}}); }), RuntimeErrorKind::kPortInUse);
  Run({.image = "web:1", .ip = "10.0.0.9"});
  EXPECT_EQ(KindOf([&] { Run({.image = "web:1", .ip = "10.0.0.9"}); }), RuntimeErrorKind::kAddressInUse);
  EXPECT_EQ(KindOf([&] { runtime_.Start("absent"); }), RuntimeErrorKind::kNotFound);
  runtime_.SetUnreachable(true);
  EXPECT_EQ(KindOf([&] { runtime_.List({}); }), RuntimeErrorKind::kUnreachable);
}

TEST_F(FakeRuntimeTest, ContainersAreListedInTheOrderInWhichTheyCanBeRemoved) {
  runtime_.AddImage("web:1");
  std::string pause = Run({.image = "web:1"});
  std::string joiner = Run({.image = "web:1", .share_network_with = pause});
  EXPECT_EQ(KindOf([&] { runtime_.Remove(pause, true); }), RuntimeErrorKind::kConflict);
  std::vector<localcloud::ContainerState> listed = runtime_.List({});
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].id, joiner);
  for (const auto& container : listed) runtime_.Remove(container.id, true);
  EXPECT_TRUE(runtime_.List({}).empty());
}

TEST_F(FakeRuntimeTest, TheProgramSeesTheCommand) {
  runtime_.AddImage("app:1", [](const ContainerSpec& spec) {
    FakeProcess process;
    if (spec.command == std::vector<std::string>{"migrate"}) process.exits_after = 1s;
    return process;
  });
  std::string migrate = Run({.image = "app:1", .command = {"migrate"}});
  std::string web = Run({.image = "app:1", .command = {"serve"}});
  clock_.Advance(1s);
  EXPECT_EQ(runtime_.Wait(migrate, {}), 0);
  EXPECT_TRUE(runtime_.Inspect(web)->running());
  EXPECT_EQ(runtime_.running(), 1);
}

}  // namespace
}  // namespace adhoc::testing
