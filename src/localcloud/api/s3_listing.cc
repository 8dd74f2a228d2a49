// S3's listings: keys in order, with those that share a prefix up to the delimiter rolled up.
#include <algorithm>

#include "localcloud/api/s3_internal.h"

namespace adhoc::localcloud::s3 {
namespace {

struct Listing {
  std::vector<std::pair<std::string, const Json*>> objects;
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last;  // the last key or common prefix that was listed
};

// The least string that is greater than every string with this prefix.
std::string After(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// Keys greater than `after`. When that is a common prefix of this very listing, what lies below it is behind us, too.
Listing List(const Store::Transaction& txn, const std::string& bucket, const std::string& prefix,
             const std::string& delimiter, const std::string& after, std::int64_t limit) {
  Listing listing;
  const auto& all = txn.All(kObjects);
  const std::string base = bucket + "\n";
  const bool after_is_prefix = !after.empty() && !delimiter.empty() && after.size() > prefix.size() &&
                               StartsWith(after, prefix) &&
                               after.find(delimiter, prefix.size()) == after.size() - delimiter.size();
  auto at = all.lower_bound(base + prefix);
  if (!after.empty() && after >= prefix)
    at = after_is_prefix ? all.lower_bound(base + After(after)) : all.upper_bound(base + after);
  while (at != all.end() && StartsWith(at->first, base + prefix)) {
    if (Flag(at->second, "_marker")) {
      ++at;
      continue;
    }
    if (static_cast<std::int64_t>(listing.objects.size() + listing.prefixes.size()) >= limit) {
      listing.truncated = limit > 0;
      break;
    }
    const std::string key = at->first.substr(base.size());
    const auto cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (cut == std::string::npos) {
      listing.objects.emplace_back(key, &at->second);
      listing.last = key;
      ++at;
    } else {
      listing.last = key.substr(0, cut + delimiter.size());
      listing.prefixes.push_back(listing.last);
      at = all.lower_bound(base + After(listing.last));
    }
  }
  return listing;
}

// How the object's checksum was made; the checksum itself is told by HeadObject.
void SetChecksumKind(const Json& object, Json& entry) {
  const auto algorithm = ChecksumIn(object);
  if (!algorithm) return;
  entry["ChecksumAlgorithm"] = Json::array({std::string(ChecksumName(*algorithm))});
  CopyMembers(object, entry, {"ChecksumType"});
}

Json ObjectEntry(const Cloud& cloud, const std::string& key, const Json& object, bool with_owner) {
  Json entry{{"Key", key},
             {"LastModified", object["LastModified"]},
             {"ETag", object["ETag"]},
             {"Size", object["Size"]},
             {"StorageClass", Text(object, "StorageClass", "STANDARD")}};
  if (with_owner) entry["Owner"] = OwnerOf(cloud);
  SetChecksumKind(object, entry);
  return entry;
}

Json Answer(const Cloud& cloud, const Call& call, const Listing& listing, std::int64_t limit, bool with_owner) {
  Json output{{"Name", Text(call.input, "Bucket")},
              {"Prefix", Text(call.input, "Prefix")},
              {"MaxKeys", limit},
              {"IsTruncated", listing.truncated}};
  CopyMembers(call.input, output, {"Delimiter", "EncodingType"});
  Json contents = Json::array();
  for (const auto& [key, object] : listing.objects) contents.push_back(ObjectEntry(cloud, key, *object, with_owner));
  Json prefixes = Json::array();
  for (const auto& prefix : listing.prefixes) prefixes.push_back({{"Prefix", prefix}});
  if (!contents.empty()) output["Contents"] = std::move(contents);
  if (!prefixes.empty()) output["CommonPrefixes"] = std::move(prefixes);
  return output;
}

std::int64_t Limit(const Call& call) {
  const auto limit = Number(call.input, "MaxKeys", 1000);
  if (limit < 0)
    throw Fault("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647",
                {{"ArgumentName", "maxKeys"}});
  return std::min<std::int64_t>(limit, 1000);
}

Json ListObjectsV2(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  GetBucket(call, bucket);
  Authorize(cloud, call, "s3:ListBucket", bucket);
  std::string after = Text(call.input, "StartAfter");
  if (const std::string token = Text(call.input, "ContinuationToken"); !token.empty()) {
    try {
      after = HexDecode(token);
    } catch (const std::invalid_argument&) {
      throw Fault("InvalidArgument", "The continuation token provided is incorrect",
                  {{"ArgumentName", "continuation-token"}});
    }
  }
  const auto limit = Limit(call);
  const Listing listing =
      List(call.txn, bucket, Text(call.input, "Prefix"), Text(call.input, "Delimiter"), after, limit);
  Json output = Answer(cloud, call, listing, limit, Flag(call.input, "FetchOwner"));
  output["KeyCount"] = listing.objects.size() + listing.prefixes.size();
  CopyMembers(call.input, output, {"ContinuationToken", "StartAfter"});
  if (listing.truncated) output["NextContinuationToken"] = HexEncode(listing.last);
  return output;
}

Json ListObjects(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  GetBucket(call, bucket);
  Authorize(cloud, call, "s3:ListBucket", bucket);
  const auto limit = Limit(call);
  const Listing listing = List(call.txn, bucket, Text(call.input, "Prefix"), Text(call.input, "Delimiter"),
                               Text(call.input, "Marker"), limit);
  Json output = Answer(cloud, call, listing, limit, true);
  output["Marker"] = Text(call.input, "Marker");
  // Without a delimiter the last key is the next marker, and S3 doesn't repeat it.
  if (listing.truncated && call.input.contains("Delimiter")) output["NextMarker"] = listing.last;
  return output;
}

// Every version of a key, newest first, after the one that the markers name.
Json ListObjectVersions(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  GetBucket(call, bucket);
  Authorize(cloud, call, "s3:ListBucketVersions", bucket);
  const std::string prefix = Text(call.input, "Prefix");
  const std::string delimiter = Text(call.input, "Delimiter");
  const std::string marker = Text(call.input, "KeyMarker");
  const std::string version_marker = Text(call.input, "VersionIdMarker");
  if (marker.empty() && !version_marker.empty()) {
    throw Fault("InvalidArgument", "A version-id marker cannot be specified without a key marker.",
                {{"ArgumentName", "version-id-marker"}});
  }
  const auto limit = static_cast<std::size_t>(Limit(call));
  Json output{{"Name", bucket}, {"Prefix", prefix}, {"KeyMarker", marker}, {"MaxKeys", limit}, {"IsTruncated", false}};
  CopyMembers(call.input, output, {"EncodingType", "Delimiter", "VersionIdMarker"});
  Json versions = Json::array();
  Json markers = Json::array();
  Json prefixes = Json::array();
  std::string last_key;
  std::string last_version;
  // False when the page is full.
  const auto take = [&](const std::string& key, const std::string& version) {
    if (versions.size() + markers.size() + prefixes.size() >= limit) {
      output["IsTruncated"] = limit > 0;
      output["NextKeyMarker"] = last_key;
      if (!last_version.empty()) output["NextVersionIdMarker"] = last_version;
      return false;
    }
    last_key = key;
    last_version = version;
    return true;
  };
  const auto add = [&](const std::string& key, const Json& object, bool latest) {
    const std::string version = Text(object, "VersionId", "null");
    if (!take(key, version)) return false;
    Json entry{{"Key", key},
               {"VersionId", version},
               {"IsLatest", latest},
               {"LastModified", object["LastModified"]},
               {"Owner", OwnerOf(cloud)}};
    if (Flag(object, "_marker")) {
      markers.push_back(std::move(entry));
      return true;
    }
    entry["ETag"] = object["ETag"];
    entry["Size"] = object["Size"];
    entry["StorageClass"] = Text(object, "StorageClass", "STANDARD");
    SetChecksumKind(object, entry);
    versions.push_back(std::move(entry));
    return true;
  };
  const std::string base = bucket + "\n";
  const auto& objects = call.txn.All(kObjects);
  const auto& older = call.txn.All(kVersions);
  auto at = objects.lower_bound(base + std::max(prefix, marker));
  bool skipping = !version_marker.empty();  // within the marker's key
  bool more = true;
  while (more && at != objects.end() && StartsWith(at->first, base + prefix)) {
    const std::string key = at->first.substr(base.size());
    const auto cut = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    if (cut != std::string::npos) {
      const std::string common = key.substr(0, cut + delimiter.size());
      at = objects.lower_bound(base + After(common));
      if (common <= marker) continue;
      more = take(common, "");
      if (more) prefixes.push_back({{"Prefix", common}});
      continue;
    }
    const bool resumes = key == marker;
    if (!resumes || !version_marker.empty()) {
      skipping = skipping && resumes;
      const auto one = [&](const Json& object, bool latest) {
        if (!skipping) {
          more = add(key, object, latest);
        } else if (Text(object, "VersionId", "null") == version_marker) {
          skipping = false;
        }
      };
      one(at->second, true);
      const std::string start = at->first + "\x01";
      for (auto it = older.lower_bound(start); more && it != older.end() && StartsWith(it->first, start); ++it)
        one(it->second, false);
    }
    ++at;
  }
  if (!versions.empty()) output["Versions"] = std::move(versions);
  if (!markers.empty()) output["DeleteMarkers"] = std::move(markers);
  if (!prefixes.empty()) output["CommonPrefixes"] = std::move(prefixes);
  return output;
}

}  // namespace

void RegisterListing(Api& api, Cloud& cloud) {
  Register(
      api, cloud,
      {{"ListObjects", ListObjects}, {"ListObjectsV2", ListObjectsV2}, {"ListObjectVersions", ListObjectVersions}});
}

}  // namespace adhoc::localcloud::s3
