#include "aws/client/credentials.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "testing/fake_clock.h"
#include "testing/fake_random.h"
#include "testing/fake_transport.h"

namespace adhoc::aws {
namespace {

using Texts = std::map<std::string, std::string, std::less<>>;

constexpr const char* kKeys = "aws_access_key_id = K\naws_secret_access_key = KS\n";
constexpr const char* kRole = "role_arn = arn:aws:iam::111122223333:role/deployer\n";

// A machine with these variables and files, and an AWS that answers STS.
class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest()
      : transport_(std::make_shared<testing::FakeTransport>(
            [this](const net::Uri& origin, const net::Request& request) { return Answer(origin, request); })) {}

  net::Response Answer(const net::Uri& origin, const net::Request& request) {
    if (!origin.host.starts_with("sts.")) throw net::TransportError("no route to " + origin.host, false, true);
    net::Response response;
    const auto form = net::ParseQuery(request.body, true);
    std::string action;
    for (const auto& [name, value] : form) {
      if (name == "Action") action = value;
    }
    if (denied_ && action.starts_with("Assume")) {
      response.status = 403;
      response.body =
          "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>";
      return response;
    }
    if (action == "GetCallerIdentity") {
      response.body = fmt::format("<R><GetCallerIdentityResult><Arn>{}</Arn></GetCallerIdentityResult></R>", caller_);
      return response;
    }
    const std::string authorization = request.headers.GetOr("Authorization", "unsigned");
    const auto credential = authorization.find("Credential=");
    const std::string by = credential == std::string::npos
                               ? "unsigned"
                               : authorization.substr(credential + 11, authorization.find('/') - credential - 11);
    response.body = fmt::format(
        "<R><{0}Result><Credentials><AccessKeyId>{1}+</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T"
        "</SessionToken><Expiration>2023-11-14T23:13:20Z</Expiration></Credentials></{0}Result></R>",
        action, by);
    asked_ = form;
    return response;
  }

  std::unique_ptr<CredentialsProvider> Provider(ChainOptions options = {}) {
    const auto reader = [](const Texts& texts) {
      return [&texts](std::string_view name) -> std::optional<std::string> {
        const auto found = texts.find(name);
        return found == texts.end() ? std::nullopt : std::optional(found->second);
      };
    };
    environment_.emplace("HOME", "/h");
    environment_.emplace("AWS_EC2_METADATA_DISABLED", "true");
    return CredentialsFrom(std::move(options),
                           {.environment = reader(environment_),
                            .files = reader(files_),
                            .write = [this](const std::string& path, const std::string& text) { files_[path] = text; },
                            .run =
                                [this](const std::vector<std::string>& argv) {
                                  run_ = argv;
                                  return process_;
                                },
                            .transport = transport_,
                            .clock = &clock_,
                            .random = &random_});
  }

  std::string KeyOf(ChainOptions options = {}) { return Provider(std::move(options))->Get().access_key_id; }

  std::string Failure(ChainOptions options = {}) {
    try {
      return "no error: " + KeyOf(std::move(options));
    } catch (const Error& error) {
      hint_ = error.hint();
      return error.what();
    }
  }

  std::string Asked(std::string_view name) const {
    for (const auto& [key, value] : asked_) {
      if (key == name) return value;
    }
    return "";
  }

  void Config(const std::string& text) { files_["/h/.aws/config"] = text; }
  void Keys(const std::string& text) { files_["/h/.aws/credentials"] = text; }

  Texts environment_;
  Texts files_;
  ProcessResult process_;
  std::vector<std::string> run_;
  bool denied_ = false;
  std::string caller_;
  std::string hint_;
  net::QueryItems asked_;
  testing::FakeClock clock_{testing::FakeClock::Sleep::kAdvances};
  testing::FakeRandom random_;
  std::shared_ptr<testing::FakeTransport> transport_;
};

TEST_F(CredentialsTest, TheEnvironmentIsFirst) {
  environment_ = {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}, {"AWS_SESSION_TOKEN", "T"}};
  Keys(std::string("[default]\n") + kKeys);
  const auto provider = Provider();
  EXPECT_EQ(provider->Get().access_key_id, "A");
  EXPECT_EQ(provider->Get().session_token, "T");
  EXPECT_EQ(provider->Source(), "the environment");
  // Also before AWS_PROFILE, but not before a profile that was asked for and exists.
  environment_["AWS_PROFILE"] = "default";
  EXPECT_EQ(KeyOf(), "A");
  environment_.erase("AWS_PROFILE");
  EXPECT_EQ(KeyOf({.profile = "default"}), "K");
  EXPECT_EQ(KeyOf({.profile = "only-on-laptops"}), "A");
}

TEST_F(CredentialsTest, ReadsProfiles) {
  struct Case {
    const char* profile;
    const char* config;
    const char* keys;
    const char* key;
    const char* source;
  };
  const std::string keys = kKeys;
  for (const Case& c : {
           Case{"", "", "[default]\naws_access_key_id=K\naws_secret_access_key=S\n", "K", "profile default"},
           Case{"", "[default]\naws_access_key_id=C\naws_secret_access_key=S\n", "", "C", "profile default"},
           Case{"work", "[profile work]\nregion=x\n", "[work]\naws_access_key_id=W\naws_secret_access_key=S\n", "W",
                "profile work"},
           Case{"r", "[profile r]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=s\n",
                "[s]\naws_access_key_id=K\naws_secret_access_key=S\n", "K+", "profile r, role a"},
           // Its own source, and a chain of roles.
           Case{"r", "[profile r]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=r\n",
                "[r]\naws_access_key_id=K\naws_secret_access_key=S\n", "K+", "profile r, role a"},
           Case{"r",
                "[profile r]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=q\n[profile q]\n"
                "role_arn=arn:aws:iam::111122223333:role/b\nsource_profile=s\n",
                "[s]\naws_access_key_id=K\naws_secret_access_key=S\n", "K++", "profile r, role a"},
       }) {
    environment_ = {};
    if (*c.profile != '\0') environment_["AWS_PROFILE"] = c.profile;
    Config(c.config);
    Keys(c.keys);
    const auto provider = Provider();
    EXPECT_EQ(provider->Get().access_key_id, c.key) << c.config << c.keys;
    EXPECT_EQ(provider->Source(), c.source);
  }
}

TEST_F(CredentialsTest, SaysWhatIsWrongWithAProfile) {
  struct Case {
    const char* config;
    const char* expected;
  };
  for (const Case& c : {
           Case{"[profile q]\n",
                "no AWS credentials: AWS_ACCESS_KEY_ID is not set; profile p is in neither /h/.aws/config nor "
                "/h/.aws/credentials"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\n",
                "profile p: role_arn is set without source_profile or credential_source"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=gone\n",
                "profile p: its source_profile gone does not exist"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=q\n[profile q]\nregion=x\n",
                "profile p: its source_profile q has no credentials"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=q\n[profile q]\n"
                "role_arn=arn:aws:iam::111122223333:role/b\nsource_profile=p\n",
                "profile p: profile q: source_profile leads in a circle: p → q → p"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=p\n",
                "profile p: source_profile leads in a circle: p → p"},
           Case{"[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\ncredential_source=Enviroment\n",
                "profile p: unknown credential_source: Enviroment"},
           Case{
               "[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\ncredential_source=EcsContainer\n",
               "profile p: credential_source EcsContainer has none: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set"},
           Case{"[profile p]\naws_access_key_id=K\n",
                "profile p: one of aws_access_key_id and aws_secret_access_key is missing"},
           Case{"[profile p]\nsso_session=corp\n", "profile p: there is no [sso-session corp] in /h/.aws/config"},
           Case{"[profile p]\nsso_session=corp\n[sso-session corp]\nsso_start_url=u\n",
                "profile p: sso_region is missing"},
           Case{"[profile p]\nsso_start_url=u\nsso_region=r\nsso_account_id=1\nsso_role_name=x\n",
                "profile p: nobody has logged in to single sign-on on this machine yet"},
           Case{"[profile p]\nlogin_session=arn:aws:iam::111122223333:user/brian\n",
                "profile p: its keys are of aws login, which adhoc does not read"},
           Case{"nonsense\n", "/h/.aws/config:1: neither `[section]` nor `name = value`"},
       }) {
    environment_ = {{"AWS_PROFILE", "p"}};
    Config(c.config);
    EXPECT_EQ(Failure(), c.expected);
    if (std::string_view(c.expected).find(": its source_profile q") == std::string_view::npos &&
        std::string_view(c.expected).find("has none") == std::string_view::npos) {
      EXPECT_FALSE(hint_.empty()) << c.expected;
    }
  }
}

TEST(EndpointsOfTest, AProfileMayNameThemForAllServicesAndForSome) {
  const SharedConfig shared = MakeSharedConfig(
      "[default]\nregion = x\n"
      "[profile emulator]\nendpoint_url = http://localhost:4566\nservices = some\n"
      "[profile off]\nendpoint_url = http://localhost:4566\nignore_configured_endpoint_urls = true\n"
      "[profile gone]\nservices = none\n"
      "[services some]\ns3 =\n  endpoint_url = http://localhost:9000  # MinIO\n  addressing_style = path\n"
      "elastic_load_balancing_v2 =\n  endpoint_url = http://localhost:9001\n",
      "config", "", "credentials");
  EXPECT_EQ(EndpointsOf(shared, "emulator"),
            (ProfileEndpoints{{"", "http://localhost:4566"},
                              {"s3", "http://localhost:9000"},
                              {"elastic_load_balancing_v2", "http://localhost:9001"}}));
  for (const char* profile : {"default", "off", "gone", "unknown"}) {
    EXPECT_EQ(EndpointsOf(shared, profile), ProfileEndpoints{}) << profile;
  }
}

TEST_F(CredentialsTest, TheProfilesEndpointIsWhereItsRoleIsAskedFor) {
  environment_ = {{"AWS_PROFILE", "p"}};
  Config(
      "[profile p]\nrole_arn=arn:aws:iam::111122223333:role/a\nsource_profile=q\nendpoint_url=http://sts.emulator:1\n"
      "[profile q]\naws_access_key_id=K\naws_secret_access_key=S\n");
  EXPECT_EQ(KeyOf(), "K+");
  EXPECT_EQ(transport_->sent().at(0).origin.ToString(), "http://sts.emulator:1/");
}

TEST_F(CredentialsTest, NamesAllThatItTried) {
  EXPECT_EQ(
      Failure(),
      "no AWS credentials: AWS_ACCESS_KEY_ID is not set; there is neither /h/.aws/config nor /h/.aws/credentials; "
      "AWS_WEB_IDENTITY_TOKEN_FILE is not set; AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set; "
      "the EC2 metadata service is switched off by AWS_EC2_METADATA_DISABLED");
  EXPECT_NE(hint_.find("aws sso login"), std::string::npos);
  environment_["AWS_ACCESS_KEY_ID"] = "A";
  EXPECT_EQ(Failure(), "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY");
  environment_["AWS_SECRET_ACCESS_KEY"] = "S";
  environment_["AWS_CREDENTIAL_EXPIRATION"] = "2020-01-01T00:00:00Z";
  EXPECT_EQ(Failure(), "the keys in the environment ended at 2020-01-01T00:00:00Z");
}

TEST_F(CredentialsTest, PassesOnWhatARoleNeeds) {
  environment_ = {{"AWS_PROFILE", "p"}, {"USER", "ann x"}};
  Config(std::string("[profile p]\nsource_profile=s\nexternal_id=E1\nduration_seconds=3600\n") + kRole +
         "[profile s]\n" + kKeys);
  EXPECT_EQ(KeyOf({.region = "eu-west-1"}), "K+");
  EXPECT_EQ(Asked("ExternalId"), "E1");
  EXPECT_EQ(Asked("DurationSeconds"), "3600");
  EXPECT_EQ(Asked("RoleSessionName"), "adhoc-annx");
  EXPECT_EQ(transport_->sent()[0].origin.host, "sts.eu-west-1.amazonaws.com");
}

TEST_F(CredentialsTest, AsksForAnMfaCodeOnceAnHour) {
  environment_ = {{"AWS_PROFILE", "p"}};
  Config(std::string("[profile p]\nsource_profile=s\nmfa_serial=arn:aws:iam::111122223333:mfa/ann\n") + kRole +
         "[profile s]\n" + kKeys);
  EXPECT_EQ(Failure(), "profile p: role deployer needs an MFA code, and there is no terminal to ask on");
  std::string prompt;
  const ChainOptions options{.ask = [&](const std::string& text) {
    prompt = text;
    return std::optional<std::string>("123456");
  }};
  EXPECT_EQ(KeyOf(options), "K+");
  EXPECT_EQ(prompt, "MFA code of arn:aws:iam::111122223333:mfa/ann: ");
  EXPECT_EQ(Asked("TokenCode"), "123456");
  // Another process takes it from the AWS CLI's cache: sha1 of {"RoleArn": …, "SerialNumber": …}.
  EXPECT_TRUE(files_.contains("/h/.aws/cli/cache/916a488dada8aa60539c2a678c6e465c0b1858ad.json"));
  EXPECT_EQ(KeyOf(), "K+");
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Failure(), "profile p: role deployer needs an MFA code, and there is no terminal to ask on");
}

TEST_F(CredentialsTest, RunsACredentialProcess) {
  environment_ = {{"AWS_PROFILE", "p"}};
  Config("[profile p]\ncredential_process = /opt/get \"for me\"\n");
  process_.out = R"({"Version":1,"AccessKeyId":"P","SecretAccessKey":"S"})";
  EXPECT_EQ(KeyOf(), "P");
  EXPECT_EQ(run_, (std::vector<std::string>{"/opt/get", "for me"}));
  process_ = {.exit_code = 3, .out = "", .err = "Traceback\nlocked out\n"};
  EXPECT_EQ(Failure(), "profile p: credential_process exited with 3: locked out");
  EXPECT_EQ(hint_, "run it by hand: /opt/get \"for me\"");
  process_ = {.exit_code = 0, .out = "hello", .err = ""};
  EXPECT_EQ(Failure(), "profile p: credential_process /opt/get: what it printed is no JSON object");
}

TEST_F(CredentialsTest, ExchangesAWebIdentityTokenUnsigned) {
  environment_ = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"}, {"AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/ci"}};
  files_["/token"] = "a.b.c\n";
  EXPECT_EQ(KeyOf(), "unsigned+");
  EXPECT_EQ(Asked("WebIdentityToken"), "a.b.c");
  EXPECT_EQ(Provider()->Source(), "the environment's web identity, role ci");
  environment_.erase("AWS_ROLE_ARN");
  EXPECT_EQ(Failure(), "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN");
  environment_ = {{"AWS_PROFILE", "p"}};
  Config(std::string("[profile p]\nweb_identity_token_file=/token\n") + kRole);
  EXPECT_EQ(Provider()->Source(), "profile p, role deployer");
}

TEST_F(CredentialsTest, UsesTheSsoLogin) {
  environment_ = {{"AWS_PROFILE", "p"}};
  Config(
      "[profile p]\nsso_session=corp\nsso_account_id=1\nsso_role_name=x\n[sso-session "
      "corp]\nsso_start_url=u\nsso_region=r-1\n");
  const std::string cache = "/h/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json";
  const char* const answer =
      R"({"roleCredentials":{"accessKeyId":"O","secretAccessKey":"S","sessionToken":"T","expiration":1700010000000}})";
  files_[cache] = R"({"accessToken":"t","expiresAt":"2023-11-15T12:00:00Z"})";
  transport_->ThenAnswer(200, answer);
  EXPECT_EQ(KeyOf(), "O");
  files_[cache] = R"({"accessToken":"t","expiresAt":"2023-11-14T12:00:00Z"})";
  EXPECT_EQ(Failure(), "profile p: the single sign-on login has expired");
  EXPECT_EQ(hint_, "aws sso login --profile p");
  files_[cache] =
      R"({"accessToken":"t","expiresAt":"2023-11-14T12:00:00Z","refreshToken":"r","clientId":"c","clientSecret":"s"})";
  transport_->ThenAnswer(200, R"({"accessToken":"new","expiresIn":3600,"refreshToken":"next"})");
  transport_->ThenAnswer(200, answer);
  EXPECT_EQ(KeyOf(), "O");
  EXPECT_EQ(Json::parse(files_[cache])["accessToken"], "new");
}

TEST_F(CredentialsTest, AsksTheContainerAndThenTheInstance) {
  const char* const answer =
      R"({"AccessKeyId":"C","SecretAccessKey":"S","Token":"T","Expiration":"2023-11-15T12:00:00Z"})";
  environment_ = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c"},
                  {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/auth"}};
  files_["/auth"] = "secret\n";
  transport_->ThenAnswer(200, answer);
  EXPECT_EQ(KeyOf(), "C");
  EXPECT_EQ(transport_->sent()[0].request.headers.GetOr("Authorization", ""), "secret");
  transport_->ThenAnswer(404, "");
  EXPECT_EQ(Failure(), "the container's credentials: http://169.254.170.2/v2/c answers 404");

  environment_ = {{"AWS_EC2_METADATA_DISABLED", "false"}};
  transport_->ThenAnswer(200, "token");
  transport_->ThenAnswer(200, "role");
  transport_->ThenAnswer(200, answer);
  EXPECT_EQ(Provider()->Source(), "the role of the EC2 instance");
}

TEST_F(CredentialsTest, AssumesTheTargetsRole) {
  environment_ = {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}};
  const ChainOptions options{.role = "arn:aws:iam::111122223333:role/path/deployer"};
  EXPECT_EQ(KeyOf(options), "A+");
  EXPECT_EQ(Provider(options)->Source(), "the environment, role deployer");
  // A pipeline that has the role already may not be allowed to assume it once more.
  denied_ = true;
  caller_ = "arn:aws:sts::111122223333:assumed-role/deployer/GitHubActions";
  EXPECT_EQ(KeyOf(options), "A");
  caller_ = "arn:aws:sts::999922223333:assumed-role/deployer/GitHubActions";
  EXPECT_EQ(Failure(options), "sts AssumeRole: AccessDenied: not you");
}

TEST_F(CredentialsTest, RenewsARoleBeforeItsSessionEnds) {
  environment_ = {{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}};
  const auto provider = Provider({.role = "arn:aws:iam::111122223333:role/deployer"});
  provider->Get();
  provider->Get();
  EXPECT_EQ(transport_->sent().size(), 1U);
  clock_.Advance(std::chrono::minutes(46));
  provider->Get();
  EXPECT_EQ(transport_->sent().size(), 2U);
}

TEST(StaticCredentialsTest, GivesWhatItWasGiven) {
  EXPECT_EQ(StaticCredentials({"A", "S", "", std::nullopt})->Get().access_key_id, "A");
}

}  // namespace
}  // namespace adhoc::aws
