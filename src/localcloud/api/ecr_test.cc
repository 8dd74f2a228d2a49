#include <gtest/gtest.h>

#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

constexpr const char* kBackend = "123456789012.dkr.ecr.us-east-1.amazonaws.com/backend";

struct Ecr : ::testing::Test {
  LocalApi api;
  void MakeRepository() { api.Call("ecr", "CreateRepository", {{"repositoryName", "backend"}}); }
  void AddImage(const std::string& tag) { api.runtime().AddImage(std::string(kBackend) + ":" + tag); }
  Json Ids(const std::string& tag) {
    return {{"repositoryName", "backend"}, {"imageIds", Json::array({{{"imageTag", tag}}})}};
  }
};

TEST_F(Ecr, ARepositoryNamesItsUri) {
  const Json repository = api.Call("ecr", "CreateRepository", {{"repositoryName", "backend"}})["repository"];
  EXPECT_EQ(repository["repositoryUri"], kBackend);
  EXPECT_EQ(repository["imageTagMutability"], "MUTABLE");
  EXPECT_EQ(api.ErrorOf("ecr", "CreateRepository", {{"repositoryName", "backend"}}),
            "RepositoryAlreadyExistsException");
  EXPECT_EQ(api.ErrorOf("ecr", "DescribeRepositories", {{"repositoryNames", Json::array({"frontend"})}}),
            "RepositoryNotFoundException");
}

TEST_F(Ecr, ItsImagesAreTheEngines) {
  MakeRepository();
  AddImage("v1.0.0");
  api.runtime().AddImage("docker.io/library/backend:v9");
  const Json images = api.Call("ecr", "DescribeImages", Ids("v1.0.0"))["imageDetails"];
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0]["imageTags"], Json::array({"v1.0.0"}));
  EXPECT_EQ(api.Call("ecr", "ListImages", {{"repositoryName", "backend"}})["imageIds"].size(), 1u);
  try {
    api.Call("ecr", "DescribeImages", Ids("v9"));
    FAIL();
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.code(), "ImageNotFoundException");
    EXPECT_STREQ(error.what(),
                 "The image with imageId {imageDigest:'null', imageTag:'v9'} does not exist within the repository with "
                 "name 'backend' in the registry with id '123456789012'");
  }
}

TEST_F(Ecr, BuildingAnImageMakesItsRepository) {
  EXPECT_EQ(api.ErrorOf("ecr", "DescribeImages", {{"repositoryName", "backend"}}), "RepositoryNotFoundException");
  AddImage("v1.0.0");
  EXPECT_EQ(api.Call("ecr", "DescribeImages", {{"repositoryName", "backend"}})["imageDetails"].size(), 1u);
  EXPECT_EQ(api.Call("ecr", "DescribeRepositories")["repositories"].size(), 1u);
}

TEST_F(Ecr, AnImageGetsASecondTagThroughItsManifest) {
  MakeRepository();
  AddImage("v1.0.0");
  const Json got = api.Call("ecr", "BatchGetImage", Ids("v1.0.0"));
  const Json input{
      {"repositoryName", "backend"}, {"imageTag", "stable"}, {"imageManifest", got["images"][0]["imageManifest"]}};
  api.Call("ecr", "PutImage", input);
  EXPECT_EQ(api.ErrorOf("ecr", "PutImage", input), "ImageAlreadyExistsException");
  EXPECT_EQ(api.Call("ecr", "DescribeImages", Ids("stable"))["imageDetails"][0]["imageDigest"],
            got["images"][0]["imageId"]["imageDigest"]);
  EXPECT_EQ(api.Call("ecr", "BatchGetImage", Ids("none"))["failures"][0]["failureCode"], "ImageNotFound");
}

TEST_F(Ecr, DeletingTakesTheImagesFromTheEngine) {
  MakeRepository();
  AddImage("v1");
  AddImage("v2");
  EXPECT_EQ(api.Call("ecr", "BatchDeleteImage", Ids("v1"))["imageIds"][0]["imageTag"], "v1");
  EXPECT_FALSE(api.runtime().FindImage(std::string(kBackend) + ":v1"));
  EXPECT_EQ(api.ErrorOf("ecr", "DeleteRepository", {{"repositoryName", "backend"}}), "RepositoryNotEmptyException");
  api.Call("ecr", "DeleteRepository", {{"repositoryName", "backend"}, {"force", true}});
  EXPECT_FALSE(api.runtime().FindImage(std::string(kBackend) + ":v2"));
  EXPECT_EQ(api.ErrorOf("ecr", "DeleteRepository", {{"repositoryName", "backend"}}), "RepositoryNotFoundException");
}

TEST_F(Ecr, PoliciesComeAndGo) {
  MakeRepository();
  const Json name{{"repositoryName", "backend"}};
  const std::string policy =
      R"({"rules":[{"rulePriority":1,"selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]})";
  EXPECT_EQ(api.ErrorOf("ecr", "GetLifecyclePolicy", name), "LifecyclePolicyNotFoundException");
  api.Call("ecr", "PutLifecyclePolicy", {{"repositoryName", "backend"}, {"lifecyclePolicyText", policy}});
  EXPECT_EQ(api.Call("ecr", "GetLifecyclePolicy", name)["lifecyclePolicyText"], policy);
  api.Call("ecr", "DeleteLifecyclePolicy", name);
  EXPECT_EQ(api.ErrorOf("ecr", "GetLifecyclePolicy", name), "LifecyclePolicyNotFoundException");
  EXPECT_FALSE(api.Call("ecr", "GetAuthorizationToken")["authorizationData"].empty());
}

}  // namespace
}  // namespace adhoc::testing
