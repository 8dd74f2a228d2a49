#include "env/consistency.h"

#include <algorithm>
#include <array>

namespace adhoc::env {
namespace {

struct Refusal {
  std::string_view code;
  std::string_view words;
};

// Those whose code alone does not tell. The texts are AWS's.
constexpr std::array kRefusals = {
    // A role that ECS cannot assume yet, or that IAM cannot find to judge who may pass it.
    Refusal{"ClientException", "unable to assume the role"},
    Refusal{"ClientException", "Role is not valid"},
    Refusal{"InvalidParameterException", "nable to assume role"},
    Refusal{"AccessDeniedException", "iam:PassRole"},
    // A listener rule that ECS has not seen.
    Refusal{"InvalidParameterException", "does not have an associated load balancer"},
    // A subnet that ECS asks EC2 for.
    Refusal{"InvalidParameterException", ".NotFound"},
    // An instance profile that EC2 has not seen.
    Refusal{"InvalidParameterValue", "IAM Instance Profile"},
    // A bucket whose public access block was just lifted.
    Refusal{"AccessDenied", "BlockPublicPolicy"},
};

// ELB says of ids that it does not find that they are not valid; the others are conflicts with what was just asked for.
constexpr std::array<std::string_view, 5> kCodes = {"InvalidSecurityGroup", "InvalidSubnet", "OperationAborted",
                                                    "OperationAbortedException", "ConcurrentModification"};

}  // namespace

bool IsMaking(std::string_view operation) {
  constexpr std::array<std::string_view, 11> kVerbs = {"Add", "Allocate", "Associate", "Attach", "Create", "Modify",
                                                       "Put", "Register", "Request",   "Run",    "Start"};
  return std::any_of(kVerbs.begin(), kVerbs.end(), [&](std::string_view verb) { return operation.starts_with(verb); });
}

bool MayBeTooEarly(const aws::AwsError& error) {
  const std::string_view code = error.code();
  // InvalidVpcID.NotFound, ClusterNotFoundException, TargetGroupNotFound; NoSuchEntity, NoSuchBucket.
  if (code.find("NotFound") != std::string_view::npos || code.starts_with("NoSuch")) return true;
  if (std::find(kCodes.begin(), kCodes.end(), code) != kCodes.end()) return true;
  return std::any_of(kRefusals.begin(), kRefusals.end(), [&](const Refusal& refusal) {
    return code == refusal.code && error.message().find(refusal.words) != std::string::npos;
  });
}

}  // namespace adhoc::env
