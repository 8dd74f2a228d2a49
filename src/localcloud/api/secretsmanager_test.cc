#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Secrets : ::testing::Test {
  LocalApi api;
  Json Make(const std::string& name, const std::string& value) {
    return api.Call("secretsmanager", "CreateSecret", {{"Name", name}, {"SecretString", value}});
  }
  Json Value(const Json& extra) { return api.Call("secretsmanager", "GetSecretValue", extra); }
};

TEST_F(Secrets, AreFoundByNameAndByArn) {
  const std::string arn = Make("alpha/db", "hunter2")["ARN"];
  EXPECT_EQ(arn.substr(0, arn.size() - 6), "arn:aws:secretsmanager:us-east-1:123456789012:secret:alpha/db-");
  EXPECT_EQ(Value({{"SecretId", "alpha/db"}})["SecretString"], "hunter2");
  EXPECT_EQ(Value({{"SecretId", arn}})["SecretString"], "hunter2");
  EXPECT_EQ(Value({{"SecretId", arn.substr(0, arn.size() - 7)}})["SecretString"], "hunter2");
  EXPECT_EQ(api.ErrorOf("secretsmanager", "GetSecretValue", {{"SecretId", "none"}}), "ResourceNotFoundException");
  EXPECT_EQ(api.ErrorOf("secretsmanager", "CreateSecret", {{"Name", "alpha/db"}}), "ResourceExistsException");
}

TEST_F(Secrets, ANewValueLeavesTheOldOneAsPrevious) {
  Make("s", "one");
  api.Call("secretsmanager", "PutSecretValue", {{"SecretId", "s"}, {"SecretString", "two"}});
  api.Call("secretsmanager", "UpdateSecret", {{"SecretId", "s"}, {"SecretString", "three"}});
  EXPECT_EQ(Value({{"SecretId", "s"}})["SecretString"], "three");
  EXPECT_EQ(Value({{"SecretId", "s"}, {"VersionStage", "AWSPREVIOUS"}})["SecretString"], "two");
  EXPECT_EQ(api.Call("secretsmanager", "DescribeSecret", {{"SecretId", "s"}})["VersionIdsToStages"].size(), 2u);
}

TEST_F(Secrets, TheSameTokenMeansTheSameVersion) {
  Make("s", "one");
  const Json input{
      {"SecretId", "s"}, {"SecretString", "two"}, {"ClientRequestToken", "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"}};
  const std::string version = api.Call("secretsmanager", "PutSecretValue", input)["VersionId"];
  EXPECT_EQ(api.Call("secretsmanager", "PutSecretValue", input)["VersionId"], version);
  Json other = input;
  other["SecretString"] = "three";
  EXPECT_EQ(api.ErrorOf("secretsmanager", "PutSecretValue", other), "ResourceExistsException");
}

TEST_F(Secrets, BytesComeBackAsTheyWere) {
  const std::string bytes("\0\xff\x80", 3);
  api.Call("secretsmanager", "CreateSecret", {{"Name", "b"}, {"SecretBinary", bytes}});
  EXPECT_EQ(Value({{"SecretId", "b"}})["SecretBinary"], bytes);
}

TEST_F(Secrets, DeletionCanBeUndoneUntilItsTimeHasCome) {
  Make("s", "one");
  api.Call("secretsmanager", "DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}});
  EXPECT_EQ(api.ErrorOf("secretsmanager", "GetSecretValue", {{"SecretId", "s"}}), "InvalidRequestException");
  EXPECT_EQ(api.ErrorOf("secretsmanager", "CreateSecret", {{"Name", "s"}}), "InvalidRequestException");
  EXPECT_TRUE(api.Call("secretsmanager", "ListSecrets")["SecretList"].empty());
  api.Call("secretsmanager", "RestoreSecret", {{"SecretId", "s"}});
  EXPECT_EQ(Value({{"SecretId", "s"}})["SecretString"], "one");
  api.Call("secretsmanager", "DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}});
  api.clock().Advance(std::chrono::hours(24 * 8));
  EXPECT_EQ(Make("s", "new")["Name"], "s");
}

TEST_F(Secrets, ForcedDeletionIsAtOnce) {
  Make("s", "one");
  api.Call("secretsmanager", "DeleteSecret", {{"SecretId", "s"}, {"ForceDeleteWithoutRecovery", true}});
  EXPECT_EQ(api.ErrorOf("secretsmanager", "DescribeSecret", {{"SecretId", "s"}}), "ResourceNotFoundException");
  Make("s", "two");
}

TEST_F(Secrets, AreListedByNameAndTag) {
  Make("alpha/db", "1");
  Make("beta/db", "2");
  api.Call("secretsmanager", "TagResource",
           {{"SecretId", "beta/db"}, {"Tags", Json::array({{{"Key", "env"}, {"Value", "beta"}}})}});
  const auto names = [&](const std::string& key, const std::string& value) {
    std::vector<std::string> found;
    const Json filter = Json::array({{{"Key", key}, {"Values", Json::array({value})}}});
    const Json answer = api.Call("secretsmanager", "ListSecrets", {{"Filters", filter}});
    for (const auto& secret : answer["SecretList"]) found.push_back(secret["Name"]);
    return found;
  };
  EXPECT_EQ(names("name", "alpha/"), std::vector<std::string>{"alpha/db"});
  EXPECT_EQ(names("tag-value", "beta"), std::vector<std::string>{"beta/db"});
  EXPECT_EQ(names("name", "!alpha"), std::vector<std::string>{"beta/db"});
}

TEST_F(Secrets, RandomPasswordsHoldEachKindAndNothingExcluded) {
  const std::string password = api.Call("secretsmanager", "GetRandomPassword",
                                        {{"PasswordLength", 40}, {"ExcludeCharacters", "/@\"'\\ "}})["RandomPassword"];
  EXPECT_EQ(password.size(), 40u);
  EXPECT_EQ(password.find_first_of("/@\"'\\ "), std::string::npos);
  EXPECT_NE(password.find_first_of("0123456789"), std::string::npos);
  EXPECT_NE(password.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), std::string::npos);
}

}  // namespace
}  // namespace adhoc::testing
