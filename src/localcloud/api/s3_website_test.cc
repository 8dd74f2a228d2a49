#include "localcloud/api/s3_website.h"

#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct Website : ::testing::Test {
  LocalApi api;

  void SetUp() override {
    api.Call("s3", "CreateBucket", {{"Bucket", "site"}});
    api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "site"}});
    Put("index.html", "home");
    Put("docs/index.html", "docs");
    Put("about.html", "about");
    Put("secret/x.html", "x");
    Configure({{"IndexDocument", {{"Suffix", "index.html"}}}});
    Allow(R"("s3:GetObject")");
  }
  void Put(const std::string& key, const std::string& body, Json extra = Json::object()) {
    extra.update({{"Bucket", "site"}, {"Key", key}, {"Body", body}, {"ContentType", "text/html"}});
    api.Call("s3", "PutObject", extra);
  }
  void Configure(const Json& configuration) {
    api.Call("s3", "PutBucketWebsite", {{"Bucket", "site"}, {"WebsiteConfiguration", configuration}});
  }
  void Allow(const std::string& actions) {
    api.Call(
        "s3", "PutBucketPolicy",
        {{"Bucket", "site"},
         {"Policy",
          R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":[)" + actions +
              R"(],"Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]},)"
              R"({"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::site/secret/*"}]})"}});
  }
  net::Response Get(const std::string& target, const std::string& host = "site.s3-website.localhost:4566",
                    const std::string& method = "GET", net::Headers headers = {}) {
    headers.Set("Host", host);
    return api.Send({.method = method, .target = target, .headers = std::move(headers)});
  }
  // `200 body`, `301 location`, `404 code`.
  std::string Look(const std::string& target) {
    const auto response = Get(target);
    const auto code = response.headers.Get("x-amz-error-code");
    const auto location = response.headers.Get("Location");
    return std::to_string(response.status) + " " + std::string(location ? *location : code ? *code : response.body);
  }
};

TEST_F(Website, FoldersHaveIndexDocuments) {
  EXPECT_EQ(Look("/"), "200 home");
  EXPECT_EQ(Look("/docs/"), "200 docs");
  EXPECT_EQ(Look("/docs"), "302 /docs/");
  EXPECT_EQ(Look("/about.html"), "200 about");
  EXPECT_EQ(Look("/about.html?acl&versionId=x"), "200 about");
  EXPECT_EQ(Get("/about.html").headers.GetOr("Content-Type", ""), "text/html");
  EXPECT_EQ(Get("/", "site.s3-website.localhost:4566", "HEAD").status, 200);
  const auto etag = Get("/").headers.GetOr("ETag", "");
  EXPECT_EQ(Get("/", "site.s3-website.localhost", "GET", {{"If-None-Match", etag}}).status, 304);
}

TEST_F(Website, HasSeveralNames) {
  for (const char* host : {"site.s3-website-us-east-1.amazonaws.com", "site.s3-website.eu-central-1.amazonaws.com:80",
                           "SITE.s3-website.localhost:4566"}) {
    EXPECT_EQ(Get("/", host).body, "home") << host;
  }
  // A domain that points to S3 is the bucket's name.
  api.Call("s3", "CreateBucket", {{"Bucket", "www.example.com"}});
  EXPECT_NE(Get("/", "www.example.com").headers.GetOr("Content-Type", ""), "text/html; charset=utf-8");
  api.Call(
      "s3", "PutBucketWebsite",
      {{"Bucket", "www.example.com"},
       {"WebsiteConfiguration", {{"RedirectAllRequestsTo", {{"HostName", "example.com"}, {"Protocol", "https"}}}}}});
  const auto moved = Get("/a%20b?c=d", "www.example.com");
  EXPECT_EQ(moved.status, 301);
  EXPECT_EQ(moved.headers.GetOr("Location", ""), "https://example.com/a%20b?c=d");
}

TEST_F(Website, FailuresArePagesForPeople) {
  // Who may not list a bucket is not told what isn't in it.
  EXPECT_EQ(Look("/none.html"), "403 AccessDenied");
  EXPECT_EQ(Look("/secret/x.html"), "403 AccessDenied");
  Allow(R"("s3:GetObject","s3:ListBucket")");
  const auto missing = Get("/<none>.html");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.headers.GetOr("Content-Type", ""), "text/html; charset=utf-8");
  EXPECT_EQ(missing.headers.GetOr("x-amz-error-message", ""), "The specified key does not exist.");
  EXPECT_NE(missing.body.find("<h1>404 Not Found</h1>\n<ul>\n<li>Code: NoSuchKey</li>\n<li>Message: The specified key "
                              "does not exist.</li>\n<li>Key: &lt;none&gt;.html</li>\n"),
            std::string::npos)
      << missing.body;
  EXPECT_EQ(Get("/", "site.s3-website.localhost", "POST").status, 405);
  EXPECT_EQ(Get("/", "nobody.s3-website.localhost").headers.GetOr("x-amz-error-code", ""), "NoSuchBucket");
  api.Call("s3", "DeleteBucketWebsite", {{"Bucket", "site"}});
  EXPECT_EQ(Look("/"), "404 NoSuchWebsiteConfiguration");
}

TEST_F(Website, AnErrorDocumentIsShownWithTheErrorsStatus) {
  Configure({{"IndexDocument", {{"Suffix", "index.html"}}}, {"ErrorDocument", {{"Key", "error.html"}}}});
  const auto without = Get("/none.html");
  EXPECT_EQ(without.status, 403);
  EXPECT_NE(without.body.find("An Error Occurred While Attempting to Retrieve a Custom Error Document"),
            std::string::npos);
  Put("error.html", "sorry");
  const auto with = Get("/none.html");
  EXPECT_EQ(with.status, 403);
  EXPECT_EQ(with.body, "sorry");
  EXPECT_EQ(with.headers.GetOr("x-amz-error-code", ""), "AccessDenied");
}

TEST_F(Website, ObjectsMayRedirect) {
  Put("old.html", "", {{"WebsiteRedirectLocation", "/about.html"}});
  Put("away.html", "", {{"WebsiteRedirectLocation", "https://example.com/"}});
  EXPECT_EQ(Look("/old.html"), "301 /about.html");
  EXPECT_EQ(Look("/away.html"), "301 https://example.com/");
}

TEST_F(Website, RoutingRulesRedirect) {
  Allow(R"("s3:GetObject","s3:ListBucket")");
  Configure(
      {{"IndexDocument", {{"Suffix", "index.html"}}},
       {"RoutingRules",
        Json::array(
            {{{"Condition", {{"KeyPrefixEquals", "docs/"}}}, {"Redirect", {{"ReplaceKeyPrefixWith", "documents/"}}}},
             {{"Condition", {{"KeyPrefixEquals", "images/"}}}, {"Redirect", {{"ReplaceKeyWith", "about.html"}}}},
             {{"Condition", {{"KeyPrefixEquals", "api/"}, {"HttpErrorCodeReturnedEquals", "404"}}},
              {"Redirect", {{"HostName", "api.example.com"}, {"Protocol", "https"}, {"HttpRedirectCode", "307"}}}},
             {{"Condition", {{"HttpErrorCodeReturnedEquals", "404"}}},
              {"Redirect", {{"ReplaceKeyPrefixWith", "report-404/"}, {"HttpRedirectCode", "302"}}}}})}});
  const std::string here = "http://site.s3-website.localhost:4566/";
  EXPECT_EQ(Look("/docs/"), "301 " + here + "documents/");
  EXPECT_EQ(Look("/docs/a%20b.html"), "301 " + here + "documents/a%20b.html");
  EXPECT_EQ(Look("/images/x.png"), "301 " + here + "about.html");
  EXPECT_EQ(Look("/api/x"), "307 https://api.example.com/api/x");
  EXPECT_EQ(Look("/none.html"), "302 " + here + "report-404/none.html");
  EXPECT_EQ(Look("/about.html"), "200 about");
}

TEST_F(Website, ConfigurationsAreChecked) {
  const auto error = [&](const Json& configuration) {
    return api.ErrorOf("s3", "PutBucketWebsite", {{"Bucket", "site"}, {"WebsiteConfiguration", configuration}});
  };
  const Json index{{"Suffix", "index.html"}};
  const auto with_rule = [&](Json redirect, Json condition = Json::object()) {
    Json rule{{"Redirect", std::move(redirect)}};
    if (!condition.empty()) rule["Condition"] = std::move(condition);
    return error({{"IndexDocument", index}, {"RoutingRules", Json::array({rule})}});
  };
  EXPECT_EQ(error(Json::object()), "InvalidArgument");
  EXPECT_EQ(error({{"IndexDocument", {{"Suffix", "a/b"}}}}), "InvalidArgument");
  EXPECT_EQ(error({{"IndexDocument", index}, {"RedirectAllRequestsTo", {{"HostName", "x"}}}}), "InvalidArgument");
  EXPECT_EQ(with_rule({{"ReplaceKeyWith", "a"}, {"ReplaceKeyPrefixWith", "b"}}), "InvalidRequest");
  EXPECT_EQ(with_rule({{"HttpRedirectCode", "404"}}), "InvalidRequest");
  EXPECT_EQ(with_rule({{"HttpRedirectCode", "300"}}), "InvalidRequest");
  EXPECT_EQ(with_rule({{"HostName", "x"}}, {{"HttpErrorCodeReturnedEquals", "200"}}), "InvalidRequest");
  EXPECT_EQ(with_rule({{"HostName", "x"}}, {{"HttpErrorCodeReturnedEquals", "404"}}), "");
}

}  // namespace
}  // namespace adhoc::testing
