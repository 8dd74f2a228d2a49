// S3's objects. Bodies are written before the transaction and read after it, straight from the blob by the server.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "localcloud/api/s3_internal.h"
#include "net/uri.h"

namespace adhoc::localcloud::s3 {
namespace {

constexpr std::size_t kLongestKey = 1024;

ApiError NoSuchKey(const std::string& key) {
  return Fault("NoSuchKey", "The specified key does not exist.", {{"Key", key}});
}
ApiError PreconditionFailed(const char* condition) {
  return Fault("PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
               {{"Condition", condition}});
}

std::string VersioningOf(const Json& bucket) { return Text(Fields(bucket, "_versioning"), "Status"); }

// Newest first: the counter runs backwards in the key.
std::string VersionKey(const std::string& bucket, const std::string& key, std::int64_t sequence) {
  std::string digits = std::to_string(INT64_MAX - sequence);
  digits.insert(0, 20 - digits.size(), '0');
  return ObjectKey(bucket, key) + "\x01" + digits;
}

std::vector<std::string> OlderVersions(const Store::Transaction& txn, const std::string& bucket,
                                       const std::string& key) {
  const std::string prefix = ObjectKey(bucket, key) + "\x01";
  std::vector<std::string> keys;
  const auto& all = txn.All(kVersions);
  for (auto it = all.lower_bound(prefix); it != all.end() && StartsWith(it->first, prefix); ++it)
    keys.push_back(it->first);
  return keys;
}

std::string VersionOf(const Json& object) { return Text(object, "VersionId", "null"); }

const Json* FindMarker(const Store::Transaction& txn, const std::string& bucket, const std::string& key,
                       const std::string& version) {
  const Json* current = txn.Find(kObjects, ObjectKey(bucket, key));
  if (current != nullptr && (version.empty() || VersionOf(*current) == version))
    return Flag(*current, "_marker") ? current : nullptr;
  if (version.empty()) return nullptr;
  for (const auto& older : OlderVersions(txn, bucket, key)) {
    const Json* document = txn.Find(kVersions, older);
    if (VersionOf(*document) == version) return Flag(*document, "_marker") ? document : nullptr;
  }
  return nullptr;
}

// "\"abc\"" or "abc" in a list, or '*'.
bool EtagMatches(std::string_view condition, const std::string& etag) {
  if (condition == "*") return true;
  std::string bare = etag;
  bare.erase(std::remove(bare.begin(), bare.end(), '"'), bare.end());
  std::string item;
  for (std::size_t i = 0; i <= condition.size(); ++i) {
    if (i < condition.size() && condition[i] != ',') {
      if (condition[i] != '"' && condition[i] != ' ') item += condition[i];
      continue;
    }
    if (StartsWith(item, "W/")) item.erase(0, 2);
    if (item == bare) return true;
    item.clear();
  }
  return false;
}

// RFC 9110 §13.2.2; true when the answer is 304.
bool CheckReadConditions(const Json& input, const Json& object) {
  const std::string etag = Text(object, "ETag");
  const double modified = std::floor(object.value("LastModified", 0.0));
  if (input.contains("IfMatch")) {
    if (!EtagMatches(Text(input, "IfMatch"), etag)) throw PreconditionFailed("If-Match");
  } else if (input.contains("IfUnmodifiedSince") && modified > input["IfUnmodifiedSince"].get<double>()) {
    throw PreconditionFailed("If-Unmodified-Since");
  }
  if (input.contains("IfNoneMatch")) return EtagMatches(Text(input, "IfNoneMatch"), etag);
  return input.contains("IfModifiedSince") && modified <= input["IfModifiedSince"].get<double>();
}

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// One range of `bytes=…`; nothing when the header is to be ignored (several ranges, other units). Throws InvalidRange.
std::optional<ByteRange> ParseRange(const std::string& header, std::uint64_t size) {
  if (!StartsWith(header, "bytes=") || header.find(',') != std::string::npos) return std::nullopt;
  const std::string_view spec = std::string_view(header).substr(6);
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = ParseNumber(spec.substr(0, dash));
  const auto last = ParseNumber(spec.substr(dash + 1));
  const ApiError invalid = Fault("InvalidRange", "The requested range is not satisfiable",
                                 {{"RangeRequested", header}, {"ActualObjectSize", std::to_string(size)}});
  if (dash == 0) {
    if (!last) return std::nullopt;
    if (*last == 0 || size == 0) throw invalid;
    const std::uint64_t length = std::min(*last, size);
    return ByteRange{size - length, length};
  }
  if (!first || (!last && dash + 1 != spec.size()) || (last && *last < *first)) return std::nullopt;
  if (*first >= size) throw invalid;
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return ByteRange{*first, end - *first + 1};
}

// The part of this number, of an object that came in parts; otherwise the whole is part 1.
ByteRange PartRange(const Json& object, std::int64_t number, Json& output) {
  const Json& parts = Items(object, "_parts");
  const auto count = std::max<std::size_t>(1, parts.size());
  if (number < 1 || static_cast<std::size_t>(number) > count) {
    throw Fault("InvalidPartNumber", "The requested partnumber is not satisfiable",
                {{"PartNumberRequested", std::to_string(number)}, {"ActualPartCount", std::to_string(count)}});
  }
  ByteRange range{0, static_cast<std::uint64_t>(Number(object, "Size"))};
  if (parts.empty()) return range;
  output["PartsCount"] = count;
  for (std::int64_t i = 0; i < number; ++i) {
    range.offset += i == 0 ? 0 : range.length;
    range.length = static_cast<std::uint64_t>(Number(parts[static_cast<std::size_t>(i)], "Size"));
  }
  return range;
}

// The current version of this key is a delete marker: S3 says so with the error.
ApiError Marked(ApiError error, const Json& marker) {
  error.SetHeader("x-amz-delete-marker", "true");
  error.SetHeader("x-amz-version-id", VersionOf(marker));
  return error;
}

const Json& NeedVersion(Cloud& cloud, const Call& call, const std::string& bucket, const std::string& key,
                        const std::string& version) {
  const Json* object = FindVersion(call.txn, bucket, key, version);
  if (object != nullptr) return *object;
  if (const Json* marker = FindMarker(call.txn, bucket, key, version)) {
    if (version.empty()) throw Marked(NoSuchKey(key), *marker);
    throw Marked(Fault("MethodNotAllowed", "The specified method is not allowed against this resource.",
                       {{"Method", call.http.method}, {"ResourceType", "DeleteMarker"}}),
                 *marker);
  }
  if (!version.empty())
    throw Fault("NoSuchVersion", "The specified version does not exist.", {{"Key", key}, {"VersionId", version}});
  // Who may not list a bucket is not told what isn't in it.
  Authorize(cloud, call, "s3:ListBucket", bucket);
  throw NoSuchKey(key);
}

// ---- Reading

Json Read(Cloud& cloud, Call& call, bool with_body) {
  const std::string bucket_name = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  const std::string version = Text(call.input, "VersionId");
  const Json& bucket = GetBucket(call, bucket_name);
  Authorize(cloud, call, "s3:GetObject", bucket_name, key);
  const Json& object = NeedVersion(cloud, call, bucket_name, key, version);
  const auto size = static_cast<std::uint64_t>(Number(object, "Size"));
  const auto checksum = ChecksumIn(object);

  net::Response raw;
  AddCorsHeaders(bucket, call.http, call.http.method, raw.headers);
  Json output = object;
  output["AcceptRanges"] = "bytes";
  if (const auto tags = Items(object, "_tags").size(); tags > 0) output["TagCount"] = tags;
  if (CheckReadConditions(call.input, object)) {
    raw.status = 304;
    output.erase("ContentLength");
    output.erase("ContentType");
    if (checksum) output.erase(ChecksumMember(*checksum));
    call.raw = std::move(raw);
    return output;
  }
  ByteRange range{0, size};
  std::optional<ByteRange> part;
  if (const std::string header = Text(call.input, "Range"); !header.empty()) {
    part = ParseRange(header, size);
  } else if (call.input.contains("PartNumber")) {
    part = PartRange(object, Number(call.input, "PartNumber"), output);
  }
  if (part) {
    range = *part;
    raw.status = 206;
    if (range.length > 0) {
      output["ContentRange"] = "bytes " + std::to_string(range.offset) + "-" +
                               std::to_string(range.offset + range.length - 1) + "/" + std::to_string(size);
    }
  }
  // A checksum of the whole says nothing about a part of it.
  if (checksum && (part || Text(call.input, "ChecksumMode") != "ENABLED")) {
    output.erase(ChecksumMember(*checksum));
    output.erase("ChecksumType");
  }
  output["ContentLength"] = range.length;
  // HeadObject's model lacks it in some versions; a ranged HEAD names the part all the same.
  if (output.contains("ContentRange")) raw.headers.Set("Content-Range", Text(output, "ContentRange"));
  static constexpr std::pair<const char*, const char*> kOverrides[] = {
      {"ResponseCacheControl", "CacheControl"},       {"ResponseContentDisposition", "ContentDisposition"},
      {"ResponseContentEncoding", "ContentEncoding"}, {"ResponseContentLanguage", "ContentLanguage"},
      {"ResponseContentType", "ContentType"},         {"ResponseExpires", "Expires"}};
  for (const auto& [from, to] : kOverrides) {
    if (call.input.contains(from)) output[to] = call.input[from];
  }
  if (with_body && range.length > 0) {
    raw.file = Blobs(cloud).PathOf(Text(object, "_blob")).string();
    raw.file_offset = range.offset;
    raw.file_length = range.length;
  }
  call.raw = std::move(raw);
  return output;
}

Json GetObject(Cloud& cloud, Call& call) { return Read(cloud, call, true); }
Json HeadObject(Cloud& cloud, Call& call) { return Read(cloud, call, false); }

Json AttributesOfParts(const Json& input, const Json& parts) {
  const auto marker = Number(input, "PartNumberMarker");
  const auto limit = std::clamp<std::int64_t>(Number(input, "MaxParts", 1000), 1, 1000);
  Json output{{"TotalPartsCount", parts.size()}, {"PartNumberMarker", marker}, {"MaxParts", limit}};
  Json listed = Json::array();
  bool truncated = false;
  for (const auto& part : parts) {
    if (Number(part, "PartNumber") <= marker) continue;
    truncated = static_cast<std::int64_t>(listed.size()) == limit;
    if (truncated) break;
    listed.push_back(part);
  }
  output["IsTruncated"] = truncated;
  if (!listed.empty()) output["NextPartNumberMarker"] = listed.back()["PartNumber"];
  output["Parts"] = std::move(listed);
  return output;
}

Json GetObjectAttributes(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:GetObject", bucket, key);
  GetBucket(call, bucket);
  const Json& object = NeedVersion(cloud, call, bucket, key, Text(call.input, "VersionId"));
  std::string etag = Text(object, "ETag");
  etag.erase(std::remove(etag.begin(), etag.end(), '"'), etag.end());
  Json output{{"ETag", etag},
              {"ObjectSize", object["Size"]},
              {"StorageClass", Text(object, "StorageClass", "STANDARD")},
              {"LastModified", object["LastModified"]}};
  CopyMembers(object, output, {"VersionId"});
  Json checksum = Json::object();
  CopyChecksum(object, checksum);
  if (!checksum.empty()) output["Checksum"] = std::move(checksum);
  if (const Json& parts = Items(object, "_parts"); !parts.empty()) {
    output["ObjectParts"] = AttributesOfParts(call.input, parts);
  }
  // Only what was asked for.
  const Json& asked = Items(call.input, "ObjectAttributes");
  for (const char* name : {"ETag", "ObjectSize", "StorageClass", "Checksum", "ObjectParts"}) {
    if (std::find(asked.begin(), asked.end(), name) == asked.end()) output.erase(name);
  }
  return output;
}

// ---- Writing

Json PutObject(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:PutObject", bucket, key);
  GetBucket(call, bucket);
  CheckWriteConditions(call, bucket, key);
  const auto& upload = std::any_cast<const Upload&>(call.prepared);
  CheckIntegrity(call.input, upload);
  const Json stored = StoreUpload(cloud, call, bucket, key, ObjectFrom(call.input), upload);
  Json output = Json::object();
  CopyMembers(stored, output, {"ETag", "VersionId", "ServerSideEncryption"});
  CopyChecksum(stored, output);
  return output;
}

Json CopyObject(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:PutObject", bucket, key);
  GetBucket(call, bucket);
  const Source from = ParseSource(Text(call.input, "CopySource"));
  GetBucket(call, from.bucket);
  const Json source = NeedVersion(cloud, call, from.bucket, from.key, from.version);
  Json conditions = Json::object();
  for (const char* name : {"IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince"}) {
    if (const std::string given = std::string("CopySource") + name; call.input.contains(given))
      conditions[name] = call.input[given];
  }
  if (CheckReadConditions(conditions, source)) throw PreconditionFailed("x-amz-copy-source-if-None-Match");
  CheckWriteConditions(call, bucket, key);
  const bool replace = Text(call.input, "MetadataDirective", "COPY") == "REPLACE";
  if (!replace && from.bucket == bucket && from.key == key && from.version.empty() &&
      !call.input.contains("StorageClass") && !call.input.contains("ServerSideEncryption")) {
    throw Fault("InvalidRequest",
                "This copy request is illegal because it is trying to copy an object to itself without changing the "
                "object's metadata, storage class, "
                "website redirect location or encryption attributes.");
  }
  Json object = replace ? ObjectFrom(call.input) : source;
  if (!replace) {
    for (const char* member : {"VersionId", "_acl"}) object.erase(member);
    CopyMembers(call.input, object, {"StorageClass", "ServerSideEncryption"});
  }
  if (Text(call.input, "TaggingDirective", "COPY") == "COPY") {
    object.erase("_tags");
    CopyMembers(source, object, {"_tags"});
  } else {
    object["_tags"] = ObjectFrom(call.input).value("_tags", Json::array());
  }
  CopyMembers(source, object, {"ETag", "Size", "_parts"});
  CopyChecksum(source, object);
  object["_blob"] = Blobs(cloud).Link(Text(source, "_blob"));
  const Json stored = PutVersion(cloud, call.txn, bucket, key, std::move(object));
  Json output{{"CopyObjectResult", {{"ETag", stored["ETag"]}, {"LastModified", stored["LastModified"]}}}};
  CopyChecksum(stored, output["CopyObjectResult"]);
  CopyMembers(stored, output, {"VersionId", "ServerSideEncryption"});
  if (source.contains("VersionId")) output["CopySourceVersionId"] = source["VersionId"];
  return output;
}

// ---- Deleting

// The newest of the older versions takes the current one's place.
void Promote(Store::Transaction& txn, const std::string& bucket, const std::string& key) {
  const auto older = OlderVersions(txn, bucket, key);
  if (older.empty()) {
    txn.Erase(kObjects, ObjectKey(bucket, key));
    return;
  }
  Json next = *txn.Find(kVersions, older.front());
  txn.Erase(kVersions, older.front());
  txn.Put(kObjects, ObjectKey(bucket, key), std::move(next));
}

struct Deleted {
  bool marker = false;
  std::string version;
};

Deleted DeleteOne(Cloud& cloud, Call& call, const std::string& bucket_name, const std::string& key,
                  const std::string& version) {
  const Json& bucket = GetBucket(call, bucket_name);
  const std::string object_key = ObjectKey(bucket_name, key);
  const Json* current = call.txn.Find(kObjects, object_key);
  if (!version.empty()) {
    if (current != nullptr && VersionOf(*current) == version) {
      const Deleted deleted{Flag(*current, "_marker"), version};
      Discard(cloud, call.txn, *current);
      Promote(call.txn, bucket_name, key);
      return deleted;
    }
    for (const auto& older : OlderVersions(call.txn, bucket_name, key)) {
      const Json& document = *call.txn.Find(kVersions, older);
      if (VersionOf(document) != version) continue;
      const Deleted deleted{Flag(document, "_marker"), version};
      Discard(cloud, call.txn, document);
      call.txn.Erase(kVersions, older);
      return deleted;
    }
    return {false, version};
  }
  const std::string versioning = VersioningOf(bucket);
  if (versioning.empty()) {
    if (current != nullptr) {
      Discard(cloud, call.txn, *current);
      call.txn.Erase(kObjects, object_key);
    }
    return {};
  }
  const Json marker = PutVersion(cloud, call.txn, bucket_name, key, {{"_marker", true}});
  return {true, VersionOf(marker)};
}

Json DeleteObject(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:DeleteObject", bucket, key);
  GetBucket(call, bucket);
  if (call.input.contains("IfMatch")) {
    const Json* object = FindVersion(call.txn, bucket, key, Text(call.input, "VersionId"));
    if (object == nullptr) throw NoSuchKey(key);
    if (!EtagMatches(Text(call.input, "IfMatch"), Text(*object, "ETag"))) throw PreconditionFailed("If-Match");
  }
  const Deleted deleted = DeleteOne(cloud, call, bucket, key, Text(call.input, "VersionId"));
  Json output = Json::object();
  if (deleted.marker) output["DeleteMarker"] = true;
  if (!deleted.version.empty()) output["VersionId"] = deleted.version;
  return output;
}

Json DeleteObjects(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  GetBucket(call, bucket);
  const Json& request = Fields(call.input, "Delete");
  const Json& objects = Items(request, "Objects");
  if (objects.empty() || objects.size() > 1000) {
    throw Fault("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema");
  }
  Json done = Json::array();
  Json errors = Json::array();
  for (const auto& object : objects) {
    const std::string key = Text(object, "Key");
    const std::string version = Text(object, "VersionId");
    try {
      Authorize(cloud, call, "s3:DeleteObject", bucket, key);
      if (object.contains("ETag")) {
        const Json* existing = FindVersion(call.txn, bucket, key, version);
        if (existing == nullptr) throw NoSuchKey(key);
        if (!EtagMatches(Text(object, "ETag"), Text(*existing, "ETag"))) throw PreconditionFailed("If-Match");
      }
      const Deleted deleted = DeleteOne(cloud, call, bucket, key, version);
      Json entry{{"Key", key}};
      if (!version.empty()) entry["VersionId"] = version;
      if (deleted.marker) {
        entry["DeleteMarker"] = true;
        entry["DeleteMarkerVersionId"] = deleted.version;
      }
      done.push_back(std::move(entry));
    } catch (const ApiError& error) {
      errors.push_back({{"Key", key}, {"Code", error.code()}, {"Message", error.what()}});
    }
  }
  Json output = Json::object();
  if (!Flag(request, "Quiet")) output["Deleted"] = std::move(done);
  if (!errors.empty()) output["Errors"] = std::move(errors);
  return output;
}

// ---- Tags

Json& EditVersion(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  const std::string version = Text(call.input, "VersionId");
  GetBucket(call, bucket);
  NeedVersion(cloud, call, bucket, key, version);
  const std::string object_key = ObjectKey(bucket, key);
  if (const Json* current = call.txn.Find(kObjects, object_key);
      version.empty() || (current != nullptr && VersionOf(*current) == version)) {
    return call.txn.Edit(kObjects, object_key);
  }
  for (const auto& older : OlderVersions(call.txn, bucket, key)) {
    if (VersionOf(*call.txn.Find(kVersions, older)) == version) return call.txn.Edit(kVersions, older);
  }
  throw NoSuchKey(key);
}

Json TaggingAnswer(const Json& object) {
  Json output = Json::object();
  CopyMembers(object, output, {"VersionId"});
  return output;
}

Json PutObjectTagging(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutObjectTagging", Text(call.input, "Bucket"), Text(call.input, "Key"));
  Json& object = EditVersion(cloud, call);
  object["_tags"] = Items(Fields(call.input, "Tagging"), "TagSet");
  return TaggingAnswer(object);
}

Json GetObjectTagging(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:GetObjectTagging", Text(call.input, "Bucket"), Text(call.input, "Key"));
  const Json& object = EditVersion(cloud, call);
  Json output = TaggingAnswer(object);
  output["TagSet"] = Items(object, "_tags");
  return output;
}

Json DeleteObjectTagging(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:DeleteObjectTagging", Text(call.input, "Bucket"), Text(call.input, "Key"));
  Json& object = EditVersion(cloud, call);
  object.erase("_tags");
  return TaggingAnswer(object);
}

}  // namespace

Json StoreUpload(Cloud& cloud, Call& call, const std::string& bucket, const std::string& key, Json object,
                 const Upload& upload) {
  const Blob& blob = upload.blob->blob();
  object["ETag"] = Quoted(blob.md5);
  object["Size"] = blob.size;
  object["_blob"] = blob.name;
  object[ChecksumMember(upload.algorithm)] = Base64Encode(blob.checksum);
  object["ChecksumType"] = "FULL_OBJECT";
  Json stored = PutVersion(cloud, call.txn, bucket, key, std::move(object));
  upload.blob->Keep();
  return stored;
}

std::string Quoted(std::string_view md5) { return "\"" + HexEncode(md5) + "\""; }

Source ParseSource(const std::string& copy_source) {
  std::string text = copy_source;
  Source source;
  if (const auto query = text.find("?versionId="); query != std::string::npos) {
    source.version = text.substr(query + 11);
    text.resize(query);
  }
  text = net::PercentDecode(text);
  if (StartsWith(text, "/")) text.erase(0, 1);
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash + 1 == text.size()) {
    throw Fault("InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                {{"ArgumentName", "x-amz-copy-source"}});
  }
  source.bucket = text.substr(0, slash);
  source.key = text.substr(slash + 1);
  return source;
}

const Json* FindVersion(const Store::Transaction& txn, const std::string& bucket, const std::string& key,
                        const std::string& version) {
  const Json* current = txn.Find(kObjects, ObjectKey(bucket, key));
  if (version.empty() || (current != nullptr && VersionOf(*current) == version)) {
    return current != nullptr && !Flag(*current, "_marker") ? current : nullptr;
  }
  for (const auto& older : OlderVersions(txn, bucket, key)) {
    const Json* document = txn.Find(kVersions, older);
    if (VersionOf(*document) == version) return Flag(*document, "_marker") ? nullptr : document;
  }
  return nullptr;
}

void CheckWriteConditions(const Call& call, const std::string& bucket, const std::string& key) {
  const Json* existing = FindVersion(call.txn, bucket, key, "");
  if (call.input.contains("IfNoneMatch")) {
    if (Text(call.input, "IfNoneMatch") != "*") {
      throw Fault("NotImplemented", "A header you provided implies functionality that is not implemented",
                  {{"Header", "If-None-Match"}});
    }
    if (existing != nullptr) throw PreconditionFailed("If-None-Match");
  }
  if (call.input.contains("IfMatch")) {
    if (existing == nullptr) throw NoSuchKey(key);
    if (!EtagMatches(Text(call.input, "IfMatch"), Text(*existing, "ETag"))) throw PreconditionFailed("If-Match");
  }
}

Json ObjectFrom(const Json& input) {
  Json object = Json::object();
  CopyMembers(input, object,
              {"CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
               "Metadata", "StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption"});
  if (!object.contains("ContentType")) object["ContentType"] = "binary/octet-stream";
  if (!object.contains("ServerSideEncryption")) object["ServerSideEncryption"] = "AES256";
  if (Text(object, "StorageClass") == "STANDARD") object.erase("StorageClass");
  if (input.contains("ACL")) object["_acl"] = input["ACL"];
  if (const std::string tagging = Text(input, "Tagging"); !tagging.empty()) {
    Json tags = Json::array();
    for (const auto& [name, value] : net::ParseQuery(tagging, true)) tags.push_back({{"Key", name}, {"Value", value}});
    object["_tags"] = std::move(tags);
  }
  return object;
}

Json PutVersion(Cloud& cloud, Store::Transaction& txn, const std::string& bucket_name, const std::string& key,
                Json object) {
  const std::string versioning = VersioningOf(GetBucket(txn, bucket_name));
  const std::string object_key = ObjectKey(bucket_name, key);
  const Json* current = txn.Find(kObjects, object_key);
  if (key.size() > kLongestKey) {
    throw Fault("KeyTooLongError", "Your key is too long",
                {{"Size", std::to_string(key.size())}, {"MaxSizeAllowed", std::to_string(kLongestKey)}});
  }
  object["Key"] = key;
  object["LastModified"] = std::floor(cloud.Now());
  if (object.contains("Size")) object["ContentLength"] = object["Size"];
  if (versioning == "Enabled") {
    object["VersionId"] = cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._", 32);
  } else if (versioning == "Suspended") {
    object["VersionId"] = "null";
  }
  if (current != nullptr) {
    const bool replaces = versioning.empty() || (versioning == "Suspended" && VersionOf(*current) == "null");
    if (replaces) {
      Discard(cloud, txn, *current);
    } else {
      Json older = *current;
      if (!older.contains("VersionId")) older["VersionId"] = "null";
      txn.Put(kVersions, VersionKey(bucket_name, key, txn.NextNumber("s3.versions")), std::move(older));
    }
  }
  txn.Put(kObjects, object_key, object);
  return object;
}

void RegisterObjects(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"CopyObject", CopyObject},
            {"DeleteObject", DeleteObject},
            {"DeleteObjects", DeleteObjects},
            {"DeleteObjectTagging", DeleteObjectTagging},
            {"GetObject", GetObject},
            {"GetObjectAttributes", GetObjectAttributes},
            {"GetObjectTagging", GetObjectTagging},
            {"HeadObject", HeadObject},
            {"PutObject", PutObject},
            {"PutObjectTagging", PutObjectTagging}});
  // One store for all uploads, so that the pending blobs may refer to it.
  const auto blobs = std::make_shared<BlobStore>(Blobs(cloud));
  api.SetPrepare("s3", "PutObject", [blobs](const Json&, const net::Request& request) -> std::any {
    return Receive(blobs, request, ChecksumAlgorithm::kCrc64Nvme);
  });
}

}  // namespace adhoc::localcloud::s3
