#include "localcloud/chaos.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "net/transport.h"
#include "testing/local_api.h"

namespace adhoc::localcloud {
namespace {

Json Rule(const char* match, const char* fault) { return {{"match", {match}}, {"fault", fault}}; }

TEST(ChaosTest, PatternsMatchServiceAndOperation) {
  struct Case {
    const char* pattern;
    const char* service;
    const char* operation;
    bool matches;
  };
  for (const Case& c : {Case{"ecs:*", "ecs", "RunTask", true}, Case{"ecs", "ecs", "RunTask", true},
                        Case{"ecs:*", "ecr", "DescribeImages", false}, Case{"*:Describe*", "ec2", "DescribeVpcs", true},
                        Case{"*:Describe*", "ec2", "CreateVpc", false}, Case{"ECS:runtask", "ecs", "RunTask", true},
                        Case{"elasticloadbalancing:CreateRule", "elbv2", "CreateRule", true},
                        Case{"*:*", "s3", "GetObject", true}, Case{"s3:Get?bject", "s3", "GetObject", true}}) {
    const ChaosPlan plan = ParseChaos({{"rules", {Rule(c.pattern, "drop")}}});
    EXPECT_EQ(plan.rules[0].Matches(c.service, c.operation), c.matches)
        << c.pattern << " " << c.service << ":" << c.operation;
  }
}

TEST(ChaosTest, MistakesAreExplained) {
  struct Case {
    Json document;
    const char* what;
    const char* hint;
  };
  for (const Case& c : {
           Case{Json::array(), "the faults are no JSON object",
                R"({"rules": [{"match": ["ecs:*"], "fault": "throttling"}]})"},
           Case{{{"rules", {Rule("esc:*", "drop")}}}, "`esc:*` matches no service", "did you mean `ecs`?"},
           Case{{{"rules", {Rule("ecs:RunTasks", "drop")}}},
                "`ecs:RunTasks` matches no operation",
                "did you mean `RunTask`?"},
           Case{{{"rules", {Rule("ecs:*", "dropp")}}}, "there is no fault `dropp`", "did you mean `drop`?"},
           Case{{{"rules", {Rule("ecs:*", "delay")}}}, "a delay of no length", "\"delay_ms\": 500"},
           Case{{{"rule", 1}}, "there is no member `rule` of a fault", "did you mean `rules`?"},
           Case{{{"rules", {{{"match", {"ecs:*"}}, {"fault", "drop"}, {"probability", 2}}}}},
                "probability is 2: not a number from 0 to 1",
                ""},
       }) {
    try {
      ParseChaos(c.document);
      ADD_FAILURE() << c.document;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), c.what);
      EXPECT_EQ(error.hint(), c.hint);
    }
  }
}

std::string Hits(Chaos& chaos, std::string_view operation, int calls) {
  std::string hits;
  for (int i = 0; i < calls; ++i) hits += chaos.Next("ecs", operation) ? 'x' : '.';
  return hits;
}

TEST(ChaosTest, TheSameSeedHitsTheSameCallsWhateverIsCalledInBetween) {
  Json rule = Rule("ecs:*", "drop");
  rule["probability"] = 0.5;
  const ChaosPlan plan = ParseChaos({{"seed", 7}, {"rules", {rule}}});
  Chaos alone;
  alone.Set(plan);
  const std::string expected = Hits(alone, "RunTask", 64);
  Chaos mixed;
  mixed.Set(plan);
  std::string hits;
  for (int i = 0; i < 64; ++i) {
    Hits(mixed, "ListTasks", i % 3);
    hits += Hits(mixed, "RunTask", 1);
  }
  EXPECT_EQ(hits, expected);
  const auto count = std::count(expected.begin(), expected.end(), 'x');
  EXPECT_GT(count, 16);
  EXPECT_LT(count, 48);
  Chaos other;
  other.Set(ParseChaos({{"seed", 8}, {"rules", {rule}}}));
  EXPECT_NE(Hits(other, "RunTask", 64), expected);
}

TEST(ChaosTest, ALimitEndsARuleAndTheNextOneDecides) {
  Json first = Rule("ecs:RunTask", "throttling");
  first["limit"] = 2;
  Chaos chaos;
  chaos.Set(ParseChaos({{"rules", {first, Rule("ecs:*", "server-error")}}}));
  std::string kinds;
  for (int i = 0; i < 4; ++i) kinds += chaos.Next("ecs", "RunTask")->kind == FaultKind::kThrottling ? 't' : 'e';
  EXPECT_EQ(kinds, "ttee");
  EXPECT_EQ(chaos.Show()["rules"][0]["hit"], 2);
  EXPECT_EQ(chaos.Show()["rules"][1]["matched"], 2);
  chaos.Clear();
  EXPECT_FALSE(chaos.Next("ecs", "RunTask"));
}

class ChaosApiTest : public ::testing::Test {
 protected:
  net::Response Put(const Json& document) {
    return api_.Send({.method = "PUT", .target = "/_adhoc/chaos", .body = document.dump()});
  }
  testing::LocalApi api_;
};

TEST_F(ChaosApiTest, EveryServiceThrottlesAndFailsInItsOwnWords) {
  struct Case {
    const char* service;
    const char* operation;
    const char* throttled;
    int throttled_status;
    const char* failed;
  };
  for (const Case& c : {Case{"ecs", "ListClusters", "ThrottlingException", 400, "ServerException"},
                        Case{"ec2", "DescribeVpcs", "RequestLimitExceeded", 503, "InternalError"},
                        Case{"elbv2", "DescribeRules", "Throttling", 400, "InternalFailure"},
                        Case{"iam", "ListRoles", "Throttling", 400, "ServiceFailure"},
                        Case{"route53", "ListHostedZones", "Throttling", 400, "InternalFailure"},
                        Case{"s3", "ListBuckets", "SlowDown", 503, "InternalError"},
                        Case{"logs", "DescribeLogGroups", "ThrottlingException", 400, "ServiceUnavailableException"}}) {
    for (const char* fault : {"throttling", "server-error"}) {
      ASSERT_EQ(Put({{"rules", {Rule("*:*", fault)}}}).status, 200);
      const bool throttled = std::string_view(fault) == "throttling";
      try {
        api_.Call(c.service, c.operation);
        ADD_FAILURE() << c.service;
      } catch (const testing::ServiceError& error) {
        EXPECT_EQ(error.code(), throttled ? c.throttled : c.failed) << c.service;
        EXPECT_EQ(error.status(), throttled ? c.throttled_status : 500) << c.service;
      }
    }
  }
}

TEST_F(ChaosApiTest, OnlyALostAnswerAndADelayTakeEffect) {
  for (const char* fault : {"throttling", "server-error", "timeout", "drop", "lost-answer"}) {
    ASSERT_EQ(Put({{"rules", {Rule("ecs:CreateCluster", fault)}}}).status, 200);
    EXPECT_ANY_THROW(api_.Call("ecs", "CreateCluster", {{"clusterName", fault}}));
    EXPECT_EQ(!api_.Document("ecs.clusters", fault).is_null(), std::string_view(fault) == "lost-answer") << fault;
  }
  Json rule = Rule("ecs:CreateCluster", "delay");
  rule["delay_ms"] = 1;
  ASSERT_EQ(Put({{"rules", {rule}}}).status, 200);
  EXPECT_EQ(api_.Call("ecs", "CreateCluster", {{"clusterName", "late"}})["cluster"]["status"], "ACTIVE");
}

TEST_F(ChaosApiTest, RulesAreShownRefusedAndCleared) {
  EXPECT_EQ(Put({{"rules", {Rule("esc:*", "drop")}}}).status, 400);
  ASSERT_EQ(Put({{"seed", 3}, {"rules", {Rule("ecs:*", "drop")}}}).status, 200);
  EXPECT_THROW(api_.Call("ecs", "ListClusters"), net::TransportError);
  const Json shown = Json::parse(api_.Send({.target = "/_adhoc/chaos"}).body);
  EXPECT_EQ(shown["seed"], 3);
  EXPECT_EQ(shown["rules"][0]["hit"], 1);
  EXPECT_EQ(Put(shown).status, 200) << "what is shown may be sent back";
  EXPECT_EQ(api_.Send({.method = "DELETE", .target = "/_adhoc/chaos"}).status, 200);
  EXPECT_NO_THROW(api_.Call("ecs", "ListClusters"));
}

}  // namespace
}  // namespace adhoc::localcloud
