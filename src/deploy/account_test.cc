// What an account does and one machine does not: it refuses for a moment, learns late, has no room, loses answers.
#include "deploy/account_test.h"

#include <regex>

namespace adhoc::deploy {
namespace {

TEST_F(InAnAccount, WhatIsRefusedForAMomentIsAskedForAgain) {
  const std::map<std::string, std::pair<std::string, std::string>> refusals = {
      // The first cluster of an account has ECS make its role.
      {"ecs.CreateCluster",
       {"InvalidParameterException",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists."}},
      // A `down` was a moment ago.
      {"s3.CreateBucket",
       {"OperationAborted", "A conflicting conditional operation is currently in progress against this resource."}},
      {"secretsmanager.CreateSecret",
       {"InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion."}},
      {"secretsmanager.RestoreSecret",
       {"ResourceNotFoundException", "Secrets Manager can't find the specified secret."}},
      // A run that was cut off had begun to delete it.
      {"ecs.CreateService", {"InvalidParameterException", "Unable to Start a service that is still Draining."}},
      {"elbv2.CreateRule",
       {"TargetGroupAssociationLimit",
        "The following target groups cannot be associated with more than one load balancer"}}};
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    const auto refusal = refusals.find(call.Name());
    if (refusal == refusals.end() || call.number > 2) return std::nullopt;
    return call.Refusal(refusal->second.first, refusal->second.second);
  });
  ASSERT_TRUE(SharedUp());
  ASSERT_EQ(Up(account), "");
  EXPECT_EQ(account->asked("ecs.CreateCluster"), 3);
  EXPECT_EQ(account->asked("s3.CreateBucket"), 3);
  EXPECT_EQ(account->asked("secretsmanager.RestoreSecret"), 2);
  EXPECT_EQ(account->asked("ecs.CreateService"), 4) << "of two services, and two refusals";
  EXPECT_EQ(account->asked("elbv2.CreateRule"), 3);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

TEST_F(InAnAccount, WhatIsInUseForAMomentIsDeletedAfterIt) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const std::map<std::string, std::string> refusals = {{"elbv2.DeleteTargetGroup", "ResourceInUse"},
                                                       {"servicediscovery.DeleteService", "ResourceInUse"},
                                                       {"ecs.DeleteCluster", "UpdateInProgressException"}};
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    const auto refusal = refusals.find(call.Name());
    if (refusal == refusals.end() || call.number > 2) return std::nullopt;
    return call.Refusal(refusal->second);
  });
  ASSERT_EQ(Down(account), "");
  for (const auto& [operation, code] : refusals) EXPECT_GE(account->asked(operation), 3) << operation;
  EXPECT_EQ(Inventory(), shared);
}

// Of two environments that come at the same time both ask for the lowest that they saw free.
TEST_F(InAnAccount, ATakenPriorityIsFollowedByTheNext) {
  ASSERT_TRUE(SharedUp());
  std::vector<int> priorities;
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("elbv2.CreateRule")) return std::nullopt;
    priorities.push_back(call.input["Priority"]);
    if (call.number > 2) return std::nullopt;
    return call.Refusal("PriorityInUse", "Priority '1' is currently in use");
  });
  ASSERT_EQ(Up(account), "");
  EXPECT_EQ(priorities, (std::vector<int>{1, 2, 3}));
}

// Knows of what was made only some seconds later, each service on its own. Refuses as AWS does.
class Gossip {
 public:
  Gossip(Clock& clock, std::chrono::seconds lag) : clock_(clock), lag_(lag) {}

  std::optional<net::Response> Refuse(const AwsCall& call) {
    const std::string& operation = call.operation.name;
    // What is deleted has been there for a while.
    if (operation.starts_with("Delete") || operation.starts_with("Deregister")) return std::nullopt;
    auto young = young_.lock();
    const auto is_young = [&](const std::string& key, int times = 1) {
      const auto found = young->find(key);
      return found != young->end() && clock_.Now() - found->second < lag_ * times;
    };
    std::optional<net::Response> refusal;
    const auto refuse = [&](const std::string& code, const std::string& message) {
      ++refusals_;
      refusal = call.Refusal(code, message);
    };
    // ECS learns of IAM and ELB later still.
    if (operation == "RunTask" && is_young("a role", 2)) {
      refuse("ClientException", "ECS was unable to assume the role 'arn' that was provided for this task.");
      return refusal;
    }
    for (const Json& balancer : call.input.value("loadBalancers", Json::array())) {
      const std::string group = balancer.value("targetGroupArn", "");
      if (!is_young("rule of " + group, 2)) continue;
      refuse("InvalidParameterException",
             fmt::format("The target group with targetGroupArn {} does not have an associated load balancer.", group));
      return refusal;
    }
    ForEachText(call.input, "", [&](const std::string& member, const std::string& text) {
      if (refusal || !(is_young(text) || is_young(member + "=" + text))) return;
      const std::string code = CodeFor(call.service.name, member, text);
      if (!code.empty()) refuse(code, code == "AccessDeniedException" ? "not authorized to perform: iam:PassRole" : "");
    });
    return refusal;
  }

  void Learn(const AwsCall& call, Json& output) {
    auto young = young_.lock();
    const std::string& operation = call.operation.name;
    static constexpr std::array<std::string_view, 5> kMaking = {"Create", "Allocate", "Request", "Run", "Register"};
    const bool makes =
        std::any_of(kMaking.begin(), kMaking.end(), [&](auto verb) { return operation.starts_with(verb); });
    const auto born = makes ? clock_.Now() : TimePoint();
    static const std::regex id("(vpc|subnet|igw|rtb|eipalloc|nat|sg|vpce|ns|i)-[0-9a-z]{8,}|arn:aws:.*");
    ForEachText(output, "", [&](const std::string& member, const std::string& text) {
      if (std::regex_match(text, id)) young->emplace(text, born);
      if (member == "OperationId") young->emplace(member + "=" + text, born);
    });
    // What is named, and how later calls say its name.
    static const std::map<std::string, std::pair<const char*, const char*>> named = {
        {"CreateCluster", {"clusterName", "cluster"}},
        {"CreateService", {"serviceName", "services"}},
        {"CreateLogGroup", {"logGroupName", "logGroupName"}},
        {"CreateRole", {"RoleName", "RoleName"}},
        {"CreateBucket", {"Bucket", "Bucket"}},
        {"CreateSecret", {"Name", "SecretId"}},
        {"CreateDBSubnetGroup", {"DBSubnetGroupName", "DBSubnetGroupName"}},
        {"CreateDBInstance", {"DBInstanceIdentifier", "DBInstanceIdentifier"}}};
    if (const auto found = named.find(operation); found != named.end()) {
      if (const std::string name = call.input.value(found->second.first, ""); !name.empty())
        (*young)[fmt::format("{}={}", found->second.second, name)] = born;
    }
    if (operation == "CreateRole") (*young)["a role"] = born;
    if (operation == "CreateRule")
      (*young)["rule of " + call.input["Actions"][0]["TargetGroupArn"].get<std::string>()] = born;
    // Reads of ECS leave out what they do not know.
    for (const auto& [list, name] : {std::pair{"services", "serviceName"}, {"tasks", "taskArn"}}) {
      if (!operation.starts_with("Describe") || !output.contains(list)) continue;
      std::erase_if(output[list].get_ref<Json::array_t&>(), [&](const Json& one) {
        const std::string text = one[name];
        for (const auto& key : {text, fmt::format("{}={}", list, text)}) {
          if (const auto found = young->find(key); found != young->end() && clock_.Now() - found->second < lag_)
            return true;
        }
        return false;
      });
    }
  }

  int refusals() const { return refusals_; }

 private:
  static void ForEachText(const Json& json, const std::string& member,
                          const std::function<void(const std::string& member, const std::string& text)>& call) {
    if (json.is_string()) return call(member, json.get<std::string>());
    if (json.is_object()) {
      for (const auto& [key, value] : json.items()) {
        if (!key.starts_with("Filter")) ForEachText(value, key, call);
      }
    } else if (json.is_array()) {
      for (const Json& value : json) ForEachText(value, member, call);
    }
  }

  // What a service says of an id or a name that it does not know; nothing where it accepts it.
  static std::string CodeFor(const std::string& service, const std::string& member, const std::string& text) {
    using Codes = std::vector<std::pair<const char*, const char*>>;  // by what the text or the member begins with
    static const std::map<std::string, Codes> codes = {
        {"ec2",
         {{"vpc-", "InvalidVpcID.NotFound"},
          {"subnet-", "InvalidSubnetID.NotFound"},
          {"igw-", "InvalidInternetGatewayID.NotFound"},
          {"rtb-", "InvalidRouteTableID.NotFound"},
          {"eipalloc-", "InvalidAllocationID.NotFound"},
          {"nat-", "NatGatewayNotFound"},
          {"sg-", "InvalidGroup.NotFound"},
          {"vpce-", "InvalidVpcEndpointId.NotFound"}}},
        {"elbv2",
         {{"subnet-", "SubnetNotFound"},
          {"sg-", "InvalidSecurityGroup"},
          {"arn:aws:acm", "CertificateNotFound"},
          {"TargetGroupArn", "TargetGroupNotFound"},
          {"LoadBalancerArn", "LoadBalancerNotFound"},
          {"ListenerArn", "ListenerNotFound"}}},
        {"rds", {{"DBSubnetGroupName", "DBSubnetGroupNotFoundFault"}, {"DBInstanceIdentifier", "DBInstanceNotFound"}}},
        {"servicediscovery", {{"ns-", "NamespaceNotFound"}, {"OperationId", "OperationNotFound"}}},
        {"ecs",
         {{"cluster", "ClusterNotFoundException"},
          {"taskRoleArn", "AccessDeniedException"},
          {"executionRoleArn", "AccessDeniedException"}}},
        {"iam", {{"RoleName", "NoSuchEntity"}}},
        {"logs", {{"logGroupName", "ResourceNotFoundException"}}},
        {"s3", {{"Bucket", "NoSuchBucket"}}},
        {"secretsmanager", {{"SecretId", "ResourceNotFoundException"}}},
        {"acm", {{"CertificateArn", "ResourceNotFoundException"}}}};
    const auto of_service = codes.find(service);
    if (of_service == codes.end()) return "";
    for (const auto& [begin, code] : of_service->second) {
      if (text.starts_with(begin) || member.starts_with(begin)) return code;
    }
    return "";
  }

  Clock& clock_;
  const std::chrono::seconds lag_;
  Sync<std::map<std::string, TimePoint>> young_;  // when each was made
  std::atomic<int> refusals_ = 0;
};

TEST_F(InAnAccount, NotEverybodyKnowsAtOnceOfWhatWasMade) {
  config_.target.network.nat = config::NatKind::kSingle;
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const auto complete = Inventory();
  ASSERT_TRUE(Down());
  ASSERT_TRUE(SharedDown());
  ASSERT_EQ(Inventory(), nothing);

  Gossip gossip(cloud_.clock(), std::chrono::seconds(4));
  const auto account = Make([&](const AwsCall& call) { return gossip.Refuse(call); },
                            [&](const AwsCall& call, Json& output) { gossip.Learn(call, output); });
  ASSERT_EQ(SharedUp(account), "");
  EXPECT_EQ(Inventory(), shared);
  ASSERT_EQ(Up(account), "");
  EXPECT_EQ(Inventory(), complete);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_EQ(Down(account), "");
  EXPECT_EQ(Inventory(), shared);
  ASSERT_EQ(SharedDown(account), "");
  EXPECT_EQ(Inventory(), nothing);
  fmt::print("[  gossip  ] {} calls came too early\n", gossip.refusals());
  EXPECT_GT(gossip.refusals(), 30);
}

TEST_F(InAnAccount, ARefusalThatStaysIsToldWhenNothingNewCanBeTheReason) {
  ASSERT_TRUE(SharedUp());
  const auto refuse = [](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.RegisterTaskDefinition")) return std::nullopt;
    return call.Refusal("AccessDeniedException", "not authorized to perform: iam:PassRole on resource: role");
  };
  const auto account = Make(refuse);
  const TimePoint begin = cloud_.clock().Now();
  EXPECT_NE(Up(account).find("iam:PassRole"), std::string::npos);
  const double seconds = ToSeconds(cloud_.clock().Now()) - ToSeconds(begin);
  EXPECT_GE(seconds, 60) << "its role is new";
  EXPECT_LT(seconds, 120);
  const auto again = Make(refuse);
  config_.bucket.reset();
  config_.secrets.clear();
  EXPECT_NE(
      Run(again,
          [](env::Context& context) {
            context.Call("ecs", "RegisterTaskDefinition", {{"family", "x"}, {"containerDefinitions", Json::array()}});
          })
          .find("iam:PassRole"),
      std::string::npos);
  EXPECT_EQ(again->asked("ecs.RegisterTaskDefinition"), 1) << "this run has made nothing";
}

// The way to a log that gives its lines late, after pages without any, as CloudWatch does.
TEST_F(InAnAccount, TheLastWordsOfATaskThatFailedAreWaitedFor) {
  cloud_.runtime().AddImage("000000000000.dkr.ecr.us-east-1.amazonaws.com/backend:v1",
                            [](const localcloud::ContainerSpec&) {
                              testing::FakeProcess process;
                              process.exits_after = std::chrono::milliseconds(200);
                              process.exit_code = 1;
                              return process;
                            });
  config_.database.reset();
  for (auto& service : config_.services) {
    service.environment.erase("HOST");
    service.secrets.erase("PASSWORD");
  }
  ASSERT_TRUE(SharedUp());
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("logs.GetLogEvents")) return std::nullopt;
    const int page = std::min(call.number, 5);
    const Json events = page == 4 ? Json::array({{{"message", "its last words"}, {"timestamp", 1}}}) : Json::array();
    return call.Answer({{"events", events}, {"nextForwardToken", fmt::format("f/{}", page)}});
  });
  EXPECT_NE(Up(account).find("task migrate failed: container migrate exited with code 1"), std::string::npos);
  EXPECT_EQ(LogLines(), std::vector<std::string>{"its last words"});
}

constexpr const char* kNoRoom =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

// RunTask says so in an answer, not in an error.
TEST_F(InAnAccount, ATaskForWhichFargateHasNoRoomIsStartedWhenThereIsSome) {
  ASSERT_TRUE(SharedUp());
  pace_.spot_patience = std::chrono::minutes(1);
  Sync<std::set<std::string>> tokens;
  const auto account = Make([&](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("ecs.RunTask")) return std::nullopt;
    EXPECT_TRUE(tokens.lock()->insert(call.input.value("clientToken", "")).second) << "ECS would repeat its answer";
    if (call.number > 2) return std::nullopt;
    return call.Answer({{"tasks", Json::array()}, {"failures", Json::array({{{"reason", kNoRoom}}})}});
  });
  ASSERT_EQ(Up(account), "");
  EXPECT_EQ(account->asked("ecs.RunTask"), 4) << "the database's and the migration, and two that found no room";
}

TEST_F(InAnAccount, ATaskForWhichThereIsNoRoomAtAllIsNotStarted) {
  ASSERT_TRUE(SharedUp());
  const auto refused = [&](const std::string& reason, const std::string& detail) {
    return Up(Make([&](const AwsCall& call) -> std::optional<net::Response> {
      if (!call.Is("ecs.RunTask")) return std::nullopt;
      return call.Answer(
          {{"tasks", Json::array()}, {"failures", Json::array({{{"reason", reason}, {"detail", detail}}})}});
    }));
  };
  EXPECT_NE(refused(kNoRoom, "").find(fmt::format("ECS did not start the task database: {}", kNoRoom)),
            std::string::npos);
  EXPECT_NE(refused("AGENT", "a detail").find("ECS did not start the task database: AGENT: a detail"),
            std::string::npos);
  ASSERT_EQ(Up(Make({})), "") << "the next run goes on";
}

// Its client token makes the second request the first one again.
TEST_F(InAnAccount, ALostAnswerStartsNoSecondTask) {
  ASSERT_TRUE(SharedUp());
  const auto lossy = Make({}, [](const AwsCall& call, Json&) {
    if (call.Is("ecs.RunTask") && call.number % 2 == 1)
      throw net::TransportError("the connection was reset", true, false);
  });
  ASSERT_EQ(Up(lossy), "");
  EXPECT_EQ(lossy->asked("ecs.RunTask"), 4);
  Rest();
  EXPECT_EQ(StartedTasks("alpha-migrate"), 1U);
  EXPECT_EQ(StartedTasks("alpha-database"), 1U);
}

TEST_F(InAnAccount, WithoutVcpusADeploymentEndsAtOnceAndSaysWhatToDo) {
  ASSERT_TRUE(SharedUp());
  const auto account = Make({}, [](const AwsCall& call, Json& output) {
    if (!call.Is("ecs.DescribeServices")) return;
    for (Json& service : output["services"]) {
      for (Json& deployment : service["deployments"]) {
        deployment["runningCount"] = 0;
        deployment["pendingCount"] = 0;
        deployment["rolloutState"] = "IN_PROGRESS";
      }
      service["events"] =
          Json::array({{{"id", "1"},
                        {"createdAt", service["deployments"][0]["createdAt"].get<double>() + 1},
                        {"message",
                         "(service alpha-web) was unable to place a task. Reason: You've reached the limit on "
                         "the number of vCPUs you can run concurrently."}}});
    }
  });
  const std::string error = Up(account);
  EXPECT_NE(error.find("there is no room for "), std::string::npos) << error;
  EXPECT_NE(error.find("You've reached the limit on the number of vCPUs"), std::string::npos) << error;
  EXPECT_NE(hint_.find("L-3032A538"), std::string::npos) << hint_;
}

// It has no exit code, which is not 0.
TEST_F(InAnAccount, ATaskThatNeverStartedHasFailed) {
  config_.database->image = "localhost/adhoc/none:1";
  ASSERT_TRUE(SharedUp());
  const std::string error = Up(Make({}));
  EXPECT_NE(error.find("task database failed: CannotPullContainerError"), std::string::npos) << error;
  EXPECT_NE(hint_.find("build and push the image"), std::string::npos) << hint_;
}

// S3 answers 200 and says of each object what became of it.
TEST_F(InAnAccount, ABucketWhoseObjectsStaySaysWhich) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const std::string bucket = "localhost-alpha-bucket";
  cloud_.api().Call("s3", "PutObject", {{"Bucket", bucket}, {"Key", "media/locked"}, {"Body", "x"}});
  const auto account = Make([](const AwsCall& call) -> std::optional<net::Response> {
    if (!call.Is("s3.DeleteObjects")) return std::nullopt;
    return call.Answer(
        {{"Errors", Json::array({{{"Key", "media/locked"},
                                  {"Code", "AccessDenied"},
                                  {"Message", "Access Denied because object protected by object lock."}}})}});
  });
  const std::string error = Down(account);
  EXPECT_NE(error.find("media/locked: Access Denied because object protected by object lock."), std::string::npos)
      << error;
  EXPECT_EQ(account->asked("s3.DeleteObjects"), 1);
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(cloud_.api().ErrorOf("s3", "HeadBucket", {{"Bucket", bucket}}), "NoSuchBucket");
}

// Route 53 refuses to delete a record that is not there.
TEST_F(InAnAccount, ARecordMayBeGoneWhenItsDeletionIsAskedForAgain) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const auto account = Make({}, [](const AwsCall& call, Json&) {
    if (call.Is("route53.ChangeResourceRecordSets") && call.number == 1)
      throw net::TransportError("the connection was reset", true, false);
  });
  EXPECT_EQ(Down(account), "");
  EXPECT_EQ(account->asked("route53.ChangeResourceRecordSets"), 2);
  EXPECT_EQ(Inventory(), shared);
}

TEST_F(InAnAccount, ANamespaceThatCannotBeMadeSaysWhy) {
  const auto nothing = Inventory();
  const auto failing = Make({}, [](const AwsCall& call, Json& output) {
    if (!call.Is("servicediscovery.GetOperation")) return;
    output["Operation"]["Status"] = "FAIL";
    output["Operation"]["ErrorCode"] = "CANNOT_CREATE_HOSTED_ZONE";
    output["Operation"]["ErrorMessage"] = "The VPC that you chose is already associated with another zone.";
  });
  const std::string error = SharedUp(failing);
  EXPECT_NE(error.find("already associated with another zone"), std::string::npos) << error;
  ASSERT_TRUE(SharedUp()) << last_error_;
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(Inventory(), nothing);
}

// ECS describes ten services and deletes ten task definitions at a time.
TEST_F(InAnAccount, AnEnvironmentMayHaveMoreThanTenServicesAndRevisions) {
  for (int i = 0; i < 10; ++i) {
    config_.services.push_back(config_.services.front());
    config_.services.back().name = fmt::format("more{}", i);
  }
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  const Json described =
      cloud_.api().Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", "alpha-web"}})["taskDefinition"];
  for (int i = 0; i < 11; ++i) {
    cloud_.api().Call("ecs", "RegisterTaskDefinition",
                      {{"family", "alpha-web"},
                       {"cpu", "256"},
                       {"memory", "512"},
                       {"containerDefinitions", described["containerDefinitions"]}});
  }
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(Inventory(), shared);
}

// DescribeClusters takes a hundred.
TEST_F(InAnAccount, AHundredAndOneEnvironmentsAreFoundInUse) {
  ASSERT_TRUE(SharedUp());
  for (int i = 0; i < 101; ++i) {
    cloud_.api().Call("ecs", "CreateCluster", {{"clusterName", fmt::format("x{}-cluster", i)}});
  }
  std::size_t found = 0;
  EXPECT_EQ(Run(Make({}), [&](env::Context& context) { found = env::ListEnvironments(context).size(); }), "");
  EXPECT_EQ(found, 101U);
}

// Nobody is left whose requests have to end.
TEST_F(InAnAccount, DownDoesNotWaitForTargetsToDrain) {
  for (auto& service : config_.services) service.deregistration_delay = 3600;
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  cloud_.api().cloud().settings.timing = {.factor = 1};
  const double begin = ToSeconds(cloud_.clock().Now());
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_LT(ToSeconds(cloud_.clock().Now()) - begin, 600);
}

// ListTasks and DescribeTasks take a hundred at a time.
TEST_F(InAnAccount, AnEnvironmentGoesHoweverManyTasksRunInIt) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const Json input = {{"cluster", "alpha-cluster"},
                      {"taskDefinition", "alpha-redis"},
                      {"count", 10},
                      {"launchType", "FARGATE"},
                      {"networkConfiguration", cloud_.api()
                                                   .Call("ecs", "DescribeServices",
                                                         {{"cluster", "alpha-cluster"}, {"services", {"alpha-redis"}}})
                                                   .at("services")[0]["networkConfiguration"]}};
  for (int i = 0; i < 11; ++i) cloud_.api().Call("ecs", "RunTask", input);
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(Inventory(), shared);
}

}  // namespace
}  // namespace adhoc::deploy
