#include "localcloud/api/ecr_registry.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

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
                                 {"Authorization", "Basic " + localcloud::Base64Encode("AWS:token")},
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

}  // namespace
}  // namespace adhoc::testing
