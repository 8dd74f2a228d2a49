// What takes its time with `--timing aws`: it is under way until it is due, whatever restarts in between, and then
// over.
#include <gtest/gtest.h>

#include "localcloud/timing.h"
#include "testing/local_cloud.h"

namespace adhoc::localcloud {
namespace {

class SlowThingsTest : public ::testing::Test {
 protected:
  SlowThingsTest() {
    cloud_.runtime().AddImage("localhost/web:1");
    api_.cloud().settings.timing = {.factor = 0.5};
    const Json answer = Call("ec2", "DescribeSubnets");
    for (const Json& subnet : answer["Subnets"]) subnets_.push_back(subnet["SubnetId"]);
    vpc_ = Call("ec2", "DescribeVpcs")["Vpcs"][0]["VpcId"];
  }

  Json Call(const char* service, const char* operation, const Json& input = Json::object()) {
    Json answer = api_.Call(service, operation, input);
    cloud_.Settle();
    return answer;
  }

  // Time passes in steps of a second at most, as it does for controllers that wait for what is due.
  void Pass(double seconds) {
    for (double left = seconds; left > 0; left -= 1) {
      cloud_.clock().Advance(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(left, 1.0))));
      cloud_.Settle();
    }
  }

  // `look` tells how it stands: `before` until the time of `what` is over, then `after`. The server restarts meanwhile.
  void ExpectChange(Slow what, const std::function<std::string()>& look, const std::string& before,
                    const std::string& after) {
    const double seconds = SlowThings()[static_cast<std::size_t>(what)].seconds / 2;
    SCOPED_TRACE(SlowThings()[static_cast<std::size_t>(what)].name);
    EXPECT_EQ(look(), before);
    Pass(seconds / 2);
    cloud_.Restart();
    Pass(seconds / 2 - 0.2);
    EXPECT_EQ(look(), before);
    Pass(0.4);
    // What one pass of a controller began, another one finishes: a probe, a configuration.
    for (int i = 0; i < 3; ++i) cloud_.Settle();
    EXPECT_EQ(look(), after);
  }

  std::string CreateBalancer() {
    return Call("elbv2", "CreateLoadBalancer",
                {{"Name", "front"}, {"Subnets", subnets_}})["LoadBalancers"][0]["LoadBalancerArn"];
  }
  std::string StateOfBalancer() { return Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0]["State"]["Code"]; }

  testing::LocalCloud cloud_;
  testing::LocalApi& api_ = cloud_.api();
  Json subnets_ = Json::array();
  std::string vpc_;
};

TEST_F(SlowThingsTest, ALoadBalancerBecomesActiveAndItsInterfaceGoesLater) {
  const std::string arn = CreateBalancer();
  Call("elbv2", "CreateListener",
       {{"LoadBalancerArn", arn},
        {"Protocol", "HTTP"},
        {"Port", 8080},
        {"DefaultActions",
         Json::array({{{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "404"}}}}})}});
  ExpectChange(
      Slow::kLoadBalancerCreate, [&] { return StateOfBalancer(); }, "provisioning", "active");
  Call("elbv2", "DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  EXPECT_EQ(cloud_.runtime().running(), 0) << "it answers no request any more";
  const auto interfaces = [&] {
    return std::to_string(Call("ec2", "DescribeNetworkInterfaces")["NetworkInterfaces"].size());
  };
  ExpectChange(Slow::kLoadBalancerDelete, interfaces, "1", "0");
}

TEST_F(SlowThingsTest, TargetsAreCheckedOnceRegisteredWithALoadBalancerThatIsActive) {
  const std::string group = Call("elbv2", "CreateTargetGroup",
                                 {{"Name", "web"},
                                  {"Protocol", "HTTP"},
                                  {"Port", 80},
                                  {"TargetType", "ip"},
                                  {"VpcId", vpc_}})["TargetGroups"][0]["TargetGroupArn"];
  const std::string arn = CreateBalancer();
  Call("elbv2", "CreateListener",
       {{"LoadBalancerArn", arn},
        {"Protocol", "HTTP"},
        {"Port", 8080},
        {"DefaultActions", Json::array({{{"Type", "forward"}, {"TargetGroupArn", group}}})}});
  const auto register_target = [&](const char* ip) {
    Call("elbv2", "RegisterTargets",
         {{"TargetGroupArn", group}, {"Targets", Json::array({{{"Id", ip}, {"Port", 80}}})}});
  };
  const auto state = [&](std::size_t target) -> std::string {
    return Call("elbv2", "DescribeTargetHealth",
                {{"TargetGroupArn", group}})["TargetHealthDescriptions"][target]["TargetHealth"]["State"];
  };
  register_target("172.31.0.50");
  ExpectChange(
      Slow::kLoadBalancerCreate, [&] { return state(0); }, "initial", "healthy");
  register_target("172.31.0.51");
  ExpectChange(
      Slow::kTargetRegistration, [&] { return state(1); }, "initial", "healthy");
}

TEST_F(SlowThingsTest, ATaskGoesThroughItsStatesWithoutHaste) {
  Call("ecs", "CreateCluster", {{"clusterName", "alpha"}});
  Call("ecs", "RegisterTaskDefinition",
       {{"family", "web"},
        {"networkMode", "awsvpc"},
        {"requiresCompatibilities", Json::array({"FARGATE"})},
        {"cpu", "256"},
        {"memory", "512"},
        {"containerDefinitions", Json::array({{{"name", "web"}, {"image", "localhost/web:1"}}})}});
  const Json run{{"cluster", "alpha"},
                 {"taskDefinition", "web"},
                 {"launchType", "FARGATE"},
                 {"networkConfiguration", {{"awsvpcConfiguration", {{"subnets", subnets_}}}}}};
  std::string task = Call("ecs", "RunTask", run)["tasks"][0]["taskArn"];
  const auto status = [&]() -> std::string {
    return Call("ecs", "DescribeTasks",
                {{"cluster", "alpha"}, {"tasks", Json::array({task})}})["tasks"][0]["lastStatus"];
  };
  ExpectChange(Slow::kTaskProvisioning, status, "PROVISIONING", "PENDING");
  ExpectChange(Slow::kTaskPending, status, "PENDING", "ACTIVATING");
  EXPECT_EQ(cloud_.runtime().running(), 0);
  ExpectChange(Slow::kTaskActivating, status, "ACTIVATING", "RUNNING");
  EXPECT_EQ(cloud_.runtime().running(), 1);
  Call("ecs", "StopTask", {{"cluster", "alpha"}, {"task", task}});
  EXPECT_EQ(cloud_.runtime().running(), 0) << "it is told to stop at once";
  ExpectChange(Slow::kTaskDeprovisioning, status, "DEPROVISIONING", "STOPPED");

  // One that isn't wanted any more is not started first.
  task = Call("ecs", "RunTask", run)["tasks"][0]["taskArn"];
  EXPECT_EQ(status(), "PROVISIONING");
  Call("ecs", "StopTask", {{"cluster", "alpha"}, {"task", task}});
  EXPECT_EQ(status(), "DEPROVISIONING");
}

TEST_F(SlowThingsTest, ADatabaseIsCreatedRebootedStoppedStartedAndDeleted) {
  Call("rds", "CreateDBInstance",
       {{"DBInstanceIdentifier", "db"},
        {"DBInstanceClass", "db.t4g.micro"},
        {"Engine", "postgres"},
        {"AllocatedStorage", 20},
        {"MasterUsername", "app"},
        {"MasterUserPassword", "secret-password"}});
  const auto status = [&]() -> std::string {
    const Json instances = Call("rds", "DescribeDBInstances")["DBInstances"];
    return instances.empty() ? "gone" : instances[0]["DBInstanceStatus"];
  };
  ExpectChange(Slow::kDatabaseCreate, status, "creating", "backing-up");
  Pass(SlowThings()[static_cast<std::size_t>(Slow::kDatabaseBackup)].seconds / 2 + 0.2);
  EXPECT_EQ(status(), "available");
  const Json id{{"DBInstanceIdentifier", "db"}};
  Call("rds", "RebootDBInstance", id);
  ExpectChange(Slow::kDatabaseReboot, status, "rebooting", "available");
  Call("rds", "ModifyDBInstance", {{"DBInstanceIdentifier", "db"}, {"MasterUserPassword", "another-password"}});
  ExpectChange(Slow::kDatabasePassword, status, "resetting-master-credentials", "available");
  Call("rds", "ModifyDBInstance", {{"DBInstanceIdentifier", "db"}, {"AllocatedStorage", 30}});
  ExpectChange(Slow::kDatabaseModify, status, "modifying", "available");
  Call("rds", "StopDBInstance", id);
  ExpectChange(Slow::kDatabaseStop, status, "stopping", "stopped");
  EXPECT_EQ(cloud_.runtime().running(), 0);
  Call("rds", "StartDBInstance", id);
  ExpectChange(Slow::kDatabaseStart, status, "starting", "available");
  Call("rds", "DeleteDBInstance", {{"DBInstanceIdentifier", "db"}, {"SkipFinalSnapshot", true}});
  ExpectChange(Slow::kDatabaseDelete, status, "deleting", "gone");
}

TEST_F(SlowThingsTest, ANatGatewayIsMadeAndDeleted) {
  const std::string allocation = Call("ec2", "AllocateAddress", {{"Domain", "vpc"}})["AllocationId"];
  const std::string gateway =
      Call("ec2", "CreateNatGateway",
           {{"SubnetId", subnets_[0]}, {"AllocationId", allocation}})["NatGateway"]["NatGatewayId"];
  const auto state = [&]() -> std::string {
    return Call("ec2", "DescribeNatGateways", {{"NatGatewayIds", Json::array({gateway})}})["NatGateways"][0]["State"];
  };
  ExpectChange(Slow::kNatGatewayCreate, state, "pending", "available");
  Call("ec2", "DeleteNatGateway", {{"NatGatewayId", gateway}});
  ExpectChange(Slow::kNatGatewayDelete, state, "deleting", "deleted");
}

TEST_F(SlowThingsTest, CloudMapAndRoute53Changes) {
  Json operation =
      Call("servicediscovery", "CreatePrivateDnsNamespace", {{"Name", "shop.local"}, {"Vpc", vpc_}})["OperationId"];
  const auto status = [&]() -> std::string {
    const Json now = Call("servicediscovery", "GetOperation", {{"OperationId", operation}})["Operation"];
    return now["Status"] == "SUCCESS" ? "done" : "not yet";
  };
  ExpectChange(Slow::kNamespaceChange, status, "not yet", "done");
  const std::string space = Call("servicediscovery", "ListNamespaces")["Namespaces"][0]["Id"];
  const std::string service =
      Call("servicediscovery", "CreateService", {{"Name", "redis"}, {"NamespaceId", space}})["Service"]["Id"];
  operation = Call("servicediscovery", "RegisterInstance",
                   {{"ServiceId", service}, {"InstanceId", "a"}, {"Attributes", {{"k", "v"}}}})["OperationId"];
  ExpectChange(Slow::kDiscoveryChange, status, "not yet", "done");

  const Json change =
      Call("route53", "CreateHostedZone", {{"Name", "example.com"}, {"CallerReference", "1"}})["ChangeInfo"]["Id"];
  const auto in_sync = [&]() -> std::string {
    return Call("route53", "GetChange", {{"Id", change}})["ChangeInfo"]["Status"];
  };
  ExpectChange(Slow::kRecordChange, in_sync, "PENDING", "INSYNC");
}

TEST_F(SlowThingsTest, NothingIsSlowUnlessAskedTo) {
  api_.cloud().settings.timing = {};
  CreateBalancer();
  EXPECT_EQ(StateOfBalancer(), "active");
}

}  // namespace
}  // namespace adhoc::localcloud
