#include "env/consistency.h"

#include <gtest/gtest.h>

namespace adhoc::env {
namespace {

bool TooEarly(const std::string& code, const std::string& message) {
  return MayBeTooEarly(aws::AwsError("ecs", "RunTask", code, message, 400, "", Json::object()));
}

TEST(ConsistencyTest, KnowsWhatAwsSaysOfWhatItDoesNotKnowYet) {
  for (const char* code :
       {"InvalidVpcID.NotFound", "InvalidAllocationID.NotFound", "ClusterNotFoundException", "NoSuchEntity",
        "NoSuchBucket", "TargetGroupNotFound", "DBSubnetGroupNotFoundFault", "ResourceNotFoundException",
        "NamespaceNotFound", "OperationAbortedException", "InvalidSecurityGroup"}) {
    EXPECT_TRUE(TooEarly(code, "")) << code;
  }
  EXPECT_TRUE(TooEarly("ClientException",
                       "ECS was unable to assume the role 'arn:aws:iam::1:role/alpha' that was provided for this task. "
                       "Please verify that the role being passed has the proper trust relationship and permissions."));
  EXPECT_TRUE(TooEarly("InvalidParameterException",
                       "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS "
                       "service role being passed has the proper permissions."));
  EXPECT_TRUE(TooEarly("InvalidParameterException",
                       "The target group with targetGroupArn arn does not have an associated load balancer."));
  EXPECT_TRUE(TooEarly("InvalidParameterException",
                       "Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does not exist "
                       "(ErrorCode: InvalidSubnetID.NotFound)"));
  EXPECT_TRUE(TooEarly("AccessDeniedException",
                       "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:PassRole on resource: arn"));
  EXPECT_TRUE(TooEarly("InvalidParameterValue",
                       "Value (dev-bastion) for parameter iamInstanceProfile.name is invalid. "
                       "Invalid IAM Instance Profile name"));
}

TEST(ConsistencyTest, AMistakeIsNone) {
  EXPECT_FALSE(TooEarly("ClientException", "No Fargate configuration exists for given values."));
  EXPECT_FALSE(TooEarly("InvalidParameterException", "Creation of service was not idempotent."));
  EXPECT_FALSE(TooEarly("AccessDeniedException", "is not authorized to perform: ecs:RunTask on resource: arn"));
  EXPECT_FALSE(TooEarly("AccessDenied", "Access Denied"));
  EXPECT_FALSE(TooEarly("DependencyViolation", ""));
  EXPECT_FALSE(TooEarly("ResourceInUse", ""));
}

TEST(ConsistencyTest, ReadsAndDeletionsMakeNothing) {
  for (const char* operation : {"CreateRole", "RunTask", "RegisterTaskDefinition", "PutRolePolicy", "AllocateAddress"})
    EXPECT_TRUE(IsMaking(operation)) << operation;
  for (const char* operation : {"DescribeTasks", "GetRole", "ListTasks", "HeadBucket", "DeleteRole", "StopTask",
                                "DeregisterTaskDefinition", "UpdateService"})
    EXPECT_FALSE(IsMaking(operation)) << operation;
}

}  // namespace
}  // namespace adhoc::env
