#include "localcloud/store/log_store.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

std::vector<std::string> Messages(const std::vector<LogEvent>& events) {
  std::vector<std::string> messages;
  for (const auto& event : events) messages.push_back(event.message);
  return messages;
}

TEST(LogStoreTest, PagesForwardsAndBackwardsInOrderOfArrival) {
  LogStore logs(":memory:");
  logs.Append("/ecs/a/x", "x/x/1", {{.timestamp_ms = 10, .message = "one"}, {.timestamp_ms = 20, .message = "two"}});
  logs.Append("/ecs/a/x", "x/x/2", {{.timestamp_ms = 15, .message = "other"}});
  logs.Append("/ecs/a/x", "x/x/1", {{.timestamp_ms = 30, .message = "three"}});

  const auto first = logs.Read({.group = "/ecs/a/x", .streams = {"x/x/1"}, .limit = 2});
  EXPECT_EQ(Messages(first), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(Messages(logs.Read({.group = "/ecs/a/x", .streams = {"x/x/1"}, .after_id = first.back().id})),
            (std::vector<std::string>{"three"}));
  EXPECT_EQ(Messages(logs.Read({.group = "/ecs/a/x", .descending = true, .limit = 2})),
            (std::vector<std::string>{"other", "three"}));
  EXPECT_EQ(logs.Count("/ecs/a/x", "x/x/1"), 3);
}

TEST(LogStoreTest, FiltersByTimeTextAndStreamPrefix) {
  LogStore logs(":memory:");
  logs.Append("g", "gunicorn/a/1",
              {{.timestamp_ms = 10, .message = "GET /"}, {.timestamp_ms = 20, .message = "ERROR x"}});
  logs.Append("g", "beat/b/1", {{.timestamp_ms = 20, .message = "ERROR y"}});
  EXPECT_EQ(Messages(logs.Read({.group = "g", .contains = "ERROR"})), (std::vector<std::string>{"ERROR x", "ERROR y"}));
  EXPECT_EQ(Messages(logs.Read({.group = "g", .stream_prefix = "beat/"})), (std::vector<std::string>{"ERROR y"}));
  EXPECT_EQ(Messages(logs.Read({.group = "g", .start_ms = 10, .end_ms = 20})), (std::vector<std::string>{"GET /"}));
}

TEST(LogStoreTest, DeletingAGroupLeavesOthersAlone) {
  LogStore logs(":memory:");
  logs.Append("a", "s", {{.message = "1"}});
  logs.Append("b", "s", {{.message = "2"}});
  logs.DeleteGroup("a");
  EXPECT_TRUE(logs.Read({.group = "a"}).empty());
  EXPECT_EQ(logs.Read({.group = "b"}).size(), 1);
}

}  // namespace
}  // namespace adhoc::localcloud
