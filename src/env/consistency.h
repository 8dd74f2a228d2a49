// AWS's services learn of each other's things, and of their own, some seconds after they were made. Until then a call
// that needs one may be refused as if it were not there, or not allowed.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
// https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
// Pure.
#pragma once

#include <string_view>

#include "aws/client/client.h"

namespace adhoc::env {

// Whether an operation makes or sets something that others may learn of late.
bool IsMaking(std::string_view operation);

// Whether the refusal may come of what was just made not being known yet, so that the same call may succeed soon.
bool MayBeTooEarly(const aws::AwsError& error);

}  // namespace adhoc::env
