#include "aws/client/jmespath.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::aws {
namespace {

TEST(JmesSearchTest, FindsWhatTheSpecificationSays) {
  struct Case {
    const char* expression;
    const char* document;
    const char* expected;
  };
  const Case cases[] = {
      {"status", R"({"status":"ACTIVE"})", R"("ACTIVE")"},
      {"status", R"({})", "null"},
      {"status", R"([1])", "null"},
      {"ChangeInfo.Status", R"({"ChangeInfo":{"Status":"INSYNC"}})", R"("INSYNC")"},
      {"ChangeInfo.Status", R"({"ChangeInfo":3})", "null"},
      {"a[0]", R"({"a":[5,6]})", "5"},
      {"a[-1].k", R"({"a":[{"k":1},{"k":2}]})", "2"},
      {"a[2]", R"({"a":[5,6]})", "null"},
      {"tasks[].lastStatus", R"({"tasks":[{"lastStatus":"RUNNING"},{"lastStatus":"STOPPED"},{}]})",
       R"(["RUNNING","STOPPED"])"},
      {"tasks[].lastStatus", R"({})", "null"},
      {"tasks[].lastStatus", R"({"tasks":[]})", "[]"},
      {"Reservations[].Instances[].State.Name",
       R"({"Reservations":[{"Instances":[{"State":{"Name":"a"}},{"State":{"Name":"b"}}]},
           {"Instances":[{"State":{"Name":"c"}}]},{}]})",
       R"(["a","b","c"])"},
      {"a[]", R"({"a":[[1,2],3,[[4]]]})", "[1,2,3,[4]]"},
      {"a[*].b", R"({"a":[{"b":1},{},{"b":2}]})", "[1,2]"},
      {"[].k", R"([{"k":1},{"k":2}])", "[1,2]"},
      {"a[?b].c", R"({"a":[{"b":true,"c":1},{"c":2},{"b":"x","c":3},{"b":"","c":4}]})", "[1,3]"},
      {"a[?b == 'x'].c", R"({"a":[{"b":"x","c":1},{"b":"y","c":2}]})", "[1]"},
      {"a[?b > `1`]", R"({"a":[{"b":1},{"b":2},{"b":"3"}]})", R"([{"b":2}])"},
      {"length(DBInstances) == `0`", R"({"DBInstances":[]})", "true"},
      {"length(DBInstances) == `0`", R"({"DBInstances":[{}]})", "false"},
      {"length(DBInstances) == `0`", R"({})", "true"},
      {"length(Reservations[]) > `0`", R"({"Reservations":[{}]})", "true"},
      {"length(SecurityGroups[].GroupId) > `0`", R"({"SecurityGroups":[{}]})", "false"},
      {"length(PasswordData) > `0`", R"({"PasswordData":"x"})", "true"},
      {"NextMarker || Contents[-1].Key", R"({"Contents":[{"Key":"a"},{"Key":"b"}]})", R"("b")"},
      {"NextMarker || Contents[-1].Key", R"({"NextMarker":"m","Contents":[{"Key":"a"}]})", R"("m")"},
      {"a && b", R"({"a":1,"b":2})", "2"},
      {"a && b", R"({"a":"","b":2})", R"("")"},
      {"!a", R"({"a":[]})", "true"},
      {"a != b", R"({"a":1,"b":1})", "false"},
      {"(a || b).c", R"({"b":{"c":4}})", "4"},
      {"a < b", R"({"a":1,"b":"x"})", "null"},
      {"@", "7", "7"},
      {"`[1, \"x\"]`", "{}", R"([1,"x"])"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(JmesSearch(c.expression, Json::parse(c.document)), Json::parse(c.expected))
        << c.expression << " in " << c.document;
  }
}

TEST(JmesSearchTest, KnowsWhenEcsServicesAreStable) {
  const char* const expression =
      "length(services[?!(length(deployments) == `1` && runningCount == desiredCount)]) == `0`";
  const auto stable = [&](const char* services) {
    return JmesSearch(expression, Json{{"services", Json::parse(services)}}) == Json(true);
  };
  EXPECT_TRUE(stable(R"([{"deployments":[{}],"runningCount":2,"desiredCount":2}])"));
  EXPECT_FALSE(stable(R"([{"deployments":[{},{}],"runningCount":2,"desiredCount":2}])"));
  EXPECT_FALSE(stable(R"([{"deployments":[{}],"runningCount":1,"desiredCount":2}])"));
  EXPECT_FALSE(stable(R"([{"deployments":[{}],"runningCount":1,"desiredCount":1},
                          {"deployments":[{}],"runningCount":0,"desiredCount":1}])"));
}

TEST(JmesSearchTest, RefusesWhatItDoesNotKnow) {
  for (const char* expression :
       {"", "a.", "a[", "a[1:2]", "a]", "sort(a)", "`x`", "'x", "a ==", "(a", "a b", "[?a", "{a: b}"}) {
    EXPECT_THROW(JmesSearch(expression, Json::object()), Error) << expression;
  }
}

}  // namespace
}  // namespace adhoc::aws
