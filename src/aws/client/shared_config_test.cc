#include "aws/client/shared_config.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace adhoc::aws {
namespace {

TEST(SharedConfigTest, ReadsSectionsAndSettings) {
  struct Case {
    const char* text;
    const char* section;
    const char* name;
    const char* value;
  };
  for (const Case& c :
       {Case{"[default]\nregion = x\n", "default", "region", "x"},
        Case{"[default]\r\nregion=x\r\n", "default", "region", "x"},
        Case{"\xEF\xBB\xBF[default]\nregion=x", "default", "region", "x"},
        Case{"# first\n; second\n\n[ default ] # third\nregion = x # fourth\n", "default", "region", "x"},
        Case{"[a]\nkey = v#alue;too\n", "a", "key", "v#alue;too"}, Case{"[a]\nkey = a = b\n", "a", "key", "a = b"},
        Case{"[a]\nkey =\n", "a", "key", ""}, Case{"[a]\ns3 =\n  region = nested\nregion = x\n", "a", "region", "x"},
        Case{"[a]\nk=1\n[b]\nk=2\n[a]\nl=3\n", "a", "l", "3"}}) {
    const auto sections = ParseSections(c.text, "f");
    ASSERT_TRUE(sections.contains(c.section)) << c.text;
    const Settings& settings = sections.find(c.section)->second;
    ASSERT_TRUE(settings.contains(c.name)) << c.text;
    EXPECT_EQ(settings.find(c.name)->second, c.value) << c.text;
  }
}

TEST(SharedConfigTest, SaysWhereItCannotRead) {
  const std::pair<const char*, const char*> cases[] = {
      {"key = value\n", "f:1: a setting before the first `[section]`"},
      {"[a]\n\nnonsense\n", "f:3: neither `[section]` nor `name = value`"},
      {"[a\n", "f:1: a section without `]`"},
      {"[a] b\n", "f:1: text after the section's `]`"},
  };
  for (const auto& [text, expected] : cases) {
    try {
      ParseSections(text, "f");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), expected);
    }
  }
}

TEST(SharedConfigTest, JoinsBothFiles) {
  const SharedConfig shared = MakeSharedConfig(
      "[default]\nregion=d\n[profile work]\nregion=w\naws_access_key_id=from-config\n[profile \"two "
      "words\"]\nregion=q\n"
      "[services local]\nx=y\n[work]\nnot=a profile\n[sso-session corp]\nsso_region=s\n",
      "config", "[work]\naws_access_key_id=K\n[only]\naws_access_key_id=O\n", "credentials");
  EXPECT_TRUE(shared.Has("default") && shared.Has("work") && shared.Has("two words") && shared.Has("only"));
  EXPECT_FALSE(shared.Has("local") || shared.Has("corp"));
  EXPECT_EQ(shared.Profile("work"), (Settings{{"aws_access_key_id", "K"}, {"region", "w"}}));
  EXPECT_EQ(shared.sso_sessions.find("corp")->second, (Settings{{"sso_region", "s"}}));
  EXPECT_TRUE(shared.Profile("missing").empty());
}

}  // namespace
}  // namespace adhoc::aws
