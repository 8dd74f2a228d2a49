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
  const net::Request request = EncodeBothWays("ecs", "DescribeServices", {{"cluster", "dev"}, {"services", {"a", "b"}}});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/");
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "AmazonEC2ContainerServiceV20141113.DescribeServices");
  EXPECT_EQ(request.headers.Get("Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(request.body, R"({"cluster":"dev","services":["a","b"]})");
  EXPECT_EQ(EncodeBothWays("ecs", "ListClusters", Json::object()).body, "{}");
}

TEST(JsonProtocolTest, ResponseLeavesOutWhatTheModelLacks) {
  const Service& ecs = GetService("ecs");
  const net::Response response =
      EncodeResponse(ecs, ecs.GetOperation("StopTask"),
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
  const net::Request request =
      EncodeBothWays("ec2", "DescribeSubnets",
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
  const net::Request request = EncodeBothWays(
      "route53", "ChangeResourceRecordSets",
      {{"HostedZoneId", "Z1"},
       {"ChangeBatch",
        {{"Changes",
          {{{"Action", "UPSERT"},
            {"ResourceRecordSet",
             {{"Name", "a.example.com."}, {"Type", "A"}, {"TTL", 60}, {"ResourceRecords", {{{"Value", "10.0.0.1"}}}}}}}}}}}});
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
