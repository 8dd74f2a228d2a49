#include "deploy/deploy.h"

#include <gtest/gtest.h>

namespace adhoc::deploy {
namespace {

TEST(WithImageTest, ChangesOnlyTheImageOfItsRepository) {
  const Json described = {
      {"family", "alpha-web"},
      {"taskDefinitionArn", "arn"},
      {"revision", 3},
      {"status", "ACTIVE"},
      {"registeredAt", 1.0},
      {"cpu", "256"},
      {"memory", "512"},
      {"containerDefinitions", Json::array({{{"name", "web"},
                                             {"image", "r/backend:v1"},
                                             {"environment", Json::array({{{"name", "A"}, {"value", "1"}}})}},
                                            {{"name", "proxy"}, {"image", "r/envoy:v1"}}})}};
  const Json tags = Json::array({{{"key", "env"}, {"value", "alpha"}}});
  const Json input = WithImage(described, tags, "r/backend", "r/backend:v2");
  Json expected = {{"family", "alpha-web"},
                   {"cpu", "256"},
                   {"memory", "512"},
                   {"containerDefinitions", described["containerDefinitions"]},
                   {"tags", tags}};
  expected["containerDefinitions"][0]["image"] = "r/backend:v2";
  EXPECT_EQ(input, expected);
}

}  // namespace
}  // namespace adhoc::deploy
