#include "net/http_message.h"

#include <gtest/gtest.h>

namespace adhoc::net {
namespace {

TEST(HeadersTest, NamesCompareWithoutCase) {
  const Headers headers = {{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
  EXPECT_EQ(headers.Get("content-TYPE"), "text/plain");
  EXPECT_EQ(headers.Get("X-a"), "1");
  EXPECT_FALSE(headers.Has("X-B"));
  EXPECT_EQ(headers.GetOr("X-B", "none"), "none");
}

TEST(HeadersTest, SetReplacesEveryLineOfTheName) {
  Headers headers = {{"X-A", "1"}, {"Host", "h"}, {"x-a", "2"}};
  headers.Set("X-A", "3");
  EXPECT_EQ(headers.Get("x-a"), "3");
  EXPECT_EQ(std::distance(headers.begin(), headers.end()), 2);
}

TEST(HeadersTest, AddKeepsOrderAndRemoveTakesAll) {
  Headers headers;
  headers.Add("A", "1");
  headers.Add("B", "2");
  headers.Add("a", "3");
  EXPECT_EQ(headers.begin()->first, "A");
  headers.Remove("A");
  ASSERT_EQ(std::distance(headers.begin(), headers.end()), 1);
  EXPECT_EQ(headers.begin()->first, "B");
}

TEST(RequestTest, SplitsTheTarget) {
  Request request;
  request.target = "/a%20b?x=1?2";
  EXPECT_EQ(request.path(), "/a%20b");
  EXPECT_EQ(request.query(), "x=1?2");
  request.target = "/a";
  EXPECT_EQ(request.path(), "/a");
  EXPECT_EQ(request.query(), "");
}

}  // namespace
}  // namespace adhoc::net
