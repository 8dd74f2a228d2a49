#include "aws/client/credential_sources.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "testing/fake_clock.h"
#include "testing/fake_transport.h"

namespace adhoc::aws {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

EnvironmentReader Environment(Texts texts) {
  return [texts = std::move(texts)](std::string_view name) -> std::optional<std::string> {
    const auto found = texts.find(name);
    return found == texts.end() ? std::nullopt : std::optional(found->second);
  };
}

template <typename Function>
std::string FailureOf(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ParseProcessOutputTest, ReadsKeysAndExpiration) {
  const Credentials found = ParseProcessOutput(
      R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":"2026-11-26T12:00:00+00:00"})");
  EXPECT_EQ(found.access_key_id + found.secret_access_key + found.session_token, "AST");
  EXPECT_EQ(ToSeconds(*found.expiration), 1795694400);
  EXPECT_FALSE(ParseProcessOutput(R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S"})").expiration);
}

TEST(ParseProcessOutputTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "what it printed is no JSON object"},
      {"[]", "what it printed is no JSON object"},
      {R"({"AccessKeyId":"A","SecretAccessKey":"S"})", "what it printed is not of Version 1"},
      {R"({"Version":1,"AccessKeyId":5})", "what it printed has no AccessKeyId and SecretAccessKey"},
      {R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"soon"})",
       "the expiration of what it printed is no time: soon"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(FailureOf([&] { ParseProcessOutput(text); }), expected);
}

TEST(SplitCommandLineTest, SplitsAsAShellDoes) {
  using Words = std::vector<std::string>;
  const std::pair<const char*, Words> cases[] = {
      {"", {}},
      {"  a  b\t", {"a", "b"}},
      {"'a b' \"c d\"e", {"a b", "c de"}},
      {R"(a\ b "q\"q" 'n\n' "w\x")", {"a b", "q\"q", "n\\n", "w\\x"}},
      {"'' \"\"", {"", ""}},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(SplitCommandLine(text), expected) << text;
  EXPECT_EQ(FailureOf([] { SplitCommandLine("a 'b"); }), "a quote is not closed in `a 'b`");
}

TEST(SsoTest, ReadsTheCliCache) {
  // As botocore names the file: sha1 of the session's name.
  EXPECT_EQ(Sha1Hex("corp"), "ee0bfd2552fbd840c02cc48b6e823320543c450f");
  for (const char* time : {"2026-11-26T12:00:00Z", "2026-11-26T12:00:00UTC"}) {
    const SsoToken token =
        ParseSsoToken(std::string(R"({"accessToken":"t","expiresAt":")") + time + R"(","refreshToken":"r"})");
    EXPECT_EQ(ToSeconds(token.expires), 1795694400);
    EXPECT_FALSE(token.renewable());
  }
  EXPECT_EQ(FailureOf([] { ParseSsoToken("{}"); }), "the cached token has no accessToken");
}

TEST(SsoTest, AsksThePortal) {
  testing::FakeTransport transport;
  transport.ThenAnswer(
      200,
      R"({"roleCredentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T","expiration":1795694400000}})");
  const Credentials found =
      FetchSsoCredentials(transport, Environment({}), {"eu-west-1", "111122223333", "Dev Role"}, "bearer");
  EXPECT_EQ(found.access_key_id, "A");
  EXPECT_EQ(ToSeconds(*found.expiration), 1795694400);
  const auto sent = transport.sent()[0];
  EXPECT_EQ(sent.origin.ToString(), "https://portal.sso.eu-west-1.amazonaws.com/");
  EXPECT_EQ(sent.request.target, "/federation/credentials?role_name=Dev%20Role&account_id=111122223333");
  EXPECT_EQ(sent.request.headers.GetOr("x-amz-sso_bearer_token", ""), "bearer");

  transport.ThenAnswer(403, R"({"message":"No access"})");
  EXPECT_EQ(FailureOf([&] {
              FetchSsoCredentials(transport, Environment({}), {"eu-west-1", "1", "R"}, "b");
            }),
            "single sign-on refuses role R of account 1: 403 No access");
}

TEST(SsoTest, RenewsTheToken) {
  testing::FakeTransport transport;
  testing::FakeClock clock;
  transport.ThenAnswer(200, R"({"accessToken":"new","expiresIn":3600,"refreshToken":"next"})");
  const SsoToken token = ParseSsoToken(
      R"({"accessToken":"old","expiresAt":"2023-11-14T22:13:20Z","refreshToken":"r","clientId":"c","clientSecret":"s","region":"x"})");
  ASSERT_TRUE(token.renewable());
  const SsoToken renewed = RenewSsoToken(transport, Environment({}), "x-y-1", token, clock);
  EXPECT_EQ(renewed.access_token, "new");
  EXPECT_EQ(renewed.expires, clock.Now() + std::chrono::hours(1));
  EXPECT_EQ(renewed.document["refreshToken"], "next");
  EXPECT_EQ(renewed.document["region"], "x");
  EXPECT_EQ(renewed.document["expiresAt"], "2023-11-14T23:13:20Z");
  EXPECT_EQ(Json::parse(transport.sent()[0].request.body)["refreshToken"], "r");
}

TEST(ContainerTest, KnowsWhereItMayAsk) {
  const std::pair<Texts, const char*> cases[] = {
      {{{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c/1"}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x/"}},
       "http://169.254.170.2/v2/c/1"},
      {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://x/c"}}, "https://x/c"},
      {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:99/c?d=e"}}, "http://127.0.0.1:99/c?d=e"},
      {{{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1"}}, "http://169.254.170.23/v1"},
  };
  for (const auto& [environment, expected] : cases) {
    EXPECT_EQ(ContainerEndpoint(Environment(environment))->ToString(), expected);
  }
  EXPECT_FALSE(ContainerEndpoint(Environment({})));
  EXPECT_EQ(FailureOf([] {
              ContainerEndpoint(Environment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/c"}}));
            }),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is http://10.0.0.1/c: plain HTTP to another machine");
}

constexpr const char* kAnswer =
    R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T","Expiration":"2026-11-26T12:00:00Z"})";

TEST(ContainerTest, TriesThreeTimes) {
  testing::FakeTransport transport;
  testing::FakeClock clock(testing::FakeClock::Sleep::kAdvances);
  transport.ThenFail(false, true);
  transport.ThenAnswer(503, "");
  transport.ThenAnswer(200, kAnswer);
  EXPECT_EQ(
      FetchContainerCredentials(transport, net::Uri::Parse("http://169.254.170.2/c"), "Basic x", clock).session_token,
      "T");
  EXPECT_EQ(transport.sent()[2].request.headers.GetOr("Authorization", ""), "Basic x");
  transport.ThenAnswer(400, "");
  EXPECT_EQ(
      FailureOf([&] { FetchContainerCredentials(transport, net::Uri::Parse("http://169.254.170.2/c"), "", clock); }),
      "http://169.254.170.2/c answers 400");
}

TEST(InstanceTest, SpeaksImdsV2) {
  testing::FakeTransport transport;
  transport.ThenAnswer(200, "token");
  transport.ThenAnswer(200, "my-role\n");
  transport.ThenAnswer(200, kAnswer);
  std::string why;
  EXPECT_EQ(FetchInstanceCredentials(transport, Environment({}), why)->access_key_id, "A");
  const auto sent = transport.sent();
  EXPECT_EQ(sent[0].request.method, "PUT");
  EXPECT_EQ(sent[0].origin.host, "169.254.169.254");
  EXPECT_EQ(sent[2].request.target, "/latest/meta-data/iam/security-credentials/my-role");
  EXPECT_EQ(sent[2].request.headers.GetOr("x-aws-ec2-metadata-token", ""), "token");
}

TEST(InstanceTest, SaysWhyThereIsNothing) {
  std::string why;
  testing::FakeTransport transport;
  EXPECT_FALSE(FetchInstanceCredentials(transport, Environment({{"AWS_EC2_METADATA_DISABLED", "true"}}), why));
  EXPECT_EQ(why, "the EC2 metadata service is switched off by AWS_EC2_METADATA_DISABLED");
  transport.ThenFail(false, true);
  EXPECT_FALSE(FetchInstanceCredentials(transport, Environment({}), why));
  EXPECT_EQ(why, "this is no EC2 instance");
  transport.ThenAnswer(200, "token");
  transport.ThenAnswer(404, "");
  EXPECT_FALSE(FetchInstanceCredentials(transport, Environment({}), why));
  EXPECT_EQ(why, "the EC2 instance has no role");
  transport.ThenAnswer(200, "token");
  transport.ThenAnswer(200, "r");
  transport.ThenAnswer(200, R"({"Code":"AssumeRoleUnauthorizedAccess","Message":"no"})");
  EXPECT_EQ(FailureOf([&] { FetchInstanceCredentials(transport, Environment({}), why); }),
            "AssumeRoleUnauthorizedAccess: no");
}

}  // namespace
}  // namespace adhoc::aws
