// Runs that die in the middle. For each call of a lifecycle the process is killed there, before the call or after its
// effect, and the next run has to reach what a run without an accident reaches: nothing missing, nothing twice, nothing
// left over.
//
// The whole local cloud is in this process (testing/local_cloud.h). ADHOC_EVERY_CUT=1 tries every call; otherwise some,
// spread evenly.
#include "deploy/lifecycle_test.h"

namespace adhoc::deploy {
namespace {

TEST_F(Lifecycle, RunsFromBeginningToEnd) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_TRUE(Deploy("v2"));
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(Inventory(), nothing);
}

TEST_F(Lifecycle, WhatTheDefinitionNoLongerHasGoes) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const config::Config whole = config_;
  const auto without = [&](const char* service) {
    config_ = whole;
    std::erase_if(config_.services, [&](const auto& one) { return one.name == service; });
  };
  without("web");
  config_.secrets.clear();
  // Logs and secrets stay until the environment goes.
  EXPECT_EQ(PlannedChanges(), (std::vector<std::string>{"target group alpha-web", "listener rule alpha-web",
                                                        "record alpha.localhost", "service alpha-web"}));
  ASSERT_TRUE(Up());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);

  config_ = whole;
  ASSERT_TRUE(Up());
  without("redis");
  EXPECT_EQ(PlannedChanges(), (std::vector<std::string>{"service alpha-redis"}))
      << "without names the namespace is not read";
  config_.services.clear();
  config_.tasks.clear();
  config_.secrets.clear();
  config_.bucket.reset();
  config_.database.reset();
  const auto changes = PlannedChanges();
  EXPECT_EQ(std::set(changes.begin(), changes.end()),
            (std::set<std::string>{"record alpha.localhost", "target group alpha-web", "listener rule alpha-web",
                                   "service alpha-web", "service alpha-redis", "role alpha-task-role"}))
      << "what they have written stays";
  ASSERT_TRUE(Up());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(Inventory(), nothing);
}

TEST_F(Lifecycle, AServiceHasItsProcessorAndPlatformInAnAccount) {
  config_.target.kind = config::TargetKind::kAws;
  cloud_.api().Call("route53", "CreateHostedZone", {{"Name", "localhost"}, {"CallerReference", "1"}});
  config::Service& web = config_.services.back();
  const auto definition = [&] {
    return cloud_.api().Call("ecs", "DescribeTaskDefinition", {{"taskDefinition", "alpha-web"}})["taskDefinition"];
  };
  const auto platform = [&] {
    const Json services = cloud_.api().Call("ecs", "DescribeServices",
                                            {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}});
    return services["services"][0]["platformVersion"];
  };
  web.arm64 = true;
  web.platform_version = "1.4.0";
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  EXPECT_EQ(definition()["runtimePlatform"], (Json{{"cpuArchitecture", "ARM64"}, {"operatingSystemFamily", "LINUX"}}));
  EXPECT_EQ(platform(), "1.4.0");
  const Json container = definition()["containerDefinitions"][0];
  EXPECT_FALSE(container.contains("linuxParameters")) << "an init process: some entrypoints have to be PID 1";
  EXPECT_EQ(container["logConfiguration"]["options"]["mode"], "non-blocking") << "whatever the account's default is";
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  ASSERT_TRUE(Deploy("v2"));
  EXPECT_EQ(definition()["runtimePlatform"]["cpuArchitecture"], "ARM64") << "a deploy changes the image only";

  web.arm64 = false;
  web.platform_version = "LATEST";
  const auto changes = PlannedChanges();
  EXPECT_EQ(std::count(changes.begin(), changes.end(), "task definition alpha-web"), 1);
  EXPECT_EQ(std::count(changes.begin(), changes.end(), "service alpha-web"), 1);
  ASSERT_TRUE(Up());
  EXPECT_FALSE(definition().contains("runtimePlatform"));
  EXPECT_EQ(platform(), "LATEST");
}

TEST_F(Lifecycle, AServiceGetsAndLosesItsNameAndItsPaths) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const auto complete = Inventory();
  const auto service = [&](const char* name) {
    return cloud_.api().Call("ecs", "DescribeServices",
                             {{"cluster", "alpha-cluster"}, {"services", Json::array({name})}})["services"][0];
  };
  const config::Config whole = config_;
  for (auto& one : config_.services) {
    one.discoverable = one.name == "web";  // redis has no name any more, web has one
    if (one.name == "web") one.paths.clear();
  }
  const auto changes = PlannedChanges();
  for (const char* change : {"service alpha-redis", "service alpha-web", "discovery service alpha-web",
                             "discovery service alpha-redis", "target group alpha-web", "listener rule alpha-web"}) {
    EXPECT_EQ(std::count(changes.begin(), changes.end(), change), 1) << change;
  }
  ASSERT_TRUE(Up());
  Rest();
  EXPECT_TRUE(service("alpha-redis")["serviceRegistries"].empty());
  EXPECT_EQ(service("alpha-web")["serviceRegistries"].size(), 1U);
  EXPECT_TRUE(service("alpha-web")["loadBalancers"].empty());
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});

  config_ = whole;
  ASSERT_TRUE(Up());
  EXPECT_EQ(service("alpha-web")["loadBalancers"].size(), 1U);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  EXPECT_EQ(Inventory(), complete);
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);
}

TEST_F(Lifecycle, ServicesFollowTheNetwork) {
  config_.target.network.nat = config::NatKind::kSingle;
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  config_.target.network.nat = config::NatKind::kNone;
  ASSERT_TRUE(SharedUp());
  EXPECT_EQ(PlannedChanges(), (std::vector<std::string>{"service alpha-redis", "service alpha-web"}))
      << "private subnets have no way out any more";
  ASSERT_TRUE(Up());
  const Json service =
      cloud_.api().Call("ecs", "DescribeServices",
                        {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}})["services"][0];
  EXPECT_EQ(service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "ENABLED");
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

TEST_F(Lifecycle, AStoppedDatabaseIsStarted) {
  ASSERT_TRUE(SharedUp());
  cloud_.api().Call("rds", "StopDBInstance", {{"DBInstanceIdentifier", "dev-rds"}});
  Rest();
  EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{"database instance dev-rds"});
  ASSERT_TRUE(SharedUp()) << last_error_;
  const Json described = cloud_.api().Call("rds", "DescribeDBInstances", {{"DBInstanceIdentifier", "dev-rds"}});
  EXPECT_EQ(described["DBInstances"][0]["DBInstanceStatus"], "available");
}

TEST_F(Lifecycle, AStoppedOrFailedDatabaseIsDeleted) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  cloud_.api().Call("rds", "StopDBInstance", {{"DBInstanceIdentifier", "dev-rds"}});
  Rest();
  ASSERT_TRUE(SharedDown()) << last_error_;
  EXPECT_EQ(Inventory(), nothing);

  ASSERT_TRUE(SharedUp());
  {
    const auto txn = cloud_.api().store().Begin();
    for (const auto& [key, instance] : std::map(txn->All("rds.instances"))) {
      Json& failed = txn->Edit("rds.instances", key);
      failed["DBInstanceStatus"] = "failed";
      failed["DeletionProtection"] = false;
    }
    txn->Commit();
  }
  ASSERT_TRUE(SharedDown()) << last_error_;
  EXPECT_EQ(Inventory(), nothing);
}

// ECS keeps to the digest that a deployment began with.
TEST_F(Lifecycle, ATagThatWasPushedAgainIsDeployed) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const auto revision = [&] {
    return cloud_.api()
        .Call("ecs", "DescribeServices", {{"cluster", "alpha-cluster"}, {"services", Json::array({"alpha-web"})}})
        .at("services")[0]["taskDefinition"];
  };
  const Json before = revision();
  ASSERT_TRUE(Deploy("v1"));
  EXPECT_EQ(revision(), before) << "nothing to do";
  AddImages(cloud_.runtime());
  ASSERT_TRUE(Deploy("v1"));
  const Json after = revision();
  EXPECT_NE(after, before);
  ASSERT_TRUE(Deploy("v1"));
  EXPECT_EQ(revision(), after);
}

// AWS lists what was deleted for days. Found on moto, which does so, too.
TEST_F(Lifecycle, ADeletedClusterIsNoEnvironment) {
  ASSERT_TRUE(SharedUp());
  cloud_.api().Call("ecs", "CreateCluster", {{"clusterName", "old-cluster"}});
  const auto txn = cloud_.api().store().Begin();
  txn->Edit("ecs.clusters", "old-cluster")["status"] = "INACTIVE";
  txn->Commit();
  EXPECT_TRUE(SharedDown()) << last_error_;
}

// As somebody else may call theirs.
TEST_F(Lifecycle, ABucketOfTheRightNameThatIsNotOursStays) {
  ASSERT_TRUE(SharedUp());
  config_.bucket.reset();
  ASSERT_TRUE(Up());
  cloud_.api().Call("s3", "CreateBucket", {{"Bucket", "localhost-alpha-bucket"}});
  ASSERT_TRUE(Down());
  EXPECT_EQ(cloud_.api().ErrorOf("s3", "HeadBucket", {{"Bucket", "localhost-alpha-bucket"}}), "");
}

// Found by a cut after DeleteDBInstance: nothing can be changed of an instance that is being deleted.
TEST_F(Lifecycle, ADatabaseWhoseDeletionHasBegunIsWaitedForAndMadeAgain) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  const auto begin_deletion = [&] {
    cloud_.api().Call("rds", "ModifyDBInstance", {{"DBInstanceIdentifier", "dev-rds"}, {"DeletionProtection", false}});
    cloud_.api().Call("rds", "DeleteDBInstance", {{"DBInstanceIdentifier", "dev-rds"}, {"SkipFinalSnapshot", true}});
  };
  begin_deletion();
  ASSERT_TRUE(SharedUp());
  EXPECT_EQ(Inventory(), shared);
  begin_deletion();
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(Inventory(), nothing);
}

// Found when nothing wrote the record that AWS waits for, and `shared down` deleted the certificate of another team.
TEST_F(Lifecycle, ACertificateIsIssuedByItsRecordAndGoesOnlyWhenItIsOurs) {
  config_.target.https = true;
  config_.target.domain = "dev.localhost";
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{});
  const auto certificate = [&] { return cloud_.api().Call("acm", "ListCertificates")["CertificateSummaryList"][0]; };
  const Json ours =
      cloud_.api().Call("acm", "DescribeCertificate", {{"CertificateArn", certificate()["CertificateArn"]}});
  EXPECT_EQ(ours["Certificate"]["Status"], "ISSUED");
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(Inventory(), nothing);

  // Somebody else asked for it, and has not published its record: that is done, the certificate used and left.
  const Json theirs =
      cloud_.api().Call("acm", "RequestCertificate", {{"DomainName", "*.dev.localhost"}, {"ValidationMethod", "DNS"}});
  const auto planned = PlannedSharedChanges();
  EXPECT_EQ(std::count(planned.begin(), planned.end(), "certificate *.dev.localhost"), 1) << "pending is a difference";
  ASSERT_TRUE(SharedUp());
  EXPECT_EQ(certificate()["CertificateArn"], theirs["CertificateArn"]);
  const auto deleted = Planned(env::PrepareSharedDown);
  EXPECT_EQ(std::count(deleted.begin(), deleted.end(), "certificate *.dev.localhost"), 0) << "it is not ours";
  ASSERT_TRUE(SharedDown());
  EXPECT_EQ(certificate()["CertificateArn"], theirs["CertificateArn"]);
}

TEST_F(Lifecycle, TakesTheTimeThatItTakesOnAws) {
  const auto seconds = [&](std::optional<int> ran, double begin) {
    EXPECT_TRUE(ran);
    return ToSeconds(cloud_.clock().Now()) - begin;
  };
  const auto now = [&] { return ToSeconds(cloud_.clock().Now()); };
  const auto nothing = Inventory();
  cloud_.api().cloud().settings.timing = {.factor = 1};
  double begin = now();
  const double shared_up = seconds(SharedUp(), begin);
  EXPECT_GT(shared_up, 420) << "the database alone takes that";
  EXPECT_LT(shared_up, 600) << "what doesn't depend on each other is made at the same time";
  Rest();
  const auto shared = Inventory();
  begin = now();
  const double up = seconds(Up(), begin);
  EXPECT_GT(up, 60) << "the migration task, then the services";
  EXPECT_LT(up, 300);
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
  begin = now();
  EXPECT_GT(seconds(Deploy("v2"), begin), 60);
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);
  begin = now();
  EXPECT_GT(seconds(SharedDown(), begin), 200);
  EXPECT_EQ(Inventory(), nothing);
}

// Somebody changed things by hand.
TEST_F(Lifecycle, DriftIsPlannedAndRepaired) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  auto& api = cloud_.api();
  const auto complete = Inventory();
  const Json groups = api.Call("elbv2", "DescribeTargetGroups");
  const std::string balancer = api.Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0]["LoadBalancerArn"];
  const std::string listener =
      api.Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", balancer}})["Listeners"][0]["ListenerArn"];
  const auto delete_rule = [&] {
    const Json described = api.Call("elbv2", "DescribeRules", {{"ListenerArn", listener}});
    for (const Json& rule : described["Rules"]) {
      if (!rule["IsDefault"].get<bool>()) api.Call("elbv2", "DeleteRule", {{"RuleArn", rule["RuleArn"]}});
    }
  };
  struct Drift {
    std::string planned;  // the first change
    std::function<void()> happens;
  };
  const std::vector<Drift> drifts = {
      {"listener rule alpha-web", delete_rule},
      {"service alpha-web",
       [&] {
         api.Call("ecs", "UpdateService",
                  {{"cluster", "alpha-cluster"}, {"service", "alpha-web"}, {"desiredCount", 3}});
       }},
      {"service alpha-redis",
       [&] {
         api.Call("ecs", "DeleteService", {{"cluster", "alpha-cluster"}, {"service", "alpha-redis"}, {"force", true}});
       }},
      {"log group /ecs/alpha/web",
       [&] {
         api.Call("logs", "DeleteLogGroup", {{"logGroupName", "/ecs/alpha/web"}});
       }},
      {"target group alpha-web",
       [&] {
         api.Call("elbv2", "ModifyTargetGroup",
                  {{"TargetGroupArn", groups["TargetGroups"][0]["TargetGroupArn"]}, {"HealthCheckPath", "/elsewhere"}});
       }},
      {"bucket localhost-alpha-bucket",
       [&] {
         api.Call("s3", "DeleteBucketPolicy", {{"Bucket", "localhost-alpha-bucket"}});
       }},
  };
  for (const auto& drift : drifts) {
    SCOPED_TRACE(drift.planned);
    drift.happens();
    Rest();
    const auto changes = PlannedChanges();
    ASSERT_FALSE(changes.empty());
    EXPECT_EQ(changes.front(), drift.planned);
    EXPECT_TRUE(Up());
    EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
    EXPECT_EQ(Inventory(), complete);
  }
}

TEST_F(Lifecycle, DriftOfSharedResourcesIsPlannedAndRepaired) {
  ASSERT_TRUE(SharedUp());
  auto& api = cloud_.api();
  const Json group =
      api.Call("ec2", "DescribeSecurityGroups",
               {{"Filters", Json::array({{{"Name", "group-name"}, {"Values", {"dev-ecs-sg"}}}})}})["SecurityGroups"][0];
  // Opened to the world, in each way that there is.
  for (const Json& opened :
       {Json{{"IpProtocol", "tcp"},
             {"FromPort", 22},
             {"ToPort", 22},
             {"IpRanges", Json::array({{{"CidrIp", "0.0.0.0/0"}}})}},
        Json{{"IpProtocol", "tcp"},
             {"FromPort", 22},
             {"ToPort", 22},
             {"Ipv6Ranges", Json::array({{{"CidrIpv6", "::/0"}}})}},
        Json{{"IpProtocol", "-1"}, {"PrefixListIds", Json::array({{{"PrefixListId", "pl-12345678"}}})}}}) {
    api.Call("ec2", "AuthorizeSecurityGroupIngress",
             {{"GroupId", group["GroupId"]}, {"IpPermissions", Json::array({opened})}});
    EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{"security group dev-ecs-sg"}) << opened;
    EXPECT_TRUE(SharedUp());
    EXPECT_EQ(PlannedSharedChanges(), std::vector<std::string>{});
    const Json repaired =
        api.Call("ec2", "DescribeSecurityGroups", {{"GroupIds", {group["GroupId"]}}})["SecurityGroups"][0];
    EXPECT_EQ(repaired["IpPermissions"], group["IpPermissions"]) << opened;
  }
}

// ECS waits for Spot's capacity for as long as it takes.
TEST_F(Lifecycle, WithoutSpotCapacityServicesRunOnDemand) {
  const auto providers = [&] {
    std::set<std::string> found;
    const Json arns = cloud_.api().Call("ecs", "ListTasks", {{"cluster", "alpha-cluster"}})["taskArns"];
    const Json described = cloud_.api().Call("ecs", "DescribeTasks", {{"cluster", "alpha-cluster"}, {"tasks", arns}});
    for (const Json& task : described["tasks"]) found.insert(task.value("capacityProviderName", ""));
    return found;
  };
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  EXPECT_EQ(providers(), std::set<std::string>{""}) << "by their launch type";
  for (auto& service : config_.services) service.spot = true;
  cloud_.SetCapacity("FARGATE_SPOT", false);
  EXPECT_TRUE(Up());
  Rest();
  EXPECT_EQ(providers(), std::set<std::string>{"FARGATE"});
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{}) << "moved on purpose, and not long ago";

  cloud_.SetCapacity("FARGATE_SPOT", true);
  cloud_.clock().Advance(std::chrono::hours(2));
  EXPECT_EQ(PlannedChanges().size(), config_.services.size());
  EXPECT_TRUE(Up());
  Rest();
  EXPECT_EQ(providers(), std::set<std::string>{"FARGATE_SPOT"});
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

// How the tasks of private subnets reach what they need.
class SharedResources : public Lifecycle, public ::testing::WithParamInterface<config::NatKind> {};

INSTANTIATE_TEST_SUITE_P(Networks, SharedResources,
                         ::testing::Values(config::NatKind::kNone, config::NatKind::kSingle,
                                           config::NatKind::kEndpoints),
                         [](const auto& nat) {
                           return nat.param == config::NatKind::kNone     ? "public"
                                  : nat.param == config::NatKind::kSingle ? "nat"
                                                                          : "endpoints";
                         });

TEST_P(SharedResources, SurviveADeathAtAnyCall) {
  config_.target.network.nat = GetParam();
  const auto nothing = Inventory();
  const auto up = SharedUp();
  ASSERT_TRUE(up);
  const auto shared = Inventory();
  const auto down = SharedDown();
  ASSERT_TRUE(down);
  ASSERT_EQ(Inventory(), nothing);
  CutEverywhere(
      "shared up", *up, [] {}, [&](Cut cut) { SharedUp(cut); },
      [&] {
        EXPECT_TRUE(SharedUp());
        EXPECT_EQ(Inventory(), shared);
        EXPECT_TRUE(SharedDown());
        EXPECT_EQ(Inventory(), nothing);
      });
  CutEverywhere(
      "shared down", *down, [&] { EXPECT_TRUE(SharedUp()); }, [&](Cut cut) { SharedDown(cut); },
      [&] {
        EXPECT_TRUE(SharedDown());
        EXPECT_EQ(Inventory(), nothing);
      });
}

TEST_F(Lifecycle, UpAndDownSurviveADeathAtAnyCall) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  const auto up = Up();
  ASSERT_TRUE(up);
  const auto complete = Inventory();
  const auto down = Down();
  ASSERT_TRUE(down);
  ASSERT_EQ(Inventory(), shared);
  CutEverywhere(
      "up", *up, [] {}, [&](Cut cut) { Up(cut); },
      [&] {
        EXPECT_TRUE(Up());
        EXPECT_EQ(Inventory(), complete);
        EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), shared);
        EXPECT_FALSE(records_.Get("alpha"));
      });
  // Somebody who gives up on an `up` that died.
  CutEverywhere(
      "up, then down", *up, [] {}, [&](Cut cut) { Up(cut); },
      [&] {
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), shared);
      });
  CutEverywhere(
      "down", *down, [&] { EXPECT_TRUE(Up()); }, [&](Cut cut) { Down(cut); },
      [&] {
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), shared);
        EXPECT_FALSE(records_.Get("alpha"));
      });
}

// Throttling and errors of AWS are a run's own to get over. A lost answer may end it: nobody knows whether what was
// asked for was done, and the next run looks.
TEST_F(Lifecycle, EndsRightInAStorm) {
  const auto nothing = Inventory();
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  ASSERT_TRUE(Up());
  const auto complete = Inventory();
  ASSERT_TRUE(Down());
  ASSERT_TRUE(SharedDown());
  const auto at_last = [&](const char* what, const std::function<std::optional<int>()>& run) {
    for (int attempt = 1; attempt <= 8; ++attempt) {
      if (run()) return;
    }
    ADD_FAILURE() << what << " never succeeded; last: " << last_error_;
  };
  const int lifecycles = std::getenv("ADHOC_EVERY_CUT") != nullptr ? 20 : 2;
  for (const Weather weather : {Weather{.throttled = 0.3, .server_errors = 0.05},
                                Weather{.throttled = 0.3, .server_errors = 0.05, .lost_answers = 0.02}}) {
    for (int round = 0; round < lifecycles; ++round) {
      SCOPED_TRACE(fmt::format("lifecycle {}", round));
      const auto during = [&](const char* what, const std::function<std::optional<int>()>& run) {
        weather_ = weather;
        if (weather.lost_answers == 0) {
          EXPECT_TRUE(run()) << what << ": " << last_error_;
        } else {
          at_last(what, run);
        }
        weather_ = {};
      };
      during("shared up", [&] { return SharedUp(); });
      EXPECT_EQ(Inventory(), shared);
      during("up", [&] { return Up(); });
      EXPECT_EQ(Inventory(), complete);
      during("deploy", [&] { return Deploy("v2"); });
      EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
      during("down", [&] { return Down(); });
      EXPECT_EQ(Inventory(), shared);
      during("shared down", [&] { return SharedDown(); });
      EXPECT_EQ(Inventory(), nothing);
      if (HasFailure()) return;
    }
  }
  fmt::print("[   storm  ] {} lifecycles, {} faults survived\n", 2 * lifecycles, faults_);
}

TEST_F(Lifecycle, DeploySurvivesADeathAtAnyCall) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  const auto calls = Deploy("v2");
  ASSERT_TRUE(calls);
  const auto running = [&] {
    std::map<std::string, std::string> tags;
    Run({}, [&](env::Context& context) { tags = env::DeployedTags(context); });
    return tags["backend"];
  };
  const auto before = [&] {
    EXPECT_TRUE(Deploy("v1"));
    EXPECT_EQ(running(), "v1");
  };
  CutEverywhere(
      "deploy", *calls, before, [&](Cut cut) { Deploy("v2", cut); },
      [&] {
        EXPECT_TRUE(Deploy("v2"));
        EXPECT_EQ(running(), "v2");
        EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
      });
  // Whatever a deploy that died had reached, an apply makes it one version.
  CutEverywhere(
      "deploy, then up", *calls, before, [&](Cut cut) { Deploy("v2", cut); },
      [&] {
        EXPECT_TRUE(Up());
        EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
      });
}

}  // namespace
}  // namespace adhoc::deploy
