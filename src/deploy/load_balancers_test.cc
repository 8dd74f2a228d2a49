// What environments have on load balancers.
#include "deploy/lifecycle_test.h"

namespace adhoc::deploy {
namespace {

using Paths = std::set<std::string>;

class LoadBalancers : public Lifecycle {
 protected:
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

}  // namespace
}  // namespace adhoc::deploy
