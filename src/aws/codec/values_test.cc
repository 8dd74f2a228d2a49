#include "aws/codec/values.h"

#include <gtest/gtest.h>

#include <limits>

namespace adhoc::aws {
namespace {

TEST(Base64Test, Rfc4648Vectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64Encode(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
  }
  EXPECT_EQ(Base64Decode("Zm9v\nYmFy\n"), "foobar");
  EXPECT_EQ(Base64Decode("Zg"), "f");  // unpadded
  for (const char* text : {"Z", "Zm9v!", "Zm==9v", "Zm\xff"}) EXPECT_THROW(Base64Decode(text), CodecError) << text;
}

TEST(TimestampTest, Formats) {
  EXPECT_EQ(FormatTimestamp(0, TimestampFormat::kIso8601), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTimestamp(1422172800, TimestampFormat::kIso8601), "2015-01-25T08:00:00Z");
  EXPECT_EQ(FormatTimestamp(1422172800.125, TimestampFormat::kIso8601), "2015-01-25T08:00:00.125Z");
  EXPECT_EQ(FormatTimestamp(1422172800.000125, TimestampFormat::kIso8601), "2015-01-25T08:00:00.000125Z");
  EXPECT_EQ(FormatTimestamp(1422172800, TimestampFormat::kRfc822), "Sun, 25 Jan 2015 08:00:00 GMT");
  EXPECT_EQ(FormatTimestamp(1422172800, TimestampFormat::kUnix), "1422172800");
  EXPECT_EQ(FormatTimestamp(1600451331.123, TimestampFormat::kUnix), "1600451331.123");
  EXPECT_EQ(FormatTimestamp(-1, TimestampFormat::kIso8601), "1969-12-31T23:59:59Z");
  EXPECT_THROW(FormatTimestamp(1e18, TimestampFormat::kIso8601), CodecError);
  EXPECT_THROW(FormatTimestamp(std::numeric_limits<double>::quiet_NaN(), TimestampFormat::kIso8601), CodecError);
}

TEST(TimestampTest, ReadsAllFormats) {
  for (const char* text :
       {"2015-01-25T08:00:00Z", "2015-01-25T08:00:00.000Z", "2015-01-25T08:00:00+00:00", "2015-01-25T10:00:00+02:00",
        "2015-01-25T03:30:00-0430", "2015-01-25 08:00:00", "2015-01-25T08:00Z", "Sun, 25 Jan 2015 08:00:00 GMT",
        "25 Jan 2015 08:00:00 GMT", "1422172800", "1422172800.0", "1.4221728E9"}) {
    EXPECT_EQ(ParseTimestamp(text), 1422172800) << text;
  }
  EXPECT_EQ(ParseTimestamp("2015-01-25"), 1422144000);
  EXPECT_EQ(ParseTimestamp("2015-01-25T08:00:00.125Z"), 1422172800.125);
  EXPECT_EQ(ParseTimestamp("2015-01-25T08:00:00.123456789Z"), 1422172800.123456);
  for (const char* text : {"", "yesterday", "2015-13-01T00:00:00Z", "2015-02-30", "2015-01-25T25:00:00Z",
                           "2015-01-25T08:00:00X", "Sun, 32 Jan 2015 08:00:00 GMT", "1e400", "nan", "1e18"}) {
    EXPECT_THROW(ParseTimestamp(text), CodecError) << text;
  }
}

TEST(DoubleTest, ShortestText) {
  EXPECT_EQ(FormatDouble(0.1), "0.1");
  EXPECT_EQ(FormatDouble(5), "5.0");
  EXPECT_EQ(FormatDouble(-0.0), "-0.0");
  EXPECT_EQ(FormatDouble(1e-9), "1e-09");
  EXPECT_EQ(FormatDouble(1e20), "1e+20");
  EXPECT_EQ(FormatDouble(std::numeric_limits<double>::infinity()), "Infinity");
}

}  // namespace
}  // namespace adhoc::aws
