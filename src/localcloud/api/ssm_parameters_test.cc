#include <gtest/gtest.h>

#include "localcloud/scheduler/parameters.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

using Strings = std::vector<std::string>;

struct Parameters : ::testing::Test {
  LocalApi api;

  Json Call(const std::string& operation, const Json& input) { return api.Call("ssm", operation, input); }
  std::string ErrorOf(const std::string& operation, const Json& input) { return api.ErrorOf("ssm", operation, input); }
  std::int64_t Put(const std::string& name, const std::string& value, Json more = Json::object()) {
    more.update({{"Name", name}, {"Value", value}});
    if (!more.contains("Type")) more["Type"] = "String";
    return Call("PutParameter", more)["Version"];
  }
  std::string Value(const std::string& name, bool decrypt = false) {
    return Call("GetParameter", {{"Name", name}, {"WithDecryption", decrypt}})["Parameter"]["Value"];
  }
  static Strings Names(const Json& list) {
    Strings names;
    for (const Json& item : list) names.push_back(item["Name"]);
    return names;
  }
};

TEST_F(Parameters, HaveVersionsAndLabels) {
  EXPECT_EQ(Put("/app/url", "one"), 1);
  EXPECT_EQ(ErrorOf("PutParameter", {{"Name", "/app/url"}, {"Value", "two"}, {"Type", "String"}}),
            "ParameterAlreadyExists");
  EXPECT_EQ(Put("/app/url", "two", {{"Overwrite", true}}), 2);
  EXPECT_EQ(Value("/app/url"), "two");
  EXPECT_EQ(Value("/app/url:1"), "one");
  EXPECT_EQ(ErrorOf("GetParameter", {{"Name", "/app/url:9"}}), "ParameterVersionNotFound");
  EXPECT_EQ(ErrorOf("GetParameter", {{"Name", "/app/none"}}), "ParameterNotFound");

  Call("LabelParameterVersion", {{"Name", "/app/url"}, {"ParameterVersion", 1}, {"Labels", {"stable"}}});
  EXPECT_EQ(Value("/app/url:stable"), "one");
  const Json moved = Call("LabelParameterVersion", {{"Name", "/app/url"}, {"Labels", {"stable", "1bad"}}});
  EXPECT_EQ(moved["InvalidLabels"], Json({"1bad"}));
  EXPECT_EQ(Value("/app/url:stable"), "two") << "a label is at one version";
  Call("UnlabelParameterVersion", {{"Name", "/app/url"}, {"ParameterVersion", 2}, {"Labels", {"stable"}}});
  EXPECT_EQ(ErrorOf("GetParameter", {{"Name", "/app/url:stable"}}), "ParameterVersionNotFound");
  EXPECT_EQ(Call("GetParameterHistory", {{"Name", "/app/url"}})["Parameters"].size(), 2u);
}

TEST_F(Parameters, ASecureStringIsToldOnlyToThoseWhoAskToDecrypt) {
  Put("/app/password", "s3cret", {{"Type", "SecureString"}});
  EXPECT_EQ(Value("/app/password", true), "s3cret");
  EXPECT_EQ(Value("/app/password").find("s3cret"), std::string::npos);
  const Json described = Call("DescribeParameters", Json::object())["Parameters"][0];
  EXPECT_EQ(described["KeyId"], "alias/aws/ssm");
  EXPECT_FALSE(described.contains("Value"));
}

TEST_F(Parameters, AreFoundByPathAndFilter) {
  for (const char* name : {"/a/1", "/a/2", "/a/b/3", "/ab", "plain"}) Put(name, "x");
  const auto below = [&](bool recursive) {
    return Names(Call("GetParametersByPath", {{"Path", "/a"}, {"Recursive", recursive}})["Parameters"]);
  };
  EXPECT_EQ(below(false), (Strings{"/a/1", "/a/2"}));
  EXPECT_EQ(below(true), (Strings{"/a/1", "/a/2", "/a/b/3"}));
  const auto filtered = [&](const Json& filter) {
    return Names(Call("DescribeParameters", {{"ParameterFilters", Json::array({filter})}})["Parameters"]);
  };
  EXPECT_EQ(filtered({{"Key", "Name"}, {"Option", "BeginsWith"}, {"Values", {"/a/b", "pl"}}}),
            (Strings{"/a/b/3", "plain"}));
  EXPECT_EQ(filtered({{"Key", "Path"}, {"Values", {"/a/b"}}}), (Strings{"/a/b/3"}));
  Call("AddTagsToResource", {{"ResourceType", "Parameter"},
                             {"ResourceId", "/ab"},
                             {"Tags", Json::array({{{"Key", "env"}, {"Value", "dev"}}})}});
  EXPECT_EQ(filtered({{"Key", "tag:env"}, {"Values", {"dev"}}}), (Strings{"/ab"}));
  const Json first = Call("GetParametersByPath", {{"Path", "/"}, {"Recursive", true}, {"MaxResults", 3}});
  EXPECT_EQ(first["Parameters"].size(), 3u);
  EXPECT_EQ(Names(Call("GetParametersByPath",
                       {{"Path", "/"}, {"Recursive", true}, {"NextToken", first["NextToken"]}})["Parameters"]),
            (Strings{"/ab"}));
}

TEST_F(Parameters, SomeAtOnce) {
  Put("a", "1");
  const Json got = Call("GetParameters", {{"Names", {"a", "b"}}});
  EXPECT_EQ(Names(got["Parameters"]), Strings{"a"});
  EXPECT_EQ(got["InvalidParameters"], Json({"b"}));
  EXPECT_EQ(Call("DeleteParameters", {{"Names", {"a", "b"}}})["DeletedParameters"], Json({"a"}));
  EXPECT_EQ(ErrorOf("DeleteParameter", {{"Name", "a"}}), "ParameterNotFound");
}

TEST_F(Parameters, WhatIsRefused) {
  const auto put = [&](const Json& more) {
    Json input{{"Name", "/app/x"}, {"Value", "1"}, {"Type", "String"}};
    input.update(more);
    return ErrorOf("PutParameter", input);
  };
  EXPECT_EQ(put({{"Name", "app/x"}}), "ValidationException");
  EXPECT_EQ(put({{"Name", "/app x"}}), "ValidationException");
  EXPECT_EQ(put({{"Name", "/aws/x"}}), "AccessDeniedException");
  EXPECT_EQ(put({{"Name", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"}}), "HierarchyLevelLimitExceededException");
  EXPECT_EQ(put({{"Value", std::string(4097, 'x')}}), "ValidationException");
  EXPECT_EQ(put({{"Value", std::string(4097, 'x')}, {"Tier", "Advanced"}}), "");
  EXPECT_EQ(put({{"Name", "/app/y"}, {"AllowedPattern", "[0-9]+"}, {"Value", "a"}}),
            "ParameterPatternMismatchException");
  EXPECT_EQ(put({{"Name", "/app/y"}, {"AllowedPattern", "["}}), "InvalidAllowedPatternException");
  EXPECT_EQ(put({{"Name", "/app/y"}, {"AllowedPattern", "(a+)+b"}, {"Value", std::string(4000, 'a')}}),
            "InvalidAllowedPatternException")
      << "one that would take for ever";
  EXPECT_EQ(put({{"Name", "/app/y"}, {"AllowedPattern", "[0-9]+"}}), "");
}

TEST(ParameterReference, IsANameAnArnAndASelector) {
  using localcloud::ParseParameterReference;
  struct Case {
    const char* text;
    const char* name;
    const char* selector;
  };
  for (const Case& test : {Case{"x", "x", ""}, Case{"/a/b:3", "/a/b", "3"},
                           Case{"arn:aws:ssm:us-east-1:000000000000:parameter/a/b", "/a/b", ""},
                           Case{"arn:aws:ssm:us-east-1:000000000000:parameter/a:blue", "a", "blue"},
                           Case{"arn:aws:s3:::bucket", "", ""}}) {
    const auto reference = ParseParameterReference(test.text);
    EXPECT_EQ(reference.name, test.name) << test.text;
    EXPECT_EQ(reference.selector, test.selector) << test.text;
  }
}

}  // namespace
}  // namespace adhoc::testing
