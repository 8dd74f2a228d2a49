#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aws/sign/sigv4.h"
#include "localcloud/api/support.h"
#include "localcloud/objects/object_cleaner.h"
#include "testing/local_api.h"

namespace adhoc::testing {
namespace {

struct S3 : ::testing::Test {
  LocalApi api;

  void SetUp() override { api.Call("s3", "CreateBucket", {{"Bucket", "media"}}); }
  Json At(const std::string& key, Json extra = Json::object()) {
    extra.update({{"Bucket", "media"}, {"Key", key}});
    return extra;
  }
  std::string Put(const std::string& key, const std::string& body, const Json& extra = Json::object()) {
    Json input = At(key, extra);
    input["Body"] = body;
    return api.Call("s3", "PutObject", input)["ETag"];
  }
  std::string Get(const std::string& key, const Json& extra = Json::object()) {
    return api.Call("s3", "GetObject", At(key, extra)).value("Body", "");
  }
  net::Response Anonymous(const std::string& target, const std::string& method = "GET", net::Headers headers = {}) {
    headers.Set("Host", "127.0.0.1:4566");
    net::Request request;
    request.method = method;
    request.target = target;
    request.headers = std::move(headers);
    return api.Send(request);
  }
  std::vector<std::string> List(Json extra = Json::object()) {
    extra["Bucket"] = "media";
    const Json answer = api.Call("s3", "ListObjectsV2", extra);
    std::vector<std::string> keys;
    for (const auto& object : answer.value("Contents", Json::array())) keys.push_back(object["Key"]);
    for (const auto& prefix : answer.value("CommonPrefixes", Json::array())) keys.push_back(prefix["Prefix"]);
    return keys;
  }
  std::size_t Blobs() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(api.cloud().settings.state_dir / "s3")) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
  void MakePublic(const std::string& pattern) {
    api.Call(
        "s3", "PutBucketPolicy",
        {{"Bucket", "media"},
         {"Policy",
          R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::media/)" +
              pattern + R"("}]})"}});
  }
};

TEST_F(S3, ObjectsComeBackWithWhatTheyWerePutWith) {
  const std::string etag =
      Put("static/a.css", "body {}",
          {{"ContentType", "text/css"}, {"Metadata", {{"owner", "ada"}}}, {"CacheControl", "max-age=60"}});
  EXPECT_EQ(etag, "\"fcdce6b6d6e2175f6406869882f6f1ce\"");
  const Json object = api.Call("s3", "GetObject", At("static/a.css"));
  EXPECT_EQ(object["Body"], "body {}");
  EXPECT_EQ(object["ContentType"], "text/css");
  EXPECT_EQ(object["CacheControl"], "max-age=60");
  EXPECT_EQ(object["Metadata"], (Json{{"owner", "ada"}}));
  EXPECT_EQ(object["ETag"], etag);
  const Json head = api.Call("s3", "HeadObject", At("static/a.css"));
  EXPECT_EQ(head["ContentLength"], 7);
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("none")), "NoSuchKey");
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", {{"Bucket", "none"}, {"Key", "k"}, {"Body", "x"}}), "NoSuchBucket");
}

TEST_F(S3, KeysAndBodiesMayHoldAnything) {
  const std::string key = "a b/ü+%&?#=.txt";
  std::string bytes("\0\r\n\xff", 4);
  Put(key, bytes);
  EXPECT_EQ(Get(key), bytes);
  EXPECT_EQ(List(), std::vector<std::string>{key});
  Put("empty", "");
  EXPECT_EQ(Get("empty"), "");
}

TEST_F(S3, RangesTakePartOfABody) {
  Put("k", "0123456789");
  EXPECT_EQ(Get("k", {{"Range", "bytes=2-4"}}), "234");
  EXPECT_EQ(Get("k", {{"Range", "bytes=-3"}}), "789");
  EXPECT_EQ(Get("k", {{"Range", "bytes=8-"}}), "89");
  EXPECT_EQ(Get("k", {{"Range", "bytes=5-99"}}), "56789");
  EXPECT_EQ(Get("k", {{"Range", "lines=1-2"}}), "0123456789");
  EXPECT_EQ(api.Call("s3", "GetObject", At("k", {{"Range", "bytes=2-4"}}))["ContentRange"], "bytes 2-4/10");
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("k", {{"Range", "bytes=10-"}})), "InvalidRange");
}

TEST_F(S3, ConditionsOfReads) {
  const std::string etag = Put("k", "x");
  EXPECT_EQ(Get("k", {{"IfMatch", etag}}), "x");
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("k", {{"IfMatch", "\"0\""}})), "PreconditionFailed");
  try {
    Get("k", {{"IfNoneMatch", etag}});
    FAIL();
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.status(), 304);
  }
}

TEST_F(S3, ConditionalWritesMakeALock) {
  const std::string etag = Put("lock", "mine", {{"IfNoneMatch", "*"}});
  try {
    Put("lock", "theirs", {{"IfNoneMatch", "*"}});
    FAIL();
  } catch (const ServiceError& error) {
    EXPECT_EQ(error.code(), "PreconditionFailed");
    EXPECT_EQ(error.status(), 412);
  }
  EXPECT_EQ(Get("lock"), "mine");
  const std::string renewed = Put("lock", "renewed", {{"IfMatch", etag}});
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At("lock", {{"Body", "x"}, {"IfMatch", etag}})), "PreconditionFailed");
  EXPECT_EQ(api.ErrorOf("s3", "DeleteObject", At("lock", {{"IfMatch", etag}})), "PreconditionFailed");
  api.Call("s3", "DeleteObject", At("lock", {{"IfMatch", renewed}}));
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At("lock", {{"Body", "x"}, {"IfMatch", renewed}})), "NoSuchKey");
}

TEST_F(S3, ListsWithPrefixesAndDelimiters) {
  for (const char* key : {"a", "b/1", "b/2", "b/c/3", "d"}) Put(key, "x");
  EXPECT_EQ(List(), (std::vector<std::string>{"a", "b/1", "b/2", "b/c/3", "d"}));
  EXPECT_EQ(List({{"Delimiter", "/"}}), (std::vector<std::string>{"a", "d", "b/"}));
  EXPECT_EQ(List({{"Delimiter", "/"}, {"Prefix", "b/"}}), (std::vector<std::string>{"b/1", "b/2", "b/c/"}));
  EXPECT_EQ(List({{"StartAfter", "b/1"}}), (std::vector<std::string>{"b/2", "b/c/3", "d"}));
  EXPECT_EQ(List({{"Prefix", "zz"}}), std::vector<std::string>{});
}

TEST_F(S3, ListingsPageThroughKeysAndPrefixes) {
  for (const char* key : {"a", "b/1", "b/2", "c", "d/1"}) Put(key, "x");
  std::vector<std::string> seen;
  Json input{{"Bucket", "media"}, {"Delimiter", "/"}, {"MaxKeys", 1}};
  for (int pages = 0; pages < 10; ++pages) {
    const Json answer = api.Call("s3", "ListObjectsV2", input);
    EXPECT_EQ(answer["KeyCount"], 1);
    for (const auto& object : answer.value("Contents", Json::array())) seen.push_back(object["Key"]);
    for (const auto& prefix : answer.value("CommonPrefixes", Json::array())) seen.push_back(prefix["Prefix"]);
    if (!answer["IsTruncated"].get<bool>()) break;
    input["ContinuationToken"] = answer["NextContinuationToken"];
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b/", "c", "d/"}));
  Json old{{"Bucket", "media"}, {"Delimiter", "/"}, {"MaxKeys", 2}};
  const Json first = api.Call("s3", "ListObjects", old);
  EXPECT_EQ(first["NextMarker"], "b/");
  old["Marker"] = "b/";
  EXPECT_EQ(api.Call("s3", "ListObjects", old)["Contents"][0]["Key"], "c");
}

TEST_F(S3, ABucketWithObjectsStays) {
  Put("k", "x");
  EXPECT_EQ(api.ErrorOf("s3", "DeleteBucket", {{"Bucket", "media"}}), "BucketNotEmpty");
  const Json answer =
      api.Call("s3", "DeleteObjects",
               {{"Bucket", "media"}, {"Delete", {{"Objects", Json::array({{{"Key", "k"}}, {{"Key", "none"}}})}}}});
  EXPECT_EQ(answer["Deleted"].size(), 2u);
  api.Call("s3", "DeleteBucket", {{"Bucket", "media"}});
  EXPECT_EQ(api.ErrorOf("s3", "ListObjectsV2", {{"Bucket", "media"}}), "NoSuchBucket");
  EXPECT_EQ(api.ErrorOf("s3", "CreateBucket", {{"Bucket", "Bad_Name"}}), "InvalidBucketName");
}

TEST_F(S3, ReplacedAndDeletedBytesGoAfterAWhile) {
  localcloud::ObjectCleaner cleaner(api.cloud());
  Put("k", "one");
  Put("k", "two");
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At("k", {{"Body", "three"}, {"IfNoneMatch", "*"}})), "PreconditionFailed");
  EXPECT_EQ(Blobs(), 2u);
  cleaner.Pass();
  EXPECT_EQ(Blobs(), 2u);
  api.clock().Advance(std::chrono::minutes(6));
  cleaner.Pass();
  EXPECT_EQ(Blobs(), 1u);
  EXPECT_EQ(Get("k"), "two");
}

TEST_F(S3, EverybodyReadsWhatThePolicyOpens) {
  Put("static/a.css", "body {}", {{"ContentType", "text/css"}});
  Put("secret", "x");
  EXPECT_EQ(Anonymous("/media/static/a.css").status, 403);
  EXPECT_THROW(MakePublic("static/*"), ServiceError) << "a new bucket is closed to the public";
  api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "media"}});
  MakePublic("static/*");
  const net::Response response = Anonymous("/media/static/a.css");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "body {}");
  EXPECT_EQ(response.headers.GetOr("Content-Type", ""), "text/css");
  EXPECT_EQ(Anonymous("/media/secret").status, 403);
  // Nor is anybody told what is not there who may not list.
  EXPECT_EQ(Anonymous("/media/static/b.css").status, 403);
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("static/b.css")), "NoSuchKey");
  EXPECT_EQ(Anonymous("/media").status, 403);
  EXPECT_EQ(Anonymous("/media/static/a.css", "DELETE").status, 403);
  EXPECT_EQ(Anonymous("/media/static/a.css", "HEAD").status, 200);
}

TEST_F(S3, ThePublicAccessBlockHolds) {
  const auto block = [&](bool policy, bool restrict) {
    api.Call(
        "s3", "PutPublicAccessBlock",
        {{"Bucket", "media"},
         {"PublicAccessBlockConfiguration", {{"BlockPublicPolicy", policy}, {"RestrictPublicBuckets", restrict}}}});
  };
  Put("k", "x");
  block(true, false);
  EXPECT_THROW(MakePublic("*"), ServiceError);
  block(false, true);
  MakePublic("*");
  EXPECT_EQ(Anonymous("/media/k").status, 403);
  block(false, false);
  EXPECT_EQ(Anonymous("/media/k").status, 200);
}

TEST_F(S3, PresignedUrlsWorkUntilTheyExpire) {
  Put("k", "x");
  const auto url = net::Uri::Parse(
      aws::Presign(net::Uri::Parse("http://127.0.0.1:4566/media/k"), "GET",
                   {.access_key_id = "AKIATEST", .secret_access_key = "test", .session_token = "", .expiration = {}},
                   {.region = "us-east-1", .service = "s3"}, api.clock().Now(), std::chrono::seconds(60)));
  EXPECT_EQ(Anonymous(url.target()).body, "x");
  api.clock().Advance(std::chrono::seconds(61));
  EXPECT_EQ(Anonymous(url.target()).status, 403);
}

TEST_F(S3, PresignedUrlsOfTheOldFormWorkUntilTheyExpire) {
  Put("k", "x");
  const long now = static_cast<long>(ToSeconds(api.clock().Now()));
  const std::string target = fmt::format("/media/k?AWSAccessKeyId=AKIATEST&Signature=bm8%3D&Expires={}", now + 60);
  EXPECT_EQ(Anonymous(target).body, "x");
  api.clock().Advance(std::chrono::seconds(61));
  EXPECT_EQ(Anonymous(target).status, 403);
}

TEST_F(S3, BrowsersAreToldWhoMayRead) {
  api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "media"}});
  MakePublic("*");
  Put("font.woff2", "x");
  EXPECT_EQ(Anonymous("/media/font.woff2", "OPTIONS",
                      {{"Origin", "http://alpha.localhost"}, {"Access-Control-Request-Method", "GET"}})
                .status,
            403);
  api.Call("s3", "PutBucketCors",
           {{"Bucket", "media"},
            {"CORSConfiguration",
             {{"CORSRules", Json::array({{{"AllowedMethods", Json::array({"GET"})},
                                          {"AllowedOrigins", Json::array({"http://*.localhost"})},
                                          {"AllowedHeaders", Json::array({"*"})}}})}}}});
  const net::Response asked = Anonymous("/media/font.woff2", "OPTIONS",
                                        {{"Origin", "http://alpha.localhost"},
                                         {"Access-Control-Request-Method", "GET"},
                                         {"Access-Control-Request-Headers", "X-One"}});
  EXPECT_EQ(asked.status, 200);
  EXPECT_EQ(asked.headers.GetOr("Access-Control-Allow-Headers", ""), "x-one");
  EXPECT_EQ(Anonymous("/media/font.woff2", "GET", {{"Origin", "http://alpha.localhost"}})
                .headers.GetOr("Access-Control-Allow-Origin", ""),
            "http://alpha.localhost");
  EXPECT_FALSE(Anonymous("/media/font.woff2", "GET", {{"Origin", "http://evil.example"}})
                   .headers.Has("Access-Control-Allow-Origin"));
  EXPECT_EQ(Anonymous("/media/font.woff2", "OPTIONS",
                      {{"Origin", "http://alpha.localhost"}, {"Access-Control-Request-Method", "PUT"}})
                .status,
            403);
}

TEST_F(S3, SubResourcesAreReadBackOrMissed) {
  EXPECT_EQ(api.ErrorOf("s3", "GetBucketTagging", {{"Bucket", "media"}}), "NoSuchTagSet");
  EXPECT_EQ(api.ErrorOf("s3", "GetBucketPolicy", {{"Bucket", "media"}}), "NoSuchBucketPolicy");
  EXPECT_EQ(api.ErrorOf("s3", "GetBucketCors", {{"Bucket", "media"}}), "NoSuchCORSConfiguration");
  for (const auto& setting :
       api.Call("s3", "GetPublicAccessBlock", {{"Bucket", "media"}})["PublicAccessBlockConfiguration"]) {
    EXPECT_EQ(setting, true);
  }
  api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "media"}});
  EXPECT_EQ(api.ErrorOf("s3", "GetPublicAccessBlock", {{"Bucket", "media"}}), "NoSuchPublicAccessBlockConfiguration");
  const Json tags = Json::array({{{"Key", "env"}, {"Value", "alpha"}}});
  api.Call("s3", "PutBucketTagging", {{"Bucket", "media"}, {"Tagging", {{"TagSet", tags}}}});
  EXPECT_EQ(api.Call("s3", "GetBucketTagging", {{"Bucket", "media"}})["TagSet"], tags);
  api.Call("s3", "DeleteBucketTagging", {{"Bucket", "media"}});
  EXPECT_EQ(api.ErrorOf("s3", "GetBucketTagging", {{"Bucket", "media"}}), "NoSuchTagSet");
  EXPECT_EQ(api.Call("s3", "GetBucketEncryption",
                     {{"Bucket", "media"}})["ServerSideEncryptionConfiguration"]["Rules"][0]
                                           ["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
            "AES256");
  EXPECT_EQ(api.Call("s3", "GetBucketLocation", {{"Bucket", "media"}}).value("LocationConstraint", ""), "");
  EXPECT_EQ(api.ErrorOf("s3", "PutBucketPolicy", {{"Bucket", "media"}, {"Policy", "no json"}}), "MalformedPolicy");
  api.Call("s3", "HeadBucket", {{"Bucket", "media"}});
  EXPECT_EQ(api.Call("s3", "ListBuckets")["Buckets"][0]["Name"], "media");
}

TEST_F(S3, CopiesShareNothingWithTheirSource) {
  Put("a", "bytes", {{"ContentType", "text/plain"}, {"Tagging", "env=alpha"}});
  api.Call("s3", "CopyObject", At("b", {{"CopySource", "media/a"}}));
  api.Call("s3", "DeleteObject", At("a"));
  EXPECT_EQ(Get("b"), "bytes");
  EXPECT_EQ(api.Call("s3", "HeadObject", At("b"))["ContentType"], "text/plain");
  EXPECT_EQ(api.Call("s3", "GetObjectTagging", At("b"))["TagSet"][0]["Value"], "alpha");
  api.Call("s3", "CopyObject",
           At("b", {{"CopySource", "media/b"}, {"MetadataDirective", "REPLACE"}, {"ContentType", "text/html"}}));
  EXPECT_EQ(api.Call("s3", "HeadObject", At("b"))["ContentType"], "text/html");
  EXPECT_EQ(api.ErrorOf("s3", "CopyObject", At("b", {{"CopySource", "media/b"}})), "InvalidRequest");
  EXPECT_EQ(api.ErrorOf("s3", "CopyObject", At("b", {{"CopySource", "media/none"}})), "NoSuchKey");
}

TEST_F(S3, OldVersionsStayUntilTheyAreNamed) {
  api.Call("s3", "PutBucketVersioning", {{"Bucket", "media"}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  Put("k", "one");
  const std::string first = api.Call("s3", "HeadObject", At("k"))["VersionId"];
  Put("k", "two");
  const Json deleted = api.Call("s3", "DeleteObject", At("k"));
  EXPECT_EQ(deleted["DeleteMarker"], true);
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("k")), "NoSuchKey");
  EXPECT_TRUE(List().empty());
  EXPECT_EQ(Get("k", {{"VersionId", first}}), "one");
  const Json versions = api.Call("s3", "ListObjectVersions", {{"Bucket", "media"}});
  EXPECT_EQ(versions["Versions"].size(), 2u);
  EXPECT_EQ(versions["DeleteMarkers"].size(), 1u);
  EXPECT_EQ(api.ErrorOf("s3", "DeleteBucket", {{"Bucket", "media"}}), "BucketNotEmpty");
  api.Call("s3", "DeleteObject", At("k", {{"VersionId", deleted["VersionId"]}}));
  EXPECT_EQ(Get("k"), "two");
  api.Call("s3", "DeleteObject", At("k", {{"VersionId", api.Call("s3", "HeadObject", At("k"))["VersionId"]}}));
  EXPECT_EQ(Get("k"), "one");
  api.Call("s3", "DeleteObject", At("k", {{"VersionId", first}}));
  api.Call("s3", "DeleteBucket", {{"Bucket", "media"}});
}

TEST_F(S3, PartsBecomeOneObject) {
  const std::string upload =
      api.Call("s3", "CreateMultipartUpload", At("big", {{"ContentType", "video/mp4"}}))["UploadId"];
  const std::string big(5 << 20, 'a');
  Json parts = Json::array();
  for (const int number : {1, 2}) {
    const Json part =
        api.Call("s3", "UploadPart",
                 At("big", {{"UploadId", upload}, {"PartNumber", number}, {"Body", number == 1 ? big : "tail"}}));
    parts.push_back({{"PartNumber", number}, {"ETag", part["ETag"]}});
  }
  EXPECT_EQ(api.Call("s3", "ListParts", At("big", {{"UploadId", upload}}))["Parts"].size(), 2u);
  EXPECT_EQ(api.ErrorOf(
                "s3", "CompleteMultipartUpload",
                At("big", {{"UploadId", upload}, {"MultipartUpload", {{"Parts", Json::array({parts[1], parts[0]})}}}})),
            "InvalidPartOrder");
  EXPECT_EQ(
      api.ErrorOf("s3", "CompleteMultipartUpload",
                  At("big", {{"UploadId", upload},
                             {"MultipartUpload", {{"Parts", Json::array({{{"PartNumber", 3}, {"ETag", "\"0\""}}})}}}})),
      "InvalidPart");
  EXPECT_EQ(api.ErrorOf("s3", "DeleteBucket", {{"Bucket", "media"}}), "BucketNotEmpty");
  const std::string etag = api.Call("s3", "CompleteMultipartUpload",
                                    At("big", {{"UploadId", upload}, {"MultipartUpload", {{"Parts", parts}}}}))["ETag"];
  EXPECT_EQ(etag.substr(etag.size() - 3), "-2\"");
  EXPECT_EQ(Get("big"), big + "tail");
  EXPECT_EQ(api.Call("s3", "HeadObject", At("big"))["ContentType"], "video/mp4");
  EXPECT_EQ(api.ErrorOf("s3", "ListParts", At("big", {{"UploadId", upload}})), "NoSuchUpload");
}

TEST_F(S3, PartsMayBeCopiedAndUploadsAborted) {
  Put("source", "0123456789");
  const std::string upload = api.Call("s3", "CreateMultipartUpload", At("k"))["UploadId"];
  const Json part = api.Call(
      "s3", "UploadPartCopy",
      At("k",
         {{"UploadId", upload}, {"PartNumber", 1}, {"CopySource", "media/source"}, {"CopySourceRange", "bytes=2-5"}}));
  api.Call("s3", "CompleteMultipartUpload",
           At("k", {{"UploadId", upload},
                    {"MultipartUpload",
                     {{"Parts", Json::array({{{"PartNumber", 1}, {"ETag", part["CopyPartResult"]["ETag"]}}})}}}}));
  EXPECT_EQ(Get("k"), "2345");
  const std::string other = api.Call("s3", "CreateMultipartUpload", At("k2"))["UploadId"];
  EXPECT_EQ(api.Call("s3", "ListMultipartUploads", {{"Bucket", "media"}})["Uploads"].size(), 1u);
  api.Call("s3", "AbortMultipartUpload", At("k2", {{"UploadId", other}}));
  EXPECT_EQ(api.ErrorOf("s3", "UploadPart", At("k2", {{"UploadId", other}, {"PartNumber", 1}, {"Body", "x"}})),
            "NoSuchUpload");
}

TEST_F(S3, AChecksumIsCheckedKeptAndToldWhenAskedFor) {
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At("k", {{"Body", "123456789"}, {"ChecksumCRC32", "AAAAAA=="}})),
            "BadDigest");
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At("k", {{"Body", "123456789"}, {"ChecksumCRC32", "?"}})), "InvalidRequest");
  EXPECT_EQ(Blobs(), 0u);
  Put("k", "123456789", {{"ChecksumCRC32C", "4waSgw=="}});
  Put("plain", "123456789");
  EXPECT_FALSE(api.Call("s3", "HeadObject", At("k")).contains("ChecksumCRC32C"));
  const Json head = api.Call("s3", "HeadObject", At("k", {{"ChecksumMode", "ENABLED"}}));
  EXPECT_EQ(head["ChecksumCRC32C"], "4waSgw==");
  EXPECT_EQ(head["ChecksumType"], "FULL_OBJECT");
  // As S3 has it since December 2024, whatever the client sends.
  EXPECT_EQ(api.Call("s3", "HeadObject", At("plain", {{"ChecksumMode", "ENABLED"}}))["ChecksumCRC64NVME"],
            "rosUhgp5mIg=");
  // A client would check the part with the checksum of the whole.
  const Json part = api.Call("s3", "GetObject", At("k", {{"ChecksumMode", "ENABLED"}, {"Range", "bytes=0-3"}}));
  EXPECT_FALSE(part.contains("ChecksumCRC32C"));
}

TEST_F(S3, AMultipartObjectRemembersItsParts) {
  const std::string big(5 << 20, 'a');
  const std::string id = api.Call("s3", "CreateMultipartUpload", At("m", {{"ChecksumAlgorithm", "CRC32"}}))["UploadId"];
  Json parts = Json::array();
  for (const auto& body : {big, std::string("tail")}) {
    const auto number = static_cast<int>(parts.size()) + 1;
    const Json part = api.Call("s3", "UploadPart", At("m", {{"UploadId", id}, {"PartNumber", number}, {"Body", body}}));
    parts.push_back({{"PartNumber", number}, {"ETag", part["ETag"]}, {"ChecksumCRC32", part["ChecksumCRC32"]}});
  }
  Json wrong = parts;
  wrong[1]["ChecksumCRC32"] = "AAAAAA==";
  EXPECT_EQ(api.ErrorOf("s3", "CompleteMultipartUpload",
                        At("m", {{"UploadId", id}, {"MultipartUpload", {{"Parts", wrong}}}})),
            "InvalidPart");
  const Json done =
      api.Call("s3", "CompleteMultipartUpload", At("m", {{"UploadId", id}, {"MultipartUpload", {{"Parts", parts}}}}));
  EXPECT_TRUE(done["ChecksumCRC32"].get<std::string>().ends_with("-2"));
  EXPECT_EQ(done["ChecksumType"], "COMPOSITE");
  const Json second = api.Call("s3", "GetObject", At("m", {{"PartNumber", 2}}));
  EXPECT_EQ(second["Body"], "tail");
  EXPECT_EQ(second["PartsCount"], 2);
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("m", {{"PartNumber", 3}})), "InvalidPartNumber");
  const Json attributes = api.Call("s3", "GetObjectAttributes", At("m", {{"ObjectAttributes", {"ObjectParts"}}}));
  EXPECT_EQ(attributes["ObjectParts"]["TotalPartsCount"], 2);
  EXPECT_FALSE(attributes.contains("ETag"));
}

TEST_F(S3, ADeleteMarkerSaysThatItIsOne) {
  api.Call("s3", "PutBucketVersioning", {{"Bucket", "media"}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  Put("k", "1");
  const std::string marker = api.Call("s3", "DeleteObject", At("k"))["VersionId"];
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("k")), "NoSuchKey");
  EXPECT_EQ(api.ErrorOf("s3", "GetObject", At("k", {{"VersionId", marker}})), "MethodNotAllowed");
}

TEST_F(S3, VersionsArePagedOneByOne) {
  api.Call("s3", "PutBucketVersioning", {{"Bucket", "media"}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  for (const char* key : {"a/1", "a/2", "b", "b", "b", "c"}) Put(key, "x");
  std::vector<std::string> seen;
  Json next = {{"Bucket", "media"}, {"MaxKeys", 2}, {"Delimiter", "/"}};
  for (bool more = true; more;) {
    const Json page = api.Call("s3", "ListObjectVersions", next);
    EXPECT_LE(page.value("Versions", Json::array()).size() + page.value("CommonPrefixes", Json::array()).size(), 2u);
    for (const auto& prefix : page.value("CommonPrefixes", Json::array())) seen.push_back(prefix["Prefix"]);
    for (const auto& version : page.value("Versions", Json::array())) seen.push_back(version["Key"]);
    more = page["IsTruncated"];
    next["KeyMarker"] = page.value("NextKeyMarker", "");
    next.erase("VersionIdMarker");
    if (page.contains("NextVersionIdMarker")) next["VersionIdMarker"] = page["NextVersionIdMarker"];
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"a/", "b", "b", "b", "c"}));
}

TEST_F(S3, AKeyHasAtMost1024Bytes) {
  EXPECT_EQ(api.ErrorOf("s3", "PutObject", At(std::string(1025, 'k'))), "KeyTooLongError");
}

// A form that a browser would post to the bucket; `policy` is its text.
struct Form {
  std::vector<std::pair<std::string, std::string>> fields;
  std::string file = "content";

  net::Request Request(const std::string& host = "127.0.0.1:4566", const std::string& target = "/media") const {
    std::string body;
    for (const auto& [name, value] : fields) {
      body += "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
    }
    body +=
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cat.png\"\r\n\r\n" + file + "\r\n--b--\r\n";
    net::Request request;
    request.method = "POST";
    request.target = target;
    request.headers = {{"Host", host}, {"Content-Type", "multipart/form-data; boundary=b"}};
    request.body = std::move(body);
    return request;
  }
};

std::string CodeOf(const net::Response& response) {
  const auto begin = response.body.find("<Code>");
  return begin == std::string::npos ? "" : response.body.substr(begin + 6, response.body.find("</Code>") - begin - 6);
}

TEST_F(S3, AFormWithASignedPolicyIsAnUpload) {
  const std::string policy = localcloud::Base64Encode(
      R"({"expiration":"2099-01-01T00:00:00Z","conditions":[{"bucket":"media"},["starts-with","$key","up/"],)"
      R"(["starts-with","$Content-Type","image/"],["starts-with","$x-amz-meta-by",""],["starts-with","$success_action_status",""],)"
      R"({"x-amz-algorithm":"AWS4-HMAC-SHA256"},["starts-with","$x-amz-credential",""],["starts-with","$x-amz-date",""],)"
      R"(["content-length-range",1,100]]})");
  Form form{.fields = {{"key", "up/${filename}"},
                       {"Content-Type", "image/png"},
                       {"x-amz-meta-by", "ada"},
                       {"success_action_status", "201"},
                       {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
                       {"X-Amz-Credential", "test/20261129/us-east-1/s3/aws4_request"},
                       {"X-Amz-Date", "20261129T000000Z"},
                       {"X-Amz-Signature", "0123"},
                       {"policy", policy}}};
  const auto response = api.Send(form.Request());
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_NE(response.body.find("<Key>up/cat.png</Key>"), std::string::npos) << response.body;
  const Json object = api.Call("s3", "GetObject", At("up/cat.png"));
  EXPECT_EQ(object["Body"], "content");
  EXPECT_EQ(object["ContentType"], "image/png");
  EXPECT_EQ(object["Metadata"], (Json{{"by", "ada"}}));

  EXPECT_EQ(api.Send(form.Request("media.s3.localhost:4566", "/")).status, 201) << "the bucket in the host";
  form.file = std::string(101, 'x');
  EXPECT_EQ(CodeOf(api.Send(form.Request())), "EntityTooLarge");
  form.file = "content";
  form.fields[0].second = "elsewhere/a";
  EXPECT_EQ(CodeOf(api.Send(form.Request())), "AccessDenied");
  form.fields[5].second = "test/20261130/us-east-1/s3/aws4_request";
  EXPECT_EQ(CodeOf(api.Send(form.Request())), "InvalidArgument") << "another day than the date's";
}

TEST_F(S3, AFormWithoutAPolicyNeedsAnOpenBucket) {
  Form form{.fields = {{"key", "a"}}};
  EXPECT_EQ(CodeOf(api.Send(form.Request())), "AccessDenied");
  EXPECT_EQ(CodeOf(api.Send(form.Request("127.0.0.1:4566", "/nowhere"))), "NoSuchBucket");
  api.Call("s3", "DeletePublicAccessBlock", {{"Bucket", "media"}});
  api.Call(
      "s3", "PutBucketPolicy",
      {{"Bucket", "media"},
       {"Policy",
        R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::media/*"}]})"}});
  auto response = api.Send(form.Request());
  EXPECT_EQ(response.status, 204) << response.body;
  EXPECT_EQ(response.headers.GetOr("Location", ""), "http://127.0.0.1:4566/media/a");
  form.fields.push_back({"success_action_redirect", "https://example.com/done?x=1"});
  response = api.Send(form.Request());
  EXPECT_EQ(response.status, 303);
  EXPECT_TRUE(
      response.headers.GetOr("Location", "").starts_with("https://example.com/done?x=1&bucket=media&key=a&etag="));
  form.fields = {};
  EXPECT_EQ(CodeOf(api.Send(form.Request())), "InvalidArgument") << "no key";
}

}  // namespace
}  // namespace adhoc::testing
