#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

constexpr const char* kTrust =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]})";

struct Iam : ::testing::Test {
  LocalApi api;
  Json MakeRole(const std::string& name) {
    return api.Call("iam", "CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", kTrust}})["Role"];
  }
};

TEST_F(Iam, ARoleIsMadeReadAndDeleted) {
  const Json role = MakeRole("dev-task");
  EXPECT_EQ(role["Arn"], "arn:aws:iam::123456789012:role/dev-task");
  const std::string document =
      api.Call("iam", "GetRole", {{"RoleName", "dev-task"}})["Role"]["AssumeRolePolicyDocument"];
  EXPECT_EQ(document.substr(0, 12), "%7B%22Versio");
  EXPECT_EQ(api.ErrorOf("iam", "CreateRole", {{"RoleName", "dev-task"}, {"AssumeRolePolicyDocument", kTrust}}),
            "EntityAlreadyExists");
  EXPECT_EQ(api.ErrorOf("iam", "CreateRole", {{"RoleName", "other"}, {"AssumeRolePolicyDocument", "no json"}}),
            "MalformedPolicyDocument");
  api.Call("iam", "DeleteRole", {{"RoleName", "dev-task"}});
  EXPECT_EQ(api.ErrorOf("iam", "GetRole", {{"RoleName", "dev-task"}}), "NoSuchEntity");
}

TEST_F(Iam, PoliciesKeepARoleFromBeingDeleted) {
  MakeRole("dev-task");
  const std::string managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
  api.Call("iam", "AttachRolePolicy", {{"RoleName", "dev-task"}, {"PolicyArn", managed}});
  api.Call("iam", "PutRolePolicy", {{"RoleName", "dev-task"}, {"PolicyName", "s3"}, {"PolicyDocument", kTrust}});
  EXPECT_EQ(
      api.Call("iam", "ListAttachedRolePolicies", {{"RoleName", "dev-task"}})["AttachedPolicies"][0]["PolicyName"],
      "AmazonECSTaskExecutionRolePolicy");
  EXPECT_EQ(api.Call("iam", "ListRolePolicies", {{"RoleName", "dev-task"}})["PolicyNames"], Json::array({"s3"}));
  EXPECT_EQ(api.ErrorOf("iam", "DeleteRole", {{"RoleName", "dev-task"}}), "DeleteConflict");
  api.Call("iam", "DetachRolePolicy", {{"RoleName", "dev-task"}, {"PolicyArn", managed}});
  EXPECT_EQ(api.ErrorOf("iam", "DeleteRole", {{"RoleName", "dev-task"}}), "DeleteConflict");
  api.Call("iam", "DeleteRolePolicy", {{"RoleName", "dev-task"}, {"PolicyName", "s3"}});
  api.Call("iam", "DeleteRole", {{"RoleName", "dev-task"}});
  EXPECT_EQ(api.ErrorOf("iam", "AttachRolePolicy", {{"RoleName", "dev-task"}, {"PolicyArn", managed}}), "NoSuchEntity");
}

TEST_F(Iam, APolicyHasAtMostFiveVersions) {
  const std::string arn =
      api.Call("iam", "CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", kTrust}})["Policy"]["Arn"];
  for (int i = 0; i < 4; ++i) {
    api.Call("iam", "CreatePolicyVersion", {{"PolicyArn", arn}, {"PolicyDocument", kTrust}, {"SetAsDefault", true}});
  }
  EXPECT_EQ(api.ErrorOf("iam", "CreatePolicyVersion", {{"PolicyArn", arn}, {"PolicyDocument", kTrust}}),
            "LimitExceeded");
  EXPECT_EQ(api.Call("iam", "GetPolicy", {{"PolicyArn", arn}})["Policy"]["DefaultVersionId"], "v5");
  EXPECT_EQ(api.ErrorOf("iam", "DeletePolicy", {{"PolicyArn", arn}}), "DeleteConflict");
}

TEST_F(Iam, ARoleHasABoundaryThatExists) {
  const auto make = [&](const std::string& boundary) {
    return api.ErrorOf("iam", "CreateRole",
                       {{"RoleName", "task"}, {"AssumeRolePolicyDocument", kTrust}, {"PermissionsBoundary", boundary}});
  };
  const auto boundary = [&] {
    return api.Call("iam", "GetRole", {{"RoleName", "task"}})["Role"]
        .value("PermissionsBoundary", Json::object())
        .value("PermissionsBoundaryArn", "");
  };
  const std::string limit = "arn:aws:iam::123456789012:policy/limit";
  EXPECT_EQ(make(limit), "NoSuchEntity");
  api.Call("iam", "CreatePolicy", {{"PolicyName", "limit"}, {"PolicyDocument", kTrust}});
  EXPECT_EQ(make(limit), "");
  EXPECT_EQ(boundary(), limit);
  const auto put = [&](const char* arn) {
    return api.ErrorOf("iam", "PutRolePermissionsBoundary", {{"RoleName", "task"}, {"PermissionsBoundary", arn}});
  };
  EXPECT_EQ(put("arn:aws:iam::123456789012:policy/other"), "NoSuchEntity");
  EXPECT_EQ(put("arn:aws:iam::aws:policy/PowerUserAccess"), "");
  EXPECT_EQ(boundary(), "arn:aws:iam::aws:policy/PowerUserAccess");
  EXPECT_EQ(put(limit.c_str()), "");

  const Json policy = api.Call("iam", "GetPolicy", {{"PolicyArn", limit}})["Policy"];
  EXPECT_EQ(policy["PermissionsBoundaryUsageCount"], 1);
  EXPECT_EQ(policy["AttachmentCount"], 0);
  const auto limited = [&](const char* usage) {
    return api.Call("iam", "ListEntitiesForPolicy", {{"PolicyArn", limit}, {"PolicyUsageFilter", usage}})["PolicyRoles"]
        .size();
  };
  EXPECT_EQ(limited("PermissionsBoundary"), 1U);
  EXPECT_EQ(limited("PermissionsPolicy"), 0U);
  EXPECT_EQ(api.ErrorOf("iam", "DeletePolicy", {{"PolicyArn", limit}}), "DeleteConflict");
  api.Call("iam", "DeleteRolePermissionsBoundary", {{"RoleName", "task"}});
  EXPECT_EQ(boundary(), "");
  EXPECT_EQ(api.ErrorOf("iam", "DeletePolicy", {{"PolicyArn", limit}}), "");
}

TEST_F(Iam, ServiceLinkedRolesAreMadeOnce) {
  const Json role = api.Call("iam", "CreateServiceLinkedRole", {{"AWSServiceName", "ecs.amazonaws.com"}})["Role"];
  EXPECT_EQ(role["RoleName"], "AWSServiceRoleForECS");
  EXPECT_EQ(api.ErrorOf("iam", "CreateServiceLinkedRole", {{"AWSServiceName", "ecs.amazonaws.com"}}), "InvalidInput");
}

TEST_F(Iam, AnAssumedRoleKnowsWhoItIs) {
  EXPECT_EQ(api.Call("sts", "GetCallerIdentity")["Arn"], "arn:aws:iam::123456789012:root");
  MakeRole("deploy");
  const Json session = api.Call("sts", "AssumeRole",
                                {{"RoleArn", "arn:aws:iam::123456789012:role/deploy"}, {"RoleSessionName", "ci-1"}});
  EXPECT_EQ(session["AssumedRoleUser"]["Arn"], "arn:aws:sts::123456789012:assumed-role/deploy/ci-1");
  EXPECT_EQ(api.Document("sts.sessions", session["Credentials"]["AccessKeyId"].get<std::string>())["Arn"],
            session["AssumedRoleUser"]["Arn"]);
  EXPECT_EQ(
      api.ErrorOf("sts", "AssumeRole", {{"RoleArn", "arn:aws:iam::123456789012:role/none"}, {"RoleSessionName", "ci"}}),
      "AccessDenied");
}

}  // namespace
}  // namespace adhoc::testing
