#include "config/environment.h"

#include <gtest/gtest.h>
#include <filesystem>

#include "base/process.h"
#include "testing/temporary_folder.h"

namespace adhoc::config {
namespace {

namespace fs = std::filesystem;

using Strings = std::vector<std::string>;

std::string Failure(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return std::string(error.what()) + " | " + error.hint();
  }
  return "";
}

TEST(EnvironmentName, IsChecked) {
  for (const char* name : {"a", "alpha", "demo-feature-abc", "brian2", "abcdefghijklmnopqrstu"}) {
    EXPECT_EQ(Failure([&] { CheckEnvironmentName(name); }), "") << name;
  }
  struct Case {
    const char* name;
    const char* failure;
  };
  for (const Case& test : {
           Case{"", "`` is no name for an environment: it is empty | for example: feature-abc"},
           Case{"Alpha",
                "`Alpha` is no name for an environment: it may have only lower-case letters, digits and hyphens, and "
                "has `A` | for example: alpha"},
           Case{"feature/x_1",
                "`feature/x_1` is no name for an environment: it may have only lower-case letters, digits and hyphens, "
                "and has `/` | for example: feature-x-1"},
           Case{"1st", "`1st` is no name for an environment: it has to start with a letter | for example: st"},
           Case{"a-", "`a-` is no name for an environment: it may not end with a hyphen | for example: a"},
           Case{"abcdefghijklmnopqrstuv",
                "`abcdefghijklmnopqrstuv` is no name for an environment: it has 22 characters, and may have 21 | for "
                "example: abcdefghijklmnopqrstu"},
           Case{"internal-x",
                "`internal-x` is no name for an environment: AWS keeps names that start with internal | use another "
                "name"},
           Case{"../../etc",
                "`../../etc` is no name for an environment: it may have only lower-case letters, digits and hyphens, "
                "and has `.` | for example: etc"},
       }) {
    EXPECT_EQ(Failure([&] { CheckEnvironmentName(test.name); }), test.failure) << test.name;
  }
}

TEST(EnvironmentName, IsMadeFromABranch) {
  struct Case {
    const char* branch;
    const char* name;
  };
  for (const Case& test : {Case{"main", "main"}, Case{"feature/ABC-12_login", "feature-abc-12-login"},
                           Case{"--a--b--", "a-b"}, Case{"123-fix", "fix"}, Case{"123", ""}, Case{"", ""},
                           Case{"é", ""}, Case{"feature/a-very-long-name-of-a-branch", "feature-a-very-long"},
                           Case{"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstu"}}) {
    EXPECT_EQ(SlugFromBranch(test.branch), test.name);
    if (*test.name != '\0') {
      EXPECT_NO_THROW(CheckEnvironmentName(SlugFromBranch(test.branch)));
    }
  }
}

TEST(EnvironmentName, DefaultsToTheBranchThatIsCheckedOut) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path();
  ASSERT_EQ(RunProcess({"git", "init", "-q", "-b", "feature/Login", path}).exit_code, 0);
  EXPECT_EQ(DefaultEnvironmentName(path), "feature-login");
  ASSERT_EQ(RunProcess({"git", "-C", path, "symbolic-ref", "HEAD", "refs/heads/123"}).exit_code, 0);
  EXPECT_EQ(Failure([&] { DefaultEnvironmentName(path); }),
            "no environment is named, and none can be made from the git branch `123` | name the environment");
}

TEST(DerivedNames, HaveToFit) {
  Config config;
  config.application = "ublog";
  config.environment = "abcdefghijklmnopqrstu";
  config.target.shared = "dev";
  config.target.domain = "dev.example.com";
  config.host = config.environment + ".dev.example.com";
  Service service;
  service.name = "gunicorn";
  service.paths = {"/*"};
  config.services.push_back(service);
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }), "");
  config.services[0].name = "application-server";
  EXPECT_EQ(
      Failure([&] { CheckDerivedNames(config); }),
      "`abcdefghijklmnopqrstu` is too long for an environment of ublog: `abcdefghijklmnopqrstu-application-server` "
      "(target group of application-server) has 40 characters, and may have 32 | use a shorter name");
  config.services[0].paths.clear();  // no target group
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }), "");
  config.bucket.emplace();
  config.target.domain = "a-rather-long-name-of-a-domain.example.com";
  EXPECT_EQ(
      Failure([&] { CheckDerivedNames(config); }),
      "`abcdefghijklmnopqrstu` is too long for an environment of ublog: "
      "`a-rather-long-name-of-a-domain-example-com-abcdefghijklmnopqrstu-bucket` (bucket) has 71 characters, and may "
      "have 63 | use a shorter name");
  config.environment = "dev";
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }),
            "`dev` is no name for an environment: the shared resources of target `` are called so | use another name");
  config.environment = "alpha";
  config.bucket.reset();
  config.host = std::string(117, 'a') + ".example.com";
  EXPECT_NE(Failure([&] { CheckDerivedNames(config); }).find("and may have 128"), std::string::npos)
      << "a load balancer's host condition takes no more";
}

// Of a domain with letters that ASCII lacks.
TEST(DerivedNames, OfABucketMayBeS3s) {
  Config config;
  config.environment = "alpha";
  config.target.shared = "dev";
  config.target.domain = "xn--bcher-kva.example";
  config.host = "alpha.xn--bcher-kva.example";
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }), "") << "without a bucket";
  config.bucket.emplace();
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }),
            "`xn--bcher-kva-example-alpha-bucket` cannot be the name of a bucket: S3 keeps names that start with xn-- "
            "| use another `domain` for the target, or no `bucket:`");
  config.target.domain = "dev.xn--bcher-kva.example";
  EXPECT_EQ(Failure([&] { CheckDerivedNames(config); }), "");
}

TEST(LoadVariables, NamesWhatIsMissingAndWhatThereIs) {
  const testing::TemporaryFolder folder;
  Diagnostics diagnostics;
  const std::string path = VariablesPath(folder.path().string(), "alhpa");
  EXPECT_EQ(path, (folder.path() / "envs" / "alhpa.tfvars").string());
  EXPECT_EQ(Failure([&] { LoadVariables(path, diagnostics); }),
            "no variables for `alhpa`: " + path + " does not exist | write " + path +
                " with the values of the variables, at least the image tags");
  folder.Write("envs/beta.tfvars", "a = 1\n");
  folder.Write("envs/alpha.tfvars", "b = 2\n");
  folder.Write("envs/README.md", "");
  EXPECT_EQ(Failure([&] { LoadVariables(path, diagnostics); }),
            "no variables for `alhpa`: " + path + " does not exist | did you mean `alpha`? These exist: alpha, beta");
  EXPECT_NE(Failure([&] {
              LoadVariables(VariablesPath(folder.path().string(), "zzz"), diagnostics);
            }).find("write it, starting from a copy of one of these: alpha, beta"),
            std::string::npos);
  EXPECT_EQ(LoadVariables(VariablesPath(folder.path().string(), "alpha"), diagnostics).ToJson(), Json({{"b", 2}}));
  EXPECT_EQ(VariablesPath(".", "alpha"), "envs/alpha.tfvars");
}

// Binds the text of a file to declarations and returns the variables, or what is wrong.
struct Bound {
  Json variables;
  Strings mistakes;
};

Bound Bind(const std::string& declarations, const std::string& file, const std::string& target = "{}",
           const std::vector<VariableOverride>& overrides = {}) {
  Diagnostics diagnostics;
  const auto definition = ParseDefinition(
      SourceText::FromText("adhoc.yaml", "name: x\nservices: {a: {image: r:1}}\nvariables:\n" + declarations +
                                             "targets: {local: {variables: " + target + "}}\n"),
      diagnostics);
  EXPECT_EQ(diagnostics.Render(), "");
  const Variables variables = ParseTfvars(SourceText::FromText("v", file), diagnostics);
  Bound bound;
  bound.variables =
      BindVariables(*definition, definition->GetTarget(""), variables, overrides, "envs/v.tfvars", diagnostics);
  for (const Diagnostic& item : diagnostics.items()) {
    bound.mistakes.push_back(item.range.ToString() + " " + item.summary + (item.hint.empty() ? "" : " | " + item.hint));
  }
  return bound;
}

TEST(BindVariables, FollowsTheOrderOfPrecedence) {
  const std::string declarations =
      "  a: {default: default}\n  b: {default: default}\n  c: {default: default}\n  d: {default: default}\n";
  const Bound bound =
      Bind(declarations, "c = \"file\"\nd = \"file\"\n", "{b: target, c: target, d: target}", {{"d", "line"}});
  EXPECT_EQ(bound.mistakes, Strings{});
  EXPECT_EQ(bound.variables, Json({{"a", "default"}, {"b", "target"}, {"c", "file"}, {"d", "line"}}));
}

TEST(BindVariables, NullMeansTheDefault) {
  EXPECT_EQ(Bind("  a: {default: x}\n", "a = null\n").variables, Json({{"a", "x"}}));
  EXPECT_EQ(Bind("  a: {}\n", "a = null\n").mistakes.size(), 1U);
}

TEST(BindVariables, ReportsAllThatIsUnset) {
  EXPECT_EQ(
      Bind("  be_image_tag: {description: tag of the backend}\n  fe_image_tag: {}\n  n: {type: number}\n", "").mistakes,
      (Strings{
          "adhoc.yaml:4:3 `be_image_tag` is not set: it has no default (tag of the backend) | add to envs/v.tfvars: "
          "be_image_tag = \"…\"",
          "adhoc.yaml:5:3 `fe_image_tag` is not set: it has no default | add to envs/v.tfvars: fe_image_tag = \"…\"",
          "adhoc.yaml:6:3 `n` is not set: it has no default | add to envs/v.tfvars: n = …"}));
}

TEST(BindVariables, ChecksTypes) {
  struct Case {
    const char* type;
    const char* value;
    const char* mistake;
  };
  for (const Case& test : {
           Case{"string", "1.10", "v:1:5 `x` has to be a text, found a number | put it in double quotes: \"1.10\""},
           Case{"string", "true", "v:1:5 `x` has to be a text, found a boolean | put it in double quotes: \"true\""},
           Case{"string", "[]", "v:1:5 `x` has to be a text, found a list"},
           Case{"number", "\"5\"", "v:1:5 `x` has to be a number, found a text | leave the quotes out"},
           Case{"bool", "\"true\"",
                "v:1:5 `x` has to be true or false, found a text | write true or false without quotes"},
           Case{"bool", "1", "v:1:5 `x` has to be true or false, found a number"},
           Case{"list(string)", "\"a\"", "v:1:5 `x` has to be a list, found a text | write [ … ]"},
           Case{"list(string)", "[\"a\", 1]",
                "v:1:11 `x[1]` has to be a text, found a number | put it in double quotes: \"1\""},
           Case{"list(string)", "[null]", "v:1:6 `x[0]` has to be a text, found null"},
           Case{"map(string)", "[]", "v:1:5 `x` has to be a map, found a list | write { … }"},
           Case{"map(number)", "{ a = 1, b = \"2\" }",
                "v:1:18 `x.b` has to be a number, found a text | leave the quotes out"},
           Case{"map(list(bool))", "{ a = [true, 1] }", "v:1:18 `x.a[1]` has to be true or false, found a number"},
           Case{"object", "1", "v:1:5 `x` has to be a map, found a number | write { … }"},
       }) {
    EXPECT_EQ(Bind(std::string("  x: {type: ") + test.type + "}\n", std::string("x = ") + test.value).mistakes,
              Strings{test.mistake})
        << test.type << " " << test.value;
  }
  EXPECT_EQ(Bind("  x: {type: any}\n", "x = [1, {a = null}]").variables, Json::parse(R"({"x":[1,{"a":null}]})"));
  EXPECT_EQ(Bind("  x: {type: object}\n", "x = {a = 1, b = \"c\"}").variables, Json::parse(R"({"x":{"a":1,"b":"c"}})"));
}

TEST(BindVariables, ChecksValuesAndNames) {
  EXPECT_EQ(Bind("  tag: {pattern: \"v[0-9.]+\", message: write a version such as v1.0.0}\n", "tag = \"1\"").mistakes,
            (Strings{"v:1:7 the value `1` of `tag` is refused: write a version such as v1.0.0"}));
  EXPECT_EQ(Bind("  n: {type: number, minimum: 2}\n", "n = 1").mistakes,
            (Strings{"v:1:5 the value `1` of `n` is refused: it has to be at least 2"}));
  EXPECT_EQ(Bind("  l: {one_of: [a, b]}\n", "l = \"c\"").mistakes,
            (Strings{"v:1:5 the value `c` of `l` is refused: it has to be one of a, b"}));
  EXPECT_EQ(Bind("  k: {sensitive: true, pattern: \"x+\"}\n", "k = \"hunter2\"").mistakes,
            (Strings{"v:1:5 the value of `k` is refused: it does not match x+"}));
  EXPECT_EQ(Bind("  tag: {default: x}\n", "tga = \"y\"\nother = 1").mistakes,
            (Strings{"v:1:1 unknown variable: `tga` is not declared | did you mean `tag`?",
                     "v:2:1 unknown variable: `other` is not declared | declare it under `variables:` in adhoc.yaml, "
                     "or remove it"}));
  const Bound huge = Bind("  tag: {pattern: \"(a|b)*\"}\n", "tag = \"" + std::string(100000, 'a') + "\"");
  EXPECT_EQ(huge.mistakes.size(), 1U);
}

TEST(BindVariables, DoesNotCallABrokenValueUnset) {
  EXPECT_EQ(Bind("  tag: {}\n", "tag = v1.0.0\n").mistakes,
            (Strings{"v:1:7 expected a value, found the bare word `v1.0.0` | a text has double quotes: \"v1.0.0\""}));
}

TEST(BindVariables, TakesOverridesFromTheCommandLine) {
  const std::string declarations =
      "  s: {}\n  n: {type: number}\n  l: {type: list(string)}\n  b: {type: bool, default: false}\n  y: {type: any, "
      "default: 1}\n";
  const Bound bound = Bind(declarations, "s = x\n", "{}",
                           {{"s", "v 1.0"}, {"n", "5"}, {"l", "[\"a\"]"}, {"b", "true"}, {"y", "plain"}});
  EXPECT_EQ(bound.variables, Json::parse(R"({"s":"v 1.0","n":5,"l":["a"],"b":true,"y":"plain"})"));
  EXPECT_EQ(bound.mistakes.size(), 1U);  // the file's own mistake stays
  EXPECT_EQ(Bind("  n: {type: number}\n", "n = 1", "{}", {{"n", "x"}, {"m", "1"}}).mistakes,
            (Strings{"--var:1:5 expected a value, found the bare word `x` | a text has double quotes: \"x\"",
                     " --var m: unknown variable | use `n`"}));
  EXPECT_EQ(Bind("  n: {type: number}\n", "n = 1", "{}", {{"n", "1\nm = 2"}}).mistakes.size(), 1U);
}

}  // namespace
}  // namespace adhoc::config
