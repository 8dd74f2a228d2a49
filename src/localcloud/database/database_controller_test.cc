#include "localcloud/database/database_controller.h"

#include <gtest/gtest.h>

#include "localcloud/runtime/runtime.h"
#include "testing/local_api.h"

namespace adhoc::localcloud::database {
namespace {

using namespace std::chrono_literals;
using testing::FakeProcess;

struct Controller : ::testing::Test {
  Controller() {
    runtime.AddImage("localhost/adhoc/postgres:15", [this](const ContainerSpec&) {
      FakeProcess process;
      process.exec = [this](const ExecSpec& spec) {
        execs.push_back(spec);
        return ExecResult{.exit_code = exec_answer, .output = ""};
      };
      return process;
    });
    const std::string vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.213.0.0/16"}})["Vpc"]["VpcId"];
    Json subnets = Json::array();
    for (const char* zone : {"a", "b"}) {
      subnets.push_back(api.Call("ec2", "CreateSubnet",
                                 {{"VpcId", vpc},
                                  {"CidrBlock", *zone == 'a' ? "10.213.1.0/24" : "10.213.2.0/24"},
                                  {"AvailabilityZone", std::string("us-east-1") + zone}})["Subnet"]["SubnetId"]);
    }
    api.Call("rds", "CreateDBSubnetGroup",
             {{"DBSubnetGroupName", "dev"}, {"DBSubnetGroupDescription", "d"}, {"SubnetIds", subnets}});
  }

  testing::LocalApi api;
  testing::FakeRuntime& runtime = api.runtime();
  DatabaseController controller{api.cloud()};
  int exec_answer = 0;
  std::vector<ExecSpec> execs;

  void CreateInstance() {
    api.Call("rds", "CreateDBInstance",
             {{"DBInstanceIdentifier", "dev"},
              {"Engine", "postgres"},
              {"DBInstanceClass", "db.t3.micro"},
              {"AllocatedStorage", 20},
              {"DBName", "shop"},
              {"MasterUsername", "master"},
              {"ManageMasterUserPassword", true},
              {"DBSubnetGroupName", "dev"}});
  }
  Json Describe() { return api.Call("rds", "DescribeDBInstances")["DBInstances"][0]; }
  std::string Status() { return Describe()["DBInstanceStatus"]; }
  // Passes for that long, every 50 ms; the statuses on the way.
  std::vector<std::string> Run(Duration duration = 2s) {
    std::vector<std::string> statuses;
    const TimePoint end = api.clock().Now() + duration;
    while (api.clock().Now() < end) {
      controller.Reconcile();
      const Json instance = api.Document("rds.instances", "dev");
      const std::string status = instance.is_null() ? "gone" : instance["DBInstanceStatus"].get<std::string>();
      if (statuses.empty() || statuses.back() != status) statuses.push_back(status);
      api.clock().Advance(50ms);
    }
    return statuses;
  }
  void MakeAvailable() {
    CreateInstance();
    Run();
    ASSERT_EQ(Status(), "available");
  }
  std::vector<ContainerState> Containers() { return runtime.List({{"adhoc.database", "dev"}}); }
  void Modify(Json input) {
    input["DBInstanceIdentifier"] = "dev";
    api.Call("rds", "ModifyDBInstance", input);
  }
};

using Statuses = std::vector<std::string>;

TEST_F(Controller, MakesAnInstanceAvailable) {
  CreateInstance();
  EXPECT_EQ(Run(), (Statuses{"creating", "backing-up", "available"}));
  const Json instance = Describe();
  const std::string address = instance["Endpoint"]["Address"];
  EXPECT_TRUE(address.starts_with("dev.c") && address.ends_with(".us-east-1.rds.amazonaws.com")) << address;
  EXPECT_EQ(instance["Endpoint"]["Port"], 5432);
  EXPECT_EQ(instance["MasterUserSecret"]["SecretStatus"], "active");
  ASSERT_EQ(Containers().size(), 1u);
  const ContainerSpec spec = *runtime.SpecOf(Containers()[0].id);
  EXPECT_EQ(spec.aliases, std::vector<std::string>{address});
  EXPECT_EQ(spec.environment.at("POSTGRES_USER"), "rdsadmin");
  const Json interfaces =
      api.Call("ec2", "DescribeNetworkInterfaces",
               {{"Filters", Json::array({{{"Name", "requester-id"}, {"Values", {"amazon-rds"}}}})}});
  ASSERT_EQ(interfaces["NetworkInterfaces"].size(), 1u);
  EXPECT_EQ(interfaces["NetworkInterfaces"][0]["PrivateIpAddress"], spec.ip);
}

TEST_F(Controller, PassesNoPasswordAndTheVerifierInTheEnvironmentOnly) {
  MakeAvailable();
  ASSERT_FALSE(execs.empty());
  const std::string verifier = api.Document("rds.instances", "dev")["_verifier"];
  EXPECT_TRUE(verifier.starts_with("SCRAM-SHA-256$4096:")) << verifier;
  EXPECT_EQ(execs[0].environment.at("MASTER_VERIFIER"), verifier);
  EXPECT_EQ(execs[0].environment.at("MASTER_USER"), "master");
  EXPECT_EQ(execs[0].environment.at("DATABASE_NAME"), "shop");
  const std::string admin = api.Document("rds.instances", "dev")["_admin_password"];
  for (const auto& word : execs[0].argv) {
    EXPECT_EQ(word.find(verifier), std::string::npos);
    EXPECT_EQ(word.find(admin), std::string::npos);
  }
}

TEST_F(Controller, WaitsUntilItAcceptsConnections) {
  exec_answer = 2;
  CreateInstance();
  EXPECT_EQ(Run(), Statuses{"creating"});
  exec_answer = 0;
  EXPECT_EQ(Run(), (Statuses{"backing-up", "available"}));
}

TEST_F(Controller, StartsAKilledContainerAgain) {
  MakeAvailable();
  const std::string id = Containers()[0].id;
  runtime.EndProcess(id, 137);
  EXPECT_EQ(Run(), Statuses{"available"});
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].id, id);
  EXPECT_TRUE(Containers()[0].running());
}

TEST_F(Controller, MakesAContainerThatSomebodyRemovedAgainOnTheSameData) {
  MakeAvailable();
  const ContainerSpec before = *runtime.SpecOf(Containers()[0].id);
  runtime.Vanish(Containers()[0].id);
  execs.clear();
  Run();
  ASSERT_EQ(Containers().size(), 1u);
  const ContainerSpec after = *runtime.SpecOf(Containers()[0].id);
  EXPECT_EQ(after.ip, before.ip);
  EXPECT_EQ(after.mounts[0].volume, before.mounts[0].volume);
  // Set up again, in case the data was gone; but the first database is the user's by now.
  ASSERT_EQ(execs.size(), 1u);
  EXPECT_EQ(execs[0].environment.at("DATABASE_NAME"), "");
}

TEST_F(Controller, AnotherControllerAdoptsIt) {
  MakeAvailable();
  const std::string id = Containers()[0].id;
  execs.clear();
  DatabaseController second(api.cloud());
  second.Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].id, id);
  EXPECT_TRUE(execs.empty());
}

TEST_F(Controller, AppliesANewPassword) {
  MakeAvailable();
  execs.clear();
  Modify({{"RotateMasterUserPassword", true}});
  EXPECT_EQ(Status(), "resetting-master-credentials");
  EXPECT_EQ(Run(), Statuses{"available"});
  ASSERT_EQ(execs.size(), 1u);
  EXPECT_EQ(execs[0].environment.at("MASTER_VERIFIER"), api.Document("rds.instances", "dev")["_verifier"]);
}

TEST_F(Controller, StopsStartsAndReboots) {
  MakeAvailable();
  const Json dev{{"DBInstanceIdentifier", "dev"}};
  const std::string id = Containers()[0].id;
  api.Call("rds", "StopDBInstance", dev);
  EXPECT_EQ(Run(), Statuses{"stopped"});
  EXPECT_FALSE(Containers()[0].running());
  EXPECT_EQ(runtime.signals(id), Statuses{"SIGINT"});
  api.Call("rds", "StartDBInstance", dev);
  EXPECT_EQ(Run(), (Statuses{"starting", "available"}));
  api.Call("rds", "RebootDBInstance", dev);
  EXPECT_EQ(Run(), (Statuses{"rebooting", "available"}));
  EXPECT_EQ(runtime.signals(id), (Statuses{"SIGINT", "SIGINT"}));
  EXPECT_TRUE(Containers()[0].running());
}

TEST_F(Controller, DeletesEverything) {
  MakeAvailable();
  const std::string secret = Describe()["MasterUserSecret"]["SecretArn"];
  ASSERT_EQ(runtime.ListVolumes({{"adhoc.instance", "0badcafe"}}).size(), 1u);
  api.Call("rds", "DeleteDBInstance", {{"DBInstanceIdentifier", "dev"}, {"SkipFinalSnapshot", true}});
  EXPECT_EQ(Status(), "deleting");
  EXPECT_EQ(Run(), Statuses{"gone"});
  EXPECT_TRUE(Containers().empty());
  EXPECT_TRUE(runtime.ListVolumes({{"adhoc.instance", "0badcafe"}}).empty());
  EXPECT_TRUE(api.Call("ec2", "DescribeNetworkInterfaces")["NetworkInterfaces"].empty());
  EXPECT_EQ(api.ErrorOf("secretsmanager", "GetSecretValue", {{"SecretId", secret}}), "ResourceNotFoundException");
}

TEST_F(Controller, RemovesWhatALostInstanceLeft) {
  MakeAvailable();
  {
    const auto txn = api.store().Begin();
    txn->Erase("rds.instances", "dev");
    txn->Commit();
  }
  controller.Reconcile();
  EXPECT_TRUE(Containers().empty());
  EXPECT_TRUE(runtime.ListVolumes({{"adhoc.instance", "0badcafe"}}).empty());
}

TEST_F(Controller, GoesOnWhenTheEngineIsBack) {
  CreateInstance();
  runtime.SetUnreachable(true);
  EXPECT_EQ(Run(), Statuses{"creating"});
  runtime.SetUnreachable(false);
  EXPECT_EQ(Run(20s).back(), "available");
}

TEST_F(Controller, SaysThatThereIsNoImageAndTakesItWhenThereIs) {
  runtime.RemoveImage("localhost/adhoc/postgres:15");
  CreateInstance();
  EXPECT_EQ(Run(), Statuses{"failed"});
  const std::string message = Describe()["StatusInfos"][0]["Message"];
  EXPECT_NE(message.find("localhost/adhoc/postgres:15"), std::string::npos) << message;
  runtime.AddImage("localhost/adhoc/postgres:15");
  EXPECT_EQ(Run(20s), (Statuses{"failed", "backing-up", "available"}));
  EXPECT_FALSE(Describe().contains("StatusInfos"));
}

TEST_F(Controller, SaysWhyTheMasterUserCannotBeSetUp) {
  exec_answer = 3;
  CreateInstance();
  EXPECT_EQ(Run(), Statuses{"creating"});
  const std::string message = Describe()["StatusInfos"][0]["Message"];
  EXPECT_TRUE(message.starts_with("cannot set up the master user")) << message;
}

TEST_F(Controller, StartsMoreAndMoreSlowlyWhatKeepsEnding) {
  int runs = 0;
  runtime.AddImage("localhost/adhoc/postgres:15", [&](const ContainerSpec&) {
    ++runs;
    FakeProcess process;
    process.exits_after = 1ms;
    process.exit_code = 1;
    return process;
  });
  CreateInstance();
  Run(60s);
  EXPECT_EQ(Status(), "creating");
  EXPECT_GE(runs, 3);
  EXPECT_LE(runs, 9);
}

}  // namespace
}  // namespace adhoc::localcloud::database
