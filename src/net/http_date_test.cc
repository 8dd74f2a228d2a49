#include "net/http_date.h"

#include <gtest/gtest.h>

namespace adhoc::net {
namespace {

TEST(HttpDateTest, FormatsAndParsesBack) {
  const TimePoint time = FromSeconds(784111777);
  EXPECT_EQ(FormatHttpDate(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), time);
}

TEST(HttpDateTest, RefusesOtherForms) {
  for (const char* text : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                           "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Foo 1994 08:49:37 GMT",
                           "Wed, 06 Nov 1007 08:49:37 GMT", "Sun, 0x Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
    EXPECT_FALSE(ParseHttpDate(text)) << text;
  }
}

}  // namespace
}  // namespace adhoc::net
