#include "localcloud/scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <thread>

#include "localcloud/api/api.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/proxy/target_document.h"
#include "localcloud/scheduler/capacity.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/documents.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

using namespace std::chrono_literals;
using testing::FakeProcess;

constexpr char kGroup[] = "/ecs/alpha";
constexpr char kTargetGroup[] = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef";

// A local cloud with a fake engine, driven through the ECS API; every step happens in Settle, on this thread.
class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cloud_.settings.instance = "0badcafe";
    RegisterEcs(api_, cloud_);
    Boot();
    auto txn = store_.Begin();
    Json vpc = {{"VpcId", "vpc-1"}, {"CidrBlock", "10.0.0.0/16"}};
    PlaceVpc(cloud_.settings, vpc, {});
    txn->Put("ec2.subnets", "subnet-1",
             {{"SubnetId", "subnet-1"},
              {"VpcId", "vpc-1"},
              {"CidrBlock", "10.0.1.0/24"},
              {"_cidr", PlaceSubnet(vpc, "10.0.1.0/24").ToString()},
              {"AvailabilityZone", "us-east-1a"}});
    txn->Put("ec2.vpcs", "vpc-1", vpc);
    txn->Put("logs.groups", kGroup, {{"logGroupName", kGroup}});
    txn->Commit();
    runtime_.AddImage("backend:1");
    Do("CreateCluster", {{"clusterName", "alpha"}});
  }

  // A new server process over what the old one left.
  void Boot() {
    scheduler_.reset();
    SchedulerOptions options;
    options.start_threads = options.stop_threads = options.health_threads = 0;
    scheduler_.emplace(cloud_, options);
  }

  Json Do(const std::string& operation, Json input) {
    auto txn = store_.Begin();
    static const net::Request kNoRequest;
    Call call{.operation = aws::GetService("ecs").GetOperation(operation),
              .input = std::move(input),
              .prepared = {},
              .txn = *txn,
              .http = kNoRequest,
              .service = "ecs",
              .access_key = "",
              .region = "us-east-1",
              .request_id = "",
              .raw = {}};
    Json output = (*api_.Find("ecs", operation))(call);
    txn->Commit();
    return output;
  }

  static Json Container(const std::string& name, const std::string& image = "backend:1") {
    return {{"name", name},
            {"image", image},
            {"portMappings", Json::array({{{"containerPort", 8000}}})},
            {"logConfiguration",
             {{"logDriver", "awslogs"},
              {"options",
               {{"awslogs-group", kGroup}, {"awslogs-region", "us-east-1"}, {"awslogs-stream-prefix", "app"}}}}}};
  }

  std::string DefineContainers(const std::string& family, Json containers) {
    return Do("RegisterTaskDefinition",
              {{"family", family},
               {"networkMode", "awsvpc"},
               {"requiresCompatibilities", {"FARGATE"}},
               {"cpu", "256"},
               {"memory", "512"},
               {"executionRoleArn", "arn:aws:iam::000000000000:role/execution"},
               {"taskRoleArn", "arn:aws:iam::000000000000:role/task"},
               {"containerDefinitions", std::move(containers)}})["taskDefinition"]["taskDefinitionArn"];
  }
  std::string Define(const std::string& family, const std::string& image = "backend:1") {
    return DefineContainers(family, Json::array({Container("web", image)}));
  }

  static Json Network() { return {{"awsvpcConfiguration", {{"subnets", {"subnet-1"}}}}}; }

  // The ARN of a one-off task.
  std::string Run(const std::string& definition, Json overrides = Json::object()) {
    return Do("RunTask", {{"cluster", "alpha"},
                          {"taskDefinition", definition},
                          {"launchType", "FARGATE"},
                          {"networkConfiguration", Network()},
                          {"overrides", std::move(overrides)}})["tasks"][0]["taskArn"];
  }

  void Serve(const std::string& definition, int desired, Json more = Json::object()) {
    Json input = {{"cluster", "alpha"},      {"serviceName", "web"},    {"taskDefinition", definition},
                  {"desiredCount", desired}, {"launchType", "FARGATE"}, {"networkConfiguration", Network()}};
    input.update(more);
    Do("CreateService", std::move(input));
  }

  Json Task(const std::string& arn) {
    return Do("DescribeTasks", {{"cluster", "alpha"}, {"tasks", {arn}}})["tasks"].at(0);
  }
  Json Service() { return Do("DescribeServices", {{"cluster", "alpha"}, {"services", {"web"}}})["services"].at(0); }
  // Tasks of the service that nobody stops, oldest first.
  std::vector<Json> Tasks() {
    std::vector<Json> tasks;
    const Json listed = Do("ListTasks", {{"cluster", "alpha"}, {"serviceName", "web"}});
    for (const auto& arn : listed["taskArns"]) {
      tasks.push_back(Task(arn));
    }
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Json& a, const Json& b) { return a["createdAt"] < b["createdAt"]; });
    return tasks;
  }
  std::vector<Json> StoppedTasks() {
    std::vector<Json> tasks;
    const Json listed = Do("ListTasks", {{"cluster", "alpha"}, {"desiredStatus", "STOPPED"}});
    for (const auto& arn : listed["taskArns"]) {
      tasks.push_back(Task(arn));
    }
    return tasks;
  }
  bool HasEvent(const std::string& text) {
    const Json service = Service();
    return std::any_of(service["events"].begin(), service["events"].end(), [&](const Json& event) {
      return event["message"].get<std::string>().find(text) != std::string::npos;
    });
  }

  void Settle() { scheduler_->Settle(); }
  // In steps, as the scheduler's own timers would wake it.
  void Pass(std::chrono::milliseconds time, std::chrono::milliseconds step = 500ms) {
    for (auto passed = 0ms; passed < time; passed += step) {
      clock_.Advance(step);
      Settle();
    }
  }

  void MakeTargetGroup() {
    auto txn = store_.Begin();
    txn->Put("elbv2.targetgroups", kTargetGroup, {{"TargetGroupArn", kTargetGroup}, {"TargetType", "ip"}});
    txn->Put("elbv2.rules", "rule-1",
             {{"Actions", Json::array({{{"Type", "forward"}, {"TargetGroupArn", kTargetGroup}}})}});
    txn->Commit();
  }
  static Json Balanced() {
    return {{"loadBalancers",
             Json::array({{{"targetGroupArn", kTargetGroup}, {"containerName", "web"}, {"containerPort", 8000}}})}};
  }
  // What the load balancer's controller does: states of targets, the end of their requests and of their draining.
  void SetTargets(const std::string& state, const std::string& description = "") {
    auto txn = store_.Begin();
    std::vector<std::string> keys;
    for (const auto& [key, target] : txn->All("elbv2.targets")) keys.push_back(key);
    for (const auto& key : keys) {
      Json& health = txn->Edit("elbv2.targets", key)["TargetHealth"];
      if (health["State"] != "draining") health = {{"State", state}, {"Description", description}};
    }
    txn->Commit();
    Settle();
  }
  static std::vector<std::string> Draining(const Store::Transaction& txn) {
    std::vector<std::string> keys;
    for (const auto& [key, target] : txn.All("elbv2.targets")) {
      if (target["TargetHealth"]["State"] == "draining") keys.push_back(key);
    }
    return keys;
  }
  void LetGoOfDraining() {
    auto txn = store_.Begin();
    for (const auto& key : Draining(*txn)) txn->Edit("elbv2.targets", key)[proxy::kLetGo] = true;
    txn->Commit();
    Settle();
  }
  void FinishDraining() {
    auto txn = store_.Begin();
    for (const auto& key : Draining(*txn)) txn->Erase("elbv2.targets", key);
    txn->Commit();
    Settle();
  }
  std::vector<std::string> TargetStates() {
    auto txn = store_.Begin();
    std::vector<std::string> states;
    for (const auto& [key, target] : txn->All("elbv2.targets")) states.push_back(target["TargetHealth"]["State"]);
    return states;
  }
  std::size_t CountDocuments(std::string_view collection) {
    auto txn = store_.Begin();
    return txn->All(collection).size();
  }
  std::string Runtime(const Json& task, int container = 0) {
    auto txn = store_.Begin();
    const Json* document = txn->Find("ecs.tasks", ecs::KeyFromArn(task["taskArn"].get<std::string>()));
    return (*document)["containers"][container].value("_id", "");
  }
  std::vector<std::string> Log(const std::string& task_arn, const std::string& container = "web") {
    std::vector<std::string> lines;
    LogStore::Query query;
    query.group = kGroup;
    query.streams = {"app/" + container + "/" + ecs::LastPart(task_arn)};
    for (const auto& event : logs_.Read(query)) lines.push_back(event.message);
    return lines;
  }

  testing::FakeClock clock_;
  testing::FakeRandom random_;
  testing::FakeRuntime runtime_{clock_};
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  MetricStore metrics_{":memory:"};
  Cloud cloud_{.settings = {},
               .store = store_,
               .logs = logs_,
               .metrics = metrics_,
               .clock = clock_,
               .random = random_,
               .runtime = runtime_};
  Api api_;
  std::optional<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AOneOffTaskRunsAndLeavesItsExitCodeAndLogBehind) {
  runtime_.AddImage("migrate:1",
                    FakeProcess{.exits_after = 3s,
                                .exit_code = 3,
                                .lines = {{.after = 1s, .text = "Applying 0001"}, {.after = 2s, .text = "boom"}}});
  const std::string arn = Run(Define("migrate", "migrate:1"));
  EXPECT_EQ(Task(arn)["lastStatus"], "PROVISIONING");
  Settle();
  Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "RUNNING");
  EXPECT_EQ(task["group"], "family:migrate");
  EXPECT_TRUE(task.contains("startedAt") && task.contains("pullStartedAt") && task.contains("pullStoppedAt"));
  EXPECT_EQ(task["attachments"][0]["status"], "ATTACHED");
  EXPECT_EQ(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], "10.0.1.4");

  clock_.Advance(3s);
  Settle();
  task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "STOPPED");
  EXPECT_EQ(task["stopCode"], "EssentialContainerExited");
  EXPECT_EQ(task["stoppedReason"], "Essential container in task exited");
  EXPECT_EQ(task["containers"][0]["exitCode"], 3);
  EXPECT_TRUE(task.contains("stoppingAt") && task.contains("executionStoppedAt") && task.contains("stoppedAt"));
  EXPECT_EQ(Log(arn), (std::vector<std::string>{"Applying 0001", "boom"}));
  EXPECT_TRUE(runtime_.List({}).empty());
  EXPECT_EQ(CountDocuments("ec2.enis"), 0u);
  EXPECT_EQ(CountDocuments("logs.streams"), 1u);
}

TEST_F(SchedulerTest, WhoeverSeesAnExitCodeSeesTheWholeLog) {
  runtime_.AddImage("migrate:1",
                    FakeProcess{.exits_after = 3s, .exit_code = 3, .lines = {{.after = 2s, .text = "boom"}}});
  const std::string arn = Run(Define("migrate", "migrate:1"));
  Settle();
  std::optional<std::vector<std::string>> log_at_exit;
  const auto subscription = store_.Subscribe([&](const Changes&) {
    if (!log_at_exit && Task(arn)["containers"][0].contains("exitCode")) log_at_exit = Log(arn);
  });
  clock_.Advance(3s);
  Settle();
  EXPECT_EQ(log_at_exit, std::vector<std::string>{"boom"});
}

TEST_F(SchedulerTest, SpotInterruptsItsTasksAndTheyAreReplacedByTheStrategy) {
  Do("PutClusterCapacityProviders", {{"cluster", "alpha"},
                                     {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
                                     {"defaultCapacityProviderStrategy", Json::array()}});
  Json input = {{"cluster", "alpha"},
                {"serviceName", "web"},
                {"taskDefinition", Define("web")},
                {"desiredCount", 3},
                {"networkConfiguration", Network()},
                {"capacityProviderStrategy", Json::array({{{"capacityProvider", "FARGATE"}, {"base", 1}, {"weight", 0}},
                                                          {{"capacityProvider", "FARGATE_SPOT"}, {"weight", 1}}})}};
  Do("CreateService", input);
  Settle();
  Pass(9s);
  const auto providers = [&] {
    std::multiset<std::string> names;
    for (const Json& task : Tasks()) names.insert(task["capacityProviderName"]);
    return names;
  };
  EXPECT_EQ(providers(), (std::multiset<std::string>{"FARGATE", "FARGATE_SPOT", "FARGATE_SPOT"}));

  std::vector<std::string> interrupted;
  {
    auto txn = store_.Begin();
    interrupted = ecs::InterruptService(cloud_, *txn, "alpha", "web");
    txn->Commit();
  }
  ASSERT_EQ(interrupted.size(), 2u);
  // The warning: the task still runs, and says why it will not for long.
  EXPECT_EQ(Task(interrupted[0])["lastStatus"], "RUNNING");
  EXPECT_EQ(Task(interrupted[0])["desiredStatus"], "STOPPED");
  Settle();
  Pass(9s);
  for (const std::string& arn : interrupted) {
    const Json task = Task(arn);
    EXPECT_EQ(task["lastStatus"], "STOPPED");
    EXPECT_EQ(task["stopCode"], "SpotInterruption");
    EXPECT_EQ(task["stoppedReason"], "Your Spot Task was interrupted.");
  }
  EXPECT_EQ(providers(), (std::multiset<std::string>{"FARGATE", "FARGATE_SPOT", "FARGATE_SPOT"}));
  EXPECT_EQ(Service()["deployments"][0]["failedTasks"], 0);
  EXPECT_TRUE(HasEvent("(service web) has stopped 2 running tasks: (task " + ecs::LastPart(interrupted[0]) + ")"));
  EXPECT_TRUE(HasEvent("has reached a steady state."));
}

TEST_F(SchedulerTest, OnDemandTasksAreInterruptedWhereNoneIsOnSpot) {
  const auto interrupt = [&](const std::string& service) {
    auto txn = store_.Begin();
    auto arns = ecs::InterruptService(cloud_, *txn, "alpha", service);
    txn->Commit();
    return arns;
  };
  Serve(Define("web"), 1);
  EXPECT_THROW(interrupt("web"), Error);
  EXPECT_THROW(interrupt("other"), Error);
  Settle();
  const std::string first = Tasks()[0]["taskArn"];
  EXPECT_EQ(interrupt("web"), std::vector<std::string>{first});
  Settle();
  EXPECT_EQ(Task(first)["stopCode"], "SpotInterruption");
  ASSERT_EQ(Tasks().size(), 1u);
  EXPECT_NE(Tasks()[0]["taskArn"], first);
}

TEST_F(SchedulerTest, AContainerGetsWhatTheDefinitionTheSecretsAndTheOverridesSay) {
  {
    auto txn = store_.Begin();
    txn->Put("secretsmanager.secrets", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf",
             {{"Name", "db"},
              {"_versions",
               {{"v1", {{"SecretString", R"({"password":"s3cret","port":5432})"}, {"stages", {"AWSCURRENT"}}}}}}});
    txn->Put("ssm.parameters", "/app/url",
             {{"Name", "/app/url"},
              {"_versions", Json::array({{{"Version", 1}, {"Value", "old"}, {"Labels", Json::array()}},
                                         {{"Version", 2}, {"Value", "https://x.test"}, {"Labels", Json::array()}}})}});
    txn->Commit();
  }
  Json container = Container("web");
  container["command"] = {"gunicorn"};
  container["entryPoint"] = {"/entry"};
  container["user"] = "app";
  container["workingDirectory"] = "/code";
  container["environment"] = Json::array({{{
                                               "name",
                                               "A",
                                           },
                                           {"value", "1"}},
                                          {{"name", "B"}, {"value", "2"}}});
  container["secrets"] =
      Json::array({{{"name", "PASSWORD"},
                    {"valueFrom", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf:password::"}},
                   {{"name", "PORT"},
                    {"valueFrom", "arn:aws:secretsmanager:us-east-1:000000000000:secret:db-AbCdEf:port:AWSCURRENT:"}},
                   {{"name", "URL"}, {"valueFrom", "/app/url"}},
                   {{"name", "OLD_URL"}, {"valueFrom", "arn:aws:ssm:us-east-1:000000000000:parameter/app/url:1"}}});
  const std::string arn =
      Run(DefineContainers("web", Json::array({container})),
          {{"containerOverrides", Json::array({{{"name", "web"},
                                                {"command", {"manage.py", "migrate"}},
                                                {"environment", Json::array({{{"name", "B"}, {"value", "3"}}})}}})}});
  Settle();
  const auto spec = runtime_.SpecOf(Runtime(Task(arn)));
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->command, (std::vector<std::string>{"manage.py", "migrate"}));
  EXPECT_EQ(spec->entrypoint, std::vector<std::string>{"/entry"});
  EXPECT_EQ(spec->user, "app");
  EXPECT_EQ(spec->working_directory, "/code");
  EXPECT_EQ(spec->environment.at("A"), "1");
  EXPECT_EQ(spec->environment.at("B"), "3");
  EXPECT_EQ(spec->environment.at("PASSWORD"), "s3cret");
  EXPECT_EQ(spec->environment.at("PORT"), "5432");
  EXPECT_EQ(spec->environment.at("URL"), "https://x.test");
  EXPECT_EQ(spec->environment.at("OLD_URL"), "old");
  EXPECT_EQ(spec->environment.at("AWS_ENDPOINT_URL"), "http://10.0.0.1:4566");
  EXPECT_EQ(spec->environment.at("AWS_EXECUTION_ENV"), "AWS_ECS_FARGATE");
  EXPECT_EQ(spec->memory_bytes, 512 * 1024 * 1024);
  EXPECT_EQ(spec->cpus, 1) << "while it starts";
  EXPECT_EQ(spec->labels.at("adhoc.task"), arn);
  EXPECT_EQ(spec->labels.at("adhoc.instance"), "0badcafe");
  EXPECT_EQ(spec->labels.at("adhoc.container"), "web");
  EXPECT_EQ(spec->labels.at("adhoc.cluster"), "alpha");
}

TEST_F(SchedulerTest, WhatATaskLacksIsToldInItsStoppedReason) {
  Json no_secret = Container("web");
  no_secret["secrets"] =
      Json::array({{{"name", "P"}, {"valueFrom", "arn:aws:secretsmanager:us-east-1:000000000000:secret:gone-AbCdEf"}}});
  Json no_parameter = Container("web");
  no_parameter["secrets"] = Json::array({{{"name", "P"}, {"valueFrom", "/app/none"}}});
  Json no_group = Container("web");
  no_group["logConfiguration"]["options"]["awslogs-group"] = "/ecs/missing";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {Run(Define("image", "nothing:9")),
       "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed "
       "to resolve ref nothing:9: "},
      {Run(DefineContainers("secret", Json::array({no_secret}))),
       "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
       "unable "
       "to retrieve secret from asm: "},
      {Run(DefineContainers("parameter", Json::array({no_parameter}))),
       "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
       "unable "
       "to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /app/none"},
      {Run(DefineContainers("group", Json::array({no_group}))),
       "ResourceInitializationError: failed to validate logger args: "},
  };
  Settle();
  for (const auto& [arn, reason] : cases) {
    const Json task = Task(arn);
    EXPECT_EQ(task["lastStatus"], "STOPPED");
    EXPECT_EQ(task["stopCode"], "TaskFailedToStart");
    EXPECT_TRUE(task["stoppedReason"].get<std::string>().starts_with(reason)) << task["stoppedReason"];
    EXPECT_FALSE(task["containers"][0].contains("exitCode"));
  }
  EXPECT_EQ(CountDocuments("ec2.enis"), 0u);
}

TEST_F(SchedulerTest, AStoppedTaskTellsWhoStoppedIt) {
  const std::string arn = Run(Define("web"));
  Settle();
  Do("StopTask", {{"cluster", "alpha"}, {"task", arn}, {"reason", "enough"}});
  Settle();
  const Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "STOPPED");
  EXPECT_EQ(task["stopCode"], "UserInitiated");
  EXPECT_EQ(task["stoppedReason"], "enough");
  EXPECT_EQ(task["containers"][0]["exitCode"], 143);
}

TEST_F(SchedulerTest, AnOutOfMemoryKillIsNamed) {
  const std::string arn = Run(Define("web"));
  Settle();
  runtime_.EndProcess(Runtime(Task(arn)), 137, true);
  Settle();
  const Json container = Task(arn)["containers"][0];
  EXPECT_EQ(container["exitCode"], 137);
  EXPECT_EQ(container["reason"], "OutOfMemoryError: Container killed due to memory usage");
}

TEST_F(SchedulerTest, AnUnreachableEngineFailsNoTask) {
  const std::string arn = Run(Define("web"));
  runtime_.SetUnreachable(true);
  Settle();
  EXPECT_EQ(Task(arn)["desiredStatus"], "RUNNING");
  runtime_.SetUnreachable(false);
  Pass(2s);
  EXPECT_EQ(Task(arn)["lastStatus"], "RUNNING");
}

TEST_F(SchedulerTest, AServiceKeepsItsDesiredCount) {
  Serve(Define("web"), 2);
  Settle();
  EXPECT_EQ(Service()["pendingCount"].get<int>() + Service()["runningCount"].get<int>(), 2);
  Pass(3s);
  EXPECT_EQ(Service()["runningCount"], 2);
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "COMPLETED");
  EXPECT_TRUE(HasEvent("(service web) has reached a steady state."));
  EXPECT_TRUE(HasEvent("(service web) has started 2 tasks: (task "));

  const std::string dead = Tasks()[0]["taskArn"];
  runtime_.EndProcess(Runtime(Tasks()[0]), 1);
  Settle();
  EXPECT_EQ(Task(dead)["lastStatus"], "STOPPED");
  EXPECT_EQ(Tasks().size(), 2u);
  EXPECT_EQ(Service()["runningCount"], 2);

  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"desiredCount", 0}});
  Settle();
  EXPECT_EQ(Service()["runningCount"], 0);
  EXPECT_EQ(runtime_.running(), 0);
}

TEST_F(SchedulerTest, AMovedTagReachesAServiceOnlyByANewDeployment) {
  runtime_.AddImage("built:1");
  runtime_.AddImage("built:2");
  runtime_.TagImage("built:1", "tagged:v1");
  const std::string first = runtime_.FindImage("built:1")->id;
  const std::string second = runtime_.FindImage("built:2")->id;
  ASSERT_NE(first, second);
  const auto image = [&] { return runtime_.Inspect(Runtime(Tasks().at(0)))->image_id; };
  Serve(Define("web", "tagged:v1"), 1);
  Pass(3s);
  EXPECT_EQ(image(), first);
  runtime_.TagImage("built:2", "tagged:v1");
  runtime_.EndProcess(Runtime(Tasks().at(0)), 1);
  Pass(3s);
  EXPECT_EQ(image(), first) << "a replacement runs what the deployment began with";
  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"forceNewDeployment", true}});
  Pass(5s);
  ASSERT_EQ(Tasks().size(), 1u);
  EXPECT_EQ(image(), second);
}

TEST_F(SchedulerTest, ATaskThatSomebodyRemovesBehindOurBackIsReplaced) {
  Serve(Define("web"), 1);
  Pass(3s);
  const Json before = Tasks()[0];
  runtime_.Vanish(Runtime(before));
  Settle();
  EXPECT_EQ(Task(before["taskArn"])["lastStatus"], "STOPPED");
  ASSERT_EQ(Tasks().size(), 1u);
  EXPECT_EQ(Tasks()[0]["lastStatus"], "RUNNING");
}

TEST_F(SchedulerTest, ARollingDeploymentNeverServesFromFewerThanTheMinimum) {
  MakeTargetGroup();
  Serve(Define("web"), 2, Balanced());
  Settle();
  EXPECT_EQ(TargetStates(), (std::vector<std::string>{"initial", "initial"}));
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "IN_PROGRESS");
  SetTargets("healthy");
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "COMPLETED");

  runtime_.AddImage("backend:2");
  const std::string second = Define("web", "backend:2");
  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"taskDefinition", second}});
  Settle();
  EXPECT_EQ(Service()["deployments"].size(), 2u);
  EXPECT_EQ(Tasks().size(), 4u);
  EXPECT_TRUE(StoppedTasks().empty()) << "the new tasks are not healthy yet";
  SetTargets("healthy");
  EXPECT_EQ(StoppedTasks().size(), 2u);
  EXPECT_EQ(Service()["deployments"].size(), 1u);
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "IN_PROGRESS") << "the old tasks may still get requests";
  LetGoOfDraining();
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "COMPLETED");
  EXPECT_EQ(Service()["deployments"][0]["taskDefinition"], second);
  EXPECT_EQ(Service()["runningCount"], 2);

  // The old ones still serve what they have: no signal before the load balancer let go.
  EXPECT_EQ(runtime_.running(), 4);
  for (const Json& task : StoppedTasks()) {
    EXPECT_EQ(task["lastStatus"], "DEACTIVATING");
    EXPECT_TRUE(runtime_.signals(Runtime(task)).empty());
  }
  EXPECT_TRUE(HasEvent("has begun draining connections on 1 tasks."));
  FinishDraining();
  EXPECT_EQ(runtime_.running(), 2);
  for (const Json& task : StoppedTasks()) {
    EXPECT_EQ(task["lastStatus"], "STOPPED");
    EXPECT_EQ(task["stopCode"], "ServiceSchedulerInitiated");
    EXPECT_TRUE(
        task["stoppedReason"].get<std::string>().starts_with("Scaling activity initiated by (deployment ecs-svc/"));
  }
}

TEST_F(SchedulerTest, ADeadTasksAddressIsNotGivenAwayWhileItsTargetDrains) {
  MakeTargetGroup();
  Serve(Define("web"), 1, Balanced());
  Settle();
  SetTargets("healthy");
  const Json dead = Tasks()[0];
  runtime_.EndProcess(Runtime(dead), 1);
  Settle();
  EXPECT_EQ(Task(dead["taskArn"])["lastStatus"], "STOPPED") << "nothing is left that could finish requests";
  EXPECT_EQ(Tasks()[0]["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], "10.0.1.5");
  EXPECT_EQ(CountDocuments("ec2.enis"), 2u);
  FinishDraining();
  EXPECT_EQ(CountDocuments("ec2.enis"), 1u);
}

TEST_F(SchedulerTest, AnAddressThatDrainsOutlivesTheCluster) {
  MakeTargetGroup();
  Serve(Define("web"), 1, Balanced());
  Settle();
  SetTargets("healthy");
  runtime_.EndProcess(Runtime(Tasks()[0]), 1);
  Do("DeleteService", {{"cluster", "alpha"}, {"service", "web"}, {"force", true}});
  Settle();
  Do("DeleteCluster", {{"cluster", "alpha"}});
  EXPECT_EQ(CountDocuments("ec2.enis"), 1u);
  FinishDraining();
  EXPECT_EQ(CountDocuments("ec2.enis"), 0u);
}

TEST_F(SchedulerTest, ATaskThatFailsTheLoadBalancersChecksIsReplaced) {
  MakeTargetGroup();
  Serve(Define("web"), 1, Balanced());
  Settle();
  SetTargets("healthy");
  const std::string sick = Tasks()[0]["taskArn"];
  clock_.Advance(1s);
  SetTargets("unhealthy", "Health checks failed with these codes: [500]");
  ASSERT_EQ(Tasks().size(), 2u) << "its replacement starts first";
  {
    const std::string address = Tasks()[1]["containers"][0]["networkInterfaces"][0]["privateIpv4Address"];
    auto txn = store_.Begin();
    txn->Edit("elbv2.targets",
              std::string(kTargetGroup) + "|" + address + "|8000")["TargetHealth"] = {{"State", "healthy"}};
    txn->Commit();
  }
  Settle();
  EXPECT_EQ(Task(sick)["lastStatus"], "DEACTIVATING");
  EXPECT_EQ(Task(sick)["stoppedReason"],
            std::string("Task failed ELB health checks in (target-group ") + kTargetGroup + ")");
  EXPECT_EQ(Service()["deployments"][0]["failedTasks"], 0);
}

TEST_F(SchedulerTest, TheGracePeriodHoldsBackTheLoadBalancersVerdict) {
  MakeTargetGroup();
  Json more = Balanced();
  more["healthCheckGracePeriodSeconds"] = 10;
  Serve(Define("web"), 1, more);
  Settle();
  SetTargets("unhealthy", "Request timed out");
  EXPECT_TRUE(StoppedTasks().empty());
  Pass(10s, 1s);
  ASSERT_FALSE(StoppedTasks().empty());
  EXPECT_EQ(StoppedTasks()[0]["stoppedReason"],
            std::string("Task failed ELB health checks in (target-group ") + kTargetGroup + ")");
  EXPECT_TRUE(HasEvent("(port 8000) is unhealthy in (target-group " + std::string(kTargetGroup) +
                       ") due to (reason Request timed out)."));
}

TEST_F(SchedulerTest, ATargetThatSomebodyRemovedComesBack) {
  MakeTargetGroup();
  Serve(Define("web"), 1, Balanced());
  Settle();
  SetTargets("healthy");
  {
    auto txn = store_.Begin();
    txn->Erase("elbv2.targets", txn->All("elbv2.targets").begin()->first);
    txn->Commit();
  }
  Settle();
  EXPECT_EQ(TargetStates(), std::vector<std::string>{"initial"});
}

TEST_F(SchedulerTest, TheCircuitBreakerReturnsToTheVersionThatWorked) {
  const std::string first = Define("web");
  Serve(first, 1,
        {{"deploymentConfiguration", {{"deploymentCircuitBreaker", {{"enable", true}, {"rollback", true}}}}}});
  Pass(3s);
  const std::string served = Tasks()[0]["taskArn"];
  runtime_.AddImage("broken:1", FakeProcess{.exits_after = 100ms, .exit_code = 1});
  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"taskDefinition", Define("web", "broken:1")}});
  Pass(15s);
  const Json service = Service();
  EXPECT_EQ(service["taskDefinition"], first);
  ASSERT_EQ(service["deployments"].size(), 1u);
  EXPECT_EQ(service["deployments"][0]["rolloutState"], "COMPLETED");
  EXPECT_TRUE(HasEvent("deployment failed: tasks failed to start."));
  EXPECT_TRUE(HasEvent("rolling back to deployment ecs-svc/"));
  EXPECT_EQ(StoppedTasks().size(), 3u);
  EXPECT_EQ(Tasks()[0]["taskArn"], served);
  EXPECT_EQ(Tasks()[0]["lastStatus"], "RUNNING");
}

TEST_F(SchedulerTest, AProgramThatStillLoadsDoesNotCountAsHealthyYet) {
  runtime_.AddImage("slow:1", FakeProcess{.exits_after = 6s, .exit_code = 1, .cpus_used = 0.25});
  Serve(Define("worker", "slow:1"), 1,
        {{"deploymentConfiguration", {{"deploymentCircuitBreaker", {{"enable", true}, {"rollback", false}}}}}});
  Pass(5s);
  EXPECT_EQ(Service()["runningCount"], 1);
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "IN_PROGRESS");
  Pass(20s);
  EXPECT_EQ(Service()["deployments"][0]["failedTasks"], 3);
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "FAILED");

  runtime_.AddImage("busy:1", FakeProcess{.cpus_used = 0.9});
  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"taskDefinition", Define("worker", "busy:1")}});
  Pass(10s);
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "COMPLETED") << "a program may be busy for ever";
}

TEST_F(SchedulerTest, ATaskStartsWithAWholeCpuAndThenHasTheCpusOfItsSize) {
  runtime_.AddImage("loading:1", FakeProcess{.cpus_used = 0.9});
  Serve(Define("web"), 1);
  Pass(300ms);
  const std::string served = Tasks()[0]["taskArn"];
  const std::string busy = Run(Define("loading", "loading:1"));
  Pass(300ms);
  const auto cpus = [&](const Json& task) { return runtime_.SpecOf(Runtime(task))->cpus; };
  EXPECT_EQ(cpus(Task(served)), 1);
  Pass(2s);
  EXPECT_EQ(cpus(Task(busy)), 1) << "it still loads";
  EXPECT_EQ(cpus(Task(served)), 0.25);
  scheduler_.reset();
  Boot();
  Pass(8s);
  EXPECT_EQ(cpus(Task(busy)), 0.25) << "a start ends some time, a restart of the server too";
}

TEST_F(SchedulerTest, ARestartAdoptsWhatRunsAndRepairsTheRest) {
  Serve(Define("web"), 3);
  Pass(3s);
  const auto before = Tasks();
  ASSERT_EQ(before.size(), 3u);
  std::vector<std::string> containers;
  for (const Json& task : before) containers.push_back(Runtime(task));
  runtime_.WriteLog(containers[0], "one");
  runtime_.WriteLog(containers[1], "last words of the second");
  scheduler_.reset();  // stores what it has taken

  runtime_.WriteLog(containers[0], "two");
  runtime_.EndProcess(containers[1], 9);
  runtime_.Vanish(containers[2]);
  ContainerSpec orphan;
  orphan.name = "adhoc-orphan";
  orphan.image = "backend:1";
  orphan.labels = {{"adhoc.instance", "0badcafe"},
                   {"adhoc.task", "arn:aws:ecs:us-east-1:000000000000:task/alpha/gone"}};
  runtime_.Start(runtime_.Create(orphan));

  Boot();
  Pass(3s);
  EXPECT_EQ(Task(before[0]["taskArn"])["lastStatus"], "RUNNING");
  EXPECT_EQ(Runtime(before[0]), containers[0]) << "it kept its container";
  EXPECT_EQ(Task(before[1]["taskArn"])["containers"][0]["exitCode"], 9);
  EXPECT_EQ(Task(before[2]["taskArn"])["lastStatus"], "STOPPED");
  EXPECT_EQ(Service()["runningCount"], 3);
  EXPECT_EQ(runtime_.running(), 3);
  EXPECT_FALSE(runtime_.Inspect("adhoc-orphan"));

  Do("StopTask", {{"cluster", "alpha"}, {"task", before[0]["taskArn"]}});
  Settle();
  EXPECT_EQ(Log(before[0]["taskArn"]), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(Log(before[1]["taskArn"]), (std::vector<std::string>{"last words of the second"}));
}

TEST_F(SchedulerTest, ADeletedServiceEndsWithItsTasks) {
  Serve(Define("web"), 2);
  Pass(3s);
  EXPECT_THROW(Do("DeleteService", {{"cluster", "alpha"}, {"service", "web"}}), ApiError);
  EXPECT_THROW(Do("DeleteCluster", {{"cluster", "alpha"}}), ApiError);
  Do("DeleteService", {{"cluster", "alpha"}, {"service", "web"}, {"force", true}});
  EXPECT_EQ(Service()["status"], "DRAINING");
  Settle();
  EXPECT_EQ(Service()["status"], "INACTIVE");
  EXPECT_EQ(runtime_.running(), 0);
  EXPECT_EQ(CountDocuments("ec2.enis"), 0u);
  EXPECT_EQ(Do("DeleteCluster", {{"cluster", "alpha"}})["cluster"]["status"], "INACTIVE");
  EXPECT_EQ(CountDocuments("ecs.tasks"), 0u);
}

TEST_F(SchedulerTest, ContainersOfATaskStartInOrderAndShareOneNetwork) {
  runtime_.AddImage(cloud_.settings.pause_image);
  runtime_.AddImage("init:1", FakeProcess{.exits_after = 2s});
  Json init = Container("init", "init:1");
  init["essential"] = false;
  Json web = Container("web");
  web["dependsOn"] = Json::array({{{"containerName", "init"}, {"condition", "SUCCESS"}}});
  const std::string arn = Run(DefineContainers("pair", Json::array({web, init})));
  Settle();
  EXPECT_EQ(Task(arn)["lastStatus"], "ACTIVATING");
  clock_.Advance(2s);
  Settle();
  const Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "RUNNING");
  EXPECT_EQ(task["containers"][1]["exitCode"], 0);
  const auto spec = runtime_.SpecOf(Runtime(task, 0));
  EXPECT_TRUE(spec->network.empty());
  const auto pause = runtime_.Inspect(spec->share_network_with);
  ASSERT_TRUE(pause);
  EXPECT_TRUE(pause->running());
  Do("StopTask", {{"cluster", "alpha"}, {"task", arn}});
  Settle();
  EXPECT_TRUE(runtime_.List({}).empty());
}

// Whatever kills the container that holds the network: those that joined it have none left.
TEST_F(SchedulerTest, ATaskWhoseNetworkIsGoneEnds) {
  runtime_.AddImage(cloud_.settings.pause_image);
  runtime_.AddImage("side:1");
  const std::string arn = Run(DefineContainers("pair", Json::array({Container("web"), Container("side", "side:1")})));
  Settle();
  ASSERT_EQ(Task(arn)["lastStatus"], "RUNNING");
  runtime_.EndProcess(runtime_.SpecOf(Runtime(Task(arn), 0))->share_network_with, 137);
  Pass(2s);
  const Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "STOPPED");
  EXPECT_NE(task["stoppedReason"].get<std::string>().find("network does not exist any more"), std::string::npos)
      << task["stoppedReason"];
  EXPECT_TRUE(runtime_.List({}).empty());
}

TEST_F(SchedulerTest, AFailedDependencyFailsTheTask) {
  runtime_.AddImage(cloud_.settings.pause_image);
  runtime_.AddImage("init:1", FakeProcess{.exits_after = 1s, .exit_code = 4});
  Json init = Container("init", "init:1");
  init["essential"] = false;
  Json web = Container("web");
  web["dependsOn"] = Json::array({{{"containerName", "init"}, {"condition", "SUCCESS"}}});
  const std::string arn = Run(DefineContainers("pair", Json::array({web, init})));
  Pass(2s);
  const Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "STOPPED");
  EXPECT_EQ(task["stopCode"], "TaskFailedToStart");
  EXPECT_NE(task["stoppedReason"].get<std::string>().find("which exited with 4"), std::string::npos);
}

TEST_F(SchedulerTest, AServiceRegistryGetsInstancesAndTheContainerItsName) {
  {
    auto txn = store_.Begin();
    txn->Put("servicediscovery.services", "srv-1", {{"Id", "srv-1"}, {"_fqdn", "alpha-redis.dev-sd-ns"}});
    txn->Commit();
  }
  Serve(Define("redis"), 1,
        {{"serviceRegistries",
          Json::array({{{"registryArn", "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"}}})}});
  Pass(3s);
  const Json task = Tasks()[0];
  EXPECT_EQ(runtime_.SpecOf(Runtime(task))->aliases, std::vector<std::string>{"alpha-redis.dev-sd-ns"});
  EXPECT_EQ(runtime_.SpecOf(Runtime(task))->dns_server, "169.254.169.253");
  {
    auto txn = store_.Begin();
    const Json* instance =
        txn->Find("servicediscovery.instances", "srv-1/" + ecs::LastPart(task["taskArn"].get<std::string>()));
    ASSERT_NE(instance, nullptr);
    EXPECT_EQ((*instance)["Attributes"]["AWS_INSTANCE_IPV4"], "10.0.1.4");
    EXPECT_EQ((*instance)["Attributes"]["ECS_SERVICE_NAME"], "web");
  }
  Do("UpdateService", {{"cluster", "alpha"}, {"service", "web"}, {"desiredCount", 0}});
  Settle();
  EXPECT_EQ(CountDocuments("servicediscovery.instances"), 0u);
}

TEST_F(SchedulerTest, ContainerHealthChecksDecideWhenAServiceIsThere) {
  bool healthy = false;  // of the first container; later ones always are
  int made = 0;
  runtime_.AddImage("checked:1", [&](const ContainerSpec&) {
    const bool first = made++ == 0;
    return FakeProcess{.exec = [&healthy, first](const ExecSpec& spec) {
      EXPECT_EQ(spec.argv, (std::vector<std::string>{"/bin/sh", "-c", "curl -f localhost"}));
      return ExecResult{.exit_code = healthy || !first ? 0 : 1, .output = "", .timed_out = false};
    }};
  });
  Json web = Container("web", "checked:1");
  web["healthCheck"] = {{"command", {"CMD-SHELL", "curl -f localhost"}}, {"interval", 5}, {"retries", 2}};
  Serve(DefineContainers("web", Json::array({web})), 1);
  Pass(4s);
  EXPECT_EQ(Tasks()[0]["healthStatus"], "UNKNOWN");
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "IN_PROGRESS");
  healthy = true;
  Pass(2s);
  EXPECT_EQ(Tasks()[0]["healthStatus"], "HEALTHY");
  EXPECT_EQ(Service()["deployments"][0]["rolloutState"], "COMPLETED");

  const std::string sick = Tasks()[0]["taskArn"];
  healthy = false;
  Pass(15s);
  EXPECT_EQ(Task(sick)["healthStatus"], "UNHEALTHY");
  EXPECT_EQ(Task(sick)["lastStatus"], "STOPPED");
  EXPECT_EQ(Task(sick)["stoppedReason"], "Task failed container health checks");
  ASSERT_EQ(Tasks().size(), 1u);
  EXPECT_EQ(Tasks()[0]["healthStatus"], "HEALTHY");
}

TEST_F(SchedulerTest, ContainerHealthChecksAreTheHealthOfACustomCheckedInstance) {
  bool healthy = false;
  runtime_.AddImage("checked:1", [&](const ContainerSpec&) {
    return FakeProcess{.exec = [&healthy](const ExecSpec&) {
      return ExecResult{.exit_code = healthy ? 0 : 1, .output = "", .timed_out = false};
    }};
  });
  {
    auto txn = store_.Begin();
    txn->Put("servicediscovery.services", "srv-1",
             {{"Id", "srv-1"}, {"_fqdn", "web.dev-sd-ns"}, {"HealthCheckCustomConfig", {{"FailureThreshold", 1}}}});
    txn->Commit();
  }
  Json web = Container("web", "checked:1");
  web["healthCheck"] = {{"command", {"CMD-SHELL", "curl -f localhost"}}, {"interval", 5}, {"retries", 2}};
  Serve(DefineContainers("web", Json::array({web})), 1,
        {{"serviceRegistries",
          Json::array({{{"registryArn", "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1"}}})}});
  Pass(4s);
  const auto health = [&] {
    const auto txn = store_.Begin();
    const auto& instances = txn->All("servicediscovery.instances");
    return instances.empty() ? "none" : instances.begin()->second.value("_health", "");
  };
  EXPECT_EQ(health(), "UNHEALTHY");
  healthy = true;
  Pass(2s);
  EXPECT_EQ(health(), "HEALTHY");
}

TEST_F(SchedulerTest, AnAddressThatSomebodyElseUsesIsPassedOver) {
  ContainerSpec other;
  other.name = "squatter";
  other.image = "backend:1";
  other.network = "adhoc-0badcafe-vpc-1";
  other.ip = "10.0.1.4";
  EnsureVpcNetwork(cloud_, "vpc-1");
  runtime_.Start(runtime_.Create(other));
  const std::string arn = Run(Define("web"));
  Settle();
  const Json task = Task(arn);
  EXPECT_EQ(task["lastStatus"], "RUNNING");
  EXPECT_EQ(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], "10.0.1.5");
}

TEST_F(SchedulerTest, StoppedTasksStayVisibleForAnHour) {
  runtime_.AddImage("quick:1", FakeProcess{.exits_after = 1s});
  const std::string arn = Run(Define("quick", "quick:1"));
  Pass(2s);
  clock_.Advance(3600s);
  Settle();
  EXPECT_EQ(Task(arn)["lastStatus"], "STOPPED");
  clock_.Advance(1200s);
  Settle();
  EXPECT_EQ(CountDocuments("ecs.tasks"), 0u);
}

TEST_F(SchedulerTest, ADeletedTaskDefinitionGoesWhenNothingUsesIt) {
  const std::string definition = Define("web");
  Serve(definition, 1);
  Pass(3s);
  Do("DeregisterTaskDefinition", {{"taskDefinition", definition}});
  Do("DeleteTaskDefinitions", {{"taskDefinitions", {definition}}});
  Settle();
  EXPECT_EQ(Do("DescribeTaskDefinition", {{"taskDefinition", definition}})["taskDefinition"]["status"],
            "DELETE_IN_PROGRESS");
  Do("DeleteService", {{"cluster", "alpha"}, {"service", "web"}, {"force", true}});
  Settle();
  EXPECT_THROW(Do("DescribeTaskDefinition", {{"taskDefinition", definition}}), ApiError);
  EXPECT_TRUE(Define("web").ends_with("web:2")) << "a revision's number never comes back";
}

TEST_F(SchedulerTest, AContainerMadeJustBeforeAKillIsTakenOver) {
  const std::string arn = Run(Define("web"));
  runtime_.SetUnreachable(true);
  Settle();
  runtime_.SetUnreachable(false);
  // What the engine holds when the process dies between making the container and writing that down.
  ContainerSpec spec;
  spec.name = ecs::ContainerName(cloud_.settings, Task(arn), "web");
  spec.image = "backend:1";
  spec.labels = {{"adhoc.instance", "0badcafe"}, {"adhoc.task", arn}, {"adhoc.container", "web"}};
  const std::string id = runtime_.Create(spec);
  Boot();
  Pass(2s);
  EXPECT_EQ(Task(arn)["lastStatus"], "RUNNING");
  EXPECT_EQ(Runtime(Task(arn)), id);
  EXPECT_EQ(runtime_.running(), 1);
}

TEST_F(SchedulerTest, RunsOnItsOwnThreads) {
  scheduler_.reset();
  Cloud real = {.settings = cloud_.settings,
                .store = store_,
                .logs = logs_,
                .metrics = metrics_,
                .clock = RealClock(),
                .random = random_,
                .runtime = runtime_};
  SchedulerOptions options;
  options.settle_seconds = 0;
  Scheduler scheduler(real, options);
  scheduler.Start();
  Serve(Define("web"), 3);
  const auto until = [&](auto condition) {
    for (int i = 0; i < 500 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  };
  EXPECT_TRUE(until([&] { return Service()["deployments"][0]["rolloutState"] == "COMPLETED"; }));
  const Json dead = Tasks().at(0);
  runtime_.EndProcess(Runtime(dead), 1);
  EXPECT_TRUE(
      until([&] { return Task(dead["taskArn"])["lastStatus"] == "STOPPED" && Service()["runningCount"] == 3; }));
  Do("DeleteService", {{"cluster", "alpha"}, {"service", "web"}, {"force", true}});
  EXPECT_TRUE(until([&] { return Service()["status"] == "INACTIVE"; }));
  scheduler.Stop();
  EXPECT_EQ(runtime_.running(), 0);
}

}  // namespace
}  // namespace adhoc::localcloud
