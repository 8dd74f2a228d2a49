#include "net/uri.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::net {
namespace {

TEST(UriTest, ParsesEveryPart) {
  const Uri uri = Uri::Parse("HTTP://localhost:4566/a%20b/c?x=1&y");
  EXPECT_EQ(uri.scheme, "http");
  EXPECT_EQ(uri.host, "localhost");
  EXPECT_EQ(uri.port, 4566);
  EXPECT_EQ(uri.path, "/a%20b/c");
  EXPECT_EQ(uri.query, "x=1&y");
  EXPECT_FALSE(uri.default_port());
  EXPECT_EQ(uri.authority(), "localhost:4566");
  EXPECT_EQ(uri.ToString(), "http://localhost:4566/a%20b/c?x=1&y");
}

TEST(UriTest, FillsDefaults) {
  for (const auto& [text, port] : {std::pair{"http://h", 80}, {"https://h", 443}, {"ws://h", 80}, {"wss://h?q", 443}}) {
    const Uri uri = Uri::Parse(text);
    EXPECT_EQ(uri.port, port) << text;
    EXPECT_EQ(uri.path, "/") << text;
    EXPECT_TRUE(uri.default_port()) << text;
    EXPECT_EQ(uri.authority(), "h") << text;
  }
}

TEST(UriTest, AnIpv6HostKeepsItsBracketsOnlyInText) {
  const Uri uri = Uri::Parse("http://[::1]:8080/");
  EXPECT_EQ(uri.host, "::1");
  EXPECT_EQ(uri.port, 8080);
  EXPECT_EQ(uri.authority(), "[::1]:8080");
  EXPECT_EQ(Uri::Parse("http://[fe80::2]").authority(), "[fe80::2]");
}

TEST(UriTest, RefusesWhatIsNotAUrl) {
  for (const char* text : {"", "localhost:4566", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:x",
                           "http://h:", "http://::1/", "http://[::1", "http://[::1]x", "http://u@h/", "http://h/#f",
                           "http://h/a b", "ftp://h/", "://h"}) {
    EXPECT_THROW(Uri::Parse(text), Error) << text;
  }
}

TEST(PercentTest, EncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("Az09-_.~"), "Az09-_.~");
  EXPECT_EQ(PercentEncode("a b/c+é"), "a%20b%2Fc%2B%C3%A9");
  EXPECT_EQ(PercentEncode("/a b/", "/"), "/a%20b/");
}

TEST(PercentTest, DecodesAndLeavesMalformedEscapes) {
  EXPECT_EQ(PercentDecode("a%20b+%c3%A9"), "a b+é");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%41"), "%zzA");
}

TEST(QueryTest, ParsesInOrder) {
  const QueryItems expected = {{"b", "1"}, {"a", ""}, {"a", "x=y"}, {"", "v"}, {"p", "1+2"}};
  EXPECT_EQ(ParseQuery("b=1&a&&a=x%3Dy&=v&p=1+2"), expected);
  EXPECT_EQ(ParseQuery("p=1+2%2B", true), (QueryItems{{"p", "1 2+"}}));
  EXPECT_TRUE(ParseQuery("").empty());
}

TEST(QueryTest, FormatsWhatParsesBack) {
  const QueryItems items = {{"a b", "c&d=e"}, {"k", ""}, {"é", "+"}};
  EXPECT_EQ(FormatQuery(items), "a%20b=c%26d%3De&k=&%C3%A9=%2B");
  EXPECT_EQ(ParseQuery(FormatQuery(items)), items);
}

}  // namespace
}  // namespace adhoc::net
