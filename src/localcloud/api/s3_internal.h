// What S3's files share.
//
// `s3.buckets` (key: name): Name, CreationDate, and each sub-resource under its own private name (`_cors`, `_policy`
// …). `s3.objects` (key: bucket \n key): the current version, as HeadObject answers it, plus Key, Size, `_blob`,
// `_tags`, and `_parts` when it came in parts; or a delete marker (`_marker`). `s3.versions` (key: bucket \n key \x01
// sequence, newest first): the versions before it. `s3.uploads` (key: upload id) and `s3.parts` (key: upload id / part
// number, five digits): unfinished multipart uploads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "localcloud/api/support.h"
#include "localcloud/objects/blob_store.h"

namespace adhoc::localcloud::s3 {

inline constexpr std::string_view kBuckets = "s3.buckets";
inline constexpr std::string_view kObjects = "s3.objects";
inline constexpr std::string_view kVersions = "s3.versions";
inline constexpr std::string_view kUploads = "s3.uploads";
inline constexpr std::string_view kParts = "s3.parts";
inline constexpr std::string_view kGarbage = "s3.garbage";

// With the status that S3 gives this code.
ApiError Fault(const std::string& code, const std::string& message, Json fields = Json::object());

BlobStore Blobs(Cloud& cloud);
// The blob goes when nothing can be sending it any more.
void Discard(Cloud& cloud, Store::Transaction& txn, const Json& holder);

const Json& GetBucket(const Call& call, const std::string& name);
const Json& GetBucket(const Store::Transaction& txn, const std::string& name);
Json& EditBucket(Call& call);
std::string ObjectKey(const std::string& bucket, const std::string& key);
Json OwnerOf(const Cloud& cloud);

// Throws AccessDenied unless the caller may do this: everybody who signs may do everything, others what the bucket's
// policy (or a public ACL) gives to everybody. `key` is empty for the bucket itself.
void Authorize(Cloud& cloud, const Call& call, const std::string& action, const std::string& bucket,
               const std::string& key = "");
// Whether a policy gives this to everybody.
bool PolicyAllowsEveryone(const std::string& policy, const std::string& action, const std::string& resource);
// Whether it lets Elastic Load Balancing's log delivery put objects there.
bool PolicyAllowsLogDelivery(const std::string& policy, const std::string& region, const std::string& resource);
// Whether it gives anything to everybody.
bool PolicyIsPublic(const std::string& policy);

// The CORS headers of an answer, when the bucket has a rule for the request's origin and method.
void AddCorsHeaders(const Json& bucket, const net::Request& request, std::string_view method, net::Headers& headers);

// ---- Objects, for multipart uploads and copies.
// The members of an upload's input that become the object's.
Json ObjectFrom(const Json& input);
// Makes it the current version, of this key and time, and returns the document with its VersionId, if the bucket has
// versions.
Json PutVersion(Cloud& cloud, Store::Transaction& txn, const std::string& bucket, const std::string& key, Json object);
// If-Match and If-None-Match of a write.
void CheckWriteConditions(const Call& call, const std::string& bucket, const std::string& key);
// The bucket and key (and version) of `CopySource`.
struct Source {
  std::string bucket;
  std::string key;
  std::string version;
};
Source ParseSource(const std::string& copy_source);
// Null when there is none (or it is a delete marker).
const Json* FindVersion(const Store::Transaction& txn, const std::string& bucket, const std::string& key,
                        const std::string& version);
// The keys that have a current version or a delete marker.
std::vector<std::string> KeysOf(const Store::Transaction& txn, const std::string& bucket);
// Newest first, delete markers too.
std::vector<Json> VersionsOf(const Store::Transaction& txn, const std::string& bucket, const std::string& key);
struct Deleted {
  bool marker = false;  // one was made, or removed
  std::string version;
};
// Without a version: the current one, which in a bucket with versions means to put a delete marker before it.
Deleted DeleteVersion(Cloud& cloud, Store::Transaction& txn, const std::string& bucket, const std::string& key,
                      const std::string& version);
// With its parts.
void EraseUpload(Cloud& cloud, Store::Transaction& txn, const std::string& id);
// Says in an answer when the object will expire, if a rule of its bucket says so.
void AddExpiration(const Json& bucket, const Json& object, Json& output);
// The same for an unfinished upload.
void AddAbortDate(const Json& bucket, const Json& upload, Json& output);
std::string Quoted(std::string_view md5);  // "\"<hex>\""

// ---- Bodies. A received body is a blob that goes again unless the request succeeds.
struct Upload {
  std::shared_ptr<PendingBlob> blob;
  ChecksumAlgorithm algorithm = ChecksumAlgorithm::kCrc64Nvme;  // of the blob's checksum
  std::string claimed;                                          // what the client says that it is, base64, or empty
};
Upload MakeUpload(const std::shared_ptr<BlobStore>& blobs, Blob blob, ChecksumAlgorithm algorithm);
// Takes the request's body, off its aws-chunked encoding; computes the checksum that the client sends, or `otherwise`.
// Throws aws::CodecError for a damaged encoding.
Upload Receive(const std::shared_ptr<BlobStore>& blobs, const net::Request& request, ChecksumAlgorithm otherwise);
// A part of the body as it is.
Upload ReceiveSlice(const std::shared_ptr<BlobStore>& blobs, const net::Request& request, std::uint64_t offset,
                    std::uint64_t length);
std::string ReadBody(const net::Request& request, std::uint64_t offset, std::uint64_t length);
// Throws BadDigest when the bytes aren't those that the client computed Content-MD5 or a checksum of.
void CheckIntegrity(const Json& input, const Upload& upload);

// Makes it the current version, with the upload's bytes, and keeps those.
Json StoreUpload(Cloud& cloud, Call& call, const std::string& bucket, const std::string& key, Json object,
                 const Upload& upload);

std::string ChecksumMember(ChecksumAlgorithm algorithm);  // ChecksumCRC32
std::optional<ChecksumAlgorithm> ChecksumIn(const Json& document);
void CopyChecksum(const Json& from, Json& to);  // with its ChecksumType

void RegisterBuckets(Api& api, Cloud& cloud);
void RegisterConfiguration(Api& api, Cloud& cloud);
void RegisterObjects(Api& api, Cloud& cloud);
void RegisterListing(Api& api, Cloud& cloud);
void RegisterMultipart(Api& api, Cloud& cloud);

using Operations = std::initializer_list<Registration>;
void Register(Api& api, Cloud& cloud, Operations operations);

}  // namespace adhoc::localcloud::s3
