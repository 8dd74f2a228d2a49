#include "localcloud/timing.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::localcloud {
namespace {

TEST(TimingTest, EveryKindHasItsPlaceAndASource) {
  const auto& things = SlowThings();
  ASSERT_EQ(things.size(), static_cast<std::size_t>(Slow::kInstanceTerminate) + 1);
  for (std::size_t i = 0; i < things.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(things[i].what), i) << things[i].name;
    EXPECT_GT(things[i].seconds, 0) << things[i].name;
    EXPECT_FALSE(std::string(things[i].source).empty()) << things[i].name;
  }
}

TEST(TimingTest, SecondsAreAFractionOfThoseOnAws) {
  EXPECT_EQ(Timing().Seconds(Slow::kNatGatewayCreate), 0);
  EXPECT_EQ(Timing().Seconds(Slow::kNatGatewayCreate, 0.5), 0.5);
  EXPECT_EQ(ParseTiming("aws").Seconds(Slow::kNatGatewayCreate, 0.5), 115);
  EXPECT_DOUBLE_EQ(ParseTiming("aws:0.1").Seconds(Slow::kNatGatewayCreate, 0.5), 11.5);
}

TEST(TimingTest, IsReadAndWritten) {
  for (const char* text : {"instant", "aws", "aws:0.05", "aws:2"}) EXPECT_EQ(ParseTiming(text).ToString(), text);
  for (const char* text : {"", "AWS", "aws:", "aws:0", "aws:-1", "aws:0.5x", "aws:nan", "aws:inf", "aws:1e9", "0.5"}) {
    EXPECT_THROW(ParseTiming(text), Error) << text;
  }
}

}  // namespace
}  // namespace adhoc::localcloud
