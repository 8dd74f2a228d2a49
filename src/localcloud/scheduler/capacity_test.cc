#include "localcloud/scheduler/capacity.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud::ecs {
namespace {

std::string Place(const Json& strategy, int count) {
  std::map<std::string, int> running;
  std::string order;
  for (int i = 0; i < count; ++i) {
    const std::string provider = NextCapacityProvider(strategy, running);
    ++running[provider];
    order += provider == "FARGATE_SPOT" ? "s" : provider == "FARGATE" ? "f" : "?";
  }
  return order;
}

Json Item(const char* provider, int weight, int base = 0) {
  return {{"capacityProvider", provider}, {"weight", weight}, {"base", base}};
}

TEST(NextCapacityProvider, FillsTheBaseAndThenGoesByWeight) {
  struct Case {
    Json strategy;
    const char* order;
  };
  const Case cases[] = {
      {Json::array({Item("FARGATE_SPOT", 1)}), "ssss"},
      {Json::array({Item("FARGATE_SPOT", 0)}), "ssss"},
      {Json::array({Item("FARGATE", 1), Item("FARGATE_SPOT", 1)}), "fsfs"},
      {Json::array({Item("FARGATE_SPOT", 1), Item("FARGATE", 1, 2)}), "ffsfsf"},
      {Json::array({Item("FARGATE", 0, 1), Item("FARGATE_SPOT", 1)}), "fsss"},
      {Json::array({Item("FARGATE", 1), Item("FARGATE_SPOT", 3)}), "ssfsssfs"},
  };
  for (const Case& test : cases) {
    const std::string order = test.order;
    EXPECT_EQ(Place(test.strategy, static_cast<int>(order.size())), order) << test.strategy;
  }
  EXPECT_EQ(NextCapacityProvider(Json::array(), {}), "");
}

}  // namespace
}  // namespace adhoc::localcloud::ecs
