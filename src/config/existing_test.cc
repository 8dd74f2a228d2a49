#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/definition.h"

namespace adhoc::config {
namespace {

using Strings = std::vector<std::string>;

struct Parsed {
  std::optional<Definition> definition;
  Strings mistakes;
};

Parsed Parse(const std::string& target) {
  Diagnostics diagnostics;
  Parsed parsed;
  parsed.definition =
      ParseDefinition(SourceText::FromText(
                          "adhoc.yaml", "name: x\nservices: {a: {image: redis:7}}\ntargets: {local: {" + target + "}}"),
                      diagnostics);
  for (const Diagnostic& item : diagnostics.items())
    parsed.mistakes.push_back(item.summary + (item.hint.empty() ? "" : " | " + item.hint));
  return parsed;
}

TEST(ExistingThings, AreNamedByIdsTagsAndArns) {
  const Parsed parsed = Parse(
      "network: {ingress: [192.0.2.0/24]}, existing: {vpc: vpc-1, public_subnets: [subnet-1, subnet-2], "
      "private_subnets: {Tier: private}, security_group: sg-1, "
      "database: {instance: shop, secret: \"arn:aws:secretsmanager:us-east-1:111122223333:secret:shop-AbCdEf\"}}");
  EXPECT_EQ(parsed.mistakes, Strings{});
  const Target& target = parsed.definition->GetTarget("").target;
  EXPECT_EQ(target.existing.vpc, "vpc-1");
  EXPECT_EQ(target.existing.public_subnets.ids, (Strings{"subnet-1", "subnet-2"}));
  EXPECT_EQ(target.existing.private_subnets.tags.at("Tier"), "private");
  EXPECT_EQ(target.existing.security_group, "sg-1");
  EXPECT_EQ(target.existing.database, "shop");
  EXPECT_FALSE(target.tasks_are_public());
}

TEST(ExistingThings, TasksWithoutPrivateSubnetsArePublic) {
  const Parsed parsed = Parse("existing: {vpc: vpc-1, public_subnets: [subnet-1]}");
  EXPECT_TRUE(parsed.definition->GetTarget("").target.tasks_are_public());
}

TEST(ExistingThings, MayComeFromAState) {
  const Parsed parsed = Parse(
      "existing: {state: \"s3://states/shared.tfstate\", vpc: \"${state.vpc_id}\", "
      "public_subnets: \"${state.public_subnets}\", private_subnets: [\"${state.vpc.first}\", subnet-2], "
      "load_balancer: \"${state.alb_arn}\", database: \"${state.db}\"}");
  EXPECT_EQ(parsed.mistakes, Strings{});
  const Existing& existing = parsed.definition->GetTarget("").target.existing;
  EXPECT_EQ(existing.vpc, "${state.vpc_id}");
  EXPECT_EQ(existing.public_subnets.ids, Strings{"${state.public_subnets}"});
  EXPECT_EQ(existing.private_subnets.ids, (Strings{"${state.vpc.first}", "subnet-2"}));
}

TEST(ExistingThings, MistakesAreToldAtOnce) {
  struct Case {
    const char* target;
    Strings mistakes;
  };
  const Case cases[] = {
      {"existing: {vpc: dev, vcp: x}",
       {"unknown key `vcp` in `targets.local.existing` | did you mean `vpc`?",
        "`targets.local.existing.vpc` is not valid: `dev` is no such name | for example vpc-0123456789abcdef0",
        "`targets.local.existing` has no public_subnets: the load balancer that adhoc makes has no place | add "
        "public_subnets: [subnet-…, subnet-…], or load_balancer:"}},
      {"existing: {database: shop}",
       {"`targets.local.existing.database` needs `vpc`: what adhoc makes goes into the same one | add vpc: vpc-…"}},
      {"existing: {vpc: \"${state.vpc_id}\", public_subnets: [subnet-1]}",
       {"`targets.local.existing.vpc` is an output of a state, and `targets.local.existing.state` names none | add "
        "state: s3://bucket/key, or the path of a file"}},
      {"existing: {state: \"s3://states\", vpc: vpc-1, public_subnets: [\"${var.x}\"]}",
       {"`targets.local.existing.state` is not valid: it has no bucket and key | for example "
        "s3://bucket/shared/terraform.tfstate",
        "`targets.local.existing.public_subnets[0]` cannot hold references | write the value itself"}},
      {"network: {zones: 3, ingress: [10.0.0.0/8]}, existing: {vpc: vpc-1, private_subnets: [subnet-1], "
       "load_balancer: \"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/main/0123\"}",
       {"`targets.local.network.zones` is of a VPC that adhoc makes, and existing.vpc names one | remove it",
        "`targets.local.network.ingress` is of a load balancer that adhoc makes, and existing.load_balancer names one "
        "| remove it"}},
      {"bastion: true, existing: {vpc: vpc-1, private_subnets: [subnet-1], "
       "load_balancer: \"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/main/0123\", "
       "database: {secret: \"arn:aws:secretsmanager:us-east-1:111122223333:secret:x\"}}",
       {"`targets.local.existing.database` has no instance | add instance: with the identifier of the RDS instance",
        "`targets.local.bastion` needs existing.public_subnets | add them, or remove bastion"}},
      {"existing: {vpc: vpc-1, load_balancer: main}",
       {"`targets.local.existing.load_balancer` is not valid: `main` is no such name | for example the ARN of an "
        "application load balancer",
        "`targets.local.existing` has no subnets: tasks have no place | add private_subnets: [subnet-…]"}},
  };
  for (const Case& test : cases) EXPECT_EQ(Parse(test.target).mistakes, test.mistakes) << test.target;
}

}  // namespace
}  // namespace adhoc::config
