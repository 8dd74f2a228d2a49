#include "aws/codec/s3_quirks.h"

#include <map>
#include <string>

#include "net/uri.h"

namespace adhoc::aws {

namespace {

template <typename Change>
void ChangeKeys(Json& listing, Change change) {
  auto change_in = [&](Json& document, const char* name) {
    auto it = document.find(name);
    if (it != document.end() && it->is_string()) *it = change(it->get_ref<const std::string&>());
  };
  for (const char* name : {"Delimiter", "KeyMarker", "Marker", "NextKeyMarker", "NextMarker", "Prefix", "StartAfter"}) {
    change_in(listing, name);
  }
  for (const char* name : {"CommonPrefixes", "Contents", "DeleteMarkers", "Uploads", "Versions"}) {
    auto it = listing.find(name);
    if (it == listing.end() || !it->is_array()) continue;
    for (Json& entry : *it) {
      if (!entry.is_object()) continue;
      change_in(entry, "Key");
      change_in(entry, "Prefix");
    }
  }
}

}  // namespace

std::string_view S3RootName(const Operation& operation) {
  static const std::map<std::string_view, std::string_view> names = {
      {"CompleteMultipartUpload", "CompleteMultipartUploadResult"},
      {"CreateMultipartUpload", "InitiateMultipartUploadResult"},
      {"DeleteObjects", "DeleteResult"},
      {"GetBucketAccelerateConfiguration", "AccelerateConfiguration"},
      {"GetBucketAcl", "AccessControlPolicy"},
      {"GetBucketCors", "CORSConfiguration"},
      {"GetBucketLifecycleConfiguration", "LifecycleConfiguration"},
      {"GetBucketLocation", "LocationConstraint"},
      {"GetBucketLogging", "BucketLoggingStatus"},
      {"GetBucketNotificationConfiguration", "NotificationConfiguration"},
      {"GetBucketRequestPayment", "RequestPaymentConfiguration"},
      {"GetBucketTagging", "Tagging"},
      {"GetBucketVersioning", "VersioningConfiguration"},
      {"GetBucketWebsite", "WebsiteConfiguration"},
      {"GetObjectAcl", "AccessControlPolicy"},
      {"GetObjectAttributes", "GetObjectAttributesResponse"},
      {"GetObjectTagging", "Tagging"},
      {"ListBucketAnalyticsConfigurations", "ListBucketAnalyticsConfigurationResult"},
      {"ListBucketInventoryConfigurations", "ListInventoryConfigurationsResult"},
      {"ListBucketMetricsConfigurations", "ListMetricsConfigurationsResult"},
      {"ListBuckets", "ListAllMyBucketsResult"},
      {"ListMultipartUploads", "ListMultipartUploadsResult"},
      {"ListObjectVersions", "ListVersionsResult"},
      {"ListObjects", "ListBucketResult"},
      {"ListObjectsV2", "ListBucketResult"},
      {"ListParts", "ListPartsResult"},
  };
  auto it = names.find(operation.name);
  return it != names.end() ? it->second : std::string_view(operation.output->name);
}

bool IsLocationConstraint(const Operation& operation) { return operation.name == "GetBucketLocation"; }

bool S3KeysAreUrlEncoded(const Json& listing) {
  auto it = listing.find("EncodingType");
  return it != listing.end() && *it == "url";
}

void UrlEncodeS3Keys(Json& listing) {
  ChangeKeys(listing, [](const std::string& key) { return net::PercentEncode(key, "/"); });
}

void UrlDecodeS3Keys(Json& listing) {
  ChangeKeys(listing, [](std::string key) {
    for (char& c : key) {
      if (c == '+') c = ' ';  // S3 writes a blank so, and a plus as %2B
    }
    return net::PercentDecode(key);
  });
}

}  // namespace adhoc::aws
