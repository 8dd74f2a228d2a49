#include "localcloud/iam/authorize.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

constexpr const char* kAccount = "arn:aws:iam::123456789012";

std::string Policy(const Json& statements) { return Json{{"Version", "2012-10-17"}, {"Statement", statements}}.dump(); }

Json Allow(Json actions, Json resources, Json condition = nullptr) {
  Json statement{{"Effect", "Allow"}, {"Action", std::move(actions)}, {"Resource", std::move(resources)}};
  if (!condition.is_null()) statement["Condition"] = std::move(condition);
  return statement;
}

struct Authorize : ::testing::Test {
  Authorize() { api.EnforceIam(); }

  void MakeRole(const std::string& name, const Json& principal = {{"AWS", "arn:aws:iam::123456789012:root"}}) {
    const Json trust = {{"Effect", "Allow"}, {"Principal", principal}, {"Action", "sts:AssumeRole"}};
    api.Call("iam", "CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", Policy(trust)}});
  }
  void Put(const std::string& role, const Json& statements) {
    api.Call("iam", "PutRolePolicy", {{"RoleName", role}, {"PolicyName", "p"}, {"PolicyDocument", Policy(statements)}});
  }
  // Calls are this role's from now on.
  void Become(const std::string& role, Json more = Json::object()) {
    AsRoot();
    more["RoleArn"] = fmt::format("{}:role/{}", kAccount, role);
    more["RoleSessionName"] = "ci";
    api.set_access_key(api.Call("sts", "AssumeRole", more)["Credentials"]["AccessKeyId"]);
  }
  void AsRoot() { api.set_access_key("AKIATEST"); }
  // A role with these statements.
  void BecomeWith(const Json& statements) {
    AsRoot();
    if (api.ErrorOf("iam", "GetRole", {{"RoleName", "dev"}}) != "") MakeRole("dev");
    Put("dev", statements);
    Become("dev");
  }
  ServiceError Error(std::string_view service, std::string_view operation, const Json& input = Json::object()) {
    try {
      api.Call(service, operation, input);
    } catch (const ServiceError& error) {
      return error;
    }
    return {"", "no error", 200, {}};
  }

  LocalApi api;
};

TEST_F(Authorize, RootMayDoEverything) {
  EXPECT_EQ(api.ErrorOf("ecs", "CreateCluster", {{"clusterName", "alpha"}}), "");
  EXPECT_EQ(api.ErrorOf("iam", "ListRoles"), "");
}

TEST_F(Authorize, EachServiceRefusesInItsOwnForm) {
  BecomeWith(Json::array({Allow("ecs:ListClusters", "*")}));
  EXPECT_EQ(api.ErrorOf("ecs", "ListClusters"), "");
  EXPECT_EQ(api.ErrorOf("sts", "GetCallerIdentity"), "") << "anybody may";
  const std::string user = "User: arn:aws:sts::123456789012:assumed-role/dev/ci is not authorized to perform: ";

  const auto ecs = Error("ecs", "DeleteCluster", {{"cluster", "alpha"}});
  EXPECT_EQ(ecs.code(), "AccessDeniedException");
  EXPECT_EQ(ecs.status(), 400);
  EXPECT_EQ(ecs.what(),
            user +
                "ecs:DeleteCluster on resource: arn:aws:ecs:us-east-1:123456789012:cluster/alpha because no "
                "identity-based policy allows the ecs:DeleteCluster action");
  const auto ec2 = Error("ec2", "DescribeVpcs");
  EXPECT_EQ(ec2.code(), "UnauthorizedOperation");
  EXPECT_EQ(ec2.status(), 403);
  EXPECT_EQ(std::string(ec2.what()).find("You are not authorized to perform this operation. " + user), 0U)
      << ec2.what();
  const auto iam = Error("iam", "GetRole", {{"RoleName", "dev"}});
  EXPECT_EQ(iam.code(), "AccessDenied");
  EXPECT_EQ(iam.status(), 403);
  EXPECT_NE(std::string(iam.what()).find("iam:GetRole on resource: arn:aws:iam::123456789012:role/dev because"),
            std::string::npos)
      << iam.what();
  const auto s3 = Error("s3", "ListObjectsV2", {{"Bucket", "photos"}});
  EXPECT_EQ(s3.code(), "AccessDenied");
  EXPECT_EQ(s3.status(), 403);
  EXPECT_NE(std::string(s3.what()).find("s3:ListBucket on resource: \"arn:aws:s3:::photos\" because"),
            std::string::npos)
      << s3.what();
  EXPECT_EQ(Error("route53", "ListHostedZones").code(), "AccessDenied");
  EXPECT_EQ(Error("secretsmanager", "ListSecrets").code(), "AccessDeniedException");
  EXPECT_EQ(Error("efs", "DescribeFileSystems").code(), "AccessDeniedException");
}

TEST_F(Authorize, TagsOfResourcesAndOfRequestsCount) {
  const Json ours{{"StringEquals", {{"aws:ResourceTag/managed-by", "adhoc"}}}};
  const Json becomes_ours{{"StringEquals", {{"aws:RequestTag/managed-by", "adhoc"}}}};
  BecomeWith(Json::array(
      {Allow("ecs:DeleteCluster", "*", ours), Allow("ecs:CreateCluster", "*", becomes_ours),
       Allow("ecs:TagResource", "*", {{"StringEquals", {{"ecs:CreateAction", "CreateCluster"}}}}),
       Allow("iam:CreateServiceLinkedRole", "*", {{"StringEquals", {{"iam:AWSServiceName", "ecs.amazonaws.com"}}}})}));
  const Json tags = Json::array({{{"key", "managed-by"}, {"value", "adhoc"}}});
  EXPECT_EQ(api.ErrorOf("ecs", "CreateCluster", {{"clusterName", "theirs"}}), "AccessDeniedException");
  EXPECT_EQ(api.ErrorOf("ecs", "CreateCluster", {{"clusterName", "ours"}, {"tags", tags}}), "");
  EXPECT_EQ(api.ErrorOf("ecs", "TagResource",
                        {{"resourceArn", "arn:aws:ecs:us-east-1:123456789012:cluster/ours"}, {"tags", tags}}),
            "AccessDeniedException")
      << "only while it is made";
  AsRoot();
  api.Call("ecs", "CreateCluster", {{"clusterName", "theirs"}});
  Become("dev");
  EXPECT_EQ(api.ErrorOf("ecs", "DeleteCluster", {{"cluster", "theirs"}}), "AccessDeniedException");
  EXPECT_EQ(api.ErrorOf("ecs", "DeleteCluster", {{"cluster", "ours"}}), "");
}

TEST_F(Authorize, Ec2KnowsTheTagsOfARequestOnlyForWhatItMakes) {
  const Json vpc = api.Call("ec2", "CreateVpc", {{"CidrBlock", "10.7.0.0/16"}})["Vpc"]["VpcId"];
  const Json condition{{"StringEquals", {{"aws:RequestTag/env", "dev"}}}};
  const Json create{
      {"VpcId", vpc},
      {"CidrBlock", "10.7.1.0/24"},
      {"TagSpecifications",
       Json::array({{{"ResourceType", "subnet"}, {"Tags", Json::array({{{"Key", "env"}, {"Value", "dev"}}})}}})}};
  const Json tagging = Allow("ec2:CreateTags", "*", {{"StringEquals", {{"ec2:CreateAction", "CreateSubnet"}}}});
  BecomeWith(Json::array({Allow("ec2:CreateSubnet", "*", condition), tagging}));
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSubnet", create), "UnauthorizedOperation") << "the VPC gets no tags";
  BecomeWith(Json::array({Allow("ec2:CreateSubnet", "arn:aws:ec2:*:*:subnet/*", condition),
                          Allow("ec2:CreateSubnet", "arn:aws:ec2:*:*:vpc/*"), tagging}));
  EXPECT_EQ(api.ErrorOf("ec2", "CreateSubnet", create), "");
}

TEST_F(Authorize, RolesArePassedOnlyWithPermission) {
  MakeRole("task", {{"Service", "ecs-tasks.amazonaws.com"}});
  const Json definition{{"family", "web"},
                        {"taskRoleArn", "arn:aws:iam::123456789012:role/task"},
                        {"networkMode", "awsvpc"},
                        {"requiresCompatibilities", {"FARGATE"}},
                        {"cpu", "256"},
                        {"memory", "512"},
                        {"containerDefinitions", Json::array({{{"name", "web"}, {"image", "nginx"}}})}};
  const auto with = [&](const Json& condition) {
    BecomeWith(Json::array({Allow("ecs:RegisterTaskDefinition", "*"),
                            Allow("iam:PassRole", "arn:aws:iam::123456789012:role/task", condition)}));
  };
  BecomeWith(Json::array({Allow("ecs:RegisterTaskDefinition", "*")}));
  const auto refused = Error("ecs", "RegisterTaskDefinition", definition);
  EXPECT_NE(std::string(refused.what()).find("iam:PassRole on resource: arn:aws:iam::123456789012:role/task"),
            std::string::npos)
      << refused.what();
  with({{"StringEquals", {{"iam:PassedToService", "ec2.amazonaws.com"}}}});
  EXPECT_EQ(api.ErrorOf("ecs", "RegisterTaskDefinition", definition), "AccessDeniedException");
  with({{"StringEquals", {{"iam:PassedToService", "ecs-tasks.amazonaws.com"}}}});
  EXPECT_EQ(api.ErrorOf("ecs", "RegisterTaskDefinition", definition), "");
}

// Its service-linked role may all of this; the caller has to be allowed to it as well.
TEST_F(Authorize, ScalingNeedsWhatItDoesToTheServiceAndToAlarms) {
  {
    const auto txn = api.store().Begin();
    txn->Put("ecs.services", "alpha/web", {{"status", "ACTIVE"}, {"desiredCount", 1}});
    txn->Commit();
  }
  const auto about = [](Json more) {
    more.update({{"ServiceNamespace", "ecs"},
                 {"ResourceId", "service/alpha/web"},
                 {"ScalableDimension", "ecs:service:DesiredCount"}});
    return more;
  };
  const Json target = about({{"MinCapacity", 1}, {"MaxCapacity", 2}});
  const Json policy =
      about({{"PolicyName", "cpu"},
             {"PolicyType", "TargetTrackingScaling"},
             {"TargetTrackingScalingPolicyConfiguration",
              {{"TargetValue", 60},
               {"PredefinedMetricSpecification", {{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}}}}}});
  const std::string alarms = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:";
  Json allowed = Json::array({Allow("application-autoscaling:*", "*")});
  // What is refused for want of which action; then it is allowed.
  const auto expect_need = [&](const char* operation, const Json& input, const std::string& action,
                               const std::string& resource) {
    BecomeWith(allowed);
    const auto refused = Error("application-autoscaling", operation, input);
    EXPECT_EQ(refused.code(), "AccessDeniedException") << operation;
    EXPECT_NE(std::string(refused.what()).find(action + " on resource: " + resource), std::string::npos)
        << operation << ": " << refused.what();
    allowed.push_back(Allow(action, "*"));
  };
  const auto expect_none = [&](const char* operation, const Json& input) {
    BecomeWith(allowed);
    EXPECT_EQ(api.ErrorOf("application-autoscaling", operation, input), "") << operation;
  };
  const std::string service = "arn:aws:ecs:us-east-1:123456789012:service/alpha/web";
  expect_need("RegisterScalableTarget", target, "ecs:DescribeServices", service);
  expect_need("RegisterScalableTarget", target, "ecs:UpdateService", service);
  expect_need("RegisterScalableTarget", target, "iam:CreateServiceLinkedRole",
              std::string(kAccount) +
                  ":role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
                  "AWSServiceRoleForApplicationAutoScaling_ECSService");
  expect_none("RegisterScalableTarget", target);
  expect_need("PutScalingPolicy", policy, "cloudwatch:DescribeAlarms", alarms + "*");
  expect_need("PutScalingPolicy", policy, "cloudwatch:PutMetricAlarm", alarms + "TargetTracking-service/alpha/web-*");
  expect_none("PutScalingPolicy", policy);
  // Replaced, or gone with the policy or the target.
  const std::string high = alarms + "TargetTracking-service/alpha/web-AlarmHigh-";
  const Json before = allowed;
  for (const char* operation : {"PutScalingPolicy", "DeleteScalingPolicy", "DeregisterScalableTarget"}) {
    allowed = before;
    const Json input = operation == std::string("PutScalingPolicy")      ? policy
                       : operation == std::string("DeleteScalingPolicy") ? about({{"PolicyName", "cpu"}})
                                                                         : about(Json::object());
    expect_need(operation, input, "cloudwatch:DeleteAlarms", high);
    expect_none(operation, input);
    if (operation == std::string("DeleteScalingPolicy")) expect_none("PutScalingPolicy", policy);
  }
  AsRoot();
  EXPECT_TRUE(api.Call("cloudwatch", "DescribeAlarms")["MetricAlarms"].empty());
}

TEST_F(Authorize, AStepPolicyHasNoAlarmsOfItsOwn) {
  {
    const auto txn = api.store().Begin();
    txn->Put("ecs.services", "alpha/web", {{"status", "ACTIVE"}, {"desiredCount", 1}});
    txn->Commit();
  }
  Json about{{"ServiceNamespace", "ecs"},
             {"ResourceId", "service/alpha/web"},
             {"ScalableDimension", "ecs:service:DesiredCount"}};
  Json target = about;
  target.update({{"MinCapacity", 1}, {"MaxCapacity", 2}});
  api.Call("application-autoscaling", "RegisterScalableTarget", target);
  Json policy = about;
  policy.update({{"PolicyName", "steps"},
                 {"PolicyType", "StepScaling"},
                 {"StepScalingPolicyConfiguration",
                  {{"AdjustmentType", "ChangeInCapacity"},
                   {"StepAdjustments", Json::array({{{"MetricIntervalLowerBound", 0}, {"ScalingAdjustment", 1}}})}}}});
  BecomeWith(Json::array({Allow("application-autoscaling:*", "*")}));
  EXPECT_EQ(api.ErrorOf("application-autoscaling", "PutScalingPolicy", policy), "");
  EXPECT_EQ(api.ErrorOf("application-autoscaling", "DeregisterScalableTarget", about), "");
}

TEST_F(Authorize, S3NamesActionsAfterWhatTheyTouch) {
  api.Call("s3", "CreateBucket", {{"Bucket", "photos"}});
  api.Call("s3", "PutObject", {{"Bucket", "photos"}, {"Key", "a"}, {"Body", "x"}});
  BecomeWith(Json::array({Allow("s3:GetObject", "arn:aws:s3:::photos/*")}));
  const Json object{{"Bucket", "photos"}, {"Key", "a"}};
  const Json missing{{"Bucket", "photos"}, {"Key", "b"}};
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", object), "");
  EXPECT_EQ(api.ErrorOf("s3", "HeadObject", object), "");
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", missing), "AccessDenied")
      << "who may not list is not told that it is missing";
  EXPECT_EQ(api.ErrorOf("s3", "DeleteObject", object), "AccessDenied");
  EXPECT_EQ(api.ErrorOf("s3", "CopyObject", {{"Bucket", "photos"}, {"Key", "c"}, {"CopySource", "photos/a"}}),
            "AccessDenied");
  BecomeWith(
      Json::array({Allow("s3:GetObject", "arn:aws:s3:::photos/*"), Allow("s3:ListBucket", "arn:aws:s3:::photos")}));
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", missing), "NoSuchKey");
  EXPECT_EQ(api.ErrorOf("s3", "HeadBucket", {{"Bucket", "photos"}}), "");
  // What the bucket's own policy gives everybody needs no other.
  AsRoot();
  const Json open{
      {"Effect", "Allow"}, {"Principal", "*"}, {"Action", "s3:GetObject"}, {"Resource", "arn:aws:s3:::photos/*"}};
  api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "photos"}});
  api.Call("s3", "PutBucketPolicy", {{"Bucket", "photos"}, {"Policy", Policy(open)}});
  BecomeWith(Json::array({Allow("sts:*", "*")}));
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", object), "");
}

TEST_F(Authorize, BoundariesAndSessionPoliciesNarrow) {
  BecomeWith(Json::array({Allow("*", "*")}));
  Become("dev", {{"Policy", Policy(Allow("ecs:ListClusters", "*"))}});
  EXPECT_EQ(api.ErrorOf("ecs", "ListClusters"), "");
  EXPECT_NE(std::string(Error("ecs", "ListTaskDefinitions").what()).find("because no session policy allows"),
            std::string::npos);
  AsRoot();
  const std::string boundary =
      api.Call("iam", "CreatePolicy",
               {{"PolicyName", "limit"}, {"PolicyDocument", Policy(Allow("ecs:List*", "*"))}})["Policy"]["Arn"];
  const Json trust = {{"Effect", "Allow"}, {"Principal", {{"AWS", "123456789012"}}}, {"Action", "sts:AssumeRole"}};
  api.Call("iam", "CreateRole",
           {{"RoleName", "limited"}, {"AssumeRolePolicyDocument", Policy(trust)}, {"PermissionsBoundary", boundary}});
  api.Call("iam", "AttachRolePolicy",
           {{"RoleName", "limited"}, {"PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"}});
  Become("limited");
  EXPECT_EQ(api.ErrorOf("ecs", "ListTaskDefinitions"), "");
  EXPECT_NE(std::string(Error("iam", "ListRoles").what()).find("because no permissions boundary allows"),
            std::string::npos);
}

// Who may make roles with this boundary only cannot make one that may more, nor take the boundary away.
TEST_F(Authorize, RolesCanBeMadeWithABoundaryOnly) {
  const auto policy = [&](const char* name) -> std::string {
    return api.Call("iam", "CreatePolicy",
                    {{"PolicyName", name}, {"PolicyDocument", Policy(Allow("ecs:List*", "*"))}})["Policy"]["Arn"];
  };
  const std::string limit = policy("limit");
  const std::string other = policy("other");
  MakeRole("unlimited");
  const Json trust = {{"Effect", "Allow"}, {"Principal", {{"AWS", "123456789012"}}}, {"Action", "sts:AssumeRole"}};
  const Json condition{{"StringEquals", {{"iam:PermissionsBoundary", limit}}}};
  BecomeWith(
      Json::array({Allow({"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}, "*", condition)}));
  const auto make = [&](const Json& more) {
    Json input{{"RoleName", "task"}, {"AssumeRolePolicyDocument", Policy(trust)}};
    input.update(more);
    return api.ErrorOf("iam", "CreateRole", input);
  };
  EXPECT_EQ(make(Json::object()), "AccessDenied");
  EXPECT_EQ(make({{"PermissionsBoundary", other}}), "AccessDenied");
  EXPECT_EQ(make({{"PermissionsBoundary", limit}}), "");
  const auto put = [&](const char* role) {
    return api.ErrorOf("iam", "PutRolePolicy",
                       {{"RoleName", role}, {"PolicyName", "all"}, {"PolicyDocument", Policy(Allow("*", "*"))}});
  };
  EXPECT_EQ(put("unlimited"), "AccessDenied");
  EXPECT_EQ(put("task"), "");
  const auto bound = [&](const char* role, const std::string& boundary) {
    return api.ErrorOf("iam", "PutRolePermissionsBoundary", {{"RoleName", role}, {"PermissionsBoundary", boundary}});
  };
  EXPECT_EQ(bound("task", other), "AccessDenied");
  EXPECT_EQ(bound("unlimited", limit), "");
  EXPECT_EQ(put("unlimited"), "");
  EXPECT_EQ(api.ErrorOf("iam", "DeleteRolePermissionsBoundary", {{"RoleName", "task"}}), "AccessDenied");
  // What was made like that may no more, whatever its policy says.
  Become("task");
  EXPECT_EQ(api.ErrorOf("ecs", "ListClusters"), "");
  EXPECT_EQ(api.ErrorOf("iam", "ListRoles"), "AccessDenied");
}

TEST_F(Authorize, SessionsEnd) {
  BecomeWith(Json::array({Allow("ecs:ListClusters", "*")}));
  api.clock().Advance(std::chrono::hours(2));
  EXPECT_EQ(api.ErrorOf("ecs", "ListClusters"), "ExpiredTokenException");
  EXPECT_EQ(api.ErrorOf("iam", "ListRoles"), "ExpiredToken");
  api.set_access_key("ASIANOBODYKNOWS");
  EXPECT_EQ(api.ErrorOf("ecs", "ListClusters"), "ExpiredTokenException");
}

TEST_F(Authorize, ARoleSaysWhoMayAssumeIt) {
  MakeRole("open");
  MakeRole("closed", {{"AWS", "arn:aws:iam::123456789012:role/other"}});
  MakeRole("named", {{"AWS", "arn:aws:iam::123456789012:role/dev"}});
  const auto assume = [&](const char* role) {
    return api.ErrorOf("sts", "AssumeRole",
                       {{"RoleArn", fmt::format("{}:role/{}", kAccount, role)}, {"RoleSessionName", "somebody"}});
  };
  BecomeWith(Json::array({Allow("ecs:*", "*")}));
  EXPECT_EQ(assume("named"), "") << "the role names the caller";
  EXPECT_EQ(assume("open"), "AccessDenied") << "the role leaves it to the account";
  BecomeWith(Json::array({Allow("sts:AssumeRole", "*")}));
  EXPECT_EQ(assume("open"), "");
  EXPECT_EQ(assume("closed"), "AccessDenied");
}

// {"alg": …}.<claims>.<signature>
std::string Token(const Json& claims) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string encoded;
  int bits = 0;
  unsigned value = 0;
  for (const unsigned char c : claims.dump()) {
    value = value << 8 | c;
    for (bits += 8; bits >= 6; bits -= 6) encoded += kAlphabet[value >> (bits - 6) & 63];
  }
  if (bits > 0) encoded += kAlphabet[value << (6 - bits) & 63];
  return "e30." + encoded + ".c2ln";
}

TEST_F(Authorize, AWebIdentityNeedsItsProviderAndTheRolesConditions) {
  const std::string host = "token.actions.githubusercontent.com";
  const std::string provider = fmt::format("{}:oidc-provider/{}", kAccount, host);
  const Json trust = {{"Effect", "Allow"},
                      {"Principal", {{"Federated", provider}}},
                      {"Action", "sts:AssumeRoleWithWebIdentity"},
                      {"Condition",
                       {{"StringEquals", {{host + ":aud", "sts.amazonaws.com"}}},
                        {"StringLike", {{host + ":sub", "repo:shop/web:*"}}}}}};
  api.Call("iam", "CreateRole", {{"RoleName", "ci"}, {"AssumeRolePolicyDocument", Policy(trust)}});
  const auto assume = [&](const std::string& sub, const std::string& audience = "sts.amazonaws.com") {
    return Error("sts", "AssumeRoleWithWebIdentity",
                 {{"RoleArn", fmt::format("{}:role/ci", kAccount)},
                  {"RoleSessionName", "GitHubActions"},
                  {"WebIdentityToken", Token({{"iss", "https://" + host}, {"aud", audience}, {"sub", sub}})}});
  };
  EXPECT_EQ(assume("repo:shop/web:ref:refs/heads/main").code(), "InvalidIdentityToken") << "no provider";
  api.Call("iam", "CreateOpenIDConnectProvider", {{"Url", "https://" + host}, {"ClientIDList", {"sts.amazonaws.com"}}});
  EXPECT_EQ(assume("repo:shop/web:ref:refs/heads/main").code(), "");
  EXPECT_EQ(assume("repo:shop/other:ref:refs/heads/main").code(), "AccessDenied");
  EXPECT_STREQ(assume("repo:evil/web:pull_request").what(), "Not authorized to perform sts:AssumeRoleWithWebIdentity");
  EXPECT_EQ(assume("repo:shop/web:x", "somebody-else").code(), "InvalidIdentityToken");
}

TEST_F(Authorize, NothingIsRefusedWhenItIsOff) {
  BecomeWith(Json::array({Allow("ecs:ListClusters", "*")}));
  api.cloud().settings.iam = localcloud::Iam::kOff;
  EXPECT_EQ(api.ErrorOf("ecs", "ListTaskDefinitions"), "");
}

}  // namespace
}  // namespace adhoc::testing
