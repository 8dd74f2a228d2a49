#include "base/clock.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/utc.h"

namespace adhoc {
namespace {

TEST(ClockTest, SecondsThatNoTimePointHoldsAreAsFarAsItGoes) {
  EXPECT_EQ(FromSeconds(1.5), TimePoint(std::chrono::milliseconds(1500)));
  EXPECT_EQ(FromSeconds(1e300), TimePoint::max());
  EXPECT_EQ(FromSeconds(-1e300), TimePoint::min());
  EXPECT_EQ(FromSeconds(std::numeric_limits<double>::infinity()), TimePoint::max());
}

TEST(ClockTest, DatesOfOtherCenturiesAreNone) {
  const auto new_year = [](int year) {
    std::tm utc{};
    utc.tm_year = year - 1900;
    utc.tm_mday = 1;
    return FromUtc(utc);
  };
  EXPECT_EQ(new_year(1970), TimePoint());
  EXPECT_TRUE(new_year(1900));
  EXPECT_FALSE(new_year(1899));
  EXPECT_TRUE(new_year(2199));
  EXPECT_FALSE(new_year(2200));
  EXPECT_FALSE(new_year(0));
  EXPECT_FALSE(new_year(9999));
}

}  // namespace
}  // namespace adhoc
