#include <gtest/gtest.h>

#include <string>

#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

using testing::ServiceError;

class EcsTest : public ::testing::Test {
 protected:
  EcsTest() {
    auto txn = api_.store().Begin();
    txn->Put("ec2.subnets", "subnet-1", {{"SubnetId", "subnet-1"}, {"VpcId", "vpc-1"}});
    txn->Commit();
    Call("CreateCluster", {{"clusterName", "alpha"}});
  }

  Json Call(std::string_view operation, const Json& input = Json::object()) {
    return api_.Call("ecs", operation, input);
  }
  // `Code: message`
  std::string Refusal(std::string_view operation, const Json& input) {
    try {
      Call(operation, input);
      return "no error";
    } catch (const ServiceError& error) {
      return error.code() + ": " + error.what();
    }
  }

  static Json Definition(const std::string& family = "web") {
    return {
        {"family", family},
        {"networkMode", "awsvpc"},
        {"requiresCompatibilities", {"FARGATE"}},
        {"cpu", "256"},
        {"memory", "512"},
        {"executionRoleArn", "arn:aws:iam::123456789012:role/execution"},
        {"taskRoleArn", "arn:aws:iam::123456789012:role/task"},
        {"containerDefinitions",
         Json::array(
             {{{"name", "web"}, {"image", "backend:1"}, {"portMappings", Json::array({{{"containerPort", 80}}})}}})}};
  }
  std::string Register(const std::string& family = "web") {
    return Call("RegisterTaskDefinition", Definition(family))["taskDefinition"]["taskDefinitionArn"];
  }
  static Json RunInput(const std::string& definition) {
    return {{"cluster", "alpha"},
            {"taskDefinition", definition},
            {"launchType", "FARGATE"},
            {"networkConfiguration", {{"awsvpcConfiguration", {{"subnets", {"subnet-1"}}}}}}};
  }
  static Json ServiceInput(const std::string& definition) {
    Json input = RunInput(definition);
    input["serviceName"] = "web";
    input["desiredCount"] = 1;
    return input;
  }
  void SetStatus(const std::string& task_arn, const std::string& status) {
    auto txn = api_.store().Begin();
    txn->Edit("ecs.tasks", "alpha/" + task_arn.substr(task_arn.rfind('/') + 1))["lastStatus"] = status;
    txn->Commit();
  }

  testing::LocalApi api_;
};

TEST_F(EcsTest, CreatingAClusterTwiceGivesTheSameOne) {
  const Json again =
      Call("CreateCluster", {{"clusterName", "alpha"}, {"tags", Json::array({{{"key", "a"}, {"value", "b"}}})}});
  EXPECT_EQ(again["cluster"]["clusterArn"], "arn:aws:ecs:us-east-1:123456789012:cluster/alpha");
  EXPECT_EQ(Call("ListClusters")["clusterArns"].size(), 1u);
  EXPECT_EQ(Refusal("CreateCluster", {{"clusterName", "no spaces"}}).substr(0, 26), "InvalidParameterException:");
  EXPECT_EQ(Call("DescribeClusters", {{"clusters", {"beta"}}})["failures"][0]["reason"], "MISSING");
  EXPECT_EQ(Refusal("ListTasks", {{"cluster", "beta"}}), "ClusterNotFoundException: Cluster not found.");
}

TEST_F(EcsTest, RevisionsCountUpAndTheFamilyMeansTheLatestActiveOne) {
  EXPECT_EQ(Register(), "arn:aws:ecs:us-east-1:123456789012:task-definition/web:1");
  EXPECT_EQ(Register(), "arn:aws:ecs:us-east-1:123456789012:task-definition/web:2");
  Register("webby");
  for (int i = 3; i <= 10; ++i) Register();
  EXPECT_EQ(Call("DescribeTaskDefinition", {{"taskDefinition", "web"}})["taskDefinition"]["revision"], 10);
  Call("DeregisterTaskDefinition", {{"taskDefinition", "web:10"}});
  const Json latest = Call("DescribeTaskDefinition", {{"taskDefinition", "web"}})["taskDefinition"];
  EXPECT_EQ(latest["revision"], 9);
  EXPECT_EQ(latest["containerDefinitions"][0]["portMappings"][0]["hostPort"], 80);
  EXPECT_EQ(latest["containerDefinitions"][0]["essential"], true);
  const Json listed = Call("ListTaskDefinitions", {{"familyPrefix", "web"}, {"sort", "DESC"}, {"maxResults", 2}});
  EXPECT_EQ(listed["taskDefinitionArns"][1], "arn:aws:ecs:us-east-1:123456789012:task-definition/web:8");
  const Json next =
      Call("ListTaskDefinitions",
           {{"familyPrefix", "web"}, {"sort", "DESC"}, {"maxResults", 2}, {"nextToken", listed["nextToken"]}});
  EXPECT_EQ(next["taskDefinitionArns"][0], "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7");
  EXPECT_EQ(Call("ListTaskDefinitionFamilies", {{"familyPrefix", "web"}})["families"], Json::array({"web", "webby"}));
  EXPECT_EQ(Refusal("DescribeTaskDefinition", {{"taskDefinition", "none"}}),
            "ClientException: Unable to describe task definition.");
  EXPECT_EQ(Refusal("RunTask", RunInput("web:10")), "ClientException: TaskDefinition is inactive");
}

TEST_F(EcsTest, OnlyFargatesSizesAreAccepted) {
  const std::vector<std::pair<const char*, const char*>> good = {
      {"256", "512"},    {"256", "2048"},   {"512", "4096"},   {"1024", "2048"},
      {"4096", "30720"}, {"8192", "20480"}, {"1 vCPU", "2 GB"}};
  const std::vector<std::pair<const char*, const char*>> bad = {{"256", "4096"},  {"256", "513"},    {"512", "512"},
                                                                {"4096", "4096"}, {"8192", "17408"}, {"300", "512"},
                                                                {"x", "512"}};
  for (const auto& [cpu, memory] : good) {
    Json input = Definition();
    input["cpu"] = cpu;
    input["memory"] = memory;
    EXPECT_NO_THROW(Call("RegisterTaskDefinition", input)) << cpu << " " << memory;
  }
  for (const auto& [cpu, memory] : bad) {
    Json input = Definition();
    input["cpu"] = cpu;
    input["memory"] = memory;
    EXPECT_TRUE(Refusal("RegisterTaskDefinition", input)
                    .starts_with("ClientException: No Fargate configuration exists for given values"))
        << cpu << " " << memory;
  }
  Json input = Definition();
  input.erase("memory");
  EXPECT_EQ(Refusal("RegisterTaskDefinition", input),
            "ClientException: Fargate requires that 'memory' be defined at the task level.");
}

TEST_F(EcsTest, WhatFargateCannotDoIsRefusedWhenItIsRegistered) {
  const auto with = [](const char* member, const Json& value) {
    Json input = Definition();
    input["containerDefinitions"][0][member] = value;
    return input;
  };
  Json circle = Definition();
  circle["containerDefinitions"] = Json::array(
      {{{"name", "a"}, {"image", "i"}, {"dependsOn", Json::array({{{"containerName", "b"}, {"condition", "START"}}})}},
       {{"name", "b"},
        {"image", "i"},
        {"dependsOn", Json::array({{{"containerName", "a"}, {"condition", "START"}}})}}});
  Json twins = Definition();
  twins["containerDefinitions"].push_back(twins["containerDefinitions"][0]);
  Json no_role = with("secrets", Json::array({{{"name", "A"}, {"valueFrom", "arn"}}}));
  no_role.erase("executionRoleArn");
  const std::vector<std::pair<Json, std::string>> cases = {
      {with("privileged", true), "Fargate requires that 'privileged' is false"},
      {with("links", {"db"}), "'links' setting for container is not supported"},
      {with("essential", false), "Task definition must have at least one essential container."},
      {with("stopTimeout", 121), "stopTimeout must be at most 120 seconds"},
      {with("name", "a b"), "Container name must be up to 255 letters"},
      {with("logConfiguration", {{"logDriver", "json-file"}}), "The log driver 'json-file' is not supported"},
      {with("logConfiguration",
            {{"logDriver", "awslogs"}, {"options", {{"awslogs-group", "g"}, {"awslogs-region", "r"}}}}),
       "Log driver awslogs requires options: awslogs-stream-prefix"},
      {with("healthCheck", {{"command", {"curl"}}}), "Health check command must start with"},
      {with("healthCheck", {{"command", {"CMD", "true"}}, {"interval", 1}}),
       "Health check interval must be between 5 and 300."},
      {circle, "Invalid 'dependsOn' setting: containers depend on each other in a circle."},
      {twins, "Container names must be unique"},
      {no_role, "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."},
  };
  for (const auto& [input, message] : cases) {
    EXPECT_TRUE(Refusal("RegisterTaskDefinition", input).starts_with("ClientException: " + message))
        << Refusal("RegisterTaskDefinition", input);
  }
  EXPECT_TRUE(Call("ListTaskDefinitions")["taskDefinitionArns"].empty());
}

TEST_F(EcsTest, OnlyInactiveTaskDefinitionsAreDeleted) {
  const std::string arn = Register();
  Json answer = Call("DeleteTaskDefinitions", {{"taskDefinitions", {arn, "web:9"}}});
  EXPECT_EQ(answer["failures"].size(), 2u);
  Call("DeregisterTaskDefinition", {{"taskDefinition", arn}});
  answer = Call("DeleteTaskDefinitions", {{"taskDefinitions", {arn}}});
  EXPECT_EQ(answer["taskDefinitions"][0]["status"], "DELETE_IN_PROGRESS");
}

TEST_F(EcsTest, RunTaskAnswersWithAProvisioningTask) {
  Register();
  Json input = RunInput("web");
  input["count"] = 2;
  input["startedBy"] = "deploy/1";
  input["tags"] = Json::array({{{"key", "env"}, {"value", "alpha"}}});
  input["overrides"] = {{"containerOverrides", Json::array({{{"name", "web"}, {"command", {"migrate"}}}})}};
  const Json answer = Call("RunTask", input);
  ASSERT_EQ(answer["tasks"].size(), 2u);
  const Json& task = answer["tasks"][0];
  EXPECT_EQ(task["lastStatus"], "PROVISIONING");
  EXPECT_EQ(task["desiredStatus"], "RUNNING");
  EXPECT_EQ(task["launchType"], "FARGATE");
  EXPECT_EQ(task["group"], "family:web");
  EXPECT_EQ(task["startedBy"], "deploy/1");
  EXPECT_EQ(task["tags"][0]["value"], "alpha");
  EXPECT_EQ(task["cpu"], "256");
  EXPECT_EQ(task["attachments"][0]["status"], "PRECREATED");
  EXPECT_EQ(task["containers"][0]["lastStatus"], "PENDING");
  EXPECT_EQ(task["overrides"]["containerOverrides"][0]["command"][0], "migrate");
  EXPECT_FALSE(task.contains("_subnet"));
  EXPECT_FALSE(
      Call("DescribeTasks", {{"cluster", "alpha"}, {"tasks", {task["taskArn"]}}})["tasks"][0].contains("tags"));
  EXPECT_EQ(Call("ListTasks", {{"cluster", "alpha"}, {"startedBy", "deploy/1"}})["taskArns"].size(), 2u);
  EXPECT_EQ(Call("ListTasks", {{"cluster", "alpha"}, {"family", "web"}})["taskArns"].size(), 2u);
  EXPECT_TRUE(Call("ListTasks", {{"cluster", "alpha"}, {"family", "we"}})["taskArns"].empty());
  EXPECT_TRUE(Call("ListTasks", {{"cluster", "alpha"}, {"desiredStatus", "STOPPED"}})["taskArns"].empty());
  EXPECT_EQ(Call("ListTasks", {{"cluster", "alpha"}, {"maxResults", 1}})["taskArns"].size(), 1u);
}

TEST_F(EcsTest, WhatRunTaskCannotRunIsAnErrorAtOnce) {
  Register();
  const auto with = [](const char* member, const Json& value) {
    Json input = RunInput("web");
    input[member] = value;
    return input;
  };
  Json bare = RunInput("web");
  bare.erase("networkConfiguration");
  Json ec2 = RunInput("web");
  ec2.erase("launchType");
  const std::vector<std::pair<Json, std::string>> cases = {
      {with("taskDefinition", "none"), "ClientException: TaskDefinition not found."},
      {with("cluster", "beta"), "ClusterNotFoundException: Cluster not found."},
      {bare,
       "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified."},
      {ec2, "InvalidParameterException: No Container Instances were found in your cluster."},
      {with("count", 11), "InvalidParameterException: count must be between 1 and 10."},
      {with("overrides", {{"containerOverrides", Json::array({{{"name", "db"}}})}}),
       "InvalidParameterException: Override for container named db is not a container in the TaskDefinition."},
      {with("networkConfiguration", {{"awsvpcConfiguration", {{"subnets", {"subnet-9"}}}}}),
       "InvalidParameterException: Error retrieving subnet information for [subnet-9]: The subnet ID 'subnet-9' does "
       "not "
       "exist (ErrorCode: InvalidSubnetID.NotFound)"},
  };
  for (const auto& [input, refusal] : cases) EXPECT_EQ(Refusal("RunTask", input), refusal);
  Json definition = Definition("norole");
  definition.erase("taskRoleArn");
  Call("RegisterTaskDefinition", definition);
  Json input = RunInput("norole");
  input["enableExecuteCommand"] = true;
  EXPECT_NE(Refusal("RunTask", input).find("a valid taskRoleArn is not being used"), std::string::npos);
}

TEST_F(EcsTest, AClientTokenMakesRunTaskHappenOnce) {
  Register();
  Json input = RunInput("web");
  input["clientToken"] = "token-1";
  const Json first = Call("RunTask", input);
  EXPECT_EQ(Call("RunTask", input)["tasks"][0]["taskArn"], first["tasks"][0]["taskArn"]);
  input["count"] = 2;
  EXPECT_TRUE(Refusal("RunTask", input).starts_with("ConflictException"));
  EXPECT_EQ(Call("ListTasks", {{"cluster", "alpha"}})["taskArns"].size(), 1u);
}

TEST_F(EcsTest, SpotTasksRunWhereTheClusterHasTheProvider) {
  Register();
  Json input = RunInput("web");
  input.erase("launchType");
  input["capacityProviderStrategy"] = Json::array({{{"capacityProvider", "FARGATE_SPOT"}, {"weight", 1}}});
  EXPECT_NE(Refusal("RunTask", input).find("is not associated with the cluster"), std::string::npos);
  Call("PutClusterCapacityProviders", {{"cluster", "alpha"},
                                       {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
                                       {"defaultCapacityProviderStrategy", Json::array()}});
  EXPECT_EQ(Call("RunTask", input)["tasks"][0]["capacityProviderName"], "FARGATE_SPOT");
  input["launchType"] = "FARGATE";
  EXPECT_NE(Refusal("RunTask", input).find("both a launch type and capacity provider strategy"), std::string::npos);
}

TEST_F(EcsTest, CreatingAServiceAgainIsFineOnlyWithTheSameWords) {
  Register();
  const Json service = Call("CreateService", ServiceInput("web"))["service"];
  EXPECT_EQ(service["status"], "ACTIVE");
  EXPECT_EQ(service["deployments"][0]["status"], "PRIMARY");
  EXPECT_EQ(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
  EXPECT_EQ(service["deploymentConfiguration"]["maximumPercent"], 200);
  EXPECT_EQ(Call("CreateService", ServiceInput("web"))["service"]["serviceArn"], service["serviceArn"]);
  Json other = ServiceInput("web");
  other["desiredCount"] = 2;
  EXPECT_EQ(Refusal("CreateService", other), "InvalidParameterException: Creation of service was not idempotent.");
  EXPECT_EQ(Refusal("DeleteService", {{"cluster", "alpha"}, {"service", "web"}}),
            "InvalidParameterException: The service cannot be stopped while it is scaled above 0.");
  Call("DeleteService", {{"cluster", "alpha"}, {"service", "web"}, {"force", true}});
  EXPECT_EQ(Refusal("CreateService", ServiceInput("web")),
            "InvalidParameterException: Unable to Start a service that is still Draining.");
  EXPECT_EQ(Refusal("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"desiredCount", 1}}),
            "ServiceNotActiveException: Service was not ACTIVE.");
  EXPECT_EQ(Refusal("UpdateService", {{"cluster", "alpha"}, {"service", "none"}, {"desiredCount", 1}}),
            "ServiceNotFoundException: Service not found.");
  EXPECT_EQ(Call("DescribeServices", {{"cluster", "alpha"}, {"services", {"none"}}})["failures"][0]["reason"],
            "MISSING");
}

TEST_F(EcsTest, AServiceNeedsATargetGroupThatAListenerUses) {
  Register();
  const std::string group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/1";
  Json input = ServiceInput("web");
  input["loadBalancers"] = Json::array({{{"targetGroupArn", group}, {"containerName", "web"}, {"containerPort", 80}}});
  const auto put = [&](const char* collection, const std::string& key, Json document) {
    auto txn = api_.store().Begin();
    txn->Put(collection, key, std::move(document));
    txn->Commit();
  };
  EXPECT_NE(Refusal("CreateService", input).find("does not exist"), std::string::npos);
  put("elbv2.targetgroups", group, {{"TargetGroupArn", group}, {"TargetType", "ip"}});
  EXPECT_EQ(Refusal("CreateService", input), "InvalidParameterException: The target group with targetGroupArn " +
                                                 group + " does not have an associated load balancer.");
  put("elbv2.rules", "rule", {{"Actions", Json::array({{{"Type", "forward"}, {"TargetGroupArn", group}}})}});
  input["loadBalancers"][0]["containerPort"] = 81;
  EXPECT_EQ(Refusal("CreateService", input),
            "InvalidParameterException: The container web did not have a container port 81 defined.");
  input["loadBalancers"][0]["containerPort"] = 80;
  input["healthCheckGracePeriodSeconds"] = 30;
  EXPECT_EQ(Call("CreateService", input)["service"]["healthCheckGracePeriodSeconds"], 30);
}

TEST_F(EcsTest, OnlyChangesThatTouchTasksMakeADeployment) {
  Register();
  const std::string first = Call("CreateService", ServiceInput("web"))["service"]["deployments"][0]["id"];
  const auto update = [&](Json input) {
    input["cluster"] = "alpha";
    input["service"] = "web";
    return Call("UpdateService", input)["service"];
  };
  EXPECT_EQ(update({{"desiredCount", 3}})["deployments"].size(), 1u);
  EXPECT_EQ(update({{"taskDefinition", "web:1"}})["deployments"][0]["id"], first) << "the same revision";
  EXPECT_EQ(update({{"deploymentConfiguration",
                     {{"minimumHealthyPercent", 50}}}})["deploymentConfiguration"]["maximumPercent"],
            200);
  Register();
  const Json rolled = update({{"taskDefinition", "web"}});
  ASSERT_EQ(rolled["deployments"].size(), 2u);
  EXPECT_EQ(rolled["deployments"][0]["desiredCount"], 3);
  EXPECT_EQ(rolled["deployments"][1]["id"], first);
  EXPECT_EQ(rolled["deployments"][1]["status"], "ACTIVE");
  EXPECT_EQ(update({{"forceNewDeployment", true}})["deployments"].size(), 3u);
}

TEST_F(EcsTest, ExecuteCommandNeedsARunningTaskThatAllowsIt) {
  Register();
  const std::string closed = Call("RunTask", RunInput("web"))["tasks"][0]["taskArn"];
  Json input = RunInput("web");
  input["enableExecuteCommand"] = true;
  const std::string open = Call("RunTask", input)["tasks"][0]["taskArn"];
  const auto exec = [](const std::string& task) {
    return Json{{"cluster", "alpha"}, {"task", task}, {"container", "web"}, {"command", "bash"}, {"interactive", true}};
  };
  const std::string refusal =
      "InvalidParameterException: The execute command failed because execute command was not enabled";
  EXPECT_TRUE(Refusal("ExecuteCommand", exec(open)).starts_with(refusal)) << "it does not run yet";
  SetStatus(closed, "RUNNING");
  SetStatus(open, "RUNNING");
  EXPECT_TRUE(Refusal("ExecuteCommand", exec(closed)).starts_with(refusal));
  {
    auto txn = api_.store().Begin();
    txn->Edit("ecs.tasks", "alpha/" + open.substr(open.rfind('/') + 1))["containers"][0]["lastStatus"] = "RUNNING";
    txn->Commit();
  }
  const Json answer = Call("ExecuteCommand", exec(open));
  EXPECT_EQ(answer["containerName"], "web");
  const std::string id = answer["session"]["sessionId"];
  EXPECT_EQ(answer["session"]["streamUrl"], "ws://127.0.0.1:4566/v1/data-channel/" + id + "?role=publish_subscribe");
  EXPECT_FALSE(answer["session"]["tokenValue"].get<std::string>().empty());
}

TEST_F(EcsTest, TagsOfEveryKindCanBeChanged) {
  const std::string definition = Register();
  const std::string service = Call("CreateService", ServiceInput("web"))["service"]["serviceArn"];
  const std::string task = Call("RunTask", RunInput("web"))["tasks"][0]["taskArn"];
  for (const std::string& arn :
       {definition, service, task, std::string("arn:aws:ecs:us-east-1:123456789012:cluster/alpha")}) {
    Call("TagResource", {{"resourceArn", arn},
                         {"tags", Json::array({{{"key", "env"}, {"value", "a"}}, {{"key", "x"}, {"value", "1"}}})}});
    Call("TagResource", {{"resourceArn", arn}, {"tags", Json::array({{{"key", "env"}, {"value", "b"}}})}});
    Call("UntagResource", {{"resourceArn", arn}, {"tagKeys", {"x"}}});
    EXPECT_EQ(Call("ListTagsForResource", {{"resourceArn", arn}})["tags"],
              Json::array({{{"key", "env"}, {"value", "b"}}}))
        << arn;
  }
  EXPECT_EQ(
      Call("DescribeServices",
           {{"cluster", "alpha"}, {"services", {"web"}}, {"include", {"TAGS"}}})["services"][0]["tags"][0]["value"],
      "b");
}

}  // namespace
}  // namespace adhoc::localcloud
