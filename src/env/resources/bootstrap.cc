#include <fmt/format.h>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/bucket_contents.h"
#include "env/resources/resources.h"
#include "env/s3_records.h"

namespace adhoc::env {
namespace {

constexpr int kUntaggedDays = 14;

class RecordsBucketResource final : public Resource {
 public:
  explicit RecordsBucketResource(RecordsBucket bucket)
      : Resource("bucket", bucket.name()), bucket_(std::move(bucket)) {}

  std::optional<Json> Read(Context& context) override {
    // The first of them tells whether there is one; the setting that is made last is `versioning`.
    const auto versioning = Setting(context, "GetBucketVersioning");
    if (!versioning) return std::nullopt;
    const Json access = Setting(context, "GetPublicAccessBlock").value_or(Json::object());
    const Json block = access.value("PublicAccessBlockConfiguration", Json::object());
    bool closed = true;
    for (const char* member : {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}) {
      closed = closed && block.value(member, false);
    }
    return Json{{"versioned", versioning->value("Status", "") == "Enabled"},
                {"closed", closed},
                {"encrypted", Setting(context, "GetBucketEncryption").has_value()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    std::vector<Difference> differences;
    if (observed["versioned"] != true) differences.push_back({.what = "it keeps no old versions"});
    if (observed["closed"] != true) differences.push_back({.what = "it can be opened to the public"});
    if (observed["encrypted"] != true) differences.push_back({.what = "it is not encrypted"});
    return differences;
  }

  Json Create(Context& context) override {
    EnsureRecordsBucket(context.client(), bucket_);
    return {{"versioned", true}, {"closed", true}, {"encrypted", true}};
  }

  Json Update(Context& context, const Json&) override { return Create(context); }

  // The lock that this is done under goes last, so that it can be renewed until there is nothing left to do.
  void Delete(Context& context, const Json&) override {
    DeleteObjectVersions(context, id(), Place(), LockObject(kBootstrapLock));
    DeleteObjectVersions(context, id(), Place());
    if (context.CallUnless({"NoSuchBucket", "BucketNotEmpty"}, "s3", "DeleteBucket", Place())) return;
    // Who waited for the lock may have it by now, and with it the bucket. Else somebody writes to it.
    const auto listed = context.CallUnless({"NoSuchBucket"}, "s3", "ListObjectVersions", Place());
    for (const Json& version : ObjectVersions(listed.value_or(Json::object()))) {
      if (version["Key"] == LockObject(kBootstrapLock)) continue;
      throw Error(
          fmt::format("{} cannot be deleted: {} has just been written to it", id(), version["Key"].get<std::string>()),
          "the same command again, when no other one runs in the account");
    }
  }

 private:
  Json Place() const { return {{"Bucket", name()}, {"ExpectedBucketOwner", bucket_.account}}; }

  std::optional<Json> Setting(Context& context, const char* operation) const {
    return context.CallUnless(
        {"NoSuchBucket", "NoSuchPublicAccessBlockConfiguration", "ServerSideEncryptionConfigurationNotFoundError"},
        "s3", operation, Place());
  }

  const RecordsBucket bucket_;
};

class Repository final : public Resource {
 public:
  explicit Repository(const std::string& name) : Resource("image repository", name) {}

  std::optional<Json> Read(Context& context) override {
    const auto found = context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DescribeRepositories",
                                          {{"repositoryNames", Json::array({name()})}});
    if (!found) return std::nullopt;
    const auto policy = context.CallUnless({"LifecyclePolicyNotFoundException"}, "ecr", "GetLifecyclePolicy",
                                           {{"repositoryName", name()}});
    return Json{{"policy", policy ? Json::parse(policy->value("lifecyclePolicyText", ""), nullptr, false) : Json()}};
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["policy"] == Policy()) return {};
    return {{.what = "lifecycle policy"}};
  }

  Json Create(Context& context) override {
    context.CallUnless({"RepositoryAlreadyExistsException"}, "ecr", "CreateRepository",
                       {{"repositoryName", name()}, {"tags", Tags(context, context.shared())}});
    return Update(context, Json::object());
  }

  Json Update(Context& context, const Json&) override {
    context.Call("ecr", "PutLifecyclePolicy", {{"repositoryName", name()}, {"lifecyclePolicyText", Policy().dump()}});
    return {{"policy", Policy()}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"RepositoryNotFoundException"}, "ecr", "DeleteRepository",
                       {{"repositoryName", name()}, {"force", true}});
  }

 private:
  // Images with a tag stay: an environment may run them.
  static Json Policy() {
    return {{"rules", Json::array({{{"rulePriority", 1},
                                    {"description", "Images whose tag has gone to another"},
                                    {"selection",
                                     {{"tagStatus", "untagged"},
                                      {"countType", "sinceImagePushed"},
                                      {"countUnit", "days"},
                                      {"countNumber", kUntaggedDays}}},
                                    {"action", {{"type", "expire"}}}}})}};
  }
};

}  // namespace

ResourcePtr MakeRecordsBucket(const std::string& account, const std::string& region) {
  return std::make_unique<RecordsBucketResource>(RecordsBucket{.account = account, .region = region});
}
ResourcePtr MakeRepository(const std::string& name) { return std::make_unique<Repository>(name); }

}  // namespace adhoc::env
