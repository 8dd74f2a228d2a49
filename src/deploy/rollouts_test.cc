// New versions of services in an account: those that do not run, that ECS gives up or never ends, and those that a
// configuration makes.
#include "deploy/account_test.h"

namespace adhoc::deploy {
namespace {

constexpr const char* kBackend = "000000000000.dkr.ecr.us-east-1.amazonaws.com/backend:";

class Rollouts : public InAnAccount {
 protected:
  std::string Deploy(const std::shared_ptr<Account>& account, const std::string& tag) {
    return Run(account,
               [&](env::Context& context) { deploy::Deploy(context, *file_, {.image = "backend", .tag = tag}); });
  }
  using InAnAccount::Deploy;

  // Its services end soon; tasks do what they should.
  void AddFailingImage(
      const std::string& reference,
      const std::function<bool(const localcloud::ContainerSpec&)>& fails = [](const auto& spec) {
        return spec.labels.at("adhoc.container") != "migrate";
      }) {
    cloud_.runtime().AddImage(reference, [fails](const localcloud::ContainerSpec& spec) {
      testing::FakeProcess process;
      if (fails(spec)) {
        process.exits_after = std::chrono::milliseconds(50);
        process.exit_code = 1;
        process.lines = {{.text = "its last words"}};
      } else if (spec.labels.at("adhoc.container") == "migrate") {
        process.exits_after = std::chrono::milliseconds(200);
      }
      return process;
    });
  }
  Json Service(const std::string& name) {
    return cloud_.api()
        .Call("ecs", "DescribeServices", {{"cluster", "alpha-cluster"}, {"services", Json::array({name})}})
        .at("services")[0];
  }
  Json LatestDefinition(const std::string& family) {
    return cloud_.api().Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", family}})["taskDefinition"];
  }
  bool HasPlanned(const std::string& id) {
    const auto changes = PlannedChanges();
    return std::find(changes.begin(), changes.end(), id) != changes.end();
  }
};

// The breaker needs three, a quarter of an hour on AWS.
TEST_F(Rollouts, TheSecondTaskThatDiesIsEnough) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  AddFailingImage(std::string(kBackend) + "v2");
  cloud_.api().cloud().settings.timing = {.factor = 1};
  const std::jthread heartbeat = cloud_.Heartbeat();
  pace_ = env::AccountPace();
  std::size_t failed = 0;
  const auto account = Make({}, [&](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeTasks") || !call.input["tasks"].is_array()) return;
    std::size_t ended = 0;
    for (const Json& task : output["tasks"]) ended += task.value("group", "") == "service:alpha-web" ? 1 : 0;
    failed = std::max(failed, ended);
  });
  const std::string error = Deploy(account, "v2");
  EXPECT_NE(error.find("container web exited with code 1"), std::string::npos) << error;
  EXPECT_EQ(failed, 2U);
}

// As two drills on AWS saw it: rolled back and forgotten before anybody looked.
TEST_F(Rollouts, TheReasonIsFoundWhenEcsHasForgottenTheDeployment) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const std::string before = Service("alpha-web")["taskDefinition"];
  AddFailingImage(std::string(kBackend) + "v2");
  const auto account = Make({}, [&](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeServices")) return;
    for (Json& service : output["services"]) {
      for (const Json& deployment : Json(service["deployments"])) {
        if (deployment["taskDefinition"] == before || deployment.value("failedTasks", 0) == 0) continue;
        Json back = deployment;
        back.update(
            {{"id", "ecs-svc/9"}, {"taskDefinition", before}, {"failedTasks", 0}, {"rolloutState", "COMPLETED"}});
        service["deployments"] = Json::array({back});
      }
    }
  });
  const std::string error = Deploy(account, "v2");
  EXPECT_NE(error.find("container web exited with code 1"), std::string::npos) << error;
}

TEST_F(Rollouts, ADeploymentThatEcsNeverEndsIsGivenUp) {
  ASSERT_TRUE(SharedUp());
  pace_.timeout = std::chrono::seconds(60);
  const std::string error = Up(Make({}, [](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeServices")) return;
    for (Json& service : output["services"]) {
      for (Json& deployment : service["deployments"]) deployment["rolloutState"] = "IN_PROGRESS";
    }
  }));
  EXPECT_NE(error.find("gave up waiting for service alpha-"), std::string::npos) << error;
  EXPECT_NE(error.find("after 60 s"), std::string::npos) << error;
}

// CloudWatch has them some seconds after the task is gone.
TEST_F(Rollouts, TheLastWordsOfAServiceThatFailedAreWaitedFor) {
  ASSERT_TRUE(SharedUp());
  AddFailingImage("localhost/adhoc/redis:7");
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("logs.GetLogEvents") || !call.input["logGroupName"].get<std::string>().ends_with("/redis"))
      return std::nullopt;
    // An empty page at the end of the log, then the one before it.
    const std::string token = call.input.value("nextToken", "");
    const Json events =
        token == "b/2" ? Json::array({{{"message", "its last words"}, {"timestamp", 1}}}) : Json::array();
    return call.Answer({{"events", events}, {"nextBackwardToken", token.empty() && call.number > 2 ? "b/2" : "b/1"}});
  });
  const std::string error = Up(account);
  EXPECT_NE(error.find("container redis exited with code 1"), std::string::npos) << error;
  EXPECT_EQ(LogLines(), std::vector<std::string>{"its last words"});
}

TEST_F(Rollouts, AConfigurationThatDoesNotRunLeavesTheOldOne) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const std::string before = Service("alpha-web")["taskDefinition"];
  AddFailingImage(std::string(kBackend) + "v1",
                  [](const localcloud::ContainerSpec& spec) { return spec.environment.contains("BROKEN"); });
  for (auto& service : config_.services) {
    if (service.name == "web") service.environment["BROKEN"] = config::Template("1");
  }
  const std::string error = Up(Make({}));
  EXPECT_NE(error.find("container web exited with code 1; the previous version still serves"), std::string::npos)
      << error;
  Rest();
  EXPECT_EQ(Service("alpha-web")["taskDefinition"], before);
  EXPECT_EQ(LatestDefinition("alpha-web")["taskDefinitionArn"], before) << "scripts and the next deploy start from it";
}

// ECS tries a deployment that its breaker has ended no more by itself.
TEST_F(Rollouts, AFirstDeploymentThatFailedIsTriedAgain) {
  AddFailingImage("localhost/adhoc/redis:7", [](const auto&) { return true; });
  ASSERT_TRUE(SharedUp());
  EXPECT_NE(Up(Make({})).find("container redis exited with code 1"), std::string::npos);
  Rest();
  ASSERT_EQ(Service("alpha-redis")["deployments"][0]["rolloutState"], "FAILED");
  const std::string revision = Service("alpha-redis")["taskDefinition"];
  cloud_.runtime().AddImage("localhost/adhoc/redis:7");
  ASSERT_EQ(Up(Make({})), "");
  EXPECT_EQ(Service("alpha-redis")["taskDefinition"], revision);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

TEST_F(Rollouts, ServicesHaveTheChecksOfTheDefinition) {
  for (auto& service : config_.services) {
    service.healthcheck.grace_period = 60;
    if (service.name == "redis") {
      service.healthcheck.command = {"CMD", "redis-cli", "ping"};
      service.healthcheck.interval = 7;
      service.healthcheck.unhealthy_threshold = 1;
    }
  }
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(LatestDefinition("alpha-redis")["containerDefinitions"][0]["healthCheck"],
            (Json{{"command", {"CMD", "redis-cli", "ping"}},
                  {"interval", 7},
                  {"timeout", 5},
                  {"retries", 1},
                  {"startPeriod", 60}}));
  EXPECT_EQ(Service("alpha-web")["healthCheckGracePeriodSeconds"], 60);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  config_.services.back().healthcheck.grace_period = 0;
  config_.services.front().healthcheck.grace_period = 0;
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_FALSE(LatestDefinition("alpha-redis")["containerDefinitions"][0]["healthCheck"].contains("startPeriod"));
  EXPECT_EQ(Service("alpha-web")["healthCheckGracePeriodSeconds"], 0);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

// A container reads its secrets when it starts.
TEST_F(Rollouts, AChangedSecretReachesTheTasksThatUseIt) {
  config_.secrets = {{.name = "KEY", .value = "first"}};
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  const std::string redis = Service("alpha-redis")["taskDefinition"];
  const auto web = [&] {
    std::string id;
    for (const auto& container : cloud_.runtime().List({})) {
      const auto name = container.labels.find("adhoc.container");
      if (name == container.labels.end() || name->second != "web") continue;
      if (container.status == localcloud::ContainerStatus::kRunning) id = container.id;
    }
    return id;
  };
  const std::string before = web();
  config_.secrets[0].value = "second";
  EXPECT_TRUE(HasPlanned("secret alpha/KEY"));
  EXPECT_TRUE(HasPlanned("task definition alpha-web"));
  EXPECT_TRUE(HasPlanned("service alpha-web"));
  EXPECT_FALSE(HasPlanned("service alpha-redis"));
  ASSERT_TRUE(Up());
  Rest();
  EXPECT_NE(web(), before);
  EXPECT_EQ(Service("alpha-redis")["taskDefinition"], redis) << "it uses none";
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});

  // Also after a run that died in between, and when somebody changed it in the console.
  cloud_.api().Call("secretsmanager", "PutSecretValue", {{"SecretId", "alpha/KEY"}, {"SecretString", "third"}});
  EXPECT_TRUE(HasPlanned("service alpha-web"));
  ASSERT_TRUE(Up());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

}  // namespace
}  // namespace adhoc::deploy
