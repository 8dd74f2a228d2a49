#include "env/existing.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "testing/temporary_folder.h"

namespace adhoc::env {
namespace {

constexpr const char* kState = R"({
  "version": 4,
  "terraform_version": "1.9.0",
  "serial": 7,
  "outputs": {
    "vpc_id": {"value": "vpc-1", "type": "string"},
    "private_subnets": {"value": ["subnet-1", "subnet-2"], "type": ["tuple", ["string", "string"]]},
    "shared": {"value": {"database": {"secret_arn": "arn:secret"}, "port": 5432}, "type": ["object", {}]}
  },
  "resources": []
})";

config::Config Shop() {
  config::Config config;
  config.target.existing.state = "shared.tfstate";
  config.target.existing.vpc = "${state.vpc_id}";
  config.target.existing.private_subnets.ids = {"${state.private_subnets}", "subnet-3"};
  config.target.existing.database_secret = "${state.shared.database.secret_arn}";
  config.target.existing.database = "postgres";
  return config;
}

// The message and its hint.
std::string ErrorOf(config::Config config, const std::string& text) {
  try {
    ResolveState(config, [&](const std::string&) { return text; });
    return "";
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
}

TEST(TerraformState, ItsOutputsTakeThePlaceOfReferences) {
  config::Config config = Shop();
  ResolveState(config, [](const std::string& place) {
    EXPECT_EQ(place, "shared.tfstate");
    return std::string(kState);
  });
  const config::Existing& existing = config.target.existing;
  EXPECT_EQ(existing.vpc, "vpc-1");
  EXPECT_EQ(existing.private_subnets.ids, (std::vector<std::string>{"subnet-1", "subnet-2", "subnet-3"}));
  EXPECT_EQ(existing.database_secret, "arn:secret");
  EXPECT_EQ(existing.database, "postgres");
}

TEST(TerraformState, WithoutOneNothingIsRead) {
  config::Config config;
  ResolveState(config, [](const std::string&) -> std::string { throw Error("read"); });
}

TEST(TerraformState, WhatIsMissingOrWrongIsNamed) {
  EXPECT_EQ(
      ErrorOf(Shop(), "no json"),
      "shared.tfstate is no state of Terraform that can be read: it has no outputs of version 4 | name the object "
      "or file that `terraform state pull` shows");
  EXPECT_NE(ErrorOf(Shop(), R"({"version": 3, "modules": []})"), "");
  config::Config config = Shop();
  config.target.existing.vpc = "${state.vpcid}";
  EXPECT_EQ(ErrorOf(config, kState), "the state shared.tfstate has no output vpcid | did you mean `vpc_id`?");
  config.target.existing.vpc = "${state.shared.vpc}";
  EXPECT_EQ(ErrorOf(config, kState), "the state shared.tfstate has no output shared.vpc | use one of: database, port");
  config.target.existing.vpc = "${state.shared.port}";
  EXPECT_EQ(ErrorOf(config, kState),
            "the output shared.port of the state shared.tfstate is no text | correct "
            "`existing:` of the target in adhoc.yaml");
}

TEST(TerraformState, AFileIsBesideTheDefinition) {
  const testing::TemporaryFolder folder;
  folder.Write("shared.tfstate", kState);
  config::Config config;
  config.directory = folder.path();
  EXPECT_EQ(ReadState(nullptr, config, "shared.tfstate"), kState);
  EXPECT_THROW(ReadState(nullptr, config, "other.tfstate"), Error);
  EXPECT_THROW(ReadState(nullptr, config, "s3://states/shared.tfstate"), Error);
}

}  // namespace
}  // namespace adhoc::env
