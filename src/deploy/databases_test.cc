// What RDS does to the shared instance, and what becomes of an environment's database when the run that makes it ends.
#include "deploy/account_test.h"

namespace adhoc::deploy {
namespace {

class ADatabase : public InAnAccount {
 protected:
  // As much of PostgreSQL as tells which databases there are.
  ADatabase() {
    cloud_.runtime().AddImage("localhost/adhoc/postgres:15", [this](const localcloud::ContainerSpec& spec) {
      testing::FakeProcess process;
      const auto container = spec.labels.find("adhoc.container");
      if (container == spec.labels.end() || container->second != "database") return process;
      process.exits_after = std::chrono::milliseconds(200);
      const std::string& script = spec.command.back();
      const std::string& name = spec.environment.at("DB_NAME");
      if (is_broken_) {
        process.exit_code = 2;
      } else if (script.find("CREATE DATABASE") != std::string::npos) {
        databases_.insert(name);
      } else if (script.find("DROP DATABASE") != std::string::npos) {
        databases_.erase(name);
      }
      return process;
    });
  }

  // An account in which the instance is in this state, whatever happens.
  std::shared_ptr<Account> WithInstance(const std::string& state, const Json& more = Json::object()) {
    return Make({}, [state, more](const AwsCall& call, Json& output) {
      if (!call.Is("rds.DescribeDBInstances")) return;
      for (Json& instance : output["DBInstances"]) {
        instance["DBInstanceStatus"] = state;
        instance.update(more);
      }
    });
  }
  // Waits take what they take on AWS.
  void StopInstance() {
    cloud_.api().cloud().settings.timing = {.factor = 1};
    cloud_.api().Call("rds", "StopDBInstance", {{"DBInstanceIdentifier", "dev-rds"}});
    EXPECT_EQ(State(), "stopping");
  }
  std::string State() {
    return cloud_.api()
        .Call("rds", "DescribeDBInstances", {{"DBInstanceIdentifier", "dev-rds"}})
        .at("DBInstances")[0]
        .at("DBInstanceStatus");
  }
  double Now() { return ToSeconds(cloud_.clock().Now()); }

  std::set<std::string> databases_;
  bool is_broken_ = false;
};

TEST_F(ADatabase, IsDroppedWhereverTheRunDiedThatMadeIt) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  ASSERT_TRUE(Down());
  ASSERT_EQ(Inventory(), shared);
  for (const std::string last : {"secretsmanager.CreateSecret", "ecs.RunTask", "ecs.DescribeTasks", "the tag"}) {
    for (const bool goes_on : {false, true}) {
      SCOPED_TRACE(fmt::format("killed at {}, then {}", last, goes_on ? "up" : "down"));
      std::atomic<bool> dead = false;
      const auto account = Make(
          [&](const AwsCall& call) -> std::optional<net::Response> {
            if (call.Is("secretsmanager.TagResource")) dead = true;
            if (dead) throw Killed();
            return std::nullopt;
          },
          [&](const AwsCall& call, Json&) {
            if (!call.Is(last) || call.input.value("Name", "alpha/database") != "alpha/database") return;
            dead = true;
            throw Killed();
          });
      EXPECT_NE(Up(account), "");
      EXPECT_TRUE(dead);
      Rest();
      EXPECT_EQ(databases_.size(), last == "secretsmanager.CreateSecret" ? 0U : 1U);
      if (goes_on) {
        const auto planned = PlannedChanges();
        EXPECT_TRUE(std::count(planned.begin(), planned.end(), "database alpha-db"));
        ASSERT_TRUE(Up()) << last_error_;
        EXPECT_EQ(databases_, std::set<std::string>{"alpha-db"});
        EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
      }
      ASSERT_TRUE(Down()) << last_error_;
      EXPECT_EQ(databases_, std::set<std::string>{});
      EXPECT_EQ(Inventory(), shared);
    }
  }
}

// Of an earlier version, or of a secret that somebody deleted and restored.
TEST_F(ADatabase, WhoseTagIsGoneIsMadeAgain) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  cloud_.api().Call("secretsmanager", "UntagResource",
                    {{"SecretId", "alpha/database"}, {"TagKeys", Json::array({"adhoc:database"})}});
  Sync<std::vector<std::string>> values;
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (call.Is("secretsmanager.TagResource")) values.lock()->push_back(call.input["Tags"][0]["Value"]);
    return std::nullopt;
  });
  ASSERT_EQ(Up(account), "");
  EXPECT_EQ(*values.lock(), (std::vector<std::string>{"begun", "alpha-db"}));
  ASSERT_TRUE(Down());
  EXPECT_EQ(databases_, std::set<std::string>{});
}

TEST_F(ADatabase, ThatCannotBeReachedDoesNotKeepAnEnvironmentThatWasNeverMade) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  is_broken_ = true;
  EXPECT_NE(Up(Make({})).find("task database failed: container database exited with code 2"), std::string::npos);
  EXPECT_EQ(Down(Make({})), "");
  std::string warnings;
  for (const auto& event : sink_.events()) {
    const auto* notice = std::get_if<events::Notice>(&event);
    if (notice != nullptr && notice->level == events::Notice::Level::kWarning) warnings += notice->text;
  }
  EXPECT_NE(warnings.find("database alpha-db was not made to its end, and may have been left: task database failed"),
            std::string::npos)
      << warnings;
  EXPECT_EQ(Inventory(), shared);

  // Nor when the task cannot even be started.
  const auto refuse = [](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.RunTask")) return std::nullopt;
    return call.Refusal("ClientException", "ECS was unable to assume the role 'arn' that was provided for this task.");
  };
  EXPECT_NE(Up(Make(refuse)).find("unable to assume the role"), std::string::npos);
  EXPECT_EQ(Down(Make(refuse)), "");
  EXPECT_EQ(Inventory(), shared);

  is_broken_ = false;
  ASSERT_TRUE(Up());
  is_broken_ = true;
  EXPECT_NE(Down(Make({})).find("task database failed"), std::string::npos) << "there is one";
  is_broken_ = false;
  EXPECT_EQ(Down(Make({})), "");
  EXPECT_EQ(databases_, std::set<std::string>{});
  EXPECT_EQ(Inventory(), shared);
}

TEST_F(ADatabase, WhoseInstanceFailsWhileItIsMadeSaysWhyAtOnce) {
  const auto account = WithInstance(
      "incompatible-network",
      {{"StatusInfos", Json::array({{{"Normal", false}, {"Message", "There is no room in the subnets."}}})}});
  const double begin = Now();
  EXPECT_NE(
      SharedUp(account).find("database instance dev-rds is incompatible-network: There is no room in the subnets."),
      std::string::npos);
  EXPECT_EQ(account->asked("rds.CreateDBInstance"), 1);
  EXPECT_LT(Now() - begin, 60);
}

// No waiting makes these better.
TEST_F(ADatabase, WhoseInstanceWaitsForSomebodySaysSoAtOnce) {
  ASSERT_TRUE(SharedUp());
  const std::map<std::string, std::string> hints = {{"storage-full", "--allocated-storage"},
                                                    {"inaccessible-encryption-credentials", "KMS key"},
                                                    {"inaccessible-encryption-credentials-recoverable", "KMS key"},
                                                    {"insufficient-capacity", "describe-events"},
                                                    {"restore-error", "describe-events"},
                                                    {"failed", "describe-events"}};
  for (const auto& [state, hint] : hints) {
    const double begin = Now();
    EXPECT_NE(SharedUp(WithInstance(state)).find(fmt::format("database instance dev-rds is {}", state)),
              std::string::npos);
    EXPECT_NE(hint_.find(hint), std::string::npos) << hint_;
    EXPECT_LT(Now() - begin, 5) << state;
  }
}

TEST_F(ADatabase, WhoseInstanceIsWorkedAtServes) {
  ASSERT_TRUE(SharedUp());
  for (const char* state : {"available", "backing-up", "modifying", "storage-optimization", "storage-config-upgrade",
                            "configuring-enhanced-monitoring"}) {
    EXPECT_EQ(Run(WithInstance(state),
                  [&](env::Context& context) { EXPECT_TRUE(env::PrepareShared(context).plan.empty()) << state; }),
              "");
  }
}

TEST_F(ADatabase, WhoseInstanceIsBeingStoppedIsStartedWhenItHas) {
  ASSERT_TRUE(SharedUp());
  StopInstance();
  const auto account = Make({});
  EXPECT_EQ(SharedUp(account), "");
  EXPECT_EQ(account->asked("rds.StartDBInstance"), 1);
  EXPECT_EQ(State(), "available");
}

// RDS lets nothing be changed of an instance that is not available.
TEST_F(ADatabase, WhoseInstanceIsBeingStoppedGoesWhenItTakesChanges) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  StopInstance();
  const auto account = Make({});
  EXPECT_EQ(SharedDown(account), "");
  EXPECT_EQ(account->asked("rds.StartDBInstance"), 1);
  EXPECT_GT(account->asked("rds.ModifyDBInstance"), 2) << "refused at first";
  EXPECT_EQ(Inventory(), nothing);
}

// It was made with protection, and RDS may still let that be taken away.
TEST_F(ADatabase, WhoseInstanceHasFailedGoes) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  EXPECT_EQ(SharedDown(WithInstance("failed")), "");
  EXPECT_EQ(Inventory(), nothing);

  // It may take no changes any more.
  ASSERT_TRUE(SharedUp());
  cloud_.api().Call("rds", "ModifyDBInstance", {{"DBInstanceIdentifier", "dev-rds"}, {"DeletionProtection", false}});
  const auto account = Make(
      [](const AwsCall& call) -> std::optional<net::Response> {
        if (!call.Is("rds.ModifyDBInstance")) return std::nullopt;
        return call.Refusal("InvalidDBInstanceState", "Database instance is not in available state.");
      },
      [](const AwsCall& call, Json& output) {
        if (!call.Is("rds.DescribeDBInstances")) return;
        for (Json& instance : output["DBInstances"]) {
          if (instance["DBInstanceStatus"] == "available") instance["DBInstanceStatus"] = "failed";
        }
      });
  EXPECT_EQ(SharedDown(account), "");
  EXPECT_EQ(Inventory(), nothing);
}

}  // namespace
}  // namespace adhoc::deploy
