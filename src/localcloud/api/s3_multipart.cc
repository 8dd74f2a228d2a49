// S3's multipart uploads. Parts are blobs; completing one puts them together before the transaction, which then checks
// that nothing has changed meanwhile.
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "localcloud/api/s3_internal.h"

namespace adhoc::localcloud::s3 {
namespace {

constexpr std::int64_t kMinimumPart = 5 << 20;

std::string PartKey(const std::string& upload, std::int64_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, 5 - std::min<std::size_t>(5, digits.size()), '0');
  return upload + "/" + digits;
}

std::vector<std::pair<std::string, const Json*>> PartsOf(const Store::Transaction& txn, const std::string& upload) {
  std::vector<std::pair<std::string, const Json*>> parts;
  const std::string prefix = upload + "/";
  const auto& all = txn.All(kParts);
  for (auto it = all.lower_bound(prefix); it != all.end() && StartsWith(it->first, prefix); ++it)
    parts.emplace_back(it->first, &it->second);
  return parts;
}

const Json& GetUpload(const Call& call) {
  const std::string id = Text(call.input, "UploadId");
  GetBucket(call, Text(call.input, "Bucket"));
  const Json* upload = call.txn.Find(kUploads, id);
  if (upload == nullptr || Text(*upload, "Bucket") != Text(call.input, "Bucket") ||
      Text(*upload, "Key") != Text(call.input, "Key")) {
    throw Fault("NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
                "aborted or completed.",
                {{"UploadId", id}});
  }
  return *upload;
}

void EraseUpload(Cloud& cloud, Store::Transaction& txn, const std::string& id) {
  std::vector<std::string> keys;
  for (const auto& [key, part] : PartsOf(txn, id)) keys.push_back(key);
  for (const auto& key : keys) {
    Discard(cloud, txn, *txn.Find(kParts, key));
    txn.Erase(kParts, key);
  }
  txn.Erase(kUploads, id);
}

// SHA checksums are those of the parts' checksums, CRC64NVME is the whole object's, the other CRCs can be either.
std::string TypeOfChecksum(const Json& input) {
  const auto algorithm = ChecksumByName(Text(input, "ChecksumAlgorithm"));
  const std::string usual = algorithm == ChecksumAlgorithm::kCrc64Nvme ? "FULL_OBJECT" : "COMPOSITE";
  const std::string type = Text(input, "ChecksumType", usual);
  if (algorithm && type != usual && (!IsCrc(*algorithm) || algorithm == ChecksumAlgorithm::kCrc64Nvme)) {
    throw Fault("InvalidRequest", "The " + type + " checksum type cannot be used with the " +
                                      ToLower(ChecksumName(*algorithm)) + " checksum algorithm.");
  }
  return type;
}

ChecksumAlgorithm AlgorithmOf(const Json& upload) {
  return ChecksumByName(Text(upload, "ChecksumAlgorithm")).value_or(ChecksumAlgorithm::kCrc64Nvme);
}

Json CreateMultipartUpload(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:PutObject", bucket, key);
  GetBucket(call, bucket);
  const std::string id = cloud.random.Pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._", 96);
  Json upload{{"Bucket", bucket},
              {"Key", key},
              {"UploadId", id},
              {"Initiated", cloud.Now()},
              {"_object", ObjectFrom(call.input)}};
  Json output{{"Bucket", bucket}, {"Key", key}, {"UploadId", id}, {"ServerSideEncryption", "AES256"}};
  if (call.input.contains("ChecksumAlgorithm")) {
    upload["ChecksumAlgorithm"] = call.input["ChecksumAlgorithm"];
    upload["ChecksumType"] = TypeOfChecksum(call.input);
    CopyMembers(upload, output, {"ChecksumAlgorithm", "ChecksumType"});
  }
  call.txn.Put(kUploads, id, std::move(upload));
  return output;
}

Json StorePart(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:PutObject", Text(call.input, "Bucket"), Text(call.input, "Key"));
  const Json& upload = GetUpload(call);
  const auto number = Number(call.input, "PartNumber");
  if (number < 1 || number > 10000) {
    throw Fault("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive",
                {{"ArgumentName", "partNumber"}});
  }
  const auto& received = std::any_cast<const Upload&>(call.prepared);
  CheckIntegrity(call.input, received);
  if (upload.contains("ChecksumAlgorithm") && AlgorithmOf(upload) != received.algorithm) {
    throw Fault("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: " +
                                      ToLower(ChecksumName(AlgorithmOf(upload))) +
                                      ", actual checksum Type: " + ToLower(ChecksumName(received.algorithm)));
  }
  const Blob& blob = received.blob->blob();
  const std::string key = PartKey(Text(call.input, "UploadId"), number);
  if (const Json* replaced = call.txn.Find(kParts, key)) Discard(cloud, call.txn, *replaced);
  Json part{{"PartNumber", number},
            {"ETag", Quoted(blob.md5)},
            {"Size", blob.size},
            {"LastModified", std::floor(cloud.Now())},
            {ChecksumMember(received.algorithm), Base64Encode(blob.checksum)},
            {"_blob", blob.name}};
  call.txn.Put(kParts, key, part);
  received.blob->Keep();
  return part;
}

Json UploadPart(Cloud& cloud, Call& call) {
  Json part = StorePart(cloud, call);
  part["ServerSideEncryption"] = "AES256";
  return part;
}

Json UploadPartCopy(Cloud& cloud, Call& call) {
  const Json part = StorePart(cloud, call);
  Json result{{"ETag", part["ETag"]}, {"LastModified", part["LastModified"]}};
  CopyChecksum(part, result);
  return {{"CopyPartResult", std::move(result)}, {"ServerSideEncryption", "AES256"}};
}

// What was put together, and from which parts' blobs.
struct Assembled {
  std::optional<Upload> upload;  // nothing when the request will be refused
  std::vector<std::string> from;
  std::string etag;
};

std::string Bare(std::string etag) {
  etag.erase(std::remove(etag.begin(), etag.end(), '"'), etag.end());
  return etag;
}

// The parts that a completion names, checked; throws.
std::vector<const Json*> NamedParts(const Store::Transaction& txn, const Json& input) {
  const Json& named = Items(Fields(input, "MultipartUpload"), "Parts");
  if (named.empty())
    throw Fault("MalformedXML",
                "The XML you provided was not well-formed or did not validate against our published schema");
  std::vector<const Json*> parts;
  std::int64_t last = 0;
  for (const auto& part : named) {
    const auto number = Number(part, "PartNumber");
    if (number <= last)
      throw Fault("InvalidPartOrder",
                  "The list of parts was not in ascending order. Parts must be ordered by part number.");
    last = number;
    const Json* found = txn.Find(kParts, PartKey(Text(input, "UploadId"), number));
    const auto checksum = ChecksumIn(part);
    const bool other_checksum = checksum && found != nullptr && found->contains(ChecksumMember(*checksum)) &&
                                (*found)[ChecksumMember(*checksum)] != part[ChecksumMember(*checksum)];
    if (found == nullptr || other_checksum || Bare(Text(*found, "ETag")) != Bare(Text(part, "ETag"))) {
      throw Fault("InvalidPart",
                  "One or more of the specified parts could not be found.  The part may not have been uploaded, or the "
                  "specified entity tag may not match the part's entity tag.");
    }
    parts.push_back(found);
  }
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (Number(*parts[i], "Size") < kMinimumPart) {
      throw Fault("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size",
                  {{"ETag", Bare(Text(*parts[i], "ETag"))}});
    }
  }
  return parts;
}

std::string MultipartEtag(const std::vector<const Json*>& parts) {
  std::string digests;
  for (const Json* part : parts) digests += HexDecode(Bare(Text(*part, "ETag")));
  std::string md5(16, '\0');
  EVP_Digest(digests.data(), digests.size(), reinterpret_cast<unsigned char*>(md5.data()), nullptr, EVP_md5(), nullptr);
  return "\"" + HexEncode(md5) + "-" + std::to_string(parts.size()) + "\"";
}

// Sets the checksum of the object that was put together, and checks it against what the client computed.
void SetChecksum(const Json& upload, const Json& input, const std::vector<const Json*>& parts, const Blob& blob,
                 Json& object) {
  const ChecksumAlgorithm algorithm = AlgorithmOf(upload);
  const std::string member = ChecksumMember(algorithm);
  const std::string type = Text(upload, "ChecksumType", "FULL_OBJECT");
  std::string value = Base64Encode(blob.checksum);
  if (type == "COMPOSITE") {
    const auto checksum = MakeChecksum(algorithm);
    for (const Json* part : parts) checksum->Add(Base64Decode(Text(*part, member)));
    value = Base64Encode(checksum->Finish()) + "-" + std::to_string(parts.size());
  }
  std::string claimed = Text(input, member);
  if (type == "COMPOSITE") claimed.resize(std::min(claimed.size(), claimed.find('-')));
  if (!claimed.empty() && claimed != value.substr(0, value.find('-'))) {
    throw Fault("BadDigest", "The " + std::string(ChecksumName(algorithm)) +
                                 " you specified did not match the calculated checksum.");
  }
  object[member] = value;
  object["ChecksumType"] = type;
}

Json CompleteMultipartUpload(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  const std::string key = Text(call.input, "Key");
  Authorize(cloud, call, "s3:PutObject", bucket, key);
  const Json upload = GetUpload(call);
  const auto parts = NamedParts(call.txn, call.input);
  CheckWriteConditions(call, bucket, key);
  const auto& assembled = std::any_cast<const Assembled&>(call.prepared);
  std::vector<std::string> blobs;
  for (const Json* part : parts) blobs.push_back(Text(*part, "_blob"));
  if (!assembled.upload || blobs != assembled.from) {
    throw Fault("ConditionalRequestConflict",
                "The conditional request cannot succeed due to a conflicting operation against this resource.");
  }
  const Blob& blob = assembled.upload->blob->blob();
  if (call.input.contains("MpuObjectSize") &&
      Number(call.input, "MpuObjectSize") != static_cast<std::int64_t>(blob.size)) {
    throw Fault("InvalidRequest", "The provided 'x-amz-mp-object-size' header value " +
                                      std::to_string(Number(call.input, "MpuObjectSize")) +
                                      " does not match what was computed: " + std::to_string(blob.size));
  }
  Json object = upload["_object"];
  object["ETag"] = assembled.etag;
  object["Size"] = blob.size;
  object["_blob"] = blob.name;
  SetChecksum(upload, call.input, parts, blob, object);
  object["_parts"] = Json::array();
  for (const Json* part : parts) {
    Json kept{{"PartNumber", object["_parts"].size() + 1}, {"Size", (*part)["Size"]}};
    if (object["ChecksumType"] == "COMPOSITE") CopyChecksum(*part, kept);
    object["_parts"].push_back(std::move(kept));
  }
  const Json stored = PutVersion(cloud, call.txn, bucket, key, std::move(object));
  assembled.upload->blob->Keep();
  EraseUpload(cloud, call.txn, Text(call.input, "UploadId"));
  Json output{{"Location", "http://" + call.http.headers.GetOr("Host", "localhost") + "/" + bucket + "/" + key},
              {"Bucket", bucket},
              {"Key", key},
              {"ETag", stored["ETag"]}};
  CopyMembers(stored, output, {"VersionId", "ServerSideEncryption"});
  CopyChecksum(stored, output);
  return output;
}

Json AbortMultipartUpload(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:AbortMultipartUpload", Text(call.input, "Bucket"), Text(call.input, "Key"));
  GetUpload(call);
  EraseUpload(cloud, call.txn, Text(call.input, "UploadId"));
  return Json::object();
}

Json ListParts(Cloud& cloud, Call& call) {
  Authorize(cloud, call, "s3:ListMultipartUploadParts", Text(call.input, "Bucket"), Text(call.input, "Key"));
  const Json& upload = GetUpload(call);
  const auto limit = std::clamp<std::int64_t>(Number(call.input, "MaxParts", 1000), 1, 1000);
  const auto marker = Number(call.input, "PartNumberMarker");
  Json parts = Json::array();
  Json output{{"Bucket", upload["Bucket"]}, {"Key", upload["Key"]},        {"UploadId", upload["UploadId"]},
              {"PartNumberMarker", marker}, {"MaxParts", limit},           {"IsTruncated", false},
              {"Owner", OwnerOf(cloud)},    {"Initiator", OwnerOf(cloud)}, {"StorageClass", "STANDARD"}};
  CopyMembers(upload, output, {"ChecksumAlgorithm", "ChecksumType"});
  for (const auto& [key, part] : PartsOf(call.txn, Text(call.input, "UploadId"))) {
    if (Number(*part, "PartNumber") <= marker) continue;
    if (static_cast<std::int64_t>(parts.size()) == limit) {
      output["IsTruncated"] = true;
      output["NextPartNumberMarker"] = parts.back()["PartNumber"];
      break;
    }
    parts.push_back(*part);
  }
  output["Parts"] = std::move(parts);
  return output;
}

Json ListMultipartUploads(Cloud& cloud, Call& call) {
  const std::string bucket = Text(call.input, "Bucket");
  Authorize(cloud, call, "s3:ListBucketMultipartUploads", bucket);
  GetBucket(call, bucket);
  Json uploads = Json::array();
  for (const auto& [id, upload] : call.txn.All(kUploads)) {
    if (Text(upload, "Bucket") == bucket && StartsWith(Text(upload, "Key"), Text(call.input, "Prefix"))) {
      uploads.push_back({{"UploadId", id},
                         {"Key", upload["Key"]},
                         {"Initiated", upload["Initiated"]},
                         {"StorageClass", "STANDARD"},
                         {"Owner", OwnerOf(cloud)},
                         {"Initiator", OwnerOf(cloud)}});
    }
  }
  std::sort(uploads.begin(), uploads.end(),
            [](const Json& a, const Json& b) { return Text(a, "Key") < Text(b, "Key"); });
  return {{"Bucket", bucket},
          {"Prefix", Text(call.input, "Prefix")},
          {"IsTruncated", false},
          {"MaxUploads", 1000},
          {"Uploads", std::move(uploads)}};
}

}  // namespace

void RegisterMultipart(Api& api, Cloud& cloud) {
  Register(api, cloud,
           {{"AbortMultipartUpload", AbortMultipartUpload},
            {"CompleteMultipartUpload", CompleteMultipartUpload},
            {"CreateMultipartUpload", CreateMultipartUpload},
            {"ListMultipartUploads", ListMultipartUploads},
            {"ListParts", ListParts},
            {"UploadPart", UploadPart},
            {"UploadPartCopy", UploadPartCopy}});
  const auto blobs = std::make_shared<BlobStore>(Blobs(cloud));
  const auto algorithm_of = [&cloud](const Json& input) {
    const auto txn = cloud.store.Begin();
    const Json* upload = txn->Find(kUploads, Text(input, "UploadId"));
    return upload == nullptr ? ChecksumAlgorithm::kCrc64Nvme : AlgorithmOf(*upload);
  };
  api.SetPrepare("s3", "UploadPart", [blobs, algorithm_of](const Json& input, const net::Request& request) -> std::any {
    return Receive(blobs, request, algorithm_of(input));
  });
  api.SetPrepare(
      "s3", "UploadPartCopy", [&cloud, blobs, algorithm_of](const Json& input, const net::Request&) -> std::any {
        const Source source = ParseSource(Text(input, "CopySource"));
        BlobSlice slice;
        {
          const auto txn = cloud.store.Begin();
          const Json* object = FindVersion(*txn, source.bucket, source.key, source.version);
          if (object == nullptr) throw Fault("NoSuchKey", "The specified key does not exist.", {{"Key", source.key}});
          slice = {Text(*object, "_blob"), 0, static_cast<std::uint64_t>(Number(*object, "Size"))};
        }
        if (const std::string range = Text(input, "CopySourceRange"); !range.empty()) {
          std::uint64_t first = 0;
          std::uint64_t last = 0;
          const char* end = range.data() + range.size();
          const auto one = std::from_chars(range.data() + std::min<std::size_t>(6, range.size()), end, first);
          const auto two = one.ptr < end ? std::from_chars(one.ptr + 1, end, last) : one;
          if (!StartsWith(range, "bytes=") || one.ec != std::errc() || two.ec != std::errc() || two.ptr != end ||
              last < first || last >= slice.length) {
            throw Fault(
                "InvalidArgument",
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are "
                "the zero-based offsets of the first and last bytes to copy",
                {{"ArgumentName", "x-amz-copy-source-range"}});
          }
          slice.offset = first;
          slice.length = last - first + 1;
        }
        const ChecksumAlgorithm algorithm = algorithm_of(input);
        return MakeUpload(blobs, blobs->Concatenate({slice}, algorithm), algorithm);
      });
  api.SetPrepare("s3", "CompleteMultipartUpload",
                 [&cloud, blobs, algorithm_of](const Json& input, const net::Request&) -> std::any {
                   Assembled assembled;
                   std::vector<BlobSlice> slices;
                   try {
                     const auto txn = cloud.store.Begin();
                     const auto parts = NamedParts(*txn, input);
                     for (const Json* part : parts) {
                       slices.push_back({Text(*part, "_blob"), 0, static_cast<std::uint64_t>(Number(*part, "Size"))});
                       assembled.from.push_back(slices.back().name);
                     }
                     assembled.etag = MultipartEtag(parts);
                   } catch (const ApiError&) {
                     return assembled;  // the handler says what is wrong, in the right order
                   }
                   const ChecksumAlgorithm algorithm = algorithm_of(input);
                   assembled.upload = MakeUpload(blobs, blobs->Concatenate(slices, algorithm), algorithm);
                   return assembled;
                 });
}

}  // namespace adhoc::localcloud::s3
