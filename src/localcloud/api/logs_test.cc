#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Logs : ::testing::Test {
  LocalApi api;
  std::int64_t now_ms = static_cast<std::int64_t>(api.cloud().Now() * 1000);

  void SetUp() override {
    api.Call("logs", "CreateLogGroup", {{"logGroupName", "/ecs/alpha/web"}, {"tags", {{"env", "alpha"}}}});
    api.Call("logs", "CreateLogStream", {{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "web/web/1"}});
  }
  Json Put(const std::vector<std::string>& messages, std::int64_t at = 0) {
    Json events = Json::array();
    for (const auto& message : messages) events.push_back({{"timestamp", now_ms + at++}, {"message", message}});
    return api.Call("logs", "PutLogEvents",
                    {{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "web/web/1"}, {"logEvents", events}});
  }
  Json Get(Json extra = Json::object()) {
    extra.update({{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "web/web/1"}});
    return api.Call("logs", "GetLogEvents", extra);
  }
  std::vector<std::string> Filtered(const std::string& pattern) {
    std::vector<std::string> messages;
    const Json answer =
        api.Call("logs", "FilterLogEvents", {{"logGroupName", "/ecs/alpha/web"}, {"filterPattern", pattern}});
    for (const auto& event : answer["events"]) {
      messages.push_back(event["message"]);
    }
    return messages;
  }
};

TEST_F(Logs, GroupsAreListedByPrefix) {
  const Json groups = api.Call("logs", "DescribeLogGroups", {{"logGroupNamePrefix", "/ecs/alpha"}})["logGroups"];
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0]["arn"], "arn:aws:logs:us-east-1:123456789012:log-group:/ecs/alpha/web:*");
  EXPECT_TRUE(api.Call("logs", "DescribeLogGroups", {{"logGroupNamePrefix", "/ecs/beta"}})["logGroups"].empty());
  EXPECT_EQ(api.ErrorOf("logs", "CreateLogGroup", {{"logGroupName", "/ecs/alpha/web"}}),
            "ResourceAlreadyExistsException");
  EXPECT_EQ(api.Call("logs", "ListTagsLogGroup", {{"logGroupName", "/ecs/alpha/web"}})["tags"]["env"], "alpha");
}

TEST_F(Logs, RetentionTakesOnlyTheDaysThatExist) {
  EXPECT_EQ(api.ErrorOf("logs", "PutRetentionPolicy", {{"logGroupName", "/ecs/alpha/web"}, {"retentionInDays", 8}}),
            "InvalidParameterException");
  api.Call("logs", "PutRetentionPolicy", {{"logGroupName", "/ecs/alpha/web"}, {"retentionInDays", 7}});
  EXPECT_EQ(api.Call("logs", "DescribeLogGroups")["logGroups"][0]["retentionInDays"], 7);
}

TEST_F(Logs, FollowingEndsWhenTheTokenComesBack) {
  Put({"one", "two"});
  const Json first = Get({{"startFromHead", true}});
  ASSERT_EQ(first["events"].size(), 2u);
  EXPECT_EQ(first["events"][0]["message"], "one");
  const Json second = Get({{"nextToken", first["nextForwardToken"]}});
  EXPECT_TRUE(second["events"].empty());
  EXPECT_EQ(second["nextForwardToken"], first["nextForwardToken"]);
  Put({"three"}, 10);
  EXPECT_EQ(Get({{"nextToken", second["nextForwardToken"]}})["events"][0]["message"], "three");
}

TEST_F(Logs, WithoutATokenTheNewestCome) {
  Put({"one", "two", "three"});
  const Json newest = Get({{"limit", 2}});
  EXPECT_EQ(newest["events"][0]["message"], "two");
  const Json older = Get({{"limit", 2}, {"nextToken", newest["nextBackwardToken"]}});
  ASSERT_EQ(older["events"].size(), 1u);
  EXPECT_EQ(older["events"][0]["message"], "one");
  EXPECT_EQ(
      api.ErrorOf("logs", "GetLogEvents",
                  {{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "web/web/1"}, {"nextToken", "nonsense"}}),
      "InvalidParameterException");
}

TEST_F(Logs, FilterPatternsCombineTerms) {
  Put({"GET /a 200", "GET /b 500", "POST /c 500 timeout", "boot complete"});
  EXPECT_EQ(Filtered("500"), (std::vector<std::string>{"GET /b 500", "POST /c 500 timeout"}));
  EXPECT_EQ(Filtered("GET 500"), (std::vector<std::string>{"GET /b 500"}));
  EXPECT_EQ(Filtered("500 -timeout"), (std::vector<std::string>{"GET /b 500"}));
  EXPECT_EQ(Filtered("?timeout ?boot"), (std::vector<std::string>{"POST /c 500 timeout", "boot complete"}));
  EXPECT_EQ(Filtered("\"boot complete\""), (std::vector<std::string>{"boot complete"}));
  EXPECT_EQ(Filtered("").size(), 4u);
}

TEST_F(Logs, FilteringPages) {
  Put({"a1", "b", "a2", "a3"});
  const Json first =
      api.Call("logs", "FilterLogEvents", {{"logGroupName", "/ecs/alpha/web"}, {"filterPattern", "a"}, {"limit", 2}});
  ASSERT_EQ(first["events"].size(), 2u);
  const Json second = api.Call(
      "logs", "FilterLogEvents",
      {{"logGroupName", "/ecs/alpha/web"}, {"filterPattern", "a"}, {"limit", 2}, {"nextToken", first["nextToken"]}});
  ASSERT_EQ(second["events"].size(), 1u);
  EXPECT_EQ(second["events"][0]["message"], "a3");
  EXPECT_FALSE(second.contains("nextToken"));
}

TEST_F(Logs, EventsOutOfTimeAreRejectedAndTheRestKept) {
  const Json answer =
      api.Call("logs", "PutLogEvents",
               {{"logGroupName", "/ecs/alpha/web"},
                {"logStreamName", "web/web/1"},
                {"logEvents", Json::array({{{"timestamp", now_ms}, {"message", "now"}},
                                           {{"timestamp", now_ms + 3 * 3600 * 1000}, {"message", "soon"}}})}});
  EXPECT_EQ(answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"], 1);
  EXPECT_EQ(Get()["events"].size(), 1u);
  EXPECT_EQ(api.ErrorOf("logs", "PutLogEvents",
                        {{"logGroupName", "/ecs/alpha/web"},
                         {"logStreamName", "web/web/1"},
                         {"logEvents", Json::array({{{"timestamp", now_ms}, {"message", "b"}},
                                                    {{"timestamp", now_ms - 1}, {"message", "a"}}})}}),
            "InvalidParameterException");
}

TEST_F(Logs, StreamsAreOrderedByNameOrLastEvent) {
  api.Call("logs", "CreateLogStream", {{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "a/a/1"}});
  Put({"hello"});
  const auto names = [&](const Json& extra) {
    Json input{{"logGroupName", "/ecs/alpha/web"}};
    input.update(extra);
    std::vector<std::string> found;
    const Json answer = api.Call("logs", "DescribeLogStreams", input);
    for (const auto& stream : answer["logStreams"]) found.push_back(stream["logStreamName"]);
    return found;
  };
  EXPECT_EQ(names(Json::object()), (std::vector<std::string>{"a/a/1", "web/web/1"}));
  EXPECT_EQ(names({{"orderBy", "LastEventTime"}, {"descending", true}}),
            (std::vector<std::string>{"web/web/1", "a/a/1"}));
  EXPECT_EQ(names({{"logStreamNamePrefix", "web"}}), (std::vector<std::string>{"web/web/1"}));
}

TEST_F(Logs, DeletingAGroupTakesItsEvents) {
  Put({"hello"});
  api.Call("logs", "DeleteLogGroup", {{"logGroupName", "/ecs/alpha/web"}});
  EXPECT_EQ(api.ErrorOf("logs", "GetLogEvents", {{"logGroupName", "/ecs/alpha/web"}, {"logStreamName", "web/web/1"}}),
            "ResourceNotFoundException");
  SetUp();
  EXPECT_TRUE(Get()["events"].empty());
}

}  // namespace
}  // namespace adhoc::testing
