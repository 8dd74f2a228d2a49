#include "localcloud/runtime/clearing.h"

#include <gtest/gtest.h>

#include "testing/fake_clock.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

using testing::FakeClock;
using testing::FakeProcess;
using testing::FakeRuntime;

const Labels kOurs = {{"adhoc.instance", "ours"}};

class ClearingTest : public ::testing::Test {
 protected:
  ClearingTest() {
    runtime_.AddImage("image", FakeProcess{.ignores_stop_signal = true});
    runtime_.EnsureNetwork({.name = "net", .subnet = "10.9.0.0/16", .gateway = "10.9.0.1", .labels = kOurs});
  }

  std::string Run(const std::string& name, const Labels& labels, const std::string& shares = "") {
    ContainerSpec spec{.name = name, .image = "image", .labels = labels};
    if (shares.empty()) {
      spec.network = "net";
    } else {
      spec.share_network_with = shares;
    }
    const std::string id = runtime_.Create(spec);
    runtime_.Start(id);
    return id;
  }

  FakeClock clock_;
  FakeRuntime runtime_{clock_};
};

TEST_F(ClearingTest, KillsAndRemovesWhatIsOursInTheRightOrder) {
  std::string pause;
  for (int task = 0; task < 6; ++task) {
    pause = Run("pause" + std::to_string(task), kOurs);
    Run("a" + std::to_string(task), kOurs, pause);
    Run("b" + std::to_string(task), kOurs, pause);
  }
  runtime_.EnsureVolume("data", kOurs);
  const Cleared cleared = ClearEngine(runtime_, kOurs);
  EXPECT_EQ(cleared.containers, 18);
  EXPECT_EQ(cleared.networks, 1);
  EXPECT_EQ(cleared.volumes, 1);
  EXPECT_TRUE(runtime_.List({}).empty());
  EXPECT_TRUE(runtime_.ListNetworks({}).empty());
  EXPECT_TRUE(runtime_.ListVolumes({}).empty());
}

TEST_F(ClearingTest, LeavesWhatIsAnotherOnes) {
  runtime_.EnsureNetwork(
      {.name = "theirs", .subnet = "10.8.0.0/16", .gateway = "10.8.0.1", .labels = {{"adhoc.instance", "theirs"}}});
  runtime_.EnsureVolume("theirs", {{"adhoc.instance", "theirs"}});
  ContainerSpec spec{.name = "theirs", .image = "image", .labels = {{"adhoc.instance", "theirs"}}, .network = "theirs"};
  runtime_.Start(runtime_.Create(spec));
  Run("ours", kOurs);
  EXPECT_EQ(ClearEngine(runtime_, kOurs).containers, 1);
  EXPECT_EQ(runtime_.running(), 1);
  EXPECT_EQ(runtime_.ListNetworks({}).size(), 1U);
  EXPECT_EQ(runtime_.ListVolumes({}).size(), 1U);
}

TEST_F(ClearingTest, OneFailureIsToldAfterTheRestIsGone) {
  const std::string needed = Run("needed", kOurs);
  Run("other", kOurs);
  // Somebody else's container uses the network of ours, which the engine therefore keeps.
  Run("guest", {{"adhoc.instance", "theirs"}}, needed);
  EXPECT_THROW(ClearContainers(runtime_, kOurs), RuntimeError);
  EXPECT_EQ(runtime_.List(kOurs).size(), 1U);
}

}  // namespace
}  // namespace adhoc::localcloud
