#include "base/text.h"

#include <gtest/gtest.h>

namespace adhoc {
namespace {

TEST(Utf8, AcceptsWellFormedText) {
  for (const char* text : {"", "plain", "é", "漢字", "😀", "\xF4\x8F\xBF\xBF", "\xEE\x80\x80"}) {
    EXPECT_EQ(FindInvalidUtf8(text), std::nullopt) << text;
  }
}

TEST(Utf8, FindsTheFirstBadByte) {
  struct Case {
    const char* text;
    std::size_t at;
  };
  for (const Case& test : {Case{"a\x80", 1},             // a continuation without a start
                           Case{"ab\xC3", 2},            // cut off
                           Case{"\xC0\xAF", 0},          // overlong
                           Case{"\xE0\x80\xAF", 0},      // overlong
                           Case{"x\xED\xA0\x80", 1},     // a surrogate
                           Case{"\xF4\x90\x80\x80", 0},  // above U+10FFFF
                           Case{"\xF0\x80\x80\x80", 0},  // overlong
                           Case{"\xC3\xA9\xFF", 2}}) {
    EXPECT_EQ(FindInvalidUtf8(test.text), test.at) << test.text;
  }
}

TEST(Utf8, AppendsWhatFindInvalidAccepts) {
  for (const char32_t code_point :
       {U'\x41', U'\x7F', U'\x80', U'\x7FF', U'\x800', U'\xFFFF', U'\x10000', U'\x10FFFF'}) {
    std::string text;
    ASSERT_TRUE(AppendUtf8(text, code_point));
    EXPECT_EQ(FindInvalidUtf8(text), std::nullopt);
    EXPECT_EQ(CountCodePoints(text), 1U);
  }
  std::string text;
  EXPECT_FALSE(AppendUtf8(text, 0xD800));
  EXPECT_FALSE(AppendUtf8(text, 0x110000));
  EXPECT_EQ(text, "");
}

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("iamge", "image"), 1U);  // a swap is one mistake
  EXPECT_EQ(EditDistance("abc", "abc"), 0U);
}

TEST(Suggest, FindsTheWordThatWasMeant) {
  const std::vector<std::string> words = {"image", "command", "environment", "environment_from", "healthcheck", "port"};
  EXPECT_EQ(Nearest("imagee", words), "image");
  EXPECT_EQ(Nearest("Image", words), "image");
  EXPECT_EQ(Nearest("health-check", words), "healthcheck");
  EXPECT_EQ(Nearest("env", words), "environment");
  EXPECT_EQ(Nearest("ports", words), "port");
  EXPECT_EQ(Nearest("xyz", words), "");
  EXPECT_EQ(Nearest("x", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest(std::string(10000, 'i'), words), "");
}

TEST(Suggest, ListsWhatThereIsWhenNothingIsNear) {
  EXPECT_EQ(Suggest("imagee", {"image", "port"}), "did you mean `image`?");
  EXPECT_EQ(Suggest("zzzzz", {"image", "port"}), "use one of: image, port");
  EXPECT_EQ(Suggest("zzzzz", {"image"}), "use `image`");
  EXPECT_EQ(Suggest("zzzzz", {}), "");
}

}  // namespace
}  // namespace adhoc
