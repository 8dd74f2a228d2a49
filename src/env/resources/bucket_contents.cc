#include "env/resources/bucket_contents.h"

#include <fmt/format.h>

#include "base/error.h"

namespace adhoc::env {
namespace {

std::optional<Json> CallFor(Context& context, const char* operation, Json bucket, const Json& input) {
  bucket.update(input);
  return context.CallUnless({"NoSuchBucket"}, "s3", operation, bucket);
}

// A call for each page, which takes a thousand items.
void ForEachPage(Context& context, const char* operation, const char* marker, const Json& bucket,
                 const std::function<void(const Json& listed)>& work) {
  Json place = Json::object();
  while (true) {
    const auto listed = CallFor(context, operation, bucket, place);
    if (!listed) return;
    work(*listed);
    if (!listed->value("IsTruncated", false)) return;
    place = Json::object();
    for (const std::string& name : {std::string("KeyMarker"), std::string(marker)}) {
      if (listed->contains("Next" + name)) place[name] = listed->at("Next" + name);
    }
  }
}

void DeleteAll(Context& context, const std::string& id, const Json& bucket, const Json& objects) {
  if (objects.empty()) return;
  const auto deleted = CallFor(context, "DeleteObjects", bucket, {{"Delete", {{"Objects", objects}, {"Quiet", true}}}});
  // S3 answers 200 and says of each object what became of it.
  const Json errors = deleted.value_or(Json::object()).value("Errors", Json::array());
  if (errors.empty()) return;
  throw Error(fmt::format("{} cannot be emptied: {}: {}", id, errors[0].value("Key", ""),
                          errors[0].value("Message", errors[0].value("Code", ""))),
              "delete the object by hand, or with the permissions that adhoc iam policy prints, then run the command "
              "again");
}

}  // namespace

Json ObjectVersions(const Json& listed) {
  Json all = Json::array();
  for (const char* kind : {"Versions", "DeleteMarkers"}) {
    for (const Json& version : listed.value(kind, Json::array())) {
      all.push_back({{"Key", version["Key"]}, {"VersionId", version["VersionId"]}});
    }
  }
  return all;
}

void DeleteObjectVersions(Context& context, const std::string& id, const Json& bucket, const std::string& kept) {
  ForEachPage(context, "ListObjectVersions", "VersionIdMarker", bucket, [&](const Json& listed) {
    Json objects = Json::array();
    for (const Json& version : ObjectVersions(listed)) {
      if (version["Key"] != kept) objects.push_back(version);
    }
    DeleteAll(context, id, bucket, objects);
  });
}

void DeleteObjects(Context& context, const std::string& id, const Json& bucket) {
  while (true) {
    const auto listed = CallFor(context, "ListObjectsV2", bucket, Json::object());
    Json objects = Json::array();
    for (const Json& object : listed.value_or(Json::object()).value("Contents", Json::array())) {
      objects.push_back({{"Key", object["Key"]}});
    }
    if (objects.empty()) return;
    DeleteAll(context, id, bucket, objects);
  }
}

void AbortUploads(Context& context, const Json& bucket) {
  ForEachPage(context, "ListMultipartUploads", "UploadIdMarker", bucket, [&](const Json& listed) {
    for (const Json& upload : listed.value("Uploads", Json::array())) {
      Json one = bucket;
      one.update({{"Key", upload["Key"]}, {"UploadId", upload["UploadId"]}});
      context.CallUnless({"NoSuchUpload", "NoSuchBucket"}, "s3", "AbortMultipartUpload", one);
    }
  });
}

}  // namespace adhoc::env
