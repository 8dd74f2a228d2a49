#include "aws/codec/codec.h"

#include <gtest/gtest.h>

#include "net/uri.h"

namespace adhoc::aws {
namespace {

net::Request Encode(const char* service, const char* operation, const Json& input) {
  const Service& s = GetService(service);
  return EncodeRequest(s, s.GetOperation(operation), input);
}

// Also checks that the message reads back as it was.
net::Request EncodeBothWays(const char* service, const char* operation, const Json& input) {
  const Service& s = GetService(service);
  net::Request request = Encode(service, operation, input);
  EXPECT_EQ(RouteRequest(s, request), &s.GetOperation(operation));
  EXPECT_EQ(DecodeRequest(s, s.GetOperation(operation), request), input);
  return request;
}

net::Response Answer(const char* service, const char* operation, const Json& output) {
  const Service& s = GetService(service);
  net::Response response = EncodeResponse(s, s.GetOperation(operation), output, "request-1");
  EXPECT_EQ(DecodeResponse(s, s.GetOperation(operation), response), output);
  return response;
}

TEST(JsonProtocolTest, RequestCarriesTargetAndBody) {
  const net::Request request =
      EncodeBothWays("ecs", "DescribeServices", {{"cluster", "dev"}, {"services", {"a", "b"}}});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/");
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.DescribeServices");
  EXPECT_EQ(request.headers.Get("Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(request.body, R"({"cluster":"dev","services":["a","b"]})");
  EXPECT_EQ(EncodeBothWays("ecs", "ListClusters", Json::object()).body, "{}");
}

TEST(JsonProtocolTest, ResponseLeavesOutWhatTheModelLacks) {
  const Service& ecs = GetService("ecs");
  const net::Response response = EncodeResponse(
      ecs, ecs.GetOperation("StopTask"),
      {{"task", {{"taskArn", "arn"}, {"createdAt", 1600451331.123}, {"_container", "private"}}}}, "id-1");
  EXPECT_EQ(response.body, R"({"task":{"createdAt":1600451331.123,"taskArn":"arn"}})");
  EXPECT_EQ(response.headers.Get("x-amzn-RequestId"), "id-1");
}

TEST(JsonProtocolTest, BlobsTravelAsBase64) {
  const std::string bytes("\0\xff\x80z", 4);
  const net::Request request = EncodeBothWays("kms", "Decrypt", {{"CiphertextBlob", bytes}});
  EXPECT_EQ(request.body, R"({"CiphertextBlob":"AP+Aeg=="})");
}

TEST(QueryProtocolTest, ListsHaveMembers) {
  const net::Request request = EncodeBothWays(
      "elbv2", "CreateRule",
      {{"ListenerArn", "arn:listener"},
       {"Priority", 10},
       {"Conditions", {{{"Field", "host-header"}, {"HostHeaderConfig", {{"Values", {"alpha.localhost"}}}}}}},
       {"Actions", {{{"Type", "forward"}, {"TargetGroupArn", "arn:tg"}}}}});
  const net::QueryItems items = net::ParseQuery(request.body, true);
  auto value = [&](std::string_view name) {
    for (const auto& [key, text] : items) {
      if (key == name) return text;
    }
    return std::string("absent");
  };
  EXPECT_EQ(request.headers.Get("Content-Type"), "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(value("Action"), "CreateRule");
  EXPECT_EQ(value("Version"), "2015-12-01");
  EXPECT_EQ(value("Conditions.member.1.HostHeaderConfig.Values.member.1"), "alpha.localhost");
  EXPECT_EQ(value("Actions.member.1.TargetGroupArn"), "arn:tg");
  EXPECT_EQ(value("Priority"), "10");
}

TEST(QueryProtocolTest, AnEmptyListIsAnEmptyValue) {
  const net::Request request = EncodeBothWays("elbv2", "DescribeRules", {{"RuleArns", Json::array()}});
  EXPECT_NE(request.body.find("&RuleArns="), std::string::npos);
}

TEST(QueryProtocolTest, ListsOfRdsGoByTheirElementsName) {
  const net::Request request = EncodeBothWays(
      "rds", "CreateDBSubnetGroup",
      {{"DBSubnetGroupName", "dev"}, {"DBSubnetGroupDescription", "for dev"}, {"SubnetIds", {"subnet-1", "subnet-2"}}});
  EXPECT_NE(request.body.find("SubnetIds.SubnetIdentifier.2=subnet-2"), std::string::npos);
}

TEST(QueryProtocolTest, ResponseIsWrapped) {
  const net::Response response = Answer("sts", "GetCallerIdentity", {{"Account", "000000000000"}, {"UserId", "a<&>b"}});
  EXPECT_EQ(response.body,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
            "<UserId>a&lt;&amp;&gt;b</UserId><Account>000000000000</Account></GetCallerIdentityResult>"
            "<ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>");
}

TEST(Ec2ProtocolTest, NamesAreCapitalised) {
  const net::Request request = EncodeBothWays(
      "ec2", "DescribeSubnets",
      {{"SubnetIds", {"subnet-1"}}, {"Filters", {{{"Name", "vpc-id"}, {"Values", {"vpc-1", "vpc-2"}}}}}});
  EXPECT_NE(request.body.find("SubnetId.1=subnet-1"), std::string::npos);
  EXPECT_NE(request.body.find("Filter.1.Name=vpc-id"), std::string::npos);
  EXPECT_NE(request.body.find("Filter.1.Value.2=vpc-2"), std::string::npos);
}

TEST(Ec2ProtocolTest, ResponseHasItems) {
  const net::Response response =
      Answer("ec2", "DescribeVpcs", {{"Vpcs", {{{"VpcId", "vpc-1"}, {"IsDefault", true}, {"Tags", Json::array()}}}}});
  EXPECT_NE(response.body.find("<vpcSet><item>"), std::string::npos) << response.body;
  EXPECT_NE(response.body.find("<requestId>request-1</requestId>"), std::string::npos);
  EXPECT_NE(Answer("ec2", "DeleteVpc", Json::object()).body.find("<return>true</return>"), std::string::npos);
}

TEST(RestXmlTest, Route53) {
  const net::Request request = EncodeBothWays("route53", "ChangeResourceRecordSets",
                                              {{"HostedZoneId", "Z1"},
                                               {"ChangeBatch",
                                                {{"Changes",
                                                  {{{"Action", "UPSERT"},
                                                    {"ResourceRecordSet",
                                                     {{"Name", "a.example.com."},
                                                      {"Type", "A"},
                                                      {"TTL", 60},
                                                      {"ResourceRecords", {{{"Value", "10.0.0.1"}}}}}}}}}}}});
  EXPECT_EQ(request.target, "/2013-04-01/hostedzone/Z1/rrset/");
  EXPECT_EQ(request.body,
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch>"
            "<Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type>"
            "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord></ResourceRecords>"
            "</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
}

TEST(RestXmlTest, S3PutObject) {
  const net::Request request = EncodeBothWays("s3", "PutObject",
                                              {{"Bucket", "media"},
                                               {"Key", "a b/c+d.txt"},
                                               {"Body", std::string("\0raw\xff", 5)},
                                               {"ContentType", "text/plain"},
                                               {"Metadata", {{"owner", "anna"}}}});
  EXPECT_EQ(request.method, "PUT");
  EXPECT_EQ(request.target, "/media/a%20b/c%2Bd.txt");
  EXPECT_EQ(request.headers.Get("x-amz-meta-owner"), "anna");
  EXPECT_EQ(request.body, std::string("\0raw\xff", 5));
}

// What reading the body as a request for the operation throws, or "fine".
std::string Complaint(const char* service, const char* operation, const std::string& body) {
  const Service& s = GetService(service);
  net::Request request;
  request.method = "POST";
  request.body = body;
  try {
    DecodeRequest(s, s.GetOperation(operation), request);
  } catch (const CodecError& error) {
    return error.what();
  }
  return "fine";
}

Json ReadBody(const char* service, const char* operation, const std::string& body) {
  const Service& s = GetService(service);
  net::Request request;
  request.method = "POST";
  request.body = body;
  return DecodeRequest(s, s.GetOperation(operation), request);
}

TEST(JsonProtocolTest, ReadsWhatAwsReads) {
  EXPECT_EQ(ReadBody("ecs", "ListClusters", ""), Json::object());
  EXPECT_EQ(ReadBody("ecs", "ListClusters", "null"), Json::object());
  EXPECT_EQ(ReadBody("ecs", "ListClusters", R"({"maxResults":3.0,"nextToken":null,"unheardOf":[{}]})"),
            (Json{{"maxResults", 3}}));
  EXPECT_EQ(ReadBody("ecs", "DescribeServices", R"({"services":["a",null,"\u00fc\ud83d\ude00"]})"),
            (Json{{"services", {"a", "ü😀"}}}));
  EXPECT_EQ(ReadBody("cloudwatch", "PutMetricData",
                     "Namespace=n&MetricData.member.1.MetricName=m&MetricData.member.1.Value=NaN")
                .at("MetricData")[0]
                .at("MetricName"),
            "m");
  EXPECT_EQ(ReadBody("logs", "FilterLogEvents", R"({"startTime":1600000000000})"),
            (Json{{"startTime", 1600000000000}}));
}

TEST(JsonProtocolTest, RefusesWhatIsMalformed) {
  EXPECT_EQ(Complaint("ecs", "ListClusters", "{"), "the body is not JSON");
  EXPECT_EQ(Complaint("ecs", "ListClusters", "{} {}"), "the body is not JSON");
  EXPECT_EQ(Complaint("ecs", "ListClusters", "{\"nextToken\":\"\xff\"}"), "the body is not JSON");
  EXPECT_EQ(Complaint("ecs", "ListClusters", "{\"nextToken\":\"\\ud800\"}"), "the body is not JSON");
  EXPECT_EQ(Complaint("ecs", "ListClusters", std::string(100'000, '[')), "the JSON nests too deep");
  EXPECT_EQ(Complaint("ecs", "ListClusters", "[]"),
            "Unexpected list at ListClustersRequest: expected a structure or null");
  EXPECT_EQ(Complaint("ecs", "ListClusters", R"({"maxResults":"3"})"),
            "STRING_VALUE can not be converted to an Integer, at maxResults");
  EXPECT_EQ(Complaint("ecs", "ListClusters", R"({"maxResults":3000000000})"),
            "NUMBER_VALUE can not be converted to an Integer, at maxResults");
  EXPECT_EQ(Complaint("ecs", "ListClusters", R"({"maxResults":1e300})"),
            "NUMBER_VALUE can not be converted to an Integer, at maxResults");
  EXPECT_EQ(Complaint("ecs", "ListClusters", R"({"nextToken":7})"),
            "NUMBER_VALUE can not be converted to a String, at nextToken");
  EXPECT_EQ(Complaint("ecs", "ListClusters", R"({"nextToken":{}})"),
            "Start of structure or map found where not expected, at nextToken");
  EXPECT_EQ(Complaint("ecs", "DescribeServices", R"({"services":"a"})"), "Expected list or null at services");
  EXPECT_EQ(Complaint("kms", "Decrypt", R"({"CiphertextBlob":"?"})"), "a blob is not base64");
  EXPECT_NE(Complaint("logs", "FilterLogEvents", R"({"startTime":99999999999999999999})"), "fine");
}

TEST(JsonProtocolTest, StrayBytesInOurTextsBecomeReplacementCharacters) {
  const Service& logs = GetService("logs");
  const net::Response response = EncodeResponse(logs, logs.GetOperation("GetLogEvents"),
                                                {{"events", {{{"message", "a\xff\x1b[0m\xe2\x82"}}}}}, "id");
  EXPECT_EQ(response.body, "{\"events\":[{\"message\":\"a\xEF\xBF\xBD\\u001b[0m\xEF\xBF\xBD\xEF\xBF\xBD\"}]}");
  EXPECT_NO_THROW(DecodeResponse(logs, logs.GetOperation("GetLogEvents"), response));
}

TEST(EncodeTest, RequestsMustFollowTheModel) {
  EXPECT_THROW(Encode("ecs", "ListClusters", {{"maxresults", 1}}), CodecError);
  EXPECT_THROW(Encode("ecs", "ListClusters", {{"maxResults", "1"}}), CodecError);
  EXPECT_THROW(Encode("elbv2", "DescribeRules", {{"RuleArns", "arn"}}), CodecError);
  EXPECT_THROW(Encode("elbv2", "DescribeRules", {{"Arns", {"arn"}}}), CodecError);
  EXPECT_THROW(Encode("sts", "GetCallerIdentity", {{"Who", "me"}}), CodecError);
}

TEST(QueryProtocolTest, ReadsFormsInAnyOrderAndWithGaps) {
  EXPECT_EQ(
      ReadBody(
          "elbv2", "DescribeRules",
          "RuleArns.member.10=c&Version=2015-12-01&RuleArns.member.2=b&RuleArns.member.1=a+%2B&Action=DescribeRules"),
      (Json{{"RuleArns", {"a +", "b", "c"}}}));
  EXPECT_EQ(ReadBody("elbv2", "DescribeRules", "RuleArns.member.4000000000=x"), (Json{{"RuleArns", {"x"}}}));
  EXPECT_EQ(ReadBody("elbv2", "DescribeRules", "Unknown.member.1=x&Unknown=&=&&PageSize=3"), (Json{{"PageSize", 3}}));
  // Some clients number RDS's lists by the element's name, some by `member`.
  EXPECT_EQ(ReadBody("rds", "DescribeDBInstances", "Filters.Filter.1.Name=a&Filters.Filter.1.Values.Value.1=b"),
            ReadBody("rds", "DescribeDBInstances", "Filters.member.1.Name=a&Filters.member.1.Values.member.1=b"));
}

TEST(QueryProtocolTest, ParametersMayStandInTheQueryString) {
  const Service& sts = GetService("sts");
  net::Request request;
  request.target = "/?Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Arole&RoleSessionName=me&DurationSeconds=900";
  const Operation* operation = RouteRequest(sts, request);
  ASSERT_NE(operation, nullptr);
  EXPECT_EQ(operation->name, "AssumeRole");
  EXPECT_EQ(DecodeRequest(sts, *operation, request),
            (Json{{"RoleArn", "arn:role"}, {"RoleSessionName", "me"}, {"DurationSeconds", 900}}));
}

TEST(QueryProtocolTest, RefusesWhatIsMalformed) {
  EXPECT_NE(Complaint("elbv2", "DescribeRules", "PageSize=many"), "fine");
  EXPECT_NE(Complaint("elbv2", "DescribeRules", "PageSize=99999999999"), "fine");
  EXPECT_NE(Complaint("elbv2", "DescribeRules", "RuleArns.member.x=a"), "fine");
  EXPECT_NE(Complaint("elbv2", "DescribeRules", "RuleArns=a"), "fine");
  EXPECT_NE(Complaint("elbv2", "DescribeRules", "ListenerArn=%ff"), "fine");
  EXPECT_NE(Complaint("ec2", "DescribeVpcs", "Filter.1.Name.deeper=a"), "fine");
  std::string deep = "Filter";
  for (int i = 0; i < 50'000; ++i) deep += ".1";
  EXPECT_NE(Complaint("ec2", "DescribeVpcs", deep + "=x"), "crash");
  std::string wide;
  for (int i = 0; i < 20'000; ++i) wide += "VpcId." + std::to_string(i) + "=v&";
  EXPECT_EQ(ReadBody("ec2", "DescribeVpcs", wide).at("VpcIds").size(), 20'000u);
}

TEST(ErrorTest, WhatServicesSend) {
  auto read = [](const char* service, int status, net::Headers headers, const std::string& body) {
    net::Response response;
    response.status = status;
    response.headers = std::move(headers);
    response.body = body;
    return DecodeError(GetService(service), response);
  };
  EXPECT_EQ(
      read(
          "dynamodb", 400, {},
          R"({"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed"})")
          .code,
      "ConditionalCheckFailedException");
  EXPECT_EQ(read("ecs", 400, {}, R"({"__type":"aws#X:http://internal.amazon.com/","Message":"m"})").code, "X");
  EXPECT_EQ(read("ecs", 400, {}, R"({"__type":"InvalidParameterException","Message":"m"})").message, "m");
  EXPECT_EQ(read("cloudwatch", 404, {},
                 "<ErrorResponse xmlns=\"x\"><Error><Type>Receiver</Type><Code>C</Code><Message>M"
                 "</Message></Error><RequestId>r</RequestId></ErrorResponse>")
                .sender,
            false);
  EXPECT_EQ(read("logs", 400, {{"x-amzn-query-error", "Old.Code;Sender"}}, R"({"__type":"New"})").code, "Old.Code");
  const ErrorInfo batch = read("route53", 400, {},
                               "<?xml version=\"1.0\"?><InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/"
                               "2013-04-01/\"><Messages><Message>Tried a</Message><Message>Tried b</Message></Messages>"
                               "<RequestId>r</RequestId></InvalidChangeBatch>");
  EXPECT_EQ(batch.code, "InvalidChangeBatch");
  EXPECT_EQ(batch.message, "[Tried a, Tried b]");
  EXPECT_EQ(batch.request_id, "r");
  const ErrorInfo ec2 = read("ec2", 400, {},
                             "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>m</Message>"
                             "</Error></Errors><RequestID>r-9</RequestID></Response>");
  EXPECT_EQ(ec2.code, "InvalidVpcID.NotFound");
  EXPECT_EQ(ec2.request_id, "r-9");
  const ErrorInfo s3 = read("s3", 404, {}, "<Error><Code>NoSuchKey</Code><Message>m</Message><Key>a/b</Key></Error>");
  EXPECT_EQ(s3.code, "NoSuchKey");
  EXPECT_EQ(s3.fields.at("Key"), "a/b");
  EXPECT_EQ(read("s3", 404, {}, "").code, "404");
  EXPECT_EQ(read("s3", 404, {}, "").message, "Not Found");
  EXPECT_EQ(read("ecs", 502, {}, "<html><body>Bad Gateway</body></html>").code, "502");
  EXPECT_EQ(read("elbv2", 503, {}, "<html><body>Service Unavailable</body></html>").code, "503");
  EXPECT_EQ(read("elbv2", 503, {}, "<ErrorRes").code, "503");
}

TEST(ErrorTest, FieldsOfTheErrorsShapeTravel) {
  const Service& dynamodb = GetService("dynamodb");
  const Json fields = {{"CancellationReasons", {{{"Code", "ConditionalCheckFailed"}}}}};
  const net::Response response = EncodeError(
      dynamodb, {.code = "TransactionCanceledException", .message = "cancelled", .fields = fields, .request_id = "r"});
  EXPECT_EQ(
      response.body,
      R"({"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled","CancellationReasons":[{"Code":"ConditionalCheckFailed"}]})");
  EXPECT_EQ(DecodeError(dynamodb, response).fields, fields);
  const net::Response s3 = EncodeError(GetService("s3"), {.code = "NoSuchBucket",
                                                          .message = "The specified bucket does not exist",
                                                          .status = 404,
                                                          .fields = {{"BucketName", "b"}},
                                                          .request_id = "r"});
  EXPECT_EQ(
      s3.body,
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does "
      "not exist</Message><BucketName>b</BucketName><RequestId>r</RequestId><HostId>r</HostId></Error>");
}

TEST(ErrorTest, EveryProtocolReadsItsOwn) {
  for (const char* name : {"ecs", "dynamodb", "elbv2", "ec2", "route53", "s3"}) {
    const Service& service = GetService(name);
    const ErrorInfo error{.code = "AccessDenied", .message = "No <entry>", .status = 403, .request_id = "r1"};
    const ErrorInfo read = DecodeError(service, EncodeError(service, error));
    EXPECT_EQ(read.code, "AccessDenied") << name;
    EXPECT_EQ(read.message, "No <entry>") << name;
    EXPECT_EQ(read.status, 403) << name;
    EXPECT_EQ(read.request_id, "r1") << name;
  }
}

}  // namespace
}  // namespace adhoc::aws
