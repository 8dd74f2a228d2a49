// What environments have on load balancers.
#include "deploy/lifecycle_test.h"
#include "env/placement.h"
#include "env/quota.h"

namespace adhoc::deploy {
namespace {

using Paths = std::set<std::string>;

class LoadBalancers : public Lifecycle {
 protected:
  // Goes on with this environment, on a target that speaks HTTPS or not.
  void Become(const std::string& environment) {
    const bool https = config_.target.https;
    const std::string domain = config_.target.domain;
    folder_.Write("envs/" + environment + ".tfvars", "tag = \"v1\"\n");
    config_ = config::LoadConfig({.definition = folder_.path() / "adhoc.yaml", .environment = environment});
    config_.target.https = https;
    config_.target.domain = domain;
    config_.host = environment + "." + domain;
  }

  std::string BalancerArn(const std::string& name) {
    return cloud_.api().Call("elbv2", "DescribeLoadBalancers",
                             {{"Names", Json::array({name})}})["LoadBalancers"][0]["LoadBalancerArn"];
  }
  std::vector<std::string> BalancerNames() {
    std::vector<std::string> names;
    const Json described = cloud_.api().Call("elbv2", "DescribeLoadBalancers");
    for (const Json& one : described["LoadBalancers"]) names.push_back(one["LoadBalancerName"]);
    std::sort(names.begin(), names.end());
    return names;
  }
  Json ListenerOn(const std::string& balancer, int port = 8080) {
    const Json listeners =
        cloud_.api().Call("elbv2", "DescribeListeners", {{"LoadBalancerArn", BalancerArn(balancer)}});
    for (const Json& listener : listeners["Listeners"]) {
      if (listener["Port"] == port) return listener;
    }
    return Json::object();
  }
  // So many rules of somebody else.
  void Fill(const std::string& balancer, int rules) {
    const Json listener = ListenerOn(balancer);
    const Json vpc = cloud_.api().Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0]["VpcId"];
    const Json group = cloud_.api().Call("elbv2", "CreateTargetGroup",
                                         {{"Name", balancer + "-team"},
                                          {"Protocol", "HTTP"},
                                          {"Port", 80},
                                          {"TargetType", "ip"},
                                          {"VpcId", vpc}})["TargetGroups"][0]["TargetGroupArn"];
    for (int i = 0; i < rules; ++i) {
      const Json condition = {{"Field", "path-pattern"}, {"Values", Json::array({fmt::format("/{}", i)})}};
      cloud_.api().Call("elbv2", "CreateRule",
                        {{"ListenerArn", listener["ListenerArn"]},
                         {"Priority", 1000 + i},
                         {"Conditions", Json::array({condition})},
                         {"Actions", Json::array({{{"Type", "forward"}, {"TargetGroupArn", group}}})}});
    }
  }
  void EmptyOut(const std::string& balancer) {
    const Json rules =
        cloud_.api().Call("elbv2", "DescribeRules", {{"ListenerArn", ListenerOn(balancer)["ListenerArn"]}});
    for (const Json& rule : rules["Rules"]) {
      if (rule["Actions"][0].value("TargetGroupArn", "").find(balancer + "-team/") == std::string::npos) continue;
      cloud_.api().Call("elbv2", "DeleteRule", {{"RuleArn", rule["RuleArn"]}});
    }
  }
  // The load balancers whose names are those that the target group and the record of the environment lead to.
  std::set<std::string> HomesOf(const std::string& environment) {
    std::set<std::string> homes;
    const auto txn = cloud_.api().store().Begin();
    for (const auto& [arn, group] : txn->All("elbv2.targetgroups")) {
      if (!group["TargetGroupName"].get<std::string>().starts_with(environment + "-")) continue;
      for (const Json& balancer : group["LoadBalancerArns"]) homes.insert(env::LoadBalancerOf(balancer));
    }
    for (const auto& [key, record] : txn->All("route53.records")) {
      if (!record.value("Name", "").starts_with(environment + ".") || !record.contains("AliasTarget")) continue;
      for (const auto& [arn, balancer] : txn->All("elbv2.loadbalancers")) {
        if (record["AliasTarget"]["DNSName"] == balancer["DNSName"].get<std::string>() + ".") {
          homes.insert(balancer["LoadBalancerName"]);
        }
      }
    }
    return homes;
  }
  // How many more environments a quota of load balancers lets in.
  int Fits(const std::string& code) {
    int fits = -1;
    Run({}, [&](env::Context& context) {
      for (const env::Quota& quota : env::ReadQuotas(context)) {
        if (quota.code == code) fits = quota.Fits();
      }
    });
    return fits;
  }
  std::string Refusal() {
    std::string text;
    Run({}, [&](env::Context& context) {
      try {
        env::PrepareUp(context, std::nullopt);
      } catch (const Error& error) {
        text = error.what();
      }
    });
    return text;
  }

  // Gives the service `web` these path patterns.
  void Serve(const std::vector<std::string>& paths) {
    for (auto& service : config_.services) {
      if (service.name == "web") service.paths = paths;
    }
  }

  // The path patterns of each rule.
  std::multiset<Paths> Rules() {
    std::multiset<Paths> rules;
    const auto txn = cloud_.api().store().Begin();
    for (const auto& [arn, rule] : txn->All("elbv2.rules")) {
      if (rule["Priority"] == "default") continue;
      Paths paths;
      for (const Json& condition : rule["Conditions"]) {
        if (condition["Field"] != "path-pattern") continue;
        paths = condition["PathPatternConfig"]["Values"].get<Paths>();
      }
      rules.insert(paths);
    }
    return rules;
  }
};

TEST_F(LoadBalancers, AServiceGetsAsManyRulesAsItsPathsNeed) {
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  const std::vector<std::pair<std::vector<std::string>, std::multiset<Paths>>> steps = {
      {{"/a", "/b", "/c", "/d"}, {{"/a", "/b", "/c", "/d"}}},
      {{"/a", "/b", "/c", "/d", "/e", "/e/*", "/e/f"}, {{"/a", "/b", "/c", "/d"}, {"/e", "/e/*"}}},
      {{"/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"},
       {{"/1", "/2", "/3", "/4"}, {"/5", "/6", "/7", "/8"}, {"/9"}}},
      {{"/9", "/8"}, {{"/8", "/9"}}},
      {{"/*", "/8"}, {{}}},
      {{"/a", "/b", "/c", "/d", "/e"}, {{"/a", "/b", "/c", "/d"}, {"/e"}}},
  };
  for (const auto& [paths, rules] : steps) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(paths, " ")));
    Serve(paths);
    ASSERT_TRUE(Up()) << last_error_;
    EXPECT_EQ(Rules(), rules);
    EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
    // Whatever it was before, the rule that takes the rest is asked last.
    const auto txn = cloud_.api().store().Begin();
    for (const auto& [arn, rule] : txn->All("elbv2.rules")) {
      if (rule["Priority"] == "default") continue;
      EXPECT_EQ(std::stoi(rule["Priority"].get<std::string>()) >= 25000, paths.front() == "/*");
    }
  }
  ASSERT_TRUE(Down());
  EXPECT_EQ(Inventory(), shared);
}

// Terraform's module gives its rules other priorities than the engine does.
TEST_F(LoadBalancers, ARuleOfTheRightConditionsIsRightWhateverItsPriority) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  auto& api = cloud_.api();
  const Json listener = {{"ListenerArn", ListenerOn("dev-alb")["ListenerArn"]}};
  const Json rules = api.Call("elbv2", "DescribeRules", listener)["Rules"];
  ASSERT_EQ(rules[0]["Priority"], "1");
  api.Call("elbv2", "SetRulePriorities",
           {{"RulePriorities", Json::array({{{"RuleArn", rules[0]["RuleArn"]}, {"Priority", 40000}}})}});
  EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
}

TEST_F(LoadBalancers, ChangesOfRulesSurviveADeathAtAnyCall) {
  ASSERT_TRUE(SharedUp());
  const std::vector<std::string> few = {"/a", "/b"};
  const std::vector<std::string> many = {"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h", "/i"};
  for (const auto& [from, to] : {std::pair(few, many), std::pair(many, few)}) {
    Serve(from);
    ASSERT_TRUE(Up());
    Serve(to);
    const auto calls = Up();
    ASSERT_TRUE(calls);
    const auto complete = Rules();
    CutEverywhere(
        to == many ? "more rules" : "fewer rules", *calls,
        [&] {
          Serve(from);
          EXPECT_TRUE(Up());
          Serve(to);
        },
        [&](Cut cut) { Up(cut); },
        [&] {
          EXPECT_TRUE(Up());
          EXPECT_EQ(Rules(), complete);
          EXPECT_EQ(PlannedChanges(), std::vector<std::string>{});
        });
  }
}

using Names = std::vector<std::string>;

TEST_F(LoadBalancers, WhenAllAreFullTheNextIsOpenedAndTheLastOneToLeaveClosesIt) {
  ASSERT_TRUE(SharedUp());
  Fill("dev-alb", 100);
  const auto nobody = Inventory();
  const auto planned = PlannedChanges();
  for (const char* change : {"load balancer dev-alb-2", "listener dev-alb-2-http", "listener rule alpha-web"}) {
    EXPECT_EQ(std::count(planned.begin(), planned.end(), change), 1) << change;
  }
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("alpha"), std::set<std::string>{"dev-alb-2"});
  EXPECT_EQ(PlannedChanges(), Names{});
  const Json first = cloud_.api().Call("elbv2", "DescribeLoadBalancers", {{"Names", Json::array({"dev-alb"})}});
  const Json second = cloud_.api().Call("elbv2", "DescribeLoadBalancers", {{"Names", Json::array({"dev-alb-2"})}});
  for (const char* member : {"Scheme", "SecurityGroups", "VpcId", "AvailabilityZones"}) {
    EXPECT_EQ(second["LoadBalancers"][0][member], first["LoadBalancers"][0][member]) << member;
  }
  EXPECT_EQ(ListenerOn("dev-alb-2")["DefaultActions"], ListenerOn("dev-alb")["DefaultActions"]);

  EXPECT_EQ(Fits("L-53DA6B97"), 99 + 48 * 100) << "on the second, and on those that can be opened";
  EXPECT_EQ(Fits("L-7EED9B64"), 99 + 48 * 100);

  Become("beta");
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("beta"), std::set<std::string>{"dev-alb-2"});
  // Room that comes up elsewhere moves nobody.
  EmptyOut("dev-alb");
  EXPECT_EQ(PlannedChanges(), Names{});
  Become("gamma");
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("gamma"), std::set<std::string>{"dev-alb"});
  ASSERT_TRUE(Down());
  Fill("dev-alb", 100);

  Become("alpha");
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(BalancerNames(), (Names{"dev-alb", "dev-alb-2"})) << "beta is on it";
  Become("beta");
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(Inventory(), nobody);
}

// Rules are left; nothing raises the other quota.
TEST_F(LoadBalancers, TheHundredAndFirstTargetGroupGoesToTheNext) {
  ASSERT_TRUE(SharedUp());
  auto& api = cloud_.api();
  const Json balancer = api.Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0];
  int made = 0;
  for (int priority = 1000; made < 99; ++priority) {
    Json groups = Json::array();
    for (; groups.size() < 5 && made < 99; ++made) {
      const Json group = api.Call("elbv2", "CreateTargetGroup",
                                  {{"Name", fmt::format("team-{}", made)},
                                   {"Protocol", "HTTP"},
                                   {"Port", 80},
                                   {"TargetType", "ip"},
                                   {"VpcId", balancer["VpcId"]}})["TargetGroups"][0];
      groups.push_back({{"TargetGroupArn", group["TargetGroupArn"]}, {"Weight", 1}});
    }
    api.Call("elbv2", "CreateRule",
             {{"ListenerArn", ListenerOn("dev-alb")["ListenerArn"]},
              {"Priority", priority},
              {"Conditions", Json::array({{{"Field", "path-pattern"}, {"Values", Json::array({"/x"})}}})},
              {"Actions", Json::array({{{"Type", "forward"}, {"ForwardConfig", {{"TargetGroups", groups}}}}})}});
  }
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("alpha"), std::set<std::string>{"dev-alb"}) << "the hundredth";
  EXPECT_EQ(PlannedChanges(), Names{});
  Become("beta");
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("beta"), std::set<std::string>{"dev-alb-2"});
  ASSERT_TRUE(Down()) << last_error_;
  EXPECT_EQ(BalancerNames(), Names{"dev-alb"});
}

// Two services with a rule each: fifty environments fill a load balancer. With ten rules, and sooner, ten do.
TEST_F(LoadBalancers, MoreEnvironmentsThanOneHoldsLiveSideBySide) {
  const bool every = std::getenv("ADHOC_EVERY_CUT") != nullptr;
  const int room = every ? 50 : 10;
  const int environments = room + 2;
  std::string definition = kDefinition;
  if (every) {
    definition.insert(
        definition.find("  web:\n"),
        "  page: {image: \"localhost/adhoc/redis:7\", port: 80, paths: [\"/*\"], healthcheck: {path: /}}\n");
  } else {
    std::string paths;
    for (int path = 1; path <= 40; ++path) paths += fmt::format("\"/{}\"{}", path, path < 40 ? ", " : "");
    const std::string_view one = "\"/api/*\"";
    definition.replace(definition.find(one), one.size(), paths);
  }
  folder_.Write("adhoc.yaml", definition);
  const auto become = [&](int number) { Become(fmt::format("e{}", number)); };
  become(1);
  ASSERT_TRUE(SharedUp());
  const auto shared = Inventory();
  for (int number = 1; number <= environments; ++number) {
    become(number);
    ASSERT_TRUE(Up()) << config_.environment << ": " << last_error_;
  }
  std::map<std::string, int> homes;
  for (int number = 1; number <= environments; ++number) {
    for (const std::string& home : HomesOf(fmt::format("e{}", number))) ++homes[home];
  }
  EXPECT_EQ(homes, (std::map<std::string, int>{{"dev-alb", room}, {"dev-alb-2", 2}}));
  EXPECT_EQ(PlannedChanges(), Names{});
  EXPECT_EQ(Fits("L-7EED9B64"), 50 * room - environments) << "rules of load balancers";
  for (int number = 1; number <= environments; ++number) {
    become(number);
    ASSERT_TRUE(Down()) << config_.environment << ": " << last_error_;
  }
  EXPECT_EQ(Inventory(), shared);
}

TEST_F(LoadBalancers, FurtherOnesSpeakHttpsWithTheCertificateOfTheFirst) {
  config_.target.https = true;
  config_.target.domain = "dev.localhost";
  ASSERT_TRUE(SharedUp()) << last_error_;
  const int port = config_.target.https_port;
  const Json listener = ListenerOn("dev-alb", port);
  for (int i = 0; i < 100; ++i) {
    cloud_.api().Call("elbv2", "CreateRule",
                      {{"ListenerArn", listener["ListenerArn"]},
                       {"Priority", 1000 + i},
                       {"Conditions", Json::array({{{"Field", "path-pattern"}, {"Values", Json::array({"/x"})}}})},
                       {"Actions", listener["DefaultActions"]}});
  }
  Become("beta");
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(ListenerOn("dev-alb-2", port)["Certificates"], listener["Certificates"]);
  EXPECT_EQ(ListenerOn("dev-alb-2", port)["SslPolicy"], listener["SslPolicy"]);
  EXPECT_EQ(ListenerOn("dev-alb-2")["DefaultActions"], ListenerOn("dev-alb")["DefaultActions"]);
  EXPECT_EQ(PlannedChanges(), Names{});
}

TEST_F(LoadBalancers, OpeningAndClosingSurviveADeathAtAnyCall) {
  ASSERT_TRUE(SharedUp());
  Fill("dev-alb", 100);
  const auto nobody = Inventory();
  const auto up = Up();
  ASSERT_TRUE(up);
  const auto complete = Inventory();
  const auto down = Down();
  ASSERT_TRUE(down);
  ASSERT_EQ(Inventory(), nobody);
  CutEverywhere(
      "up that opens", *up, [] {}, [&](Cut cut) { Up(cut); },
      [&] {
        EXPECT_TRUE(Up());
        EXPECT_EQ(Inventory(), complete);
        EXPECT_EQ(PlannedChanges(), Names{});
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), nobody);
      },
      2);
  CutEverywhere(
      "up that opens, then down", *up, [] {}, [&](Cut cut) { Up(cut); },
      [&] {
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), nobody);
      },
      2);
  CutEverywhere(
      "down that closes", *down, [&] { EXPECT_TRUE(Up()); }, [&](Cut cut) { Down(cut); },
      [&] {
        EXPECT_TRUE(Down());
        EXPECT_EQ(Inventory(), nobody);
      },
      2);
}

// Between the plan of one and its apply.
TEST_F(LoadBalancers, TwoThatOpenTheSameOneBothGetOntoIt) {
  ASSERT_TRUE(SharedUp());
  Fill("dev-alb", 100);
  ASSERT_TRUE(Run({}, [&](env::Context& context) {
    const auto prepared = env::PrepareUp(context, std::nullopt);
    EXPECT_EQ(prepared.plan.ActionOf("load balancer dev-alb-2"), env::Action::kCreate);
    // As the other one does.
    const Json like = cloud_.api().Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0];
    Json subnets = Json::array();
    for (const Json& zone : like["AvailabilityZones"]) subnets.push_back(zone["SubnetId"]);
    cloud_.api().Call("elbv2", "CreateLoadBalancer",
                      {{"Name", "dev-alb-2"}, {"Subnets", subnets}, {"SecurityGroups", like["SecurityGroups"]}});
    cloud_.api().Call("elbv2", "CreateListener",
                      {{"LoadBalancerArn", BalancerArn("dev-alb-2")},
                       {"Protocol", "HTTP"},
                       {"Port", 8080},
                       {"DefaultActions", ListenerOn("dev-alb")["DefaultActions"]}});
    Expect(env::Up(context, prepared, records_));
  })) << last_error_;
  EXPECT_EQ(HomesOf("alpha"), std::set<std::string>{"dev-alb-2"});
  EXPECT_EQ(BalancerNames(), (Names{"dev-alb", "dev-alb-2"}));
}

TEST_F(LoadBalancers, WhoFindsItsPlaceTakenGoesToTheNextWithTheNextRun) {
  ASSERT_TRUE(SharedUp());
  Serve({"/a", "/b", "/c", "/d", "/e"});
  Fill("dev-alb", 98);
  Run({}, [&](env::Context& context) {
    const auto prepared = env::PrepareUp(context, std::nullopt);
    EXPECT_EQ(prepared.plan.ActionOf("load balancer dev-alb-2"), env::Action::kNone);
    EmptyOut("dev-alb");
    Fill("dev-alb", 99);  // room for one of two rules
    const auto result = env::Up(context, prepared, records_);
    EXPECT_NE(result.error.find("dev-alb has no room for listener rule alpha-web any more"), std::string::npos)
        << result.error;
    EXPECT_EQ(result.hint, "adhoc up alpha");
  });
  EXPECT_EQ(HomesOf("alpha").count("dev-alb"), 1u) << "half of it";
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(HomesOf("alpha"), std::set<std::string>{"dev-alb-2"});
  EXPECT_EQ(Rules().count({"/e"}), 1u);
  EXPECT_EQ(PlannedChanges(), Names{});
}

TEST_F(LoadBalancers, OneThatSomebodyComesToMeanwhileIsNotClosed) {
  ASSERT_TRUE(SharedUp());
  Fill("dev-alb", 100);
  ASSERT_TRUE(Up());
  EXPECT_TRUE(Run({}, [&](env::Context& context) {
    const auto prepared = env::PrepareDown(context);
    EXPECT_EQ(prepared.plan.ActionOf("load balancer dev-alb-2"), env::Action::kDelete);
    Fill("dev-alb-2", 1);
    Expect(env::Down(context, prepared, records_));
  })) << last_error_;
  EXPECT_EQ(BalancerNames(), (Names{"dev-alb", "dev-alb-2"}));
  // Shared resources take all of theirs with them.
  ASSERT_TRUE(SharedDown()) << last_error_;
  EXPECT_EQ(BalancerNames(), Names{});
}

TEST_F(LoadBalancers, AnEnvironmentThatOutgrowsItsLoadBalancerMoves) {
  ASSERT_TRUE(SharedUp());
  ASSERT_TRUE(Up());
  Fill("dev-alb", 99);
  EXPECT_EQ(PlannedChanges(), Names{}) << "it is full, but alpha is on it";
  Serve({"/a", "/b", "/c", "/d", "/e"});
  const auto planned = PlannedChanges();
  for (const char* change : {"load balancer dev-alb-2", "listener rule alpha-web", "record alpha.localhost"}) {
    EXPECT_EQ(std::count(planned.begin(), planned.end(), change), 1) << change;
  }
  const auto calls = Up();
  ASSERT_TRUE(calls) << last_error_;
  EXPECT_EQ(HomesOf("alpha"), std::set<std::string>{"dev-alb-2"});
  EXPECT_EQ(PlannedChanges(), Names{});
  const auto moved = Inventory();
  const auto back = [&] {
    Serve({"/api/*"});
    EXPECT_TRUE(Down());
    EXPECT_TRUE(Up());
    Serve({"/a", "/b", "/c", "/d", "/e"});
  };
  CutEverywhere(
      "move", *calls, back, [&](Cut cut) { Up(cut); },
      [&] {
        EXPECT_TRUE(Up());
        EXPECT_EQ(Inventory(), moved);
        EXPECT_EQ(PlannedChanges(), Names{});
      },
      2);
}

TEST_F(LoadBalancers, ATargetGroupWithAnotherPortIsMadeAnewUnderItsRules) {
  ASSERT_TRUE(SharedUp());
  Serve({"/a", "/b", "/c", "/d", "/e"});
  ASSERT_TRUE(Up());
  const auto rules = Rules();
  for (auto& service : config_.services) {
    if (service.name == "web") service.port = 9000;
  }
  ASSERT_TRUE(Up()) << last_error_;
  EXPECT_EQ(Rules(), rules);
  EXPECT_EQ(PlannedChanges(), Names{});
}

TEST_F(LoadBalancers, WhatFitsNowhereIsRefusedByThePlan) {
  ASSERT_TRUE(SharedUp());
  std::vector<std::string> paths;
  for (int i = 0; i < 401; ++i) paths.push_back(fmt::format("/{}", i));
  Serve(paths);
  std::string text = Refusal();
  EXPECT_NE(text.find("alpha does not fit: it needs 101 rules, and a load balancer has 100"), std::string::npos)
      << text;
  EXPECT_NE(text.find("L-7EED9B64"), std::string::npos) << text;
  auto& api = cloud_.api();
  const auto raise = [&](const char* code, int value) {
    api.Call("service-quotas", "RequestServiceQuotaIncrease",
             {{"ServiceCode", "elasticloadbalancing"}, {"QuotaCode", code}, {"DesiredValue", value}});
  };
  EXPECT_EQ(Fits("L-53DA6B97"), 0) << "not even on an empty one";
  raise("L-7EED9B64", 101);
  EXPECT_EQ(Refusal(), "");
  EXPECT_EQ(Fits("L-53DA6B97"), 50) << "one on each";

  Serve({"/api/*"});
  Fill("dev-alb", 100);
  EXPECT_EQ(Refusal(), "") << "101 fit by now";
  Serve({"/a", "/b", "/c", "/d", "/e"});
  const Json like = api.Call("elbv2", "DescribeLoadBalancers")["LoadBalancers"][0];
  Json subnets = Json::array();
  for (const Json& zone : like["AvailabilityZones"]) subnets.push_back(zone["SubnetId"]);
  for (int i = 2; i <= 50; ++i) {
    api.Call("elbv2", "CreateLoadBalancer", {{"Name", fmt::format("team-{}", i)}, {"Subnets", subnets}});
  }
  text = Refusal();
  EXPECT_NE(text.find("the load balancers of dev have no room for 2 rules and 1 target groups"), std::string::npos)
      << text;
  EXPECT_EQ(Fits("L-53DA6B97"), 0);
  EXPECT_NE(text.find("50 of 50 load balancers (quota Application Load Balancers per Region, L-53DA6B97)"),
            std::string::npos)
      << text;
  raise("L-53DA6B97", 51);
  EXPECT_EQ(Refusal(), "");
}

}  // namespace
}  // namespace adhoc::deploy
