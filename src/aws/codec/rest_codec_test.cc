// Where S3 and Route 53 put things, and which operation a request is for.
#include "aws/codec/rest_codec.h"

#include <gtest/gtest.h>

#include "aws/codec/codec.h"

namespace adhoc::aws {
namespace {

const Service& S3() { return GetService("s3"); }

struct RouteCase {
  const char* method;
  const char* target;
  const char* operation;
  std::string header = "";  // present with some value
};

TEST(RouteTest, S3ByMethodPathQueryAndHeaders) {
  const RouteCase cases[] = {
      {"GET", "/", "ListBuckets"},
      {"PUT", "/b", "CreateBucket"},
      {"PUT", "/b/", "CreateBucket"},
      {"HEAD", "/b", "HeadBucket"},
      {"DELETE", "/b", "DeleteBucket"},
      {"GET", "/b", "ListObjects"},
      {"GET", "/b?prefix=list-type=2", "ListObjects"},
      {"GET", "/b?list-type=2", "ListObjectsV2"},
      {"GET", "/b/?list-type=2&prefix=a%2F", "ListObjectsV2"},
      {"GET", "/b?list-type=1", "ListObjects"},
      {"GET", "/b?versions", "ListObjectVersions"},
      {"GET", "/b?versions=&prefix=x", "ListObjectVersions"},
      {"GET", "/b?uploads", "ListMultipartUploads"},
      {"GET", "/b?location", "GetBucketLocation"},
      {"GET", "/b?versioning", "GetBucketVersioning"},
      {"GET", "/b?policy", "GetBucketPolicy"},
      {"GET", "/b?policyStatus", "GetBucketPolicyStatus"},
      {"GET", "/b?lifecycle", "GetBucketLifecycleConfiguration"},
      {"PUT", "/b?lifecycle", "PutBucketLifecycleConfiguration"},
      {"GET", "/b?notification", "GetBucketNotificationConfiguration"},
      {"GET", "/b?inventory", "ListBucketInventoryConfigurations"},
      {"GET", "/b?inventory&id=1", "GetBucketInventoryConfiguration"},
      {"GET", "/b?object-lock", "GetObjectLockConfiguration"},
      {"POST", "/b?delete", "DeleteObjects"},
      {"GET", "/b/k", "GetObject"},
      {"GET", "/b/a/b/c", "GetObject"},
      {"GET", "/b//k", "GetObject"},
      {"GET", "/b/k/?versionId=1", "GetObject"},
      {"GET", "/b/k?x-id=GetObject", "GetObject"},
      {"GET", "/b/k?acl", "GetObjectAcl"},
      {"GET", "/b/k?tagging", "GetObjectTagging"},
      {"GET", "/b/k?attributes", "GetObjectAttributes", "x-amz-object-attributes"},
      {"GET", "/b/k?attributes", "GetObjectAttributes"},  // for validation to complain about
      {"GET", "/b/k?uploadId=1", "ListParts"},
      {"HEAD", "/b/k", "HeadObject"},
      {"PUT", "/b/k", "PutObject"},
      {"PUT", "/b/k", "CopyObject", "x-amz-copy-source"},
      {"PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"},
      {"PUT", "/b/k?partNumber=1&uploadId=u", "UploadPartCopy", "x-amz-copy-source"},
      {"POST", "/b/k?uploads", "CreateMultipartUpload"},
      {"POST", "/b/k?uploads=", "CreateMultipartUpload"},
      {"POST", "/b/k?uploadId=u", "CompleteMultipartUpload"},
      {"DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"},
      {"DELETE", "/b/k", "DeleteObject"},
      {"DELETE", "/b/k?tagging", "DeleteObjectTagging"},
      {"POST", "/b/k?restore", "RestoreObject"},
      {"PATCH", "/b/k", nullptr},
      {"POST", "/b", nullptr},
  };
  for (const RouteCase& route : cases) {
    net::Request request;
    request.method = route.method;
    request.target = route.target;
    if (!route.header.empty()) request.headers.Set(route.header, "x");
    const Operation* operation = RouteRequest(S3(), request);
    EXPECT_EQ(operation == nullptr ? "none" : operation->name, route.operation == nullptr ? "none" : route.operation)
        << route.method << " " << route.target;
  }
}

TEST(RouteTest, Route53) {
  const RouteCase cases[] = {
      {"POST", "/2013-04-01/hostedzone", "CreateHostedZone"},
      {"GET", "/2013-04-01/hostedzone", "ListHostedZones"},
      {"GET", "/2013-04-01/hostedzone/Z1", "GetHostedZone"},
      {"GET", "/2013-04-01/hostedzone/Z1/rrset", "ListResourceRecordSets"},
      {"GET", "/2013-04-01/hostedzone/Z1/rrset?maxitems=2", "ListResourceRecordSets"},
      {"POST", "/2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"},
      {"POST", "/2013-04-01/hostedzone/Z1/rrset", "ChangeResourceRecordSets"},
      {"GET", "/2013-04-01/hostedzonesbyname?dnsname=x", "ListHostedZonesByName"},
      {"GET", "/2013-04-01/change/C1", "GetChange"},
      {"GET", "/2013-04-01/tags/hostedzone/Z1", "ListTagsForResource"},
      {"GET", "/2013-04-01/hostedzonecount", "GetHostedZoneCount"},
      {"GET", "/2020-05-31/distribution", nullptr},
  };
  for (const RouteCase& route : cases) {
    net::Request request;
    request.method = route.method;
    request.target = route.target;
    const Operation* operation = RouteRequest(GetService("route53"), request);
    EXPECT_EQ(operation == nullptr ? "none" : operation->name, route.operation == nullptr ? "none" : route.operation)
        << route.method << " " << route.target;
  }
}

Json Decode(const Service& service, const net::Request& request) {
  const Operation* operation = RouteRequest(service, request);
  return operation == nullptr ? Json("no operation") : DecodeRequest(service, *operation, request);
}

TEST(S3Test, PathsAndQueriesAreDecoded) {
  net::Request request;
  request.target = "/b/a%20b/%E2%82%AC+%2B";
  EXPECT_EQ(Decode(S3(), request), (Json{{"Bucket", "b"}, {"Key", "a b/€++"}}));
  request.target = "/b/dir/";
  EXPECT_EQ(Decode(S3(), request).at("Key"), "dir/");
  request.target = "/b/?list-type=2&prefix=a+b%2Fc&delimiter=%2F&max-keys=7&fetch-owner=true";
  EXPECT_EQ(Decode(S3(), request),
            (Json{{"Bucket", "b"}, {"Prefix", "a b/c"}, {"Delimiter", "/"}, {"MaxKeys", 7}, {"FetchOwner", true}}));
}

TEST(S3Test, HeadersOfARequest) {
  net::Request request;
  request.method = "PUT";
  request.target = "/b/k";
  request.headers = {{"If-None-Match", "*"},
                     {"X-Amz-Meta-Owner", "Anna"},
                     {"x-amz-meta-size", "1"},
                     {"X-Amz-Object-Lock-Retain-Until-Date", "2030-01-02T03:04:05.678Z"},
                     {"Expires", "Wed, 21 Oct 2026 07:28:00 GMT"},
                     {"Content-Length", "3"},
                     {"x-amz-server-side-encryption-bucket-key-enabled", "True"}};
  request.body = "abc";
  EXPECT_EQ(Decode(S3(), request), (Json{{"Bucket", "b"},
                                         {"Key", "k"},
                                         {"Body", "abc"},
                                         {"IfNoneMatch", "*"},
                                         {"Metadata", {{"Owner", "Anna"}, {"size", "1"}}},
                                         {"ObjectLockRetainUntilDate", 1893553445.678},
                                         {"Expires", 1792567680},
                                         {"ContentLength", 3},
                                         {"BucketKeyEnabled", true}}));
}

TEST(S3Test, GranteesHaveTheirTypeAsAnAttribute) {
  const Json policy = {
      {"Grants", {{{"Grantee", {{"Type", "CanonicalUser"}, {"ID", "id-1"}}}, {"Permission", "FULL_CONTROL"}}}},
      {"Owner", {{"ID", "id-1"}}}};
  const Operation& put = S3().GetOperation("PutBucketAcl");
  const net::Request request = EncodeRequest(S3(), put, {{"Bucket", "b"}, {"AccessControlPolicy", policy}});
  EXPECT_EQ(request.body,
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><AccessControlList><Grant>"
            "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>id-1</ID>"
            "</Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList><Owner><ID>id-1</ID></Owner>"
            "</AccessControlPolicy>");
  EXPECT_EQ(DecodeRequest(S3(), put, request).at("AccessControlPolicy"), policy);
  const Operation& get = S3().GetOperation("GetBucketAcl");
  const net::Response response = EncodeResponse(S3(), get, policy, "r");
  EXPECT_NE(response.body.find("<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"),
            std::string::npos);
  EXPECT_EQ(DecodeResponse(S3(), get, response), policy);
}

TEST(S3Test, BodiesThatMustBeCheckedCarryTheirMd5) {
  const net::Request request =
      EncodeRequest(S3(), S3().GetOperation("DeleteObjects"),
                    {{"Bucket", "b"}, {"Delete", {{"Objects", {{{"Key", "k"}}}}, {"Quiet", true}}}});
  EXPECT_EQ(request.body,
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>k</Key></Object><Quiet>true</Quiet>"
            "</Delete>");
  EXPECT_EQ(request.headers.Get("Content-MD5"), "bwMTdIJRd1pN+JyjgyvSMw==");
}

TEST(S3Test, TheLocationIsTheTextOfTheRoot) {
  const Operation& get = S3().GetOperation("GetBucketLocation");
  const net::Response response = EncodeResponse(S3(), get, {{"LocationConstraint", "eu-west-1"}}, "r");
  EXPECT_NE(response.body.find(">eu-west-1</LocationConstraint>"), std::string::npos);
  EXPECT_EQ(DecodeResponse(S3(), get, response), (Json{{"LocationConstraint", "eu-west-1"}}));
  const net::Response home = EncodeResponse(S3(), get, Json::object(), "r");
  EXPECT_NE(home.body.find("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"),
            std::string::npos);
  EXPECT_EQ(DecodeResponse(S3(), get, home), Json::object());
}

TEST(S3Test, ABucketPolicyIsTheBody) {
  const std::string policy = R"({"Version":"2012-10-17","Statement":[]})";
  const Operation& get = S3().GetOperation("GetBucketPolicy");
  const net::Response response = EncodeResponse(S3(), get, {{"Policy", policy}}, "r");
  EXPECT_EQ(response.body, policy);
  EXPECT_EQ(response.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(DecodeResponse(S3(), get, response), (Json{{"Policy", policy}}));
}

TEST(S3Test, UrlEncodedListingsCarryAnyKey) {
  const Operation& list = S3().GetOperation("ListObjectsV2");
  const Json listing = {{"EncodingType", "url"},
                        {"Name", "b"},
                        {"Prefix", "a b/"},
                        {"KeyCount", 1},
                        {"Contents", {{{"Key", std::string("a b/\x01+ü")}, {"Size", 3}}}},
                        {"CommonPrefixes", {{{"Prefix", "a b/c d/"}}}}};
  const net::Response response = EncodeResponse(S3(), list, listing, "r");
  EXPECT_NE(response.body.find("<Key>a%20b/%01%2B%C3%BC</Key>"), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("<ListBucketResult "), std::string::npos);
  EXPECT_EQ(DecodeResponse(S3(), list, response), listing);
}

TEST(S3Test, ResponsesWithoutMembersInTheBodyHaveNone) {
  const net::Response response = EncodeResponse(S3(), S3().GetOperation("PutObject"), {{"ETag", "\"abc\""}}, "r-1");
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.headers.Get("ETag"), "\"abc\"");
  EXPECT_EQ(response.headers.Get("x-amz-request-id"), "r-1");
  EXPECT_EQ(EncodeResponse(S3(), S3().GetOperation("DeleteObject"), Json::object(), "r").status, 204);
}

TEST(S3Test, AwsChunkedBodiesAreUnwrapped) {
  net::Request request;
  request.method = "PUT";
  request.target = "/b/k";
  request.headers = {{"Content-Encoding", "aws-chunked"},
                     {"x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
                     {"x-amz-decoded-content-length", "7"},
                     {"x-amz-trailer", "x-amz-checksum-crc32"}};
  request.body = "5\r\nhello\r\n2;chunk-signature=00ff\r\n\r\n\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  EXPECT_EQ(Decode(S3(), request),
            (Json{{"Bucket", "b"}, {"Key", "k"}, {"Body", "hello\r\n"}, {"ChecksumCRC32", "AAAAAA=="}}));
  request.headers.Set("Content-Encoding", "aws-chunked,gzip");
  EXPECT_EQ(Decode(S3(), request).at("ContentEncoding"), "gzip");
  for (const char* body : {"", "5\r\nhell", "zz\r\nhello\r\n0\r\n\r\n", "3\r\nhello\r\n0\r\n\r\n",
                           "ffffffffffffffff\r\nx\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"}) {
    request.body = body;  // the last has another length than announced
    EXPECT_THROW(Decode(S3(), request), CodecError) << body;
  }
}

TEST(S3Test, PresignedRequestsMayHaveTheirHeadersInTheQuery) {
  net::Request request;
  request.method = "PUT";
  request.target = "/b/k?X-Amz-Signature=00&X-Amz-Date=20240101T000000Z&x-amz-acl=public-read&x-amz-meta-a=1";
  EXPECT_EQ(Decode(S3(), request),
            (Json{{"Bucket", "b"}, {"Key", "k"}, {"ACL", "public-read"}, {"Metadata", {{"a", "1"}}}}));
}

TEST(S3Test, ErrorsInTheBodyOfASuccess) {
  const Operation& copy = S3().GetOperation("CopyObject");
  net::Response response;
  response.body = "<CopyObjectResult><ETag>x</ETag></CopyObjectResult>";
  EXPECT_FALSE(HasErrorBody(S3(), copy, response));
  response.body = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>Oops</Message></Error>";
  EXPECT_TRUE(HasErrorBody(S3(), copy, response));
  EXPECT_EQ(DecodeError(S3(), response).code, "InternalError");
  response.body = "<CopyObjectRes";
  EXPECT_TRUE(HasErrorBody(S3(), copy, response));
}

TEST(S3Test, MalformedBodiesAreRefused) {
  net::Request request;
  request.method = "PUT";
  request.target = "/b?versioning";
  for (const char* body : {"<VersioningConfiguration><Status>Enabled", "no xml", "<Wrong/>", "<a></b>",
                           "<VersioningConfiguration>\xff</VersioningConfiguration>"}) {
    request.body = body;
    EXPECT_THROW(Decode(S3(), request), CodecError) << body;
  }
}

TEST(S3Test, EntitiesAreNotExpanded) {
  net::Request request;
  request.method = "PUT";
  request.target = "/b?versioning";
  request.body =
      "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY f SYSTEM "
      "\"file:///etc/passwd\">]><VersioningConfiguration><Status>&b;&f;</Status></VersioningConfiguration>";
  EXPECT_EQ(Decode(S3(), request).at("VersioningConfiguration").at("Status"), "&b;&f;");
}

TEST(RestRequestTest, WhatTheUriNeedsMustBeThere) {
  EXPECT_THROW(EncodeRequest(S3(), S3().GetOperation("GetObject"), {{"Bucket", "b"}}), CodecError);
  EXPECT_THROW(EncodeRequest(S3(), S3().GetOperation("GetObject"), {{"Bucket", "b"}, {"Key", ""}}), CodecError);
  EXPECT_THROW(EncodeRequest(S3(), S3().GetOperation("GetObject"), {{"Bucket", "b"}, {"Key", "k"}, {"Kee", "k"}}),
               CodecError);
}

TEST(RestRequestTest, HeadersCarryNoLineBreaks) {
  EXPECT_THROW(EncodeRequest(S3(), S3().GetOperation("PutObject"),
                             {{"Bucket", "b"}, {"Key", "k"}, {"ContentType", "text/plain\r\nX-Evil: 1"}}),
               CodecError);
}

TEST(Route53Test, IdsLoseTheirPrefix) {
  const Service& route53 = GetService("route53");
  EXPECT_EQ(EncodeRequest(route53, route53.GetOperation("GetHostedZone"), {{"Id", "/hostedzone/Z1"}}).target,
            "/2013-04-01/hostedzone/Z1");
  EXPECT_EQ(EncodeRequest(route53, route53.GetOperation("GetChange"), {{"Id", "/change/C1"}}).target,
            "/2013-04-01/change/C1");
}

TEST(Route53Test, CreatingAZoneAnswers201WithItsLocation) {
  const Service& route53 = GetService("route53");
  const Json output = {{"HostedZone", {{"Id", "/hostedzone/Z1"}, {"Name", "x."}, {"CallerReference", "1"}}},
                       {"Location", "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1"}};
  const net::Response response = EncodeResponse(route53, route53.GetOperation("CreateHostedZone"), output, "r");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.headers.Get("Location"), "https://route53.amazonaws.com/2013-04-01/hostedzone/Z1");
  EXPECT_NE(response.body.find("<CreateHostedZoneResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"),
            std::string::npos);
  EXPECT_EQ(DecodeResponse(route53, route53.GetOperation("CreateHostedZone"), response), output);
}

TEST(RestJsonTest, BindsLikeRestXmlWithAJsonBody) {
  const Service& efs = GetService("efs");
  const net::Request request =
      EncodeRequest(efs, efs.GetOperation("CreateFileSystem"), {{"CreationToken", "t"}, {"Encrypted", true}});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/2015-02-01/file-systems");
  EXPECT_EQ(request.headers.Get("Content-Type"), "application/json");
  EXPECT_EQ(request.body, R"({"CreationToken":"t","Encrypted":true})");
  EXPECT_EQ(
      EncodeRequest(efs, efs.GetOperation("DescribeFileSystems"), {{"MaxItems", 2}, {"FileSystemId", "fs-1"}}).target,
      "/2015-02-01/file-systems?FileSystemId=fs-1&MaxItems=2");
}

}  // namespace
}  // namespace adhoc::aws
