#include "localcloud/runtime/engineless_runtime.h"

#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <vector>

#include "testing/fake_clock.h"

namespace adhoc::localcloud {
namespace {

TEST(EnginelessRuntime, AContainerRunsUntilItIsStopped) {
  testing::FakeClock clock;
  const auto runtime = MakeEnginelessRuntime(clock);
  const std::string id = runtime->Create({.name = "web", .image = "any:1", .labels = {{"adhoc.task", "one"}}});
  EXPECT_EQ(runtime->Inspect("web")->status, ContainerStatus::kCreated);
  EXPECT_THROW(runtime->Create({.name = "web", .image = "any:1"}), RuntimeError);
  runtime->Start(id);
  EXPECT_TRUE(runtime->Inspect(id)->running());
  EXPECT_EQ(runtime->RunExec(id, {}, {}).exit_code, 0);
  EXPECT_EQ(runtime->List({{"adhoc.task", "one"}}).size(), 1u);
  EXPECT_EQ(runtime->List({{"adhoc.task", ""}}).size(), 1u) << "an empty value is any";
  EXPECT_TRUE(runtime->List({{"adhoc.task", "two"}}).empty());
  runtime->Stop(id, std::chrono::seconds(30));
  EXPECT_EQ(runtime->Wait(id, {}), 143);
  EXPECT_THROW(runtime->RunExec(id, {}, {}), RuntimeError);
  runtime->Remove(id, false);
  EXPECT_FALSE(runtime->Inspect(id).has_value());
  EXPECT_TRUE(runtime->List({}).empty());
  runtime->Create({.name = "web", .image = "any:1"});  // the name is free again
}

TEST(EnginelessRuntime, WhatIsNoServicesEndsAtOnceAndIsToldOf) {
  testing::FakeClock clock;
  const auto runtime = MakeEnginelessRuntime(clock);
  const auto start = [&](const std::string& name, const std::string& group) {
    runtime->Start(runtime->Create({.name = name, .image = "any:1", .labels = {{"adhoc.group", group}}}));
    return *runtime->Inspect(name);
  };
  std::stop_source stop;
  std::vector<std::string> ended;
  runtime->WatchEvents(
      {{"adhoc.group", ""}},
      [&] {
        EXPECT_TRUE(start("web", "service:web").running());
        EXPECT_EQ(start("migrate", "family:migrate").exit_code, 0);
      },
      [&](const ContainerEvent& event) {
        EXPECT_EQ(event.kind, ContainerEventKind::kDied);
        ended.push_back(event.name);
        stop.request_stop();
      },
      stop.get_token());
  EXPECT_EQ(ended, std::vector<std::string>{"migrate"});
}

TEST(EnginelessRuntime, EveryImageExists) {
  testing::FakeClock clock;
  const auto runtime = MakeEnginelessRuntime(clock);
  const auto image = runtime->FindImage("backend:v1");
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(runtime->FindImage(image->id)->id, image->id);
  EXPECT_NE(runtime->FindImage("backend:v2")->id, image->id);
}

}  // namespace
}  // namespace adhoc::localcloud
