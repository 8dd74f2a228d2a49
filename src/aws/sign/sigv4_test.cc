#include "aws/sign/sigv4.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "aws/sign/canonical_request.h"
#include "base/error.h"
#include "base/json.h"

namespace adhoc::aws {
namespace {

const TimePoint kTime = FromSeconds(1709251199);       // 2024-02-29T23:59:59Z
const TimePoint kSuiteTime = FromSeconds(1440938160);  // 2015-08-30T12:36:00Z

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw Error("cannot open " + path.string());
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string SignatureOf(const net::Request& request) {
  const std::string authorization = request.headers.GetOr("Authorization", "");
  return authorization.substr(authorization.rfind('=') + 1);
}

// The requests of sigv4_vectors.json, compared with what botocore signs.
TEST(SigV4VectorTest, SignsAsBotocoreDoes) {
  const Json table = Json::parse(ReadFile(ADHOC_SIGV4_VECTORS));
  int headers = 0;
  int presigned = 0;
  for (const Json& vector : table["cases"]) {
    SCOPED_TRACE(vector["name"].get<std::string>());
    net::Request request;
    request.method = vector["method"];
    request.target = vector["target"];
    request.body = vector["body"];
    for (const Json& line : vector["headers"])
      request.headers.Add(line[0].get<std::string>(), line[1].get<std::string>());
    const Credentials credentials = {table["access_key"], table["secret_key"], vector["token"], std::nullopt};
    const SigningScope scope = {vector["region"], vector["service"]};
    const CanonicalPath path = CanonicalPath::For(scope.service);
    const TimePoint now = vector["time"] == "20250101T000000Z" ? FromSeconds(1735689600) : kTime;

    std::string signature;
    std::string payload_hash;
    if (const std::chrono::seconds expires(vector["expires"].get<int>()); expires.count() > 0) {
      ++presigned;
      payload_hash = scope.service == "s3" ? "UNSIGNED-PAYLOAD" : Sha256Hex("");
      SignQuery(request, credentials, scope, now, expires, payload_hash, path);
      signature = request.target.substr(request.target.rfind('=') + 1);
    } else {
      ++headers;
      Sign(request, credentials, scope, now);
      payload_hash = request.headers.GetOr("X-Amz-Content-SHA256", Sha256Hex(request.body));
      signature = SignatureOf(request);
    }
    EXPECT_EQ(signature, vector["signature"]);
    const std::string canonical = CanonicalRequest(request, SignableHeaders(request), payload_hash, path);
    EXPECT_EQ(Sha256Hex(canonical), vector["canonical_sha256"]) << canonical;

    const auto parsed = ParseAuthorization(request);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->access_key_id, credentials.access_key_id);
    EXPECT_EQ(parsed->region, scope.region);
    EXPECT_EQ(parsed->service, scope.service);
    EXPECT_EQ(parsed->signed_at, now);
    EXPECT_TRUE(VerifySignature(request, *parsed, credentials.secret_access_key));
    EXPECT_FALSE(VerifySignature(request, *parsed, credentials.secret_access_key + "x"));
  }
  EXPECT_GE(headers, 50);
  EXPECT_GE(presigned, 9);
}

// AWS's own signing test suite, read from a checkout of awslabs/aws-c-auth: ADHOC_SIGV4_SUITE names its
// tests/aws-signing-test-suite/v4.
class SuiteCase {
 public:
  explicit SuiteCase(const std::filesystem::path& folder) : folder_(folder) {
    const Json context = Json::parse(ReadFile(folder / "context.json"));
    credentials_ = {context["credentials"]["access_key_id"], context["credentials"]["secret_access_key"], "",
                    std::nullopt};
    if (!context.value("omit_session_token", false))
      credentials_.session_token = context["credentials"].value("token", "");
    scope_ = {context["region"], context["service"]};
    path_.normalize = context["normalize"];
    sign_body_ = context["sign_body"];
    expires_ = std::chrono::seconds(context["expiration_in_seconds"].get<int>());

    std::istringstream text(ReadFile(folder / "request.txt"));
    std::string line;
    std::getline(text, line);
    const std::size_t first = line.find(' ');
    request_.method = line.substr(0, first);
    request_.target = line.substr(first + 1, line.rfind(' ') - first - 1);
    std::vector<std::pair<std::string, std::string>> headers;
    while (std::getline(text, line) && !line.empty()) {
      if (line[0] == ' ') {
        headers.back().second += "\n" + line;
        continue;
      }
      const std::size_t colon = line.find(':');
      headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
    }
    for (const auto& [name, value] : headers) request_.headers.Add(name, value);
    std::getline(text, request_.body, '\0');
  }

  void Check() const {
    net::Request request = request_;
    if (sign_body_) request.headers.Add("X-Amz-Content-SHA256", Sha256Hex(request.body));
    SignHeaders(request, credentials_, scope_, kSuiteTime, path_);
    EXPECT_EQ(SignatureOf(request), ReadFile(folder_ / "header-signature.txt"));
    EXPECT_EQ(CanonicalRequest(request, SignableHeaders(request), Sha256Hex(request.body), path_),
              ReadFile(folder_ / "header-canonical-request.txt"));

    request = request_;
    SignQuery(request, credentials_, scope_, kSuiteTime, expires_, Sha256Hex(sign_body_ ? request.body : ""), path_);
    EXPECT_EQ(request.target.substr(request.target.rfind('=') + 1), ReadFile(folder_ / "query-signature.txt"));
  }

 private:
  std::filesystem::path folder_;
  net::Request request_;
  Credentials credentials_;
  SigningScope scope_;
  CanonicalPath path_;
  bool sign_body_ = false;
  std::chrono::seconds expires_{0};
};

TEST(SigV4VectorTest, SignsAsAwsSuiteSays) {
  const char* const root = std::getenv("ADHOC_SIGV4_SUITE");
  if (root == nullptr) GTEST_SKIP() << "ADHOC_SIGV4_SUITE does not name the suite";
  int cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    SCOPED_TRACE(entry.path().filename().string());
    SuiteCase(entry.path()).Check();
    ++cases;
  }
  EXPECT_GE(cases, 30);
}

// The worked examples of "Authenticating Requests" in the Amazon S3 API reference.
class S3DocumentationTest : public testing::Test {
 protected:
  net::Request Get(std::string target) const {
    net::Request request;
    request.target = std::move(target);
    request.headers.Add("Host", "examplebucket.s3.amazonaws.com");
    return request;
  }
  const Credentials credentials_ = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
                                    std::nullopt};
  const SigningScope scope_ = {"us-east-1", "s3"};
  const TimePoint now_ = FromSeconds(1369353600);  // 2013-05-24T00:00:00Z
};

TEST_F(S3DocumentationTest, GetsAnObjectsRange) {
  net::Request request = Get("/test.txt");
  request.headers.Add("Range", "bytes=0-9");
  Sign(request, credentials_, scope_, now_);
  EXPECT_EQ(request.headers.Get("Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3DocumentationTest, PutsAnObject) {
  net::Request request = Get("/test%24file.text");
  request.method = "PUT";
  request.body = "Welcome to Amazon S3.";
  request.headers.Add("Date", "Fri, 24 May 2013 00:00:00 GMT");
  request.headers.Add("x-amz-storage-class", "REDUCED_REDUNDANCY");
  Sign(request, credentials_, scope_, now_);
  EXPECT_EQ(SignatureOf(request), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST_F(S3DocumentationTest, GetsTheLifecycleAndLists) {
  net::Request lifecycle = Get("/?lifecycle");
  Sign(lifecycle, credentials_, scope_, now_);
  EXPECT_EQ(SignatureOf(lifecycle), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  net::Request list = Get("/?max-keys=2&prefix=J");
  Sign(list, credentials_, scope_, now_);
  EXPECT_EQ(SignatureOf(list), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_F(S3DocumentationTest, PresignsAGet) {
  const std::string url = Presign(net::Uri::Parse("https://examplebucket.s3.amazonaws.com/test.txt"), "GET",
                                  credentials_, scope_, now_, std::chrono::hours(24));
  EXPECT_EQ(url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

class SignTest : public testing::Test {
 protected:
  SignTest() { request_.headers.Add("Host", "localhost:4566"); }

  net::Request request_;
  const Credentials credentials_ = {"AKID", "secret", "token", std::nullopt};
  const SigningScope scope_ = {"eu-west-1", "ecs"};
};

TEST_F(SignTest, SigningAgainReplacesTheFirst) {
  Sign(request_, credentials_, scope_, kTime);
  const std::string first = SignatureOf(request_);
  Sign(request_, {"AKID2", "other", "", std::nullopt}, scope_, kTime + std::chrono::hours(1));
  EXPECT_NE(SignatureOf(request_), first);
  EXPECT_EQ(request_.headers.Get("X-Amz-Date"), "20240301T005959Z");
  EXPECT_FALSE(request_.headers.Has("X-Amz-Security-Token"));
  const auto parsed = ParseAuthorization(request_);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->access_key_id, "AKID2");
  EXPECT_EQ(parsed->date, "20240301");
  EXPECT_TRUE(VerifySignature(request_, *parsed, "other"));
}

TEST_F(SignTest, NeedsAHost) {
  net::Request request;
  EXPECT_THROW(Sign(request, credentials_, scope_, kTime), Error);
}

TEST_F(SignTest, WhatConnectionsChangeIsNotSigned) {
  for (const char* name : {"Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent"}) {
    request_.headers.Add(name, "x");
  }
  EXPECT_EQ(SignableHeaders(request_), std::vector<std::string>{"host"});
}

TEST_F(SignTest, AChangedRequestDoesNotVerify) {
  request_.method = "POST";
  request_.body = "{}";
  Sign(request_, credentials_, scope_, kTime);
  const auto parsed = ParseAuthorization(request_);
  ASSERT_TRUE(parsed);
  ASSERT_TRUE(VerifySignature(request_, *parsed, "secret"));
  const auto refuses = [&](auto change) {
    net::Request changed = request_;
    change(changed);
    return !VerifySignature(changed, *parsed, "secret");
  };
  EXPECT_TRUE(refuses([](net::Request& r) { r.body = "{ }"; }));
  EXPECT_TRUE(refuses([](net::Request& r) { r.method = "GET"; }));
  EXPECT_TRUE(refuses([](net::Request& r) { r.target = "/x"; }));
  EXPECT_TRUE(refuses([](net::Request& r) { r.headers.Set("Host", "other"); }));
  EXPECT_TRUE(refuses([](net::Request& r) { r.headers.Remove("X-Amz-Security-Token"); }));
  EXPECT_FALSE(refuses([](net::Request& r) { r.headers.Add("Via", "a proxy"); }));
}

TEST_F(SignTest, AnS3BodyMustBeTheOneThatWasHashed) {
  request_.method = "PUT";
  request_.target = "/b/k";
  request_.body = "data";
  Sign(request_, credentials_, {"us-east-1", "s3"}, kTime);
  const auto parsed = ParseAuthorization(request_);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(VerifySignature(request_, *parsed, "secret"));
  request_.body = "tampered";
  EXPECT_FALSE(VerifySignature(request_, *parsed, "secret"));
}

TEST_F(SignTest, APresignedUrlVerifiesUntilItExpires) {
  const std::string url = Presign(net::Uri::Parse("http://localhost:4566/b/a%20b?versionId=1"), "GET", credentials_,
                                  {"us-east-1", "s3"}, kTime, std::chrono::seconds(60));
  request_.target = net::Uri::Parse(url).target();
  const auto parsed = ParseAuthorization(request_);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->presigned);
  EXPECT_TRUE(VerifySignature(request_, *parsed, "secret"));
  EXPECT_FALSE(parsed->expired(kTime + std::chrono::seconds(60)));
  EXPECT_TRUE(parsed->expired(kTime + std::chrono::seconds(61)));
  request_.method = "PUT";
  EXPECT_FALSE(VerifySignature(request_, *parsed, "secret"));
}

TEST_F(SignTest, PresignRefusesMoreThanSevenDays) {
  const net::Uri uri = net::Uri::Parse("http://h/");
  EXPECT_THROW(Presign(uri, "GET", credentials_, scope_, kTime, std::chrono::hours(169)), Error);
  EXPECT_THROW(Presign(uri, "GET", credentials_, scope_, kTime, std::chrono::seconds(0)), Error);
}

TEST(ParseAuthorizationTest, UnsignedRequestsHaveNone) {
  net::Request request;
  EXPECT_FALSE(ParseAuthorization(request));
  request.headers.Add("Authorization", "Basic dXNlcjpwYXNz");
  EXPECT_FALSE(ParseAuthorization(request));
  request = {};
  request.target = "/?X-Amz-Meta=1";
  EXPECT_FALSE(ParseAuthorization(request));
}

TEST(ParseAuthorizationTest, RefusesMalformedOnes) {
  const std::string credential = "Credential=AK/20240229/us-east-1/ecs/aws4_request";
  for (const std::string& text : {
           std::string("AWS4-ECDSA-P256-SHA256 x"),
           std::string("AWS4-HMAC-SHA256 "),
           "AWS4-HMAC-SHA256 " + credential,
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=host",
           "AWS4-HMAC-SHA256 " + credential + ", Signature=ab",
           "AWS4-HMAC-SHA256 " + credential + ", SignedHeaders=x-amz-date, Signature=ab",
           std::string("AWS4-HMAC-SHA256 Credential=AK/20240229/us-east-1/ecs, SignedHeaders=host, Signature=ab"),
           std::string(
               "AWS4-HMAC-SHA256 Credential=AK/20240228/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=ab"),
       }) {
    net::Request request;
    request.headers = {{"Host", "h"}, {"X-Amz-Date", "20240229T235959Z"}, {"Authorization", text}};
    EXPECT_THROW(ParseAuthorization(request), Error) << text;
  }
  net::Request dateless;
  dateless.headers = {{"Host", "h"},
                      {"Authorization", "AWS4-HMAC-SHA256 " + credential + ",SignedHeaders=host,Signature=ab"}};
  EXPECT_THROW(ParseAuthorization(dateless), Error);
  dateless.headers.Add("Date", "Thu, 29 Feb 2024 23:59:59 GMT");
  EXPECT_EQ(ParseAuthorization(dateless).value().signature, "ab");
}

TEST(ParseAuthorizationTest, RefusesMalformedPresignedUrls) {
  const std::string good =
      "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20240229%2Fus-east-1%2Fs3%2Faws4_request"
      "&X-Amz-Date=20240229T235959Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=ab";
  net::Request request;
  request.target = good;
  ASSERT_TRUE(ParseAuthorization(request));
  for (const auto& [from, to] : {std::pair{"HMAC", "XMAC"},
                                 {"X-Amz-Expires=60", "X-Amz-Expires=604801"},
                                 {"X-Amz-Expires=60", "X-Amz-Expires=-1"},
                                 {"X-Amz-Expires=60", "X=1"},
                                 {"=20240229T", "=20240228T"},
                                 {"T235959Z", "T2359"},
                                 {"=host", "=date"},
                                 {"&X-Amz-Signature=ab", ""}}) {
    request.target = good;
    request.target.replace(good.find(from), std::string_view(from).size(), to);
    EXPECT_THROW(ParseAuthorization(request), Error) << request.target;
  }
}

}  // namespace
}  // namespace adhoc::aws
