#include "localcloud/instances/instance_controller.h"

#include <gtest/gtest.h>

#include "localcloud/instances/documents.h"
#include "localcloud/runtime/runtime.h"
#include "testing/local_api.h"

namespace adhoc::localcloud::ec2 {
namespace {

using namespace std::chrono_literals;
using States = std::vector<std::string>;

struct Controller : ::testing::Test {
  Controller() {
    const std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];
    subnet = api.Call("ec2", "CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", "10.213.1.0/24"}})["Subnet"]["SubnetId"];
  }

  testing::LocalApi api;
  testing::FakeRuntime& runtime = api.runtime();
  bool has_route = true;
  InstanceController controller{api.cloud(), [this] { return has_route; }};
  std::string subnet;

  void AddImage() { runtime.AddImage("localhost/adhoc/postgres:15"); }
  std::string Launch(Json input = Json::object()) {
    const Json images =
        api.Call("ec2", "DescribeImages",
                 {{"Filters", {{{"Name", "name"}, {"Values", {"al2023-ami-2023.*-arm64"}}}}}})["Images"];
    input.update({{"ImageId", images.at(0)["ImageId"]},
                  {"InstanceType", "t4g.nano"},
                  {"SubnetId", subnet},
                  {"MinCount", 1},
                  {"MaxCount", 1}});
    return api.Call("ec2", "RunInstances", input)["Instances"][0]["InstanceId"];
  }
  void Change(const char* operation, const std::string& id) {
    api.Call("ec2", operation, {{"InstanceIds", Json::array({id})}});
  }
  Json Document(const std::string& id) { return api.Document(kInstances, id); }
  // Passes for that long, every 100 ms; the states on the way.
  States Run(const std::string& id, Duration duration = 3s) {
    States states;
    const TimePoint end = api.clock().Now() + duration;
    while (api.clock().Now() < end) {
      controller.Reconcile();
      const Json instance = Document(id);
      const std::string state = instance.is_null() ? "forgotten" : StateOf(instance);
      if (states.empty() || states.back() != state) states.push_back(state);
      api.clock().Advance(100ms);
    }
    return states;
  }
  std::vector<ContainerState> Containers() { return runtime.List({{"adhoc.machine", ""}}); }
};

TEST_F(Controller, RunsAnInstanceAsAContainerAtItsAddress) {
  AddImage();
  const std::string id = Launch({{"UserData", "IyEvYmluL3NoCg=="}});
  EXPECT_EQ(Run(id), (States{"pending", "running"}));
  ASSERT_EQ(Containers().size(), 1u);
  const ContainerSpec spec = *runtime.SpecOf(Containers()[0].id);
  const Json instance = Document(id);
  EXPECT_EQ(spec.ip, instance["PrivateIpAddress"]);
  EXPECT_EQ(spec.aliases, std::vector<std::string>{instance["PrivateDnsName"]});
  EXPECT_EQ(spec.entrypoint.back(), "IyEvYmluL3NoCg==");
  EXPECT_EQ(spec.dns_server, "169.254.169.253");
  EXPECT_EQ(instance["_container"], Containers()[0].id);
}

TEST_F(Controller, WithoutARouteNamesAreTheEngines) {
  AddImage();
  has_route = false;
  Run(Launch());
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(runtime.SpecOf(Containers()[0].id)->dns_server, "");
}

TEST_F(Controller, KeepsTheContainerOfAStoppedInstance) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  const std::string container = Containers()[0].id;
  Change("StopInstances", id);
  EXPECT_EQ(Run(id), (States{"stopped"}));
  EXPECT_EQ(runtime.running(), 0);
  Change("StartInstances", id);
  EXPECT_EQ(Run(id).back(), "running");
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].id, container);
}

TEST_F(Controller, GivesUpEverythingOfATerminatedInstanceAndForgetsItLater) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  const std::string interface = Document(id)["_interface"];
  const std::string volume = Document(id)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"];
  EXPECT_FALSE(api.Document(kVolumes, volume).is_null());
  Change("TerminateInstances", id);
  EXPECT_EQ(Run(id), (States{"terminated"}));
  EXPECT_TRUE(Containers().empty());
  EXPECT_TRUE(api.Document("ec2.enis", interface).is_null());
  EXPECT_TRUE(api.Document(kVolumes, volume).is_null());
  const Json shown = api.Call("ec2", "DescribeInstances")["Reservations"][0]["Instances"][0];
  EXPECT_EQ(shown["State"]["Name"], "terminated");
  EXPECT_FALSE(shown.contains("SubnetId"));
  api.clock().Advance(1h);
  EXPECT_EQ(Run(id), (States{"forgotten"}));
}

TEST_F(Controller, RebootsInPlace) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  const auto started = Containers()[0].started_at;
  Change("RebootInstances", id);
  EXPECT_EQ(Run(id), (States{"running"}));
  ASSERT_EQ(runtime.running(), 1);
  EXPECT_GT(Containers()[0].started_at, started);
}

TEST_F(Controller, StartsAgainWhatEndedOrWasRemoved) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  runtime.EndProcess(Containers()[0].id, 137);
  EXPECT_EQ(Run(id), (States{"running"}));
  EXPECT_EQ(runtime.running(), 1);
  runtime.Vanish(Containers()[0].id);
  Run(id);
  ASSERT_EQ(runtime.running(), 1);
  EXPECT_EQ(Document(id)["_container"], Containers()[0].id);
}

TEST_F(Controller, AnotherControllerAdoptsWhatRuns) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  const std::string container = Containers()[0].id;
  InstanceController(api.cloud()).Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].id, container);
}

TEST_F(Controller, RemovesContainersThatNoInstanceNeeds) {
  AddImage();
  const std::string id = Launch();
  Run(id);
  {
    const auto txn = api.store().Begin();
    txn->Erase(kInstances, id);
    txn->Commit();
  }
  controller.Reconcile();
  EXPECT_TRUE(Containers().empty());
}

TEST_F(Controller, WithoutAnImageAnInstanceTerminatesAndSaysWhy) {
  const std::string id = Launch();
  EXPECT_EQ(Run(id).back(), "terminated");
  const Json shown = api.Call("ec2", "DescribeInstances")["Reservations"][0]["Instances"][0];
  EXPECT_EQ(shown["StateReason"]["Code"], "Server.InternalError");
  EXPECT_NE(shown["StateReason"]["Message"].get<std::string>().find("localhost/adhoc/postgres:15"), std::string::npos);
}

TEST_F(Controller, WaitsForAnEngineThatIsAway) {
  AddImage();
  const std::string id = Launch();
  runtime.SetUnreachable(true);
  EXPECT_EQ(Run(id), (States{"pending"}));
  runtime.SetUnreachable(false);
  EXPECT_EQ(Run(id, 20s).back(), "running");
}

}  // namespace
}  // namespace adhoc::localcloud::ec2
