#include "localcloud/network/metadata_route.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_runtime.h"

namespace adhoc::localcloud {
namespace {

// The chain PREROUTING of a kernel that takes every rule.
class FakeTable {
 public:
  ProcessResult operator()(const std::vector<std::string>& arguments) {
    EXPECT_GE(arguments.size(), 6u);
    if (refuses) return {.exit_code = 4, .out = "", .err = "iptables: Permission denied\nmore\n"};
    const std::string action = arguments[4];
    std::string rule;
    for (std::size_t i = 6; i < arguments.size(); ++i) rule += (i == 6 ? "" : " ") + arguments[i];
    ++calls;
    if (action == "-I") rules.insert(rules.begin(), rule);
    if (action == "-D") {
      const auto found = std::find(rules.begin(), rules.end(), rule);
      if (found == rules.end()) return {.exit_code = 1, .out = "", .err = "iptables: Bad rule\n"};
      rules.erase(found);
    }
    ProcessResult result;
    if (action == "-S") {
      result.out = "-P PREROUTING ACCEPT\n-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n";
      for (const auto& line : rules) result.out += "-A PREROUTING " + line + "\n";
    }
    return result;
  }

  std::vector<std::string> rules;
  int calls = 0;
  bool refuses = false;
};

class MetadataRouteTest : public ::testing::Test {
 protected:
  void PutVpc(const std::string& id, const std::string& range, const std::string& gateway) {
    auto txn = store_.Begin();
    txn->Put("ec2.vpcs", id, {{"VpcId", id}, {"_cidr", range}, {"_gateway", gateway}});
    txn->Commit();
  }

  testing::FakeClock clock_;
  testing::FakeRandom random_;
  testing::FakeRuntime runtime_{clock_};
  Store store_{":memory:"};
  LogStore logs_{":memory:"};
  MetricStore metrics_{":memory:"};
  Cloud cloud_{.settings = {.port = 4567, .dns_port = 4553, .instance = "0badcafe"},
               .store = store_,
               .logs = logs_,
               .metrics = metrics_,
               .clock = clock_,
               .random = random_,
               .runtime = runtime_};
  FakeTable table_;
  MetadataRoute route_{cloud_, [this](const auto& arguments) { return table_(arguments); }};
};

TEST_F(MetadataRouteTest, RulesPerVpcLeadToTheGateway) {
  PutVpc("vpc-1", "10.0.0.0/16", "10.0.0.1");
  EXPECT_TRUE(route_.Reconcile());
  const std::vector<std::string> rules = {
      "-s 10.0.0.0/16 -d 169.254.169.253/32 -p tcp -m tcp --dport 53 -m comment --comment adhoc-0badcafe -j DNAT "
      "--to-destination 10.0.0.1:4553",
      "-s 10.0.0.0/16 -d 169.254.169.253/32 -p udp -m udp --dport 53 -m comment --comment adhoc-0badcafe -j DNAT "
      "--to-destination 10.0.0.1:4553",
      "-s 10.0.0.0/16 -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -m comment --comment adhoc-0badcafe -j DNAT "
      "--to-destination 10.0.0.1:4567"};
  EXPECT_EQ(table_.rules, rules);
  const int calls = table_.calls;
  EXPECT_TRUE(route_.Reconcile());
  EXPECT_EQ(table_.calls, calls + 1) << "only looked";

  route_.LeaveNamesToEngine();
  EXPECT_EQ(table_.rules.size(), 3u);
  EXPECT_EQ(std::count_if(table_.rules.begin(), table_.rules.end(),
                          [](const std::string& rule) { return rule.ends_with(" 10.0.0.1:53"); }),
            2);
  EXPECT_TRUE(route_.Reconcile());
  EXPECT_TRUE(std::is_permutation(table_.rules.begin(), table_.rules.end(), rules.begin(), rules.end()));
}

TEST_F(MetadataRouteTest, FollowsVpcsAndLeavesOthersRulesAlone) {
  const std::vector<std::string> others = RouteRules("11111111", "10.9.0.0/16", "10.9.0.1", 4566, 4553);
  table_.rules = others;
  for (const auto& rule : RouteRules("0badcafe", "10.0.0.0/16", "10.0.0.1", 4566, 4999)) table_.rules.push_back(rule);
  PutVpc("vpc-1", "10.0.0.0/16", "10.0.0.1");
  PutVpc("vpc-2", "10.1.0.0/16", "10.1.0.1");
  EXPECT_TRUE(route_.Reconcile());
  EXPECT_EQ(table_.rules.size(), 9u) << "the rules for the old ports are gone";
  EXPECT_TRUE(std::equal(others.rbegin(), others.rend(), table_.rules.rbegin()));

  auto txn = store_.Begin();
  txn->Erase("ec2.vpcs", "vpc-1");
  txn->Commit();
  EXPECT_TRUE(route_.Reconcile());
  std::vector<std::string> left = RouteRules("0badcafe", "10.1.0.0/16", "10.1.0.1", 4567, 4553);
  left.insert(left.end(), others.begin(), others.end());
  EXPECT_TRUE(std::is_permutation(table_.rules.begin(), table_.rules.end(), left.begin(), left.end()));

  RemoveMetadataRoutes("0badcafe", [this](const auto& arguments) { return table_(arguments); });
  EXPECT_EQ(table_.rules, others);
}

TEST_F(MetadataRouteTest, SaysSoWhenTheKernelRefuses) {
  PutVpc("vpc-1", "10.0.0.0/16", "10.0.0.1");
  table_.refuses = true;
  EXPECT_FALSE(route_.Reconcile());
  RemoveMetadataRoutes("0badcafe", [this](const auto& arguments) { return table_(arguments); });
  table_.refuses = false;
  EXPECT_TRUE(route_.Reconcile());
}

TEST_F(MetadataRouteTest, SaysSoWithoutIptables) {
  PutVpc("vpc-1", "10.0.0.0/16", "10.0.0.1");
  MetadataRoute route(cloud_, [](const auto&) -> ProcessResult { throw Error("iptables: command not found"); });
  EXPECT_FALSE(route.Reconcile());
}

TEST(RulesOf, ReadsQuotedCommentsToo) {
  const std::string rule = RouteRules("0badcafe", "10.0.0.0/16", "10.0.0.1", 4566, 4553).front();
  EXPECT_EQ(RulesOf("0badcafe",
                    "-A PREROUTING -s 10.0.0.0/16 -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -m comment --comment "
                    "\"adhoc-0badcafe\" -j DNAT --to-destination 10.0.0.1:4566\n"),
            std::vector<std::string>{rule});
  EXPECT_TRUE(RulesOf("0badcaf", "-A PREROUTING " + rule + "\n").empty());
}

}  // namespace
}  // namespace adhoc::localcloud
