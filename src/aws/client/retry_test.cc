#include "aws/client/retry.h"

#include <gtest/gtest.h>

#include "aws/model/model.h"

namespace adhoc::aws {
namespace {

TEST(ClassifyErrorTest, FollowsTheStandardMode) {
  struct Case {
    const char* code;
    int status;
    Retry expected;
  };
  const Case cases[] = {
      {"ThrottlingException", 400, Retry::kThrottling},
      {"RequestLimitExceeded", 503, Retry::kThrottling},
      {"SlowDown", 503, Retry::kThrottling},
      {"PriorRequestNotComplete", 400, Retry::kThrottling},
      {"Anything", 429, Retry::kThrottling},
      {"RequestTimeout", 400, Retry::kTransient},
      {"IDPCommunicationError", 400, Retry::kTransient},
      {"InternalFailure", 500, Retry::kTransient},
      {"503", 503, Retry::kTransient},
      {"504", 504, Retry::kTransient},
      {"NotImplemented", 501, Retry::kNo},
      {"LimitExceededException", 400, Retry::kNo},
      {"InvalidParameterException", 400, Retry::kNo},
      {"404", 404, Retry::kNo},
  };
  for (const Case& c : cases) EXPECT_EQ(ClassifyError(c.code, c.status), c.expected) << c.code << " " << c.status;
}

TEST(RetryDelayTest, DoublesUpToTwentySecondsWithFullJitter) {
  using std::chrono::milliseconds;
  EXPECT_EQ(RetryDelay(1, 0.5), milliseconds(500));
  EXPECT_EQ(RetryDelay(2, 0.5), milliseconds(1000));
  EXPECT_EQ(RetryDelay(4, 0.5), milliseconds(4000));
  EXPECT_EQ(RetryDelay(5, 0.5), milliseconds(8000));
  EXPECT_EQ(RetryDelay(6, 0.5), milliseconds(10000));
  EXPECT_EQ(RetryDelay(60, 0.5), milliseconds(10000));
  EXPECT_EQ(RetryDelay(3, 0.0), milliseconds(0));
}

TEST(RetryQuotaTest, RunsOutAndIsEarnedBack) {
  RetryQuota quota;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(quota.Take(Retry::kTransient), 5);
  EXPECT_EQ(quota.Take(Retry::kTransient), 0);
  quota.Return(5);
  EXPECT_EQ(quota.Take(Retry::kTimeout), 0);  // costs 10
  EXPECT_EQ(quota.Take(Retry::kThrottling), 5);
  for (int i = 0; i < 5; ++i) quota.Return(0);  // one each
  EXPECT_EQ(quota.Take(Retry::kTransient), 5);
  EXPECT_EQ(quota.Take(Retry::kTransient), 0);
}

TEST(RetryQuotaTest, NeverHoldsMoreThanItsCapacity) {
  RetryQuota quota;
  quota.Return(100);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(quota.Take(Retry::kTimeout), 10);
  EXPECT_EQ(quota.Take(Retry::kTransient), 0);
}

TEST(IsRepeatableTest, CreatesAreNotUnlessTheyCarryAToken) {
  const auto repeatable = [](const char* service, const char* operation, Json input = Json::object()) {
    return IsRepeatable(GetService(service).GetOperation(operation), input);
  };
  EXPECT_TRUE(repeatable("ecs", "DescribeServices"));
  EXPECT_TRUE(repeatable("ecs", "UpdateService"));
  EXPECT_TRUE(repeatable("ecs", "DeleteCluster"));
  EXPECT_TRUE(repeatable("elbv2", "RegisterTargets"));
  EXPECT_TRUE(repeatable("s3", "PutObject"));
  EXPECT_TRUE(repeatable("route53", "ChangeResourceRecordSets"));
  EXPECT_TRUE(repeatable("ecs", "RunTask", {{"clientToken", "t"}}));
  EXPECT_TRUE(repeatable("servicediscovery", "CreateService", {{"CreatorRequestId", "t"}}));
  EXPECT_FALSE(repeatable("ecs", "RunTask"));
  EXPECT_FALSE(repeatable("ecs", "RegisterTaskDefinition"));
  EXPECT_FALSE(repeatable("elbv2", "CreateRule"));
  EXPECT_FALSE(repeatable("ec2", "AllocateAddress"));
  EXPECT_FALSE(repeatable("logs", "PutLogEvents"));
}

}  // namespace
}  // namespace adhoc::aws
