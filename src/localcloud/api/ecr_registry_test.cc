#include "localcloud/api/ecr_registry.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "aws/sign/sigv4.h"
#include "localcloud/api/support.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";

std::string DigestOf(const std::string& data) { return "sha256:" + aws::Sha256Hex(data); }

// Speaks as `docker push` does.
struct EcrRegistry : ::testing::Test {
  EcrRegistry() { api.Call("ecr", "CreateRepository", {{"repositoryName", "team/backend"}}); }

  net::Response Send(const std::string& method, const std::string& target, const std::string& body = "",
                     const std::string& type = "application/octet-stream") {
    return api.Send({.method = method,
                     .target = target,
                     .headers = {{"Host", "127.0.0.1:4566"},
                                 {"Authorization", "Basic " + localcloud::Base64Encode(login)},
                                 {"Content-Type", type}},
                     .body = body});
  }
  std::string ErrorOf(const net::Response& response) { return Json::parse(response.body)["errors"][0]["code"]; }

  // In two pieces and an empty end.
  std::string PushBlob(const std::string& data) {
    const net::Response begun = Send("POST", "/v2/team/backend/blobs/uploads/");
    EXPECT_EQ(begun.status, 202);
    const std::string location = begun.headers.GetOr("Location", "");
    EXPECT_EQ(Send("PATCH", location, data.substr(0, 2)).headers.GetOr("Range", ""), "0-1");
    EXPECT_EQ(Send("PATCH", location, data.substr(2)).status, 202);
    EXPECT_EQ(Send("PUT", location + "?digest=" + DigestOf(data)).status, 201);
    return DigestOf(data);
  }

  std::string ManifestFor(const std::string& config, const std::string& layer) {
    return Json{{"schemaVersion", 2},
                {"mediaType", kManifestType},
                {"config", {{"digest", config}, {"size", 1}}},
                {"layers", Json::array({{{"digest", layer}, {"size", 1}}})}}
        .dump();
  }
  std::string Push(const std::string& tag, const std::string& config) {
    const std::string manifest = ManifestFor(PushBlob(config), PushBlob("layer"));
    EXPECT_EQ(Send("PUT", "/v2/team/backend/manifests/" + tag, manifest, kManifestType).status, 201);
    return manifest;
  }
  bool HasBlob(const std::string& digest) { return Send("HEAD", "/v2/team/backend/blobs/" + digest).status == 200; }

  LocalApi api;
  std::string login = "AWS:token";
};

TEST_F(EcrRegistry, WantsECRsUser) {
  const net::Response response = api.Send({.method = "GET", .target = "/v2/", .headers = {{"Host", "h:1"}}});
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers.GetOr("WWW-Authenticate", ""),
            "Basic realm=\"http://h:1/\",service=\"ecr.amazonaws.com\"");
  EXPECT_EQ(Send("GET", "/v2/").status, 200);
  const Json token = api.Call("ecr", "GetAuthorizationToken")["authorizationData"][0];
  EXPECT_EQ(token["proxyEndpoint"], "http://127.0.0.1:4566");
  EXPECT_EQ(localcloud::Base64Decode(token["authorizationToken"].get<std::string>()).substr(0, 4), "AWS:");
}

TEST_F(EcrRegistry, AnImageThatWasPushedIsTheEnginesAndCanBePulled) {
  const std::string manifest = Push("v1", "config");
  const auto image = api.runtime().FindImage("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/backend:v1");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, DigestOf("config"));
  const Json described = api.Call("ecr", "DescribeImages", {{"repositoryName", "team/backend"}})["imageDetails"][0];
  EXPECT_EQ(described["imageDigest"], DigestOf(manifest));
  EXPECT_EQ(described["imageManifestMediaType"], kManifestType);

  const net::Response pulled = Send("GET", "/v2/team/backend/manifests/v1");
  EXPECT_EQ(pulled.body, manifest);
  EXPECT_EQ(pulled.headers.GetOr("Docker-Content-Digest", ""), DigestOf(manifest));
  EXPECT_EQ(Send("GET", "/v2/team/backend/manifests/" + DigestOf(manifest)).body, manifest);
  EXPECT_EQ(Send("GET", "/v2/team/backend/blobs/" + DigestOf("layer")).body, "layer");
  EXPECT_EQ(Json::parse(Send("GET", "/v2/team/backend/tags/list").body)["tags"], Json::array({"v1"}));
}

TEST_F(EcrRegistry, ARepositoryHasToExist) {
  const net::Response response = Send("POST", "/v2/frontend/blobs/uploads/");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(ErrorOf(response), "NAME_UNKNOWN");
}

TEST_F(EcrRegistry, WhatArrivedDamagedIsRefusedAndNotKept) {
  const std::string location = Send("POST", "/v2/team/backend/blobs/uploads/").headers.GetOr("Location", "");
  Send("PATCH", location, "damaged");
  const net::Response response = Send("PUT", location + "?digest=" + DigestOf("whole"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(ErrorOf(response), "DIGEST_INVALID");
  EXPECT_FALSE(HasBlob(DigestOf("whole")));
  EXPECT_EQ(Send("PATCH", location, "more").status, 404);
}

TEST_F(EcrRegistry, AManifestNeedsItsBlobs) {
  const std::string config = PushBlob("config");
  const net::Response response =
      Send("PUT", "/v2/team/backend/manifests/v1", ManifestFor(config, DigestOf("nothing")), kManifestType);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(ErrorOf(response), "MANIFEST_BLOB_UNKNOWN");
  for (const char* nonsense : {"", "[]", "{\"config\": 1}", "{\"layers\": \"x\"}", "{\"manifests\": [1]}"}) {
    const int status = Send("PUT", "/v2/team/backend/manifests/v1", nonsense).status;
    EXPECT_GE(status, 400) << nonsense;
    EXPECT_LT(status, 500) << nonsense;
  }
}

TEST_F(EcrRegistry, AnUploadsNameIsNoPath) {
  EXPECT_EQ(Send("PATCH", "/v2/team/backend/blobs/uploads/..%2F..%2Fcloud.db", "x").status, 404);
  EXPECT_EQ(Send("PATCH", "/v2/team/backend/blobs/uploads/..", "x").status, 404);
}

TEST_F(EcrRegistry, AnImmutableTagStays) {
  api.Call("ecr", "PutImageTagMutability", {{"repositoryName", "team/backend"}, {"imageTagMutability", "IMMUTABLE"}});
  Push("v1", "config");
  Push("v1", "config");  // the same again
  const net::Response response = Send("PUT", "/v2/team/backend/manifests/v1",
                                      ManifestFor(PushBlob("another config"), PushBlob("layer")), kManifestType);
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(ErrorOf(response), "TAG_INVALID");
}

TEST_F(EcrRegistry, ABlobGoesWithTheLastTagThatNeedsIt) {
  Push("v1", "first config");
  Push("v2", "second config");
  const auto remove = [&](const char* tag) {
    api.Call("ecr", "BatchDeleteImage",
             {{"repositoryName", "team/backend"}, {"imageIds", Json::array({{{"imageTag", tag}}})}});
  };
  remove("v1");
  EXPECT_FALSE(HasBlob(DigestOf("first config")));
  EXPECT_TRUE(HasBlob(DigestOf("layer")));
  remove("v2");
  EXPECT_FALSE(HasBlob(DigestOf("layer")));
}

TEST_F(EcrRegistry, OfAnIndexTheImageForThisMachineIsLoaded) {
  std::string index = Json{{"schemaVersion", 2}, {"manifests", Json::array()}}.dump();
  Json document = Json::parse(index);
  for (const char* architecture : {"amd64", "arm64"}) {
    const std::string manifest = ManifestFor(PushBlob(std::string("config ") + architecture), PushBlob("layer"));
    EXPECT_EQ(Send("PUT", "/v2/team/backend/manifests/" + DigestOf(manifest), manifest, kManifestType).status, 201);
    document["manifests"].push_back({{"digest", DigestOf(manifest)}, {"platform", {{"architecture", architecture}}}});
  }
  ASSERT_EQ(Send("PUT", "/v2/team/backend/manifests/v1", document.dump()).status, 201);
  const auto image = api.runtime().FindImage("123456789012.dkr.ecr.us-east-1.amazonaws.com/team/backend:v1");
  ASSERT_TRUE(image);
#if defined(__x86_64__)
  EXPECT_EQ(image->id, DigestOf("config amd64"));
#elif defined(__aarch64__)
  EXPECT_EQ(image->id, DigestOf("config arm64"));
#endif
}

// Under `--iam enforce`.
struct EnforcedEcrRegistry : EcrRegistry {
  EnforcedEcrRegistry() {
    api.Call("iam", "CreateRole", {{"RoleName", "ci"}, {"AssumeRolePolicyDocument", Document(Trust())}});
    api.EnforceIam();
  }

  static std::string Document(const Json& statements) {
    return Json{{"Version", "2012-10-17"}, {"Statement", statements}}.dump();
  }
  static Json Trust() { return {{"Effect", "Allow"}, {"Principal", {{"AWS", "*"}}}, {"Action", "sts:AssumeRole"}}; }
  static Json Allow(const Json& actions, const std::string& resource) {
    return {{"Effect", "Allow"}, {"Action", actions}, {"Resource", resource}};
  }
  static Json InBackend(const Json& actions) {
    return Allow(actions, "arn:aws:ecr:us-east-1:123456789012:repository/team/backend");
  }

  void MayOnly(Json statements) {
    statements.push_back(Allow("ecr:GetAuthorizationToken", "*"));
    api.Call("iam", "PutRolePolicy",
             {{"RoleName", "ci"}, {"PolicyName", "p"}, {"PolicyDocument", Document(statements)}});
  }
  void LogIn() {
    const Json token = api.Call("ecr", "GetAuthorizationToken")["authorizationData"][0]["authorizationToken"];
    login = localcloud::Base64Decode(token.get<std::string>());
  }
  // As a session of a role with these statements. The API is the root's again afterwards.
  void LogInWith(const Json& statements) {
    MayOnly(statements);
    const Json session =
        api.Call("sts", "AssumeRole", {{"RoleArn", "arn:aws:iam::123456789012:role/ci"}, {"RoleSessionName", "job"}});
    api.set_access_key(session["Credentials"]["AccessKeyId"]);
    LogIn();
    api.set_access_key("AKIATEST");
  }

  // The first answer that is no success, of the steps of a push.
  net::Response PushNew() {
    const std::string tag = fmt::format("v{}", ++pushed_);
    const auto refused = [](const net::Response& response) { return response.status >= 400 && response.status != 404; };
    net::Response response = Send("HEAD", "/v2/team/backend/manifests/" + tag);
    if (refused(response)) return response;
    std::string digests[2];
    for (std::string& digest : digests) {
      const std::string data = fmt::format("{} {}", tag, &digest - digests);
      digest = DigestOf(data);
      response = Send("HEAD", "/v2/team/backend/blobs/" + digest);
      if (refused(response)) return response;
      response = Send("POST", "/v2/team/backend/blobs/uploads/");
      if (refused(response)) return response;
      const std::string location = response.headers.GetOr("Location", "");
      response = Send("PATCH", location, data);
      if (refused(response)) return response;
      response = Send("PUT", location + "?digest=" + digest);
      if (refused(response)) return response;
    }
    return Send("PUT", "/v2/team/backend/manifests/" + tag, ManifestFor(digests[0], digests[1]), kManifestType);
  }
  void ExpectDenied(const net::Response& response, const std::string& action) {
    EXPECT_EQ(response.status, 403) << action;
    const Json error = Json::parse(response.body)["errors"][0];
    EXPECT_EQ(error["code"], "DENIED");
    EXPECT_EQ(error["message"],
              fmt::format("User: arn:aws:sts::123456789012:assumed-role/ci/job is not authorized to perform: {} on "
                          "resource: arn:aws:ecr:us-east-1:123456789012:repository/team/backend because no "
                          "identity-based policy allows the {} action",
                          action, action));
  }

  int pushed_ = 0;
};

TEST_F(EnforcedEcrRegistry, APushNeedsEachOfItsPermissions) {
  const Json all = {"ecr:BatchGetImage",   "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload",
                    "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",         "ecr:PutImage"};
  LogInWith(Json::array({InBackend(all)}));
  EXPECT_EQ(PushNew().status, 201);
  for (std::size_t i = 0; i < all.size(); ++i) {
    Json fewer = all;
    fewer.erase(i);
    LogInWith(Json::array({InBackend(fewer)}));
    ExpectDenied(PushNew(), all[i]);
  }
  // What a policy allows counts when it is asked for, not when the password was given out.
  MayOnly(Json::array({InBackend(all)}));
  EXPECT_EQ(PushNew().status, 201);
}

TEST_F(EnforcedEcrRegistry, AnUploadInOnePieceNeedsThemToo) {
  LogInWith(Json::array({InBackend({"ecr:InitiateLayerUpload", "ecr:CompleteLayerUpload"})}));
  const std::string target = "/v2/team/backend/blobs/uploads/";
  ExpectDenied(Send("POST", target + "?digest=" + DigestOf("layer"), "layer"), "ecr:UploadLayerPart");
  const std::string location = Send("POST", target).headers.GetOr("Location", "");
  ExpectDenied(Send("PUT", location + "?digest=" + DigestOf("layer"), "layer"), "ecr:UploadLayerPart");
  ExpectDenied(Send("GET", location), "ecr:UploadLayerPart");
  ExpectDenied(Send("DELETE", location), "ecr:UploadLayerPart");
  MayOnly(Json::array({InBackend({"ecr:InitiateLayerUpload", "ecr:UploadLayerPart"})}));
  ExpectDenied(Send("POST", target + "?digest=" + DigestOf("layer"), "layer"), "ecr:CompleteLayerUpload");
}

TEST_F(EnforcedEcrRegistry, APullNeedsEachOfItsPermissions) {
  LogIn();
  const net::Response pushed = PushNew();
  ASSERT_EQ(pushed.status, 201);
  const std::string manifest = "/v2/team/backend/manifests/v1";
  const std::string blob = "/v2/team/backend/blobs/" + DigestOf("v1 1");
  LogInWith(Json::array({InBackend({"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"})}));
  EXPECT_EQ(Send("GET", manifest).status, 200);
  EXPECT_EQ(Send("GET", blob).body, "v1 1");
  ExpectDenied(Send("HEAD", blob), "ecr:BatchCheckLayerAvailability");
  ExpectDenied(Send("GET", "/v2/team/backend/tags/list"), "ecr:ListImages");
  MayOnly(Json::array());
  ExpectDenied(Send("GET", manifest), "ecr:BatchGetImage");
  ExpectDenied(Send("GET", blob), "ecr:GetDownloadUrlForLayer");
}

TEST_F(EnforcedEcrRegistry, APasswordIsOneThatWasGivenOutForTwelveHours) {
  EXPECT_EQ(Send("GET", "/v2/").status, 401) << "a password that somebody made up";
  LogIn();
  EXPECT_EQ(PushNew().status, 201) << "the account's root may all";
  LogInWith(Json::array({InBackend({"ecr:BatchGetImage"})}));
  EXPECT_EQ(Send("GET", "/v2/").status, 200);
  api.clock().Advance(std::chrono::hours(11));
  EXPECT_EQ(Send("GET", "/v2/team/backend/manifests/v1").status, 200) << "its session is over, it is not";
  api.clock().Advance(std::chrono::hours(2));
  const net::Response late = Send("GET", "/v2/team/backend/manifests/v1");
  EXPECT_EQ(late.status, 403);
  EXPECT_EQ(Json::parse(late.body)["errors"][0]["message"],
            "Your authorization token has expired. Reauthenticate and try again.");
  LogIn();
  EXPECT_EQ(Send("GET", "/v2/team/backend/manifests/v1").status, 200);
}

TEST_F(EnforcedEcrRegistry, WhoMayNotAskForAPasswordGetsNone) {
  api.Call("iam", "PutRolePolicy",
           {{"RoleName", "ci"}, {"PolicyName", "p"}, {"PolicyDocument", Document(Json::array({InBackend("ecr:*")}))}});
  const Json session =
      api.Call("sts", "AssumeRole", {{"RoleArn", "arn:aws:iam::123456789012:role/ci"}, {"RoleSessionName", "job"}});
  api.set_access_key(session["Credentials"]["AccessKeyId"]);
  EXPECT_EQ(api.ErrorOf("ecr", "GetAuthorizationToken"), "AccessDeniedException");
}

TEST_F(EnforcedEcrRegistry, ALayerIsMountedOnlyFromWhereItMayBeRead) {
  api.Call("ecr", "CreateRepository", {{"repositoryName", "team/secret"}});
  LogIn();
  const std::string layer = DigestOf("layer");
  ASSERT_EQ(Send("POST", "/v2/team/secret/blobs/uploads/?digest=" + layer, "layer").status, 201);
  const std::string mount = "/v2/team/backend/blobs/uploads/?mount=" + layer;
  const Json into = InBackend("ecr:InitiateLayerUpload");
  LogInWith(Json::array({into}));
  EXPECT_EQ(Send("POST", mount + "&from=team%2Fsecret").status, 202) << "to be uploaded";
  EXPECT_EQ(Send("POST", mount).status, 202);
  LogInWith(Json::array({into, Allow("ecr:GetDownloadUrlForLayer", "arn:aws:ecr:*:*:repository/team/secret")}));
  EXPECT_EQ(Send("POST", mount + "&from=team%2Fsecret").status, 201);
}

}  // namespace
}  // namespace adhoc::testing
