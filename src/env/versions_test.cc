#include "env/versions.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

using Origin = Version::Origin;

struct Case {
  const char* name;
  const char* variables;
  std::optional<std::string> recorded;
  std::optional<std::string> deployed;
  const char* tag;
  Origin origin;
};

class DecideVersionTest : public testing::TestWithParam<Case> {};

TEST_P(DecideVersionTest, Decides) {
  const Case& c = GetParam();
  const Version version = DecideVersion(c.variables, c.recorded, c.deployed);
  EXPECT_EQ(version.tag, c.tag);
  EXPECT_EQ(version.origin, c.origin);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, DecideVersionTest,
    testing::Values(Case{"first_apply", "v1", {}, {}, "v1", Origin::kVariables},
                    Case{"nothing_changed", "v1", "v1", "v1", "v1", Origin::kVariables},
                    Case{"a_deploy_is_kept", "v1", "v1", "v2", "v2", Origin::kDeployed},
                    Case{"an_edited_tag_wins_over_a_deploy", "v3", "v1", "v2", "v3", Origin::kVariables},
                    Case{"an_edited_tag_that_matches_the_deploy", "v2", "v1", "v2", "v2", Origin::kVariables},
                    Case{"a_lost_record_keeps_what_runs", "v1", {}, "v2", "v2", Origin::kDeployed},
                    Case{"recorded_but_nothing_runs", "v1", "v0", {}, "v1", Origin::kVariables}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace adhoc::env
