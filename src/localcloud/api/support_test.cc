#include "localcloud/api/support.h"

#include <gtest/gtest.h>

namespace adhoc::localcloud {
namespace {

TEST(MatchesWildcard, FollowsStarsQuestionMarksAndEscapes) {
  EXPECT_TRUE(MatchesWildcard("*private*", "dev-private-a"));
  EXPECT_TRUE(MatchesWildcard("", ""));
  EXPECT_TRUE(MatchesWildcard("**", ""));
  EXPECT_TRUE(MatchesWildcard("a?c*", "abc"));
  EXPECT_TRUE(MatchesWildcard("*ab", "aab"));
  EXPECT_TRUE(MatchesWildcard("\\*", "*"));
  EXPECT_FALSE(MatchesWildcard("\\*", "a"));
  EXPECT_FALSE(MatchesWildcard("a?c", "ac"));
  EXPECT_FALSE(MatchesWildcard("*private", "dev-private-a"));
  EXPECT_FALSE(MatchesWildcard("", "a"));
}

TEST(TakePage, ContinuesAfterTheItemThatWasLastEvenWhenOthersWentAway) {
  const Page first = TakePage({{"a", 1}, {"b", 2}, {"c", 3}}, 2, "", "Bad");
  EXPECT_EQ(first.items, Json({1, 2}));
  const Page second = TakePage({{"c", 3}, {"d", 4}}, 2, first.next, "Bad");
  EXPECT_EQ(second.items, Json({3, 4}));
  EXPECT_EQ(second.next, "");
  EXPECT_THROW(TakePage({}, 2, "zz", "Bad"), ApiError);
}

TEST(Tags, AreMergedByKeyAndRemoved) {
  Json tags = Json::array({{{"Key", "env"}, {"Value", "alpha"}}});
  MergeTags(tags, Json::array({{{"Key", "env"}, {"Value", "beta"}}, {{"Key", "owner"}, {"Value", "ada"}}}));
  EXPECT_EQ(TagMap(tags), (Json{{"env", "beta"}, {"owner", "ada"}}));
  RemoveTags(tags, Json::array({"env", "missing"}));
  EXPECT_EQ(TagMap(tags), (Json{{"owner", "ada"}}));
}

TEST(Encodings, ComeBackAsTheyWere) {
  const std::string bytes("\0\xff text", 7);
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::string part = bytes.substr(0, length);
    EXPECT_EQ(Base64Decode(Base64Encode(part)), part);
    EXPECT_EQ(HexDecode(HexEncode(part)), part);
  }
  EXPECT_THROW(Base64Decode("a"), std::invalid_argument);
  EXPECT_THROW(HexDecode("a"), std::invalid_argument);
  EXPECT_THROW(HexDecode("zz"), std::invalid_argument);
}

TEST(Times, AreFormatted) {
  EXPECT_EQ(IsoTime(1700000000.25), "2023-11-14T22:13:20.250Z");
  EXPECT_EQ(HttpTime(1700000000.25), "Tue, 14 Nov 2023 22:13:20 GMT");
}

}  // namespace
}  // namespace adhoc::localcloud
