#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "env/names.h"
#include "env/resources/bucket_contents.h"
#include "env/resources/resources.h"
#include "net/uri.h"

namespace adhoc::env {
namespace {

constexpr int kRetentionDays = 14;

class LogGroup final : public Resource {
 public:
  LogGroup(const std::string& env, const std::string& workload)
      : Resource("log group", LogGroupName(env, workload)), env_(env) {}

  std::optional<Json> Read(Context& context) override {
    for (const Json& group : LogGroupsOf(context, env_)) {
      if (group.value("logGroupName", "") == name()) return Json{{"retention", group.value("retentionInDays", 0)}};
    }
    return std::nullopt;
  }

  std::vector<Difference> Compare(Context&, const Json& observed, const Plan&) override {
    if (observed["retention"] == kRetentionDays) return {};
    return {{.what = "retention in days", .from = observed["retention"].dump(), .to = std::to_string(kRetentionDays)}};
  }

  Json Create(Context& context) override {
    Json tags = Json::object();
    for (const Json& tag : Tags(context, env_)) tags[tag["Key"].get<std::string>()] = tag["Value"];
    context.CallUnless({"ResourceAlreadyExistsException"}, "logs", "CreateLogGroup",
                       {{"logGroupName", name()}, {"tags", tags}});
    return Update(context, Json::object());
  }

  Json Update(Context& context, const Json&) override {
    context.Call("logs", "PutRetentionPolicy", {{"logGroupName", name()}, {"retentionInDays", kRetentionDays}});
    return {{"retention", kRetentionDays}};
  }

  void Delete(Context& context, const Json&) override {
    context.CallUnless({"ResourceNotFoundException"}, "logs", "DeleteLogGroup", {{"logGroupName", name()}});
  }

 private:
  const std::string env_;
};

class Bucket : public Resource {
 public:
  Bucket(const std::string& name, const config::Bucket& bucket) : Resource("bucket", name), bucket_(bucket) {}

  std::optional<Json> Read(Context& context) override {
    try {
      context.Call("s3", "HeadBucket", {{"Bucket", name()}});
    } catch (const aws::AwsError& error) {
      if (IsElsewhere(error)) return Json{{"name", name()}, {"refused", true}};
      if (error.status() != 404) throw;
      return std::nullopt;
    }
    return Json{{"name", name()}};
  }

  // What S3 does not let anybody look at stays as it is.
  bool IsOurs(Context& context, const Json& observed) override {
    if (!observed.contains("refused")) return true;
    context.sink().Emit(
        events::Notice{.level = events::Notice::Level::kWarning, .text = Refusal() + ", and stays", .hint = kRefused});
    return false;
  }

  std::vector<Difference> Compare(Context& context, const Json& observed, const Plan&) override {
    if (observed.contains("refused")) throw Error(Refusal(), kRefused);
    const auto policy = context.CallUnless({"NoSuchBucketPolicy"}, "s3", "GetBucketPolicy", {{"Bucket", name()}});
    const Json actual = policy ? Json::parse(policy->value("Policy", ""), nullptr, false) : Json();
    if (actual == Policy()) return {};
    return {{.what = "who may read it", .to = fmt::format("{}", fmt::join(bucket_.public_patterns, " "))}};
  }

  Json Create(Context& context) override {
    Json input = {{"Bucket", name()}};
    if (context.region() != "us-east-1")
      input["CreateBucketConfiguration"] = {{"LocationConstraint", context.region()}};
    // A name stays taken for a while after its bucket was deleted.
    context.WaitWhileRefused({"OperationAborted"}, id() + " to be free", [&] {
      try {
        context.CallUnless({"BucketAlreadyOwnedByYou"}, "s3", "CreateBucket", input);
      } catch (const aws::AwsError& error) {
        if (error.code() != "BucketAlreadyExists") throw;
        throw Error(Refusal(), kRefused);
      }
    });
    context.Call("s3", "PutBucketTagging",
                 {{"Bucket", name()}, {"Tagging", {{"TagSet", Tags(context, context.environment())}}}});
    // Browsers load fonts and scripts from it on pages of the environment's own origin.
    context.Call("s3", "PutBucketCors",
                 {{"Bucket", name()},
                  {"CORSConfiguration",
                   {{"CORSRules", Json::array({{{"AllowedMethods", Json::array({"GET", "HEAD"})},
                                                {"AllowedOrigins", Json::array({context.config().url})},
                                                {"AllowedHeaders", Json::array({"*"})}}})}}}});
    return Update(context, Json::object());
  }

  Json Update(Context& context, const Json&) override {
    const bool open = !bucket_.public_patterns.empty();
    context.Call("s3", "PutPublicAccessBlock",
                 {{"Bucket", name()},
                  {"PublicAccessBlockConfiguration",
                   {{"BlockPublicAcls", true},
                    {"IgnorePublicAcls", true},
                    {"BlockPublicPolicy", !open},
                    {"RestrictPublicBuckets", !open}}}});
    if (open) {
      context.Call("s3", "PutBucketPolicy", {{"Bucket", name()}, {"Policy", Policy().dump()}});
    } else {
      context.Call("s3", "DeleteBucketPolicy", {{"Bucket", name()}});
    }
    return {{"name", name()}};
  }

  void Delete(Context& context, const Json&) override {
    const Json bucket{{"Bucket", name()}};
    try {
      // A part of an upload that arrives while the upload is aborted may stay: then it is aborted again.
      context.WaitWhileRefused({"BucketNotEmpty"}, id() + " to be empty", [&] {
        AbortUploads(context, bucket);
        DeleteObjectVersions(context, id(), bucket);
        context.CallUnless({"NoSuchBucket"}, "s3", "DeleteBucket", bucket);
      });
    } catch (const aws::AwsError& error) {
      if (error.code() != "AccessDenied") throw;
      DeleteWithAnOldPolicy(context, bucket);
    }
  }

 protected:
  // In another account, or in another region, to which S3 redirects; to the answer of a HEAD, which has no body, or to
  // a signature for this region it says 400.
  static bool IsElsewhere(const aws::AwsError& error) {
    return error.status() == 403 || error.status() == 301 || error.code() == "AuthorizationHeaderMalformed" ||
           error.code() == "IllegalLocationConstraintException" ||
           (error.operation() == "HeadBucket" && error.status() == 400);
  }

 private:
  // Of a role that an earlier version made, which may delete objects only: all that there is in a bucket of ours.
  void DeleteWithAnOldPolicy(Context& context, const Json& bucket) const {
    DeleteObjects(context, id(), bucket);
    try {
      context.CallUnless({"NoSuchBucket"}, "s3", "DeleteBucket", bucket);
    } catch (const aws::AwsError& error) {
      if (error.code() != "BucketNotEmpty") throw;
      throw Error(id() + " has old versions of objects or unfinished uploads, which this role may not delete",
                  "adhoc bootstrap up gives the deploying role what it needs; adhoc iam policy prints it");
    }
  }

  static constexpr const char* kRefused =
      "names of buckets are the world's: name the environment or its target's `domain` otherwise; if the account has "
      "it, adhoc iam policy prints what is needed";
  std::string Refusal() const { return id() + " is another account's or region's, or may not be looked at"; }

  // Null when nothing is public.
  Json Policy() const {
    if (bucket_.public_patterns.empty()) return {};
    Json resources = Json::array();
    for (const auto& pattern : bucket_.public_patterns)
      resources.push_back(fmt::format("arn:aws:s3:::{}/{}", name(), pattern));
    return {{"Version", "2012-10-17"},
            {"Statement",
             Json::array(
                 {{{"Effect", "Allow"}, {"Principal", "*"}, {"Action", "s3:GetObject"}, {"Resource", resources}}})}};
  }

  const config::Bucket bucket_;
};

class RemovedBucket final : public Bucket {
 public:
  explicit RemovedBucket(const std::string& name) : Bucket(name, {}) {}

  std::optional<Json> Read(Context& context) override {
    Json tags;
    try {
      tags = context.Call("s3", "GetBucketTagging", {{"Bucket", name()}}).value("TagSet", Json::array());
    } catch (const aws::AwsError& error) {
      // Not there, somebody's, or without tags.
      if (error.status() != 404 && !IsElsewhere(error)) throw;
      return std::nullopt;
    }
    for (const Json& ours : Tags(context, context.environment())) {
      if (std::find(tags.begin(), tags.end(), ours) == tags.end()) return std::nullopt;
    }
    return Json{{"name", name()}};
  }
};

}  // namespace

Json LogGroupsOf(Context& context, const std::string& env) {
  return context.Once("log groups", [&] {
    return context.List("logs", "DescribeLogGroups", {{"logGroupNamePrefix", LogGroupName(env, "")}}, "logGroups");
  });
}

ResourcePtr MakeLogGroup(const std::string& env, const std::string& workload) {
  return std::make_unique<LogGroup>(env, workload);
}
ResourcePtr MakeBucket(const std::string& name, const config::Bucket& bucket) {
  return std::make_unique<Bucket>(name, bucket);
}
ResourcePtr MakeRemovedBucket(const std::string& name) { return std::make_unique<RemovedBucket>(name); }

}  // namespace adhoc::env
