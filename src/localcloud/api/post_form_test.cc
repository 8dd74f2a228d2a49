#include "localcloud/api/post_form.h"

#include <gtest/gtest.h>

#include "localcloud/api/support.h"

namespace adhoc::localcloud::s3 {
namespace {

constexpr const char* kType = "multipart/form-data; boundary=XX";

PostForm Parse(const std::string& body, std::string_view type = kType) {
  return ParsePostForm(type, [&](std::uint64_t offset, std::uint64_t length) {
    return offset < body.size() ? body.substr(offset, length) : std::string();
  });
}

std::string Field(const std::string& name, const std::string& value) {
  return "--XX\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
}
std::string File(const std::string& content, const std::string& name = "a.txt") {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name +
         "\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n";
}
const std::string kEnd = "--XX--\r\n";

std::string RefusalOf(const std::string& body, std::string_view type = kType) {
  try {
    Parse(body, type);
  } catch (const ApiError& error) {
    return error.code();
  }
  return "";
}

TEST(PostFormTest, HasFieldsAndAFile) {
  const std::string content = "line\r\n--X not a boundary\r\n" + std::string(600000, 'z') + "\0end";
  const std::string body = Field("Key", "up/${filename}") + Field("x-amz-meta-a", "") + Field("key", "second") +
                           File(content, "C:\\fakepath\\ca\\\"t.txt") + Field("after", "ignored") + kEnd;
  const PostForm form = Parse(body);
  EXPECT_EQ(form.fields, (std::map<std::string, std::string>{{"key", "up/${filename}"}, {"x-amz-meta-a", ""}}));
  EXPECT_TRUE(form.has_file);
  EXPECT_EQ(form.file_name, "ca\"t.txt");
  EXPECT_EQ(form.file_type, "text/plain");
  EXPECT_EQ(body.substr(form.file_offset, form.file_length), content);
}

TEST(PostFormTest, BoundariesMayBeQuotedAndPreambled) {
  const std::string body = "preamble\r\n" + Field("key", "k") + File("x") + kEnd;
  EXPECT_EQ(Parse(body, "multipart/form-data; charset=utf-8; boundary=\"XX\"").Get("key"), "k");
}

TEST(PostFormTest, MayLackAFile) {
  EXPECT_FALSE(Parse(Field("key", "k") + kEnd).has_file);
  EXPECT_EQ(Parse(File("") + kEnd).file_length, 0u);
}

TEST(PostFormTest, RefusesWhatIsNotWellFormed) {
  EXPECT_EQ(RefusalOf("", kType), "MalformedPOSTRequest");
  EXPECT_EQ(RefusalOf(File("x") + kEnd, "multipart/form-data"), "MalformedPOSTRequest");
  EXPECT_EQ(RefusalOf(File("x") + kEnd, "multipart/form-data; boundary=YY"), "MalformedPOSTRequest");
  EXPECT_EQ(RefusalOf("--XX\r\n\r\nno headers\r\n--XX--"), "MalformedPOSTRequest");
  const std::string body = Field("key", "k") + File("content") + kEnd;
  for (std::size_t size = 0; size + kEnd.size() < body.size(); ++size) {
    EXPECT_EQ(RefusalOf(body.substr(0, size)), "MalformedPOSTRequest") << size;
  }
  EXPECT_EQ(RefusalOf(Field("x-amz-meta-a", std::string(30000, 'x')) + File("x") + kEnd),
            "MaxPostPreDataLengthExceeded");
  EXPECT_EQ(RefusalOf(Field("x-amz-meta-a", std::string(90000, 'x')) + File("x") + kEnd),
            "MaxPostPreDataLengthExceeded");
}

class PostPolicyTest : public ::testing::Test {
 protected:
  PostForm form_{.fields = {{"key", "up/a"}, {"acl", "private"}, {"policy", "…"}, {"x-amz-signature", "…"}},
                 .has_file = true,
                 .file_length = 10};

  // What S3 answers, or "".
  std::string Check(const std::string& conditions, const std::string& expiration = "2026-12-01T12:00:00.000Z") {
    return CheckText(R"({"expiration":")" + expiration + R"(","conditions":)" + conditions + "}");
  }
  std::string CheckText(const std::string& policy) {
    try {
      CheckPostPolicy(Base64Encode(policy), form_, "media", "up/a", 1796000000);  // 2026-11-29
    } catch (const ApiError& error) {
      return error.code() + ": " + error.what();
    }
    return "";
  }
};

TEST_F(PostPolicyTest, EveryConditionHasToBeMet) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([{"bucket":"media"},["starts-with","$key","up/"],{"acl":"private"}])", ""},
      {R"([{"Bucket":"media"},["eq","$Key","up/a"],["starts-with","$acl",""],["content-length-range",1,10]])", ""},
      {R"([["content-length-range","1","10"],["starts-with","$key",""],{"acl":"private"}])", ""},
      {R"([{"bucket":"other"},["eq","$key","up/a"],{"acl":"private"}])",
       R"(AccessDenied: Invalid according to Policy: Policy Condition failed: ["eq","$bucket","other"])"},
      {R"([["starts-with","$key","down/"],{"acl":"private"}])",
       R"(AccessDenied: Invalid according to Policy: Policy Condition failed: ["starts-with","$key","down/"])"},
      {R"([["eq","$key","up/a"]])", "AccessDenied: Invalid according to Policy: Extra input fields: acl"},
      {R"([["eq","$key","up/a"],{"acl":"private"},{"x-amz-meta-a":"1"}])",
       R"(AccessDenied: Invalid according to Policy: Policy Condition failed: ["eq","$x-amz-meta-a","1"])"},
      {R"([["content-length-range",11,20]])",
       "EntityTooSmall: Your proposed upload is smaller than the minimum allowed size"},
      {R"([["content-length-range",0,9]])", "EntityTooLarge: Your proposed upload exceeds the maximum allowed size"},
  };
  for (const auto& [conditions, answer] : cases) EXPECT_EQ(Check(conditions), answer) << conditions;
}

TEST_F(PostPolicyTest, AListOfContentTypesBeginsSoThroughout) {
  form_.fields["content-type"] = "image/png,image/jpeg";
  const std::string others = R"(["starts-with","$key",""],["starts-with","$acl",""])";
  EXPECT_EQ(Check("[" + others + R"(,["starts-with","$Content-Type","image/"]])"), "");
  form_.fields["content-type"] = "image/png,text/html";
  EXPECT_NE(Check("[" + others + R"(,["starts-with","$Content-Type","image/"]])"), "");
}

TEST_F(PostPolicyTest, EndsAtItsExpiration) {
  EXPECT_EQ(Check("[]", "2026-01-01T00:00:00Z"), "AccessDenied: Invalid according to Policy: Policy expired.");
  EXPECT_EQ(Check("[]", "tomorrow"), "InvalidPolicyDocument: Invalid Policy: Policy missing expiration.");
}

TEST_F(PostPolicyTest, RefusesWhatIsNoPolicy) {
  for (const char* text : {"", "x", "[]", R"({"expiration":"2026-12-01T12:00:00Z"})"}) {
    EXPECT_TRUE(CheckText(text).starts_with("InvalidPolicyDocument: ")) << text;
  }
  for (const char* conditions :
       {"[1]", "[{}]", R"([{"key":1}])", R"([["eq","key","x"]])", R"([["ends-with","$key","x"]])", R"([["eq","$key"]])",
        R"([["content-length-range",-1,5]])", R"([["content-length-range","a",5]])"}) {
    EXPECT_TRUE(Check(conditions).starts_with("InvalidPolicyDocument: ")) << conditions;
  }
  EXPECT_THROW(CheckPostPolicy("%%%", form_, "media", "up/a", 0), ApiError);
}

}  // namespace
}  // namespace adhoc::localcloud::s3
