#include "aws/client/credentials.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace adhoc::aws {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

std::unique_ptr<CredentialsProvider> Provider(Texts environment, Texts files = {}) {
  const auto reader = [](Texts texts) {
    return [texts = std::move(texts)](std::string_view name) -> std::optional<std::string> {
      const auto found = texts.find(name);
      if (found == texts.end()) return std::nullopt;
      return found->second;
    };
  };
  return CredentialsFrom(reader(std::move(environment)), reader(std::move(files)));
}

std::string Failure(Texts environment, Texts files = {}) {
  try {
    Provider(std::move(environment), std::move(files))->Get();
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty());
    return error.what();
  }
  return "no error";
}

constexpr const char* kCredentialsFile =
    "# comment\n[default]\naws_access_key_id = D\naws_secret_access_key=DS\n\n"
    "[work]\naws_access_key_id=W\naws_secret_access_key = WS\r\naws_session_token = WT\ns3 =\n  region = x\n";

TEST(DefaultCredentialsTest, TakesTheEnvironmentFirst) {
  const Credentials found =
      Provider({{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_SESSION_TOKEN", "T"}, {"HOME", "/h"}},
               {{"/h/.aws/credentials", kCredentialsFile}})
          ->Get();
  EXPECT_EQ(found.access_key_id, "A");
  EXPECT_EQ(found.secret_access_key, "S");
  EXPECT_EQ(found.session_token, "T");
}

TEST(DefaultCredentialsTest, ReadsTheProfileOfTheCredentialsFile) {
  const Texts files = {{"/h/.aws/credentials", kCredentialsFile}};
  EXPECT_EQ(Provider({{"HOME", "/h"}}, files)->Get().access_key_id, "D");
  const Credentials work = Provider({{"HOME", "/h"}, {"AWS_PROFILE", "work"}}, files)->Get();
  EXPECT_EQ(work.access_key_id, "W");
  EXPECT_EQ(work.secret_access_key, "WS");
  EXPECT_EQ(work.session_token, "WT");
}

TEST(DefaultCredentialsTest, ReadsTheConfigFileAfterIt) {
  const Texts files = {{"/c", "[profile work]\naws_access_key_id=C\naws_secret_access_key=CS\n[default]\nregion=x\n"}};
  EXPECT_EQ(Provider({{"HOME", "/h"}, {"AWS_CONFIG_FILE", "/c"}, {"AWS_PROFILE", "work"}}, files)->Get().access_key_id,
            "C");
}

TEST(DefaultCredentialsTest, NamesAllThatItTried) {
  EXPECT_EQ(Failure({{"HOME", "/h"}}),
            "no AWS credentials: AWS_ACCESS_KEY_ID is not set; /h/.aws/credentials does not exist; "
            "/h/.aws/config does not exist");
  EXPECT_EQ(Failure({{"HOME", "/h"}, {"AWS_PROFILE", "other"}, {"AWS_ACCESS_KEY_ID", "A"}},
                    {{"/h/.aws/credentials", kCredentialsFile},
                     {"/h/.aws/config", "[profile other]\nrole_arn = arn:aws:iam::1:role/r\n"}}),
            "no AWS credentials: AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; "
            "/h/.aws/credentials has no section [other]; "
            "/h/.aws/config section [profile other] uses role_arn, which is not read here");
}

TEST(StaticCredentialsTest, GivesWhatItWasGiven) {
  EXPECT_EQ(StaticCredentials({"A", "S", "", std::nullopt})->Get().access_key_id, "A");
}

}  // namespace
}  // namespace adhoc::aws
