#include "localcloud/iam/evaluate.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud::iam {
namespace {

const Principal kRole{.account = "123456789012",
                      .arn = "arn:aws:sts::123456789012:assumed-role/deploy/ci",
                      .role_arn = "arn:aws:iam::123456789012:role/deploy"};

Json Policy(Json statements) { return {{"Version", "2012-10-17"}, {"Statement", std::move(statements)}}; }

Json Allow(Json actions, Json resources, Json condition = nullptr) {
  Json statement{{"Effect", "Allow"}, {"Action", std::move(actions)}, {"Resource", std::move(resources)}};
  if (!condition.is_null()) statement["Condition"] = std::move(condition);
  return statement;
}

Json Deny(Json actions, Json resources) {
  Json statement = Allow(std::move(actions), std::move(resources));
  statement["Effect"] = "Deny";
  return statement;
}

bool Allows(const Json& statement, const std::string& action, const std::string& resource, const Keys& keys = {}) {
  return EffectOf(Policy(statement), kRole, {action, resource, keys}) == Effect::kAllow;
}

TEST(EvaluateTest, ActionsAndResourcesMatchByWildcards) {
  struct Case {
    Json actions;
    Json resources;
    const char* action;
    const char* resource;
    bool allowed;
  };
  const Case cases[] = {
      {"*", "*", "ecs:RunTask", "*", true},
      {"ecs:*", "*", "ecs:RunTask", "*", true},
      {"ecs:run*", "*", "ecs:RunTask", "*", true},
      {"ecs:RunTas?", "*", "ecs:RunTask", "*", true},
      {"ecs:RunTask", "*", "ecs:StopTask", "*", false},
      {Json::array({"s3:GetObject", "s3:PutObject"}), "*", "s3:PutObject", "*", true},
      {"s3:GetObject", "arn:aws:s3:::b/*", "s3:GetObject", "arn:aws:s3:::b/a/c", true},
      {"s3:GetObject", "arn:aws:s3:::b/*", "s3:GetObject", "arn:aws:s3:::b", false},
      {"s3:GetObject", "arn:aws:s3:::B/*", "s3:GetObject", "arn:aws:s3:::b/a", false},
      {"s3:GetObject", "arn:aws:s3:::b/?", "s3:GetObject", "arn:aws:s3:::b/ab", false},
      {"s3:GetObject", Json::array({"arn:aws:s3:::a/*", "arn:aws:s3:::b/*"}), "s3:GetObject", "arn:aws:s3:::b/a", true},
      {"s3:GetObject", "arn:aws:s3:::b/*", "s3:GetObject", "*", false},
      {"s3:GetObject", "arn:aws:s3:::b/${*}", "s3:GetObject", "arn:aws:s3:::b/*", true},
      {"s3:GetObject", "arn:aws:s3:::b/${*}", "s3:GetObject", "arn:aws:s3:::b/a", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Allows(Allow(c.actions, c.resources), c.action, c.resource), c.allowed)
        << c.actions << " " << c.resources << " " << c.action << " " << c.resource;
  }
}

TEST(EvaluateTest, NotActionAndNotResourceAreTheRest) {
  const Json all_but_iam{{"Effect", "Allow"}, {"NotAction", "iam:*"}, {"Resource", "*"}};
  EXPECT_TRUE(Allows(all_but_iam, "ecs:RunTask", "*"));
  EXPECT_FALSE(Allows(all_but_iam, "iam:CreateRole", "*"));
  const Json elsewhere{{"Effect", "Allow"}, {"Action", "s3:*"}, {"NotResource", "arn:aws:s3:::secret*"}};
  EXPECT_TRUE(Allows(elsewhere, "s3:GetObject", "arn:aws:s3:::open/a"));
  EXPECT_FALSE(Allows(elsewhere, "s3:GetObject", "arn:aws:s3:::secret/a"));
}

TEST(EvaluateTest, Conditions) {
  const Keys keys{{"aws:resourcetag/env", {"dev"}},
                  {"aws:requesttag/team", {"Shop"}},
                  {"aws:tagkeys", {"env", "team"}},
                  {"aws:securetransport", {"false"}},
                  {"aws:sourceip", {"10.1.2.3"}},
                  {"s3:max-keys", {"10"}},
                  {"aws:currenttime", {"2026-10-01T12:00:00.000Z"}},
                  {"ecs:cluster", {"arn:aws:ecs:us-east-1:123456789012:cluster/alpha-cluster"}},
                  {"aws:principaltag/team", {"Shop"}}};
  struct Case {
    const char* operation;
    const char* key;
    Json value;
    bool holds;
  };
  const Case cases[] = {
      {"StringEquals", "aws:ResourceTag/env", "dev", true},
      {"StringEquals", "AWS:resourcetag/ENV", "dev", true},
      {"StringEquals", "aws:ResourceTag/env", Json::array({"prod", "dev"}), true},
      {"StringEquals", "aws:ResourceTag/env", "DEV", false},
      {"StringEquals", "aws:ResourceTag/other", "dev", false},
      {"StringEquals", "aws:RequestTag/team", "${aws:PrincipalTag/team}", true},
      {"StringEquals", "aws:RequestTag/team", "${aws:PrincipalTag/none}", false},
      {"StringEquals", "aws:RequestTag/team", "${aws:PrincipalTag/none, 'Shop'}", true},
      {"StringEqualsIfExists", "aws:ResourceTag/other", "dev", true},
      {"StringEqualsIfExists", "aws:ResourceTag/env", "prod", false},
      {"StringNotEquals", "aws:ResourceTag/env", "prod", true},
      {"StringNotEquals", "aws:ResourceTag/env", Json::array({"prod", "dev"}), false},
      {"StringNotEquals", "aws:ResourceTag/other", "prod", true},
      {"StringEqualsIgnoreCase", "aws:RequestTag/team", "shop", true},
      {"StringNotEqualsIgnoreCase", "aws:RequestTag/team", "shop", false},
      {"StringLike", "aws:ResourceTag/env", "d*", true},
      {"StringEquals", "aws:ResourceTag/env", "d*", false},
      {"StringNotLike", "aws:ResourceTag/env", "d*", false},
      {"ArnLike", "ecs:cluster", "arn:aws:ecs:*:*:cluster/*-cluster", true},
      {"ArnEquals", "ecs:cluster", "arn:aws:ecs:*:*:cluster/beta-*", false},
      {"ArnNotLike", "ecs:cluster", "arn:aws:ecs:*:*:cluster/beta-*", true},
      {"Bool", "aws:SecureTransport", "false", true},
      {"Bool", "aws:SecureTransport", true, false},
      {"IpAddress", "aws:SourceIp", "10.0.0.0/8", true},
      {"IpAddress", "aws:SourceIp", "10.1.2.3", true},
      {"IpAddress", "aws:SourceIp", "192.168.0.0/16", false},
      {"NotIpAddress", "aws:SourceIp", "192.168.0.0/16", true},
      {"NumericLessThanEquals", "s3:max-keys", "10", true},
      {"NumericLessThan", "s3:max-keys", 10, false},
      {"NumericGreaterThan", "s3:max-keys", "9.5", true},
      {"DateLessThan", "aws:CurrentTime", "2026-10-02T00:00:00Z", true},
      {"DateGreaterThan", "aws:CurrentTime", "2026-10-02", false},
      {"Null", "aws:ResourceTag/env", "false", true},
      {"Null", "aws:ResourceTag/env", "true", false},
      {"Null", "aws:ResourceTag/other", true, true},
      {"ForAllValues:StringEquals", "aws:TagKeys", Json::array({"env", "team", "owner"}), true},
      {"ForAllValues:StringEquals", "aws:TagKeys", Json::array({"env"}), false},
      {"ForAllValues:StringEquals", "no:Key", "env", true},
      {"ForAnyValue:StringEquals", "aws:TagKeys", "env", true},
      {"ForAnyValue:StringEquals", "aws:TagKeys", "owner", false},
      {"ForAnyValue:StringEquals", "no:Key", "env", false},
      {"ForAnyValue:StringLike", "aws:TagKeys", "te*", true},
      {"ForAllValues:StringNotEquals", "aws:TagKeys", "owner", true},
      {"ForAllValues:StringNotEquals", "aws:TagKeys", "env", false},
      {"StringAlmost", "aws:ResourceTag/env", "dev", false},
  };
  for (const auto& c : cases) {
    const Json condition{{c.operation, {{c.key, c.value}}}};
    EXPECT_EQ(Allows(Allow("*", "*", condition), "ecs:RunTask", "*", keys), c.holds) << condition;
  }
  // All operators and all keys have to hold.
  EXPECT_FALSE(
      Allows(Allow("*", "*", {{"StringEquals", {{"aws:ResourceTag/env", "dev"}, {"aws:RequestTag/team", "Other"}}}}),
             "ecs:RunTask", "*", keys));
}

TEST(EvaluateTest, AnExplicitDenyWins) {
  const Policies policies{.identity = {Policy(Json::array({Allow("*", "*"), Deny("ecs:StopTask", "*")}))}};
  EXPECT_TRUE(Evaluate(policies, kRole, {"ecs:RunTask", "*", {}}).allowed);
  const Decision decision = Evaluate(policies, kRole, {"ecs:StopTask", "*", {}});
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.reason, "with an explicit deny in an identity-based policy");
}

TEST(EvaluateTest, EveryKindOfPolicyHasToAllow) {
  const Json all = Policy(Allow("*", "*"));
  const Json ecs = Policy(Allow("ecs:*", "*"));
  const Permission run{"ecs:RunTask", "*", {}};
  const Permission list{"s3:ListBucket", "*", {}};
  EXPECT_EQ(Evaluate({}, kRole, run).reason, "because no identity-based policy allows the ecs:RunTask action");
  EXPECT_TRUE(Evaluate({.identity = {all}, .boundary = ecs}, kRole, run).allowed);
  EXPECT_EQ(Evaluate({.identity = {all}, .boundary = ecs}, kRole, list).reason,
            "because no permissions boundary allows the s3:ListBucket action");
  EXPECT_TRUE(Evaluate({.identity = {all}, .session = std::vector<Json>{ecs}}, kRole, run).allowed);
  EXPECT_EQ(Evaluate({.identity = {all}, .session = std::vector<Json>{ecs}}, kRole, list).reason,
            "because no session policy allows the s3:ListBucket action");
  EXPECT_FALSE(Evaluate({.boundary = all}, kRole, run).allowed) << "a boundary gives nothing";
}

TEST(EvaluateTest, AResourcesPolicyAllowsThoseItNames) {
  const auto bucket = [](Json principal) {
    Json statement = Allow("s3:GetObject", "arn:aws:s3:::b/static/*");
    statement["Principal"] = std::move(principal);
    return Policies{.resource = {Policy(std::move(statement))}};
  };
  const Permission read{"s3:GetObject", "arn:aws:s3:::b/static/x.css", {}};
  EXPECT_TRUE(Evaluate(bucket("*"), kRole, read).allowed);
  EXPECT_TRUE(Evaluate(bucket({{"AWS", "123456789012"}}), kRole, read).allowed);
  EXPECT_TRUE(Evaluate(bucket({{"AWS", Json::array({"arn:aws:iam::123456789012:role/deploy"})}}), kRole, read).allowed);
  EXPECT_FALSE(Evaluate(bucket({{"AWS", "arn:aws:iam::123456789012:role/other"}}), kRole, read).allowed);
  EXPECT_FALSE(Evaluate(bucket({{"Service", "ecs-tasks.amazonaws.com"}}), kRole, read).allowed);
  EXPECT_FALSE(Evaluate(bucket("*"), kRole, {"s3:GetObject", "arn:aws:s3:::b/media/x", {}}).allowed);
}

TEST(EvaluateTest, MistakesOfADocumentAreFound) {
  EXPECT_EQ(FindMistake(Policy(Allow("*", "*"))), "");
  EXPECT_EQ(FindMistake(Policy(Allow("*", "*", {{"ForAnyValue:StringLikeIfExists", {{"a:b", "c"}}}}))), "");
  EXPECT_NE(FindMistake(Json::object()), "");
  EXPECT_NE(FindMistake(Policy(Json{{"Action", "*"}, {"Resource", "*"}})), "");
  EXPECT_NE(FindMistake(Policy(Json{{"Effect", "Allow"}, {"Resource", "*"}})), "");
  EXPECT_EQ(FindMistake(Policy(Allow("*", "*", {{"StringAlmost", {{"a:b", "c"}}}}))),
            "Invalid Condition type : StringAlmost.");
}

}  // namespace
}  // namespace adhoc::localcloud::iam
