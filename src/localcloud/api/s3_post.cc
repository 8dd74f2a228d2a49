#include "localcloud/api/s3_post.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <filesystem>

#include "aws/codec/codec.h"
#include "aws/codec/xml_codec.h"
#include "aws/sign/sigv4.h"
#include "localcloud/api/post_form.h"
#include "localcloud/api/s3_internal.h"
#include "net/uri.h"

namespace adhoc::localcloud {
namespace s3 {
namespace {

std::uint64_t BodySize(const net::Request& request) {
  return request.body_file.empty() ? request.body.size() : std::filesystem::file_size(request.body_file);
}

std::string HmacSha1(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> result{};
  unsigned int size = 0;
  HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), result.data(), &size);
  return {result.begin(), result.begin() + size};
}

ApiError MissingField(const char* field) {
  return Fault(
      "InvalidArgument",
      fmt::format("Bucket POST must contain a field named '{}'.  If it is specified, please check the order of "
                  "the fields.",
                  field),
      {{"ArgumentName", field}, {"ArgumentValue", ""}});
}

ApiError WrongSignature(const std::string& access_key) {
  return Fault("SignatureDoesNotMatch",
               "The request signature we calculated does not match the signature you provided. Check your key and "
               "signing method.",
               {{"AWSAccessKeyId", access_key}});
}

// The access key that signed the policy, in either form. Of keys that STS gave out the secret is known here, and their
// signature has to be right; others are anybody's, as everywhere in the local cloud, but what they sign has to be
// complete. Empty: not signed.
std::string SignerOf(const Store::Transaction& txn, const PostForm& form) {
  if (!form.Has("policy")) return "";
  std::string access_key;
  std::string expected;
  std::string signature;
  if (form.Has("x-amz-algorithm") || form.Has("x-amz-credential")) {
    for (const char* field : {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"}) {
      if (form.Get(field).empty()) throw MissingField(field);
    }
    if (form.Get("x-amz-algorithm") != "AWS4-HMAC-SHA256") {
      throw Fault("InvalidArgument", "Only AWS4-HMAC-SHA256 is supported as X-Amz-Algorithm.",
                  {{"ArgumentName", "X-Amz-Algorithm"}, {"ArgumentValue", form.Get("x-amz-algorithm")}});
    }
    // <access key>/<yyyymmdd>/<region>/s3/aws4_request
    std::vector<std::string> scope(1);
    for (const char c : form.Get("x-amz-credential")) {
      if (c == '/') {
        scope.emplace_back();
      } else {
        scope.back() += c;
      }
    }
    if (scope.size() != 5 || scope[3] != "s3" || scope[4] != "aws4_request" ||
        !StartsWith(form.Get("x-amz-date"), scope[1] + "T")) {
      throw Fault("InvalidArgument", "The Credential is malformed.",
                  {{"ArgumentName", "X-Amz-Credential"}, {"ArgumentValue", form.Get("x-amz-credential")}});
    }
    access_key = scope[0];
    signature = form.Get("x-amz-signature");
    if (const Json* session = txn.Find("sts.sessions", access_key);
        session != nullptr && session->contains("_secret")) {
      expected = aws::SignText(form.Get("policy"), Text(*session, "_secret"), scope[1], {scope[2], scope[3]});
    }
  } else {
    for (const char* field : {"AWSAccessKeyId", "signature"}) {
      if (form.Get(ToLower(field)).empty()) throw MissingField(field);
    }
    access_key = form.Get("awsaccesskeyid");
    signature = form.Get("signature");
    if (const Json* session = txn.Find("sts.sessions", access_key);
        session != nullptr && session->contains("_secret")) {
      expected = Base64Encode(HmacSha1(Text(*session, "_secret"), form.Get("policy")));
    }
  }
  if (!expected.empty() && signature != expected) throw WrongSignature(access_key);
  return access_key;
}

// The form's fields as PutObject's members.
Json InputOf(const PostForm& form, const std::string& bucket, const std::string& key) {
  static constexpr std::pair<const char*, const char*> kMembers[] = {
      {"acl", "ACL"},
      {"cache-control", "CacheControl"},
      {"content-disposition", "ContentDisposition"},
      {"content-encoding", "ContentEncoding"},
      {"content-language", "ContentLanguage"},
      {"content-md5", "ContentMD5"},
      {"content-type", "ContentType"},
      {"expires", "Expires"},
      {"x-amz-server-side-encryption", "ServerSideEncryption"},
      {"x-amz-storage-class", "StorageClass"},
      {"x-amz-website-redirect-location", "WebsiteRedirectLocation"}};
  Json input = {{"Bucket", bucket}, {"Key", key}};
  for (const auto& [field, member] : kMembers) {
    if (form.Has(field)) input[member] = form.Get(field);
  }
  constexpr std::string_view kMetadata = "x-amz-meta-";
  for (const auto& [field, value] : form.fields) {
    if (StartsWith(field, kMetadata)) input["Metadata"][field.substr(kMetadata.size())] = value;
  }
  return input;
}

std::string LocationOf(const net::Request& request, const std::string& bucket, const std::string& key) {
  return fmt::format("http://{}/{}/{}", request.headers.GetOr("Host", "localhost"), bucket,
                     net::PercentEncode(key, "/"));
}

net::Response Success(const net::Request& request, const PostForm& form, const std::string& bucket,
                      const std::string& key, const Json& stored) {
  const std::string etag = Text(stored, "ETag");
  net::Response response{.status = 204};
  response.headers.Set("ETag", etag);
  response.headers.Set("Location", LocationOf(request, bucket, key));
  if (stored.contains("VersionId")) response.headers.Set("x-amz-version-id", Text(stored, "VersionId"));

  const std::string redirect =
      form.Has("success_action_redirect") ? form.Get("success_action_redirect") : form.Get("redirect");
  if (StartsWith(redirect, "http://") || StartsWith(redirect, "https://")) {
    response.status = 303;
    response.headers.Set("Location",
                         fmt::format("{}{}{}", redirect, redirect.find('?') == std::string::npos ? '?' : '&',
                                     net::FormatQuery({{"bucket", bucket}, {"key", key}, {"etag", etag}})));
    return response;
  }
  const std::string status = form.Get("success_action_status");
  if (status == "200") response.status = 200;
  if (status == "201") {
    response.status = 201;
    response.headers.Set("Content-Type", "application/xml");
    aws::XmlWriter xml(true, "");
    xml.Open("PostResponse");
    xml.TextElement("Location", LocationOf(request, bucket, key));
    xml.TextElement("Bucket", bucket);
    xml.TextElement("Key", key);
    xml.TextElement("ETag", etag);
    xml.Close("PostResponse");
    response.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + xml.Take();
  }
  return response;
}

net::Response Post(Cloud& cloud, const net::Request& request, const std::string& bucket,
                   const std::string& request_id) {
  const std::uint64_t size = BodySize(request);
  const PostForm form =
      ParsePostForm(request.headers.GetOr("Content-Type", ""), [&](std::uint64_t offset, std::uint64_t length) {
        return offset < size ? ReadBody(request, offset, length) : std::string();
      });
  if (!form.has_file) {
    throw Fault("InvalidArgument", "POST requires exactly one file upload per request.",
                {{"ArgumentName", "file"}, {"ArgumentValue", "0"}});
  }
  std::string key = form.Get("key");
  if (key.empty()) throw MissingField("key");
  if (const auto at = key.find("${filename}"); at != std::string::npos) key.replace(at, 11, form.file_name);

  const auto blobs = std::make_shared<BlobStore>(Blobs(cloud));
  const Upload upload = ReceiveSlice(blobs, request, form.file_offset, form.file_length);
  const aws::Service& service = *aws::FindService("s3");
  const auto txn = cloud.store.Begin();
  Call call{.operation = *service.FindOperation("PutObject"),
            .input = InputOf(form, bucket, key),
            .prepared = {},
            .txn = *txn,
            .http = request,
            .service = "s3",
            .access_key = SignerOf(*txn, form),
            .region = cloud.settings.region,
            .request_id = request_id,
            .raw = std::nullopt};
  const Json& document = GetBucket(call, bucket);
  if (form.Has("policy")) CheckPostPolicy(form.Get("policy"), form, bucket, key, cloud.Now());
  Authorize(cloud, call, "s3:PutObject", bucket, key);
  CheckIntegrity(call.input, upload);
  const Json stored = StoreUpload(cloud, call, bucket, key, ObjectFrom(call.input), upload);
  net::Response response = Success(request, form, bucket, key, stored);
  AddCorsHeaders(document, request, "POST", response.headers);
  txn->Commit();
  return response;
}

}  // namespace
}  // namespace s3

std::optional<net::Response> AnswerPostForm(Cloud& cloud, const net::Request& request) {
  if (request.method != "POST" || !request.query().empty() ||
      !StartsWith(ToLower(request.headers.GetOr("Content-Type", "")), "multipart/form-data")) {
    return std::nullopt;
  }
  std::string bucket = net::PercentDecode(request.path().substr(1));
  if (bucket.ends_with('/')) bucket.pop_back();
  if (bucket.empty() || bucket.find('/') != std::string::npos) return std::nullopt;
  const std::string request_id = cloud.random.Uuid();
  try {
    return s3::Post(cloud, request, bucket, request_id);
  } catch (const ApiError& error) {
    net::Response response = aws::EncodeError(*aws::FindService("s3"), {.code = error.code(),
                                                                        .message = error.what(),
                                                                        .status = error.status(),
                                                                        .fields = error.fields(),
                                                                        .request_id = request_id});
    const auto txn = cloud.store.Begin();
    if (const Json* found = txn->Find(s3::kBuckets, bucket)) {
      s3::AddCorsHeaders(*found, request, "POST", response.headers);
    }
    return response;
  }
}

}  // namespace adhoc::localcloud
