#include <gtest/gtest.h>

#include "aws/codec/codec.h"

namespace adhoc::aws {
namespace {

using Kind = Violation::Kind;

std::vector<Violation> Check(const char* service, const char* operation, const Json& input) {
  return Validate(*GetService(service).GetOperation(operation).input, input);
}

// The only violation.
Violation One(const char* service, const char* operation, const Json& input) {
  const std::vector<Violation> violations = Check(service, operation, input);
  EXPECT_EQ(violations.size(), 1u) << input;
  return violations.empty() ? Violation{} : violations.front();
}

TEST(ValidateTest, WhatIsRightPasses) {
  EXPECT_TRUE(Check("ecs", "ListClusters", Json::object()).empty());
  EXPECT_TRUE(Check("ecs", "RegisterTaskDefinition",
                    {{"family", "demo-web"},
                     {"networkMode", "awsvpc"},
                     {"containerDefinitions", {{{"name", "web"}, {"portMappings", {{{"containerPort", 8000}}}}}}}})
                  .empty());
  EXPECT_TRUE(Check("logs", "CreateLogGroup", {{"logGroupName", "/adhoc/demo/web"}}).empty());
}

TEST(ValidateTest, MissingMembersAtAnyDepth) {
  const Violation top = One("logs", "CreateLogGroup", Json::object());
  EXPECT_EQ(top.kind, Kind::kMissing);
  EXPECT_EQ(top.path, "logGroupName");
  EXPECT_EQ(top.message, "Value null at 'logGroupName' failed to satisfy constraint: Member must not be null");
  const Violation deep =
      One("ecs", "RegisterTaskDefinition",
          {{"family", "f"}, {"containerDefinitions", {{{"name", "a"}, {"secrets", {{{"name", "S"}}}}}}}});
  EXPECT_EQ(deep.kind, Kind::kMissing);
  EXPECT_EQ(deep.path, "containerDefinitions[0].secrets[0].valueFrom");
}

TEST(ValidateTest, UnknownMembersAndWrongTypes) {
  const Violation unknown = One("ecs", "ListClusters", {{"maxresults", 1}});
  EXPECT_EQ(unknown.kind, Kind::kUnknown);
  EXPECT_EQ(unknown.path, "maxresults");
  EXPECT_EQ(One("ecs", "ListClusters", {{"maxResults", "1"}}).kind, Kind::kType);
  EXPECT_EQ(One("ecs", "DescribeServices", {{"services", "web"}}).kind, Kind::kType);
  EXPECT_EQ(One("ecs", "DescribeServices", {{"services", {1}}}).path, "services[0]");
  EXPECT_EQ(One("ecs", "RegisterTaskDefinition", {{"family", "f"}, {"containerDefinitions", {"web"}}}).kind,
            Kind::kType);
}

TEST(ValidateTest, LengthsRangesAndEnums) {
  const Violation empty = One("secretsmanager", "GetSecretValue", {{"SecretId", ""}});
  EXPECT_EQ(empty.kind, Kind::kLength);
  EXPECT_EQ(empty.message,
            "Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1");
  const Violation high =
      One("elbv2", "CreateRule",
          {{"ListenerArn", "l"}, {"Conditions", Json::array()}, {"Actions", Json::array()}, {"Priority", 0}});
  EXPECT_EQ(high.kind, Kind::kRange);
  EXPECT_EQ(high.message,
            "Value '0' at 'priority' failed to satisfy constraint: Member must have value greater than or equal to 1");
  const Violation choice = One("ecs", "RunTask", {{"taskDefinition", "t"}, {"launchType", "CLOUD"}});
  EXPECT_EQ(choice.kind, Kind::kEnum);
  EXPECT_NE(choice.message.find("Value 'CLOUD' at 'launchType' failed to satisfy constraint: Member must satisfy enum "
                                "value set: [EC2, FARGATE, EXTERNAL"),
            std::string::npos)
      << choice.message;
}

TEST(ValidateTest, LengthsCountCharacters) {
  std::string name;
  for (int i = 0; i < 64; ++i) name += "ü";
  EXPECT_TRUE(Check("secretsmanager", "GetSecretValue", {{"SecretId", "s"}, {"VersionStage", name}}).empty());
}

TEST(ValidateTest, Patterns) {
  const Violation violation = One("logs", "CreateLogGroup", {{"logGroupName", "no blanks"}});
  EXPECT_EQ(violation.kind, Kind::kPattern);
  EXPECT_EQ(violation.message,
            "Value 'no blanks' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression "
            "pattern: [\\.\\-_/#A-Za-z0-9]+");
}

TEST(ValidateTest, LongTextsAgainstPatternsEndInTime) {
  // A backtracking, recursing engine runs out of stack or time here.
  const std::string long_text(200'000, 'a');
  EXPECT_FALSE(Check("logs", "CreateLogGroup", {{"logGroupName", long_text}}).empty());
  Check("ecr", "CreateRepository", {{"repositoryName", std::string(250, 'a') + "!"}});
  Check("iam", "CreateRole", {{"RoleName", "r"}, {"AssumeRolePolicyDocument", std::string(100'000, ' ')}});
}

TEST(ValidateTest, SensitiveValuesAreNotRepeated) {
  const Violation violation =
      One("secretsmanager", "CreateSecret", {{"Name", "n"}, {"SecretString", std::string(65537, 's')}});
  EXPECT_EQ(violation.kind, Kind::kLength);
  EXPECT_EQ(violation.message.find("sss"), std::string::npos);
}

TEST(ValidateTest, MessagesArePutTogether) {
  EXPECT_EQ(
      ValidationMessage(Check("logs", "CreateLogStream", Json::object())),
      "2 validation errors detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be "
      "null; Value null at 'logStreamName' failed to satisfy constraint: Member must not be null");
  EXPECT_EQ(
      ValidationMessage(Check("logs", "CreateLogGroup", Json::object())),
      "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be "
      "null");
}

TEST(ValidateTest, ElementsAreNumberedAsAwsDoes) {
  const Violation violation =
      One("ecs", "RegisterTaskDefinition",
          {{"family", "f"},
           {"containerDefinitions",
            {{{"name", "a"}}, {{"name", "b"}, {"dependsOn", {{{"containerName", "a"}, {"condition", "SOON"}}}}}}}});
  EXPECT_EQ(violation.path, "containerDefinitions[1].dependsOn[0].condition");
  EXPECT_NE(violation.message.find("at 'containerDefinitions.2.member.dependsOn.1.member.condition'"),
            std::string::npos)
      << violation.message;
}

}  // namespace
}  // namespace adhoc::aws
