#include "localcloud/proxy/proxy_controller.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "localcloud/network/vpc_network.h"
#include "localcloud/proxy/balancer_view.h"
#include "testing/fake_clock.h"
#include "testing/fake_haproxy.h"
#include "testing/fake_prober.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"
#include "testing/temporary_folder.h"

namespace adhoc::localcloud::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeClock;
using testing::FakeHaproxy;
using testing::FakeProber;
using testing::FakeRuntime;

class ProxyControllerTest : public ::testing::Test {
 protected:
  static constexpr const char* kBalancer =
      "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/dev-alb/0011223344556677";
  static constexpr const char* kListener =
      "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/dev-alb/0011223344556677/1";
  static constexpr const char* kGroup = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1";

  ProxyControllerTest() {
    cloud_.settings.state_dir = directory_;
    runtime_.AddImage(cloud_.settings.haproxy_image);
    controller_ = std::make_unique<ProxyController>(cloud_, haproxy_, prober_);
    Edit([&](Store::Transaction& txn) {
      Json vpc{{"VpcId", "vpc-1"}, {"CidrBlock", "10.0.0.0/16"}};
      PlaceVpc(cloud_.settings, vpc, {});
      Json subnet{{"SubnetId", "subnet-a"},
                  {"VpcId", "vpc-1"},
                  {"AvailabilityZone", "us-east-1a"},
                  {"CidrBlock", "10.0.1.0/24"}};
      subnet["_cidr"] = PlaceSubnet(vpc, "10.0.1.0/24").ToString();
      txn.Put("ec2.vpcs", "vpc-1", vpc);
      txn.Put("ec2.subnets", "subnet-a", subnet);
      txn.Put(kLoadBalancers, kBalancer,
              {{"LoadBalancerArn", kBalancer},
               {"LoadBalancerName", "dev-alb"},
               {"DNSName", "dev-alb-1.us-east-1.elb.amazonaws.com"},
               {"VpcId", "vpc-1"},
               {"State", {{"Code", "provisioning"}}},
               {"AvailabilityZones", Json::array({{{"ZoneName", "us-east-1a"}, {"SubnetId", "subnet-a"}}})}});
      txn.Put(kTargetGroups, kGroup,
              {{"TargetGroupArn", kGroup},
               {"TargetGroupName", "web"},
               {"Protocol", "HTTP"},
               {"Port", 80},
               {"HealthCheckPath", "/health"},
               {"HealthCheckIntervalSeconds", 30},
               {"LoadBalancerArns", Json::array()},
               {"_attributes", {{"deregistration_delay.timeout_seconds", "5"}}}});
    });
  }
  ~ProxyControllerTest() override { controller_.reset(); }

  template <typename Change>
  void Edit(Change change) {
    const auto txn = store_.Begin();
    change(*txn);
    txn->Commit();
  }
  Json Document(std::string_view collection, std::string_view key) {
    const auto txn = store_.Begin();  // until it is copied: the controller changes documents meanwhile
    const Json* document = txn->Find(collection, key);
    return document == nullptr ? Json() : *document;
  }

  void PutListener(int port = 8080, bool forward = true) {
    Json action{{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "404"}, {"MessageBody", "none"}}}};
    if (forward)
      action = {{"Type", "forward"},
                {"ForwardConfig", {{"TargetGroups", Json::array({{{"TargetGroupArn", kGroup}, {"Weight", 1}}})}}}};
    Edit([&](Store::Transaction& txn) {
      const std::string arn = fmt::format("{}{}", kListener, port);
      txn.Put(kListeners, arn,
              {{"ListenerArn", arn}, {"LoadBalancerArn", kBalancer}, {"Port", port}, {"Protocol", "HTTP"}});
      txn.Put(kRules, arn + "/default",
              {{"RuleArn", arn + "/default"},
               {"_listener", arn},
               {"Priority", "default"},
               {"Conditions", Json::array()},
               {"Actions", Json::array({action})}});
      if (forward) txn.Edit(kTargetGroups, kGroup)["LoadBalancerArns"] = Json::array({kBalancer});
    });
  }
  static std::string Key(const std::string& ip) { return fmt::format("{}|{}|80", kGroup, ip); }
  void PutTarget(const std::string& ip, const std::string& state = "initial") {
    Edit([&](Store::Transaction& txn) {
      Json health{{"State", state}};
      if (state == "initial") health["Reason"] = "Elb.RegistrationInProgress";
      txn.Put(kTargets, Key(ip), {{"Target", {{"Id", ip}, {"Port", 80}}}, {"TargetHealth", health}});
    });
  }
  void Drain(const std::string& ip) {
    Edit([&](Store::Transaction& txn) {
      Json& target = txn.Edit(kTargets, Key(ip));
      target["TargetHealth"] = {{"State", "draining"}, {"Reason", "Target.DeregistrationInProgress"}};
      target["_draining_since"] = cloud_.Now();
    });
  }
  std::string StateOf(const std::string& ip) {
    const Json target = Document(kTargets, Key(ip));
    return target.is_null() ? "gone" : target["TargetHealth"]["State"].get<std::string>();
  }
  std::vector<ContainerState> Containers() { return runtime_.List({{"adhoc.loadbalancer", ""}}); }
  // Both passes, until nothing is due.
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      controller_->CheckHealth();
      controller_->Reconcile();
    }
  }
  Json State() { return Document(kLoadBalancers, kBalancer)["State"]; }

  const testing::TemporaryFolder folder_;
  const std::filesystem::path& directory_ = folder_.path();
  FakeClock clock_{FakeClock::Sleep::kAdvances};
  testing::FakeRandom random_;
  FakeRuntime runtime_{clock_};
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  MetricStore metrics_{":memory:"};
  Cloud cloud_{.settings = {.instance = "0badcafe"},
               .store = store_,
               .logs = logs_,
               .metrics = metrics_,
               .clock = clock_,
               .random = random_,
               .runtime = runtime_};
  FakeHaproxy haproxy_{runtime_};
  FakeProber prober_;
  std::unique_ptr<ProxyController> controller_;
};

TEST_F(ProxyControllerTest, ALoadBalancerWithoutListenersIsActiveAndNeedsNoContainer) {
  controller_->Reconcile();
  EXPECT_EQ(State(), Json({{"Code", "active"}}));
  EXPECT_TRUE(Containers().empty());
}

TEST_F(ProxyControllerTest, AListenerGetsAContainerThatPublishesItsPort) {
  PutListener(8080);
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  const auto spec = *runtime_.SpecOf(Containers()[0].id);
  EXPECT_EQ(spec.labels.at("adhoc.instance"), "0badcafe");
  EXPECT_EQ(spec.labels.at("adhoc.loadbalancer"), kBalancer);
  ASSERT_EQ(spec.ports.size(), 1u);
  EXPECT_EQ(spec.ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(spec.ports[0].host_port, 8080);
  EXPECT_EQ(spec.ports[0].container_port, 8080);
  EXPECT_EQ(spec.network, "adhoc-0badcafe-vpc-1");
  EXPECT_EQ(spec.aliases, std::vector<std::string>{"dev-alb-1.us-east-1.elb.amazonaws.com"});
  const Json holding = Document(kHoldings, kBalancer);
  EXPECT_EQ(Document("ec2.enis", holding["interface"].get<std::string>())["PrivateIpAddress"], spec.ip);
  EXPECT_EQ(holding["ports"], Json({8080}));
  EXPECT_EQ(State()["Code"], "active");
  controller_->Reconcile();
  EXPECT_EQ(Containers().size(), 1u);
  EXPECT_EQ(haproxy_.Count("reload"), 0);
}

TEST_F(ProxyControllerTest, AnotherPortReplacesTheContainerAtTheSameAddress) {
  PutListener(8080);
  controller_->Reconcile();
  const auto before = Containers()[0];
  PutListener(8081, false);
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_NE(Containers()[0].id, before.id);
  EXPECT_EQ(runtime_.SpecOf(Containers()[0].id)->ports.size(), 2u);
  EXPECT_EQ(runtime_.SpecOf(Containers()[0].id)->ip, before.ip);
  EXPECT_EQ(Document(kHoldings, kBalancer)["ports"], Json({8080, 8081}));
}

TEST_F(ProxyControllerTest, TheEldestOnAPortPublishesItForAll) {
  PutListener(8080);
  const std::string second = std::string(kBalancer) + "-2";
  const std::string listener = std::string(kListener) + "-2";
  Edit([&](Store::Transaction& txn) {
    Json balancer = *txn.Find(kLoadBalancers, kBalancer);
    balancer.update({{"LoadBalancerArn", second}, {"DNSName", "second.elb.amazonaws.com"}, {"CreatedTime", 1.0}});
    txn.Put(kLoadBalancers, second, balancer);
    txn.Put(kListeners, listener,
            {{"ListenerArn", listener}, {"LoadBalancerArn", second}, {"Port", 8080}, {"Protocol", "HTTP"}});
    for (const char* host : {"alpha.localhost", "beta.localhost"}) {
      const Json condition{{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", Json::array({host})}}}};
      txn.Put(
          kRules, host,
          {{"RuleArn", host},
           {"_listener", host[0] == 'a' ? fmt::format("{}8080", kListener) : listener},
           {"Priority", "1"},
           {"Conditions", Json::array({condition})},
           {"Actions", Json::array({{{"Type", "fixed-response"}, {"FixedResponseConfig", {{"StatusCode", "200"}}}}})}});
    }
  });
  const auto published = [&](const std::string& arn) {
    const auto containers = runtime_.List({{"adhoc.loadbalancer", arn}});
    return containers.size() == 1 ? runtime_.SpecOf(containers[0].id)->ports.size() : 99;
  };
  const auto neighbours = [&] { return ReadBalancers(*store_.Begin(), clock_.Now())[0].model.listeners[0].neighbours; };
  controller_->Reconcile();
  EXPECT_EQ(published(kBalancer), 1u);
  EXPECT_EQ(published(second), 0u);
  EXPECT_EQ(Document(kHoldings, second)["ports"], Json::array());
  ASSERT_EQ(neighbours().size(), 1u);
  EXPECT_EQ(neighbours()[0].hosts, (std::vector<std::string>{"second.elb.amazonaws.com", "beta.localhost"}));

  // A name that both have is the eldest's.
  Edit([&](Store::Transaction& txn) {
    txn.Edit(kRules, "alpha.localhost")["Conditions"] = txn.Find(kRules, "beta.localhost")->at("Conditions");
  });
  EXPECT_EQ(neighbours()[0].hosts, std::vector<std::string>{"second.elb.amazonaws.com"});

  // The port goes on to the next when the eldest goes.
  Edit([&](Store::Transaction& txn) {
    txn.Erase(kLoadBalancers, kBalancer);
    txn.Erase(kListeners, fmt::format("{}8080", kListener));
    txn.Erase(kRules, "alpha.localhost");
  });
  controller_->Reconcile();
  EXPECT_EQ(Containers().size(), 1u);
  EXPECT_EQ(published(second), 1u);
}

TEST_F(ProxyControllerTest, OnePassingCheckPutsATargetToUse) {
  PutListener();
  PutTarget("10.0.1.20");
  prober_.results["10.0.1.20"] = {ProbeResult::Kind::kFailed, 0};
  Settle();
  EXPECT_EQ(StateOf("10.0.1.20"), "initial");
  EXPECT_EQ(Document(kTargets, Key("10.0.1.20"))["TargetHealth"]["Reason"], "Elb.InitialHealthChecking");
  prober_.results.clear();
  clock_.Advance(milliseconds(250));
  Settle();
  EXPECT_EQ(StateOf("10.0.1.20"), "healthy");
  EXPECT_EQ(prober_.requests.back().path, "/health");
  EXPECT_EQ(prober_.requests.back().port, 80);
  EXPECT_EQ(haproxy_.Ready("tg-web"), std::vector<std::string>{"t10_0_1_20-80"});
  EXPECT_EQ(haproxy_.Count("reload"), 0) << "targets need none";
}

TEST_F(ProxyControllerTest, ATargetIsHealthyOnceHaproxySendsItRequests) {
  PutListener();
  PutTarget("10.0.1.20", "healthy");
  Settle();
  PutTarget("10.0.1.21");
  controller_->CheckHealth();  // asks
  controller_->CheckHealth();  // has the answer
  EXPECT_EQ(StateOf("10.0.1.21"), "initial");
  EXPECT_EQ(haproxy_.Ready("tg-web").size(), 1u);
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Ready("tg-web").size(), 2u);
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.21"), "healthy");
  EXPECT_FALSE(Document(kTargets, Key("10.0.1.21")).contains(kPassed));
}

TEST_F(ProxyControllerTest, OnlyHealthyTargetsGetRequestsUnlessNoneIs) {
  PutListener();
  PutTarget("10.0.1.20", "unhealthy");
  PutTarget("10.0.1.21", "healthy");
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Ready("tg-web"), std::vector<std::string>{"t10_0_1_21-80"});
  PutTarget("10.0.1.21", "unhealthy");
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Ready("tg-web").size(), 2u);
}

TEST_F(ProxyControllerTest, ADrainingTargetIsOutAtOnceAndErasedAfterTheDelay) {
  PutListener();
  PutTarget("10.0.1.20", "healthy");
  PutTarget("10.0.1.21", "healthy");
  Settle();
  Drain("10.0.1.20");
  EXPECT_EQ(controller_->CheckHealth(), clock_.Now() + seconds(5));
  EXPECT_FALSE(Document(kTargets, Key("10.0.1.20")).contains(kLetGo));
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Ready("tg-web"), std::vector<std::string>{"t10_0_1_21-80"});
  EXPECT_EQ(controller_->CheckHealth(), clock_.Now() + seconds(5));
  EXPECT_TRUE(Document(kTargets, Key("10.0.1.20")).contains(kLetGo));
  clock_.Advance(milliseconds(4999));
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "draining");
  clock_.Advance(milliseconds(1));
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "gone");
}

TEST_F(ProxyControllerTest, ADrainingTargetStaysUntilHaproxyHasLetItGo) {
  PutListener();
  PutTarget("10.0.1.20", "healthy");
  Settle();
  Drain("10.0.1.20");
  clock_.Advance(seconds(60));
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "draining");
  controller_->Reconcile();
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "gone");
}

TEST_F(ProxyControllerTest, AfterARestartNothingIsErasedBeforeHaproxyWasAsked) {
  PutListener();
  PutTarget("10.0.1.20", "healthy");
  Settle();
  Drain("10.0.1.20");
  clock_.Advance(seconds(60));
  controller_ = std::make_unique<ProxyController>(cloud_, haproxy_, prober_);
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "draining");
  controller_->Reconcile();
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "gone");
}

TEST_F(ProxyControllerTest, ARuleIsAReloadAndATargetIsNot) {
  PutListener(8080);
  PutTarget("10.0.1.20", "healthy");
  Settle();
  PutListener(8080, false);
  PutListener(8080, true);
  Edit([&](Store::Transaction& txn) {
    const std::string arn = fmt::format("{}8080", kListener);
    Json rule = *txn.Find(kRules, arn + "/default");
    rule["RuleArn"] = arn + "/r1";
    rule["Priority"] = "1";
    rule["Conditions"] = Json::array({{{"Field", "path-pattern"}, {"PathPatternConfig", {{"Values", {"/api/*"}}}}}});
    txn.Put(kRules, arn + "/r1", rule);
  });
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Count("reload"), 1);
  PutTarget("10.0.1.21", "healthy");
  Drain("10.0.1.20");
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Count("reload"), 1);
  EXPECT_EQ(haproxy_.Ready("tg-web"), std::vector<std::string>{"t10_0_1_21-80"});
}

TEST_F(ProxyControllerTest, ARefusedConfigurationLeavesTheOldOneInPlace) {
  PutListener(8080);
  PutTarget("10.0.1.20", "healthy");
  PutTarget("10.0.1.21", "healthy");
  Settle();
  const std::string file = (directory_ / "proxy" / "dev-alb-0011223344556677" / "haproxy.cfg").string();
  const auto size = std::filesystem::file_size(file);
  haproxy_.refuses = true;
  Edit([&](Store::Transaction& txn) {
    txn.Edit(kLoadBalancers, kBalancer)["_attributes"] = {{"idle_timeout.timeout_seconds", "90"}};
  });
  const TimePoint retry = controller_->Reconcile();
  EXPECT_GT(retry, clock_.Now());
  EXPECT_EQ(State()["Code"], "active_impaired");
  EXPECT_NE(State()["Reason"].get<std::string>().find("does not take the new configuration"), std::string::npos);
  EXPECT_EQ(std::filesystem::file_size(file), size);
  // Targets go on being kept up to date.
  Drain("10.0.1.20");
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Ready("tg-web"), std::vector<std::string>{"t10_0_1_21-80"});
  haproxy_.refuses = false;
  clock_.Advance(seconds(60));
  controller_->Reconcile();
  EXPECT_EQ(State(), Json({{"Code", "active"}}));
}

TEST_F(ProxyControllerTest, AdoptsAContainerThatStillRuns) {
  PutListener();
  PutTarget("10.0.1.20", "healthy");
  Settle();
  const std::string id = Containers()[0].id;
  controller_ = std::make_unique<ProxyController>(cloud_, haproxy_, prober_);
  PutTarget("10.0.1.21", "healthy");
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].id, id);
  EXPECT_EQ(haproxy_.Ready("tg-web").size(), 2u);
  EXPECT_EQ(haproxy_.Count("reload"), 0);
}

TEST_F(ProxyControllerTest, RepairsAContainerThatWasKilledOrRemoved) {
  PutListener();
  controller_->Reconcile();
  const std::string first = Containers()[0].id;
  runtime_.EndProcess(first, 137);
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_NE(Containers()[0].id, first);
  EXPECT_TRUE(Containers()[0].running());
  runtime_.Vanish(Containers()[0].id);
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
}

TEST_F(ProxyControllerTest, DeletingALoadBalancerLeavesNothing) {
  PutListener();
  Settle();
  Edit([&](Store::Transaction& txn) {
    txn.Erase(kLoadBalancers, kBalancer);
    txn.Erase(kListeners, fmt::format("{}8080", kListener));
  });
  controller_->Reconcile();
  EXPECT_TRUE(Containers().empty());
  EXPECT_TRUE(Document(kHoldings, kBalancer).is_null());
  EXPECT_TRUE(store_.Begin()->All("ec2.enis").empty());
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "proxy"));
}

TEST_F(ProxyControllerTest, ContainersOfForgottenLoadBalancersAreRemoved) {
  runtime_.Create({.name = "stray",
                   .image = cloud_.settings.haproxy_image,
                   .labels = {{"adhoc.instance", "0badcafe"}, {"adhoc.loadbalancer", "arn:gone/app/x/1"}}});
  runtime_.Create({.name = "other",
                   .image = cloud_.settings.haproxy_image,
                   .labels = {{"adhoc.instance", "another"}, {"adhoc.loadbalancer", "arn:gone/app/x/1"}}});
  controller_->Reconcile();
  ASSERT_EQ(Containers().size(), 1u);
  EXPECT_EQ(Containers()[0].name, "other");
}

TEST_F(ProxyControllerTest, APortTakenMeanwhileIsReportedAndTriedAgain) {
  PutListener(8080);
  runtime_.OccupyPort(8080);
  const TimePoint retry = controller_->Reconcile();
  EXPECT_GT(retry, clock_.Now());
  EXPECT_LT(retry, clock_.Now() + seconds(60));
  EXPECT_EQ(State()["Code"], "provisioning");
  EXPECT_NE(State()["Reason"].get<std::string>().find("8080"), std::string::npos);
  EXPECT_TRUE(Containers().empty());
}

TEST_F(ProxyControllerTest, AnEngineThatIsAwayIsTriedAgain) {
  PutListener();
  runtime_.SetUnreachable(true);
  EXPECT_GT(controller_->Reconcile(), clock_.Now());
  runtime_.SetUnreachable(false);
  controller_->Reconcile();
  EXPECT_EQ(Containers().size(), 1u);
}

TEST_F(ProxyControllerTest, TargetsOfAGroupThatNobodyForwardsToAreUnused) {
  PutTarget("10.0.1.20");
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "unused");
  EXPECT_EQ(Document(kTargets, Key("10.0.1.20"))["TargetHealth"]["Reason"], "Target.NotInUse");
  EXPECT_TRUE(prober_.requests.empty());
  Drain("10.0.1.20");
  controller_->CheckHealth();
  EXPECT_EQ(StateOf("10.0.1.20"), "gone") << "nothing to drain";
  PutTarget("10.0.1.21");
  controller_->CheckHealth();
  PutListener();
  Settle();
  EXPECT_EQ(StateOf("10.0.1.21"), "healthy");
}

TEST_F(ProxyControllerTest, AnAnswerToAnEarlierRegistrationDoesNotCount) {
  PutListener();
  PutTarget("10.0.1.20");
  prober_.silent = true;
  controller_->CheckHealth();
  ASSERT_EQ(prober_.held.size(), 1u);
  Drain("10.0.1.20");
  controller_->CheckHealth();
  PutTarget("10.0.1.20");
  controller_->CheckHealth();
  prober_.held[0]({ProbeResult::Kind::kAnswered, 200});
  Settle();
  EXPECT_EQ(StateOf("10.0.1.20"), "initial");
  prober_.held[1]({ProbeResult::Kind::kAnswered, 200});
  Settle();
  EXPECT_EQ(StateOf("10.0.1.20"), "healthy");
}

TEST_F(ProxyControllerTest, StateIsWrittenOnlyWhenItChanges) {
  PutListener();
  PutTarget("10.0.1.20");
  Settle();
  int commits = 0;
  const Subscription subscription = store_.Subscribe([&](const Changes&) { ++commits; });
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(seconds(30));
    Settle();
  }
  EXPECT_EQ(commits, 0);
  EXPECT_EQ(StateOf("10.0.1.20"), "healthy");
}

TEST_F(ProxyControllerTest, HttpsListenersGetTheirCertificates) {
  Edit([&](Store::Transaction& txn) {
    for (const std::string name : {"one", "two"}) {
      txn.Put(kCertificates, "arn:" + name,
              {{"_certificate", "CERT " + name}, {"_private_key", "KEY " + name + "\n"}, {"_chain", "CHAIN\n"}});
    }
  });
  PutListener(443, false);
  Edit([&](Store::Transaction& txn) {
    Json& listener = txn.Edit(kListeners, fmt::format("{}443", kListener));
    listener["Protocol"] = "HTTPS";
    listener["Certificates"] = Json::array({{{"CertificateArn", "arn:one"}}});
    listener["_certificates"] = Json::array({{{"CertificateArn", "arn:two"}}, {{"CertificateArn", "arn:gone"}}});
  });
  const auto txn = store_.Begin();
  const auto listener = ReadBalancers(*txn, clock_.Now()).at(0).model.listeners.at(0);
  EXPECT_TRUE(listener.tls);
  EXPECT_EQ(listener.certificates,
            (std::vector<std::string>{"CERT one\nCHAIN\nKEY one\n", "CERT two\nCHAIN\nKEY two\n"}));
}

TEST_F(ProxyControllerTest, TheAttributesOfAListenerAreReloaded) {
  PutListener(8080);
  controller_->Reconcile();
  const std::string arn = store_.Begin()->All(kListeners).begin()->first;
  const auto listener = [&] { return ReadBalancers(*store_.Begin(), clock_.Now()).at(0).model.listeners.at(0); };
  EXPECT_TRUE(listener().response_headers.empty());
  EXPECT_TRUE(listener().server_header);
  EXPECT_EQ(listener().tls_version_header, "X-Amzn-Tls-Version");
  Edit([&](Store::Transaction& txn) {
    txn.Edit(kListeners, arn)["_attributes"] = {
        {"routing.http.response.strict_transport_security.header_value", "max-age=1"},
        {"routing.http.response.x_content_type_options.header_value", "nosniff"},
        {"routing.http.response.x_frame_options.header_value", ""},
        {"routing.http.response.server.enabled", "false"},
        {"routing.http.request.x_amzn_tls_version.header_name", "Version"},
        {"routing.http.request.x_amzn_tls_cipher_suite.header_name", "Cipher"},
        {"routing.http.request.x_amzn_mtls_clientcert.header_name", "Certificate"}};
  });
  EXPECT_EQ(listener().response_headers, (std::map<std::string, std::string>{{"Strict-Transport-Security", "max-age=1"},
                                                                             {"X-Content-Type-Options", "nosniff"}}));
  EXPECT_FALSE(listener().server_header);
  EXPECT_EQ(listener().tls_version_header, "Version");
  EXPECT_EQ(listener().tls_cipher_header, "Cipher");
  controller_->Reconcile();
  EXPECT_EQ(haproxy_.Count("reload"), 1);
}

TEST_F(ProxyControllerTest, ThreadsReactToCommits) {
  FakeClock waiting;
  FakeRuntime runtime(waiting);
  runtime.AddImage(cloud_.settings.haproxy_image);
  Cloud cloud{.settings = cloud_.settings,
              .store = store_,
              .logs = logs_,
              .metrics = metrics_,
              .clock = RealClock(),
              .random = random_,
              .runtime = runtime};
  FakeHaproxy haproxy(runtime);
  FakeProber prober;
  std::mutex mutex;
  std::condition_variable changed;
  bool healthy = false;
  const Subscription subscription = store_.Subscribe([&](const Changes&) {
    const Json* target = nullptr;
    const auto txn = store_.Begin();
    if ((target = txn->Find(kTargets, Key("10.0.1.20"))) != nullptr &&
        (*target)["TargetHealth"]["State"] == "healthy") {
      std::lock_guard lock(mutex);
      healthy = true;
      changed.notify_all();
    }
  });
  ProxyController controller(cloud, haproxy, prober);
  controller.Start();
  PutListener();
  PutTarget("10.0.1.20");
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, seconds(10), [&] { return healthy; }));
}

TEST_F(ProxyControllerTest, ANewTargetStartsSlowlyBesideOneThatHasStarted) {
  Edit([&](Store::Transaction& txn) {
    txn.Edit(kTargetGroups, kGroup)["_attributes"]["slow_start.duration_seconds"] = "30";
  });
  PutListener();
  PutTarget("10.0.1.20");
  PutTarget("10.0.1.21");
  Settle();
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_20-80"), 100) << "nobody had started before it";
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_21-80"), 100);
  PutTarget("10.0.1.22");
  Settle();
  EXPECT_EQ(StateOf("10.0.1.22"), "healthy");
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_22-80"), 1);
  clock_.Advance(seconds(15));
  EXPECT_LE(controller_->Reconcile(), clock_.Now() + seconds(1)) << "it goes on growing by itself";
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_22-80"), 50);

  // A failure ends the slow start, and the next success begins another.
  prober_.results["10.0.1.22"] = {ProbeResult::Kind::kFailed, 0};
  for (int i = 0; i < 4; ++i) {
    clock_.Advance(seconds(30));
    Settle();
  }
  EXPECT_EQ(StateOf("10.0.1.22"), "unhealthy");
  EXPECT_FALSE(Document(kTargets, Key("10.0.1.22")).contains(kSlowStartSince));
  prober_.results.clear();
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(seconds(30));
    Settle();
  }
  EXPECT_EQ(StateOf("10.0.1.22"), "healthy");
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_22-80"), 1);
  clock_.Advance(seconds(31));
  Settle();
  EXPECT_EQ(haproxy_.WeightOf("tg-web", "t10_0_1_22-80"), 100);
  EXPECT_EQ(haproxy_.Count("reload"), 0);
}

}  // namespace
}  // namespace adhoc::localcloud::proxy
