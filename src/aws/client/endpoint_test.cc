#include "aws/client/endpoint.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace adhoc::aws {
namespace {

EnvironmentReader Variables(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::string Resolve(const char* service, const char* region, const char* configured = "",
                    std::map<std::string, std::string> variables = {}) {
  return ResolveEndpoint(GetService(service), region, configured, Variables(std::move(variables))).uri.ToString();
}

TEST(ResolveEndpointTest, FindsAwsOwn) {
  EXPECT_EQ(Resolve("ecs", "eu-west-1"), "https://ecs.eu-west-1.amazonaws.com/");
  EXPECT_EQ(Resolve("ecr", "us-east-1"), "https://api.ecr.us-east-1.amazonaws.com/");
  EXPECT_EQ(Resolve("elbv2", "us-east-1"), "https://elasticloadbalancing.us-east-1.amazonaws.com/");
  EXPECT_EQ(Resolve("sts", "us-west-2"), "https://sts.us-west-2.amazonaws.com/");
  EXPECT_EQ(Resolve("iam", "us-west-2"), "https://iam.amazonaws.com/");
  EXPECT_EQ(Resolve("route53", "eu-west-1"), "https://route53.amazonaws.com/");
  EXPECT_EQ(Resolve("ecs", "cn-north-1"), "https://ecs.cn-north-1.amazonaws.com.cn/");
}

TEST(ResolveEndpointTest, PrefersTheMoreSpecificSetting) {
  const std::map<std::string, std::string> both = {{"AWS_ENDPOINT_URL", "http://all:1"},
                                                   {"AWS_ENDPOINT_URL_ECS", "http://ecs:2"},
                                                   {"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs:3"},
                                                   {"AWS_ENDPOINT_URL_ELASTIC_LOAD_BALANCING_V2", "http://elb:4"},
                                                   {"AWS_ENDPOINT_URL_SERVICE_QUOTAS", "http://quotas:5"}};
  EXPECT_EQ(Resolve("ecs", "us-east-1", "http://mine:9", both), "http://mine:9/");
  EXPECT_EQ(Resolve("ecs", "us-east-1", "", both), "http://ecs:2/");
  EXPECT_EQ(Resolve("logs", "us-east-1", "", both), "http://logs:3/");
  EXPECT_EQ(Resolve("elbv2", "us-east-1", "", both), "http://elb:4/");
  EXPECT_EQ(Resolve("service-quotas", "us-east-1", "", both), "http://quotas:5/");
  EXPECT_EQ(Resolve("s3", "us-east-1", "", both), "http://all:1/");
  auto ignored = both;
  ignored["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "true";
  EXPECT_EQ(Resolve("ecs", "us-east-1", "", ignored), "https://ecs.us-east-1.amazonaws.com/");
}

TEST(ResolveEndpointTest, TheProfileCountsLessThanTheEnvironmentAndMoreThanAws) {
  const ProfileEndpoints profile = {
      {"", "http://all:1"}, {"ecs", "http://ecs:2"}, {"cloudwatch_logs", "http://logs:3"}};
  const auto resolve = [&](const char* service, std::map<std::string, std::string> variables = {}) {
    return ResolveEndpoint(GetService(service), "us-east-1", "", Variables(std::move(variables)), profile)
        .uri.ToString();
  };
  EXPECT_EQ(resolve("ecs"), "http://ecs:2/");
  EXPECT_EQ(resolve("logs"), "http://logs:3/");
  EXPECT_EQ(resolve("s3"), "http://all:1/");
  EXPECT_EQ(resolve("ecs", {{"AWS_ENDPOINT_URL", "http://env:4"}}), "http://env:4/");
  EXPECT_EQ(resolve("ecs", {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}), "https://ecs.us-east-1.amazonaws.com/");
}

TEST(ResolveEndpointTest, NamesTheSettingThatIsNoUrl) {
  try {
    Resolve("ecs", "us-east-1", "", {{"AWS_ENDPOINT_URL", "localhost:4566"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "AWS_ENDPOINT_URL: cannot use URL 'localhost:4566': it has no scheme");
  }
  try {
    ResolveEndpoint(GetService("ecs"), "us-east-1", "", Variables({}), {{"ecs", "localhost:4566"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the profile's endpoint_url of ecs: cannot use URL 'localhost:4566': it has no scheme");
  }
}

TEST(ResolveEndpointTest, GlobalServicesAreSignedForUsEast1) {
  EXPECT_EQ(ResolveEndpoint(GetService("iam"), "eu-west-1", "", Variables({})).signing_region, "us-east-1");
  EXPECT_EQ(ResolveEndpoint(GetService("ecs"), "eu-west-1", "", Variables({})).signing_region, "eu-west-1");
}

struct Placed {
  std::string origin;
  std::string host;
  std::string target;
};

Placed Place(const char* service, const char* operation, const char* target, const char* configured = "") {
  const Service& model = GetService(service);
  net::Request request;
  request.target = target;
  const Endpoint endpoint = ResolveEndpoint(model, "us-east-1", configured, Variables({}));
  const net::Uri origin = PlaceRequest(model, model.GetOperation(operation), endpoint, request);
  return {origin.ToString(), request.headers.GetOr("Host", ""), request.target};
}

TEST(PlaceRequestTest, PutsAnS3BucketIntoAwsHost) {
  Placed placed = Place("s3", "GetObject", "/my-bucket/a/b%20c?versionId=1");
  EXPECT_EQ(placed.origin, "https://my-bucket.s3.us-east-1.amazonaws.com/");
  EXPECT_EQ(placed.host, "my-bucket.s3.us-east-1.amazonaws.com");
  EXPECT_EQ(placed.target, "/a/b%20c?versionId=1");
  EXPECT_EQ(Place("s3", "ListObjectsV2", "/my-bucket?list-type=2").target, "/?list-type=2");
  EXPECT_EQ(Place("s3", "CreateBucket", "/my-bucket").target, "/");
  placed = Place("s3", "ListBuckets", "/");
  EXPECT_EQ(placed.host, "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(placed.target, "/");
}

TEST(PlaceRequestTest, KeepsThePathFormWhereTheHostCannotCarryTheBucket) {
  const Placed dotted = Place("s3", "GetObject", "/my.bucket/k");
  EXPECT_EQ(dotted.host, "s3.us-east-1.amazonaws.com");
  EXPECT_EQ(dotted.target, "/my.bucket/k");
  const Placed custom = Place("s3", "GetObject", "/my-bucket/k", "http://localhost:4566");
  EXPECT_EQ(custom.host, "localhost:4566");
  EXPECT_EQ(custom.target, "/my-bucket/k");
}

TEST(PlaceRequestTest, AnEndpointMayHaveAPath) {
  const Placed placed = Place("ecs", "ListClusters", "/", "http://localhost:4566/cloud/");
  EXPECT_EQ(placed.origin, "http://localhost:4566/");
  EXPECT_EQ(placed.target, "/cloud/");
}

TEST(PlaceRequestTest, AddsAnOperationsHostPrefixOnlyForAws) {
  EXPECT_EQ(Place("servicediscovery", "DiscoverInstances", "/").host, "data-servicediscovery.us-east-1.amazonaws.com");
  EXPECT_EQ(Place("servicediscovery", "DiscoverInstances", "/", "http://localhost:4566").host, "localhost:4566");
}

}  // namespace
}  // namespace adhoc::aws
