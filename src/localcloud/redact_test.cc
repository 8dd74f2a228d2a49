#include "localcloud/redact.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

Json Redacted(const char* service, const char* operation, const Json& input) {
  return Redact(*aws::GetService(service).GetOperation(operation).input, input);
}

TEST(RedactTest, SecretsAndPasswordsAreHidden) {
  EXPECT_EQ(Redacted("secretsmanager", "CreateSecret", {{"Name", "db"}, {"SecretString", "hunter2"}}),
            Json({{"Name", "db"}, {"SecretString", "***"}}));
  EXPECT_EQ(Redacted("rds", "CreateDBInstance", {{"MasterUsername", "app"}, {"MasterUserPassword", "hunter2"}}),
            Json({{"MasterUsername", "app"}, {"MasterUserPassword", "***"}}));
}

TEST(RedactTest, VariablesOfContainersKeepTheirNamesOnly) {
  const Json given = {
      {"family", "web"},
      {"containerDefinitions",
       Json::array({{{"name", "web"}, {"environment", Json::array({{{"name", "KEY"}, {"value", "hunter2"}}})}}})}};
  Json expected = given;
  expected["containerDefinitions"][0]["environment"][0]["value"] = "***";
  EXPECT_EQ(Redacted("ecs", "RegisterTaskDefinition", given), expected);
}

TEST(RedactTest, WhatIsNotOfTheModelsFormStays) {
  EXPECT_EQ(Redacted("ecs", "RegisterTaskDefinition", {{"containerDefinitions", "text"}, {"unknown", 1}}),
            Json({{"containerDefinitions", "text"}, {"unknown", 1}}));
}

}  // namespace
}  // namespace adhoc::localcloud
