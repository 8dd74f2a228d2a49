#include "localcloud/runtime/engineless_runtime.h"

#include <gtest/gtest.h>

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
