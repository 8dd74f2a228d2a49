// AWS's policy evaluation logic: whether policies allow an action on a resource. Pure functions; thread-safe.
// IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace adhoc::localcloud::iam {

// Condition keys in lower case, as they are compared, each with its values.
using Keys = std::map<std::string, std::vector<std::string>, std::less<>>;

// One thing that a call needs to be allowed.
struct Permission {
  std::string action;    // ecs:RunTask
  std::string resource;  // ARN, or * for actions that are about no resource
  Keys keys;
};

// Who asks.
struct Principal {
  std::string account;
  std::string arn;        // arn:aws:sts::123456789012:assumed-role/dev-deploy-role/ci-17
  std::string role_arn;   // of an assumed role; also names it in a policy's Principal
  std::string service;    // ecs-tasks.amazonaws.com
  std::string federated;  // ARN of the provider whose token it has
};

// Documents that say what a principal may do. Those that are not there at all restrict nothing.
struct Policies {
  std::vector<Json> identity;
  std::optional<Json> boundary;              // permissions boundary
  std::optional<std::vector<Json>> session;  // given with AssumeRole
  std::vector<Json> resource;                // with Principal: of a bucket
};

struct Decision {
  bool allowed = false;
  std::string reason;  // of a refusal: because no identity-based policy allows the ecs:RunTask action
};

Decision Evaluate(const Policies& policies, const Principal& principal, const Permission& permission);

enum class Effect { kNone, kAllow, kDeny };
// What one document says; a statement with a Principal has to be about this one.
Effect EffectOf(const Json& document, const Principal& principal, const Permission& permission);

// The grammar's mistakes that would make a document useless: no Effect, an unknown condition operator. Empty: none.
std::string FindMistake(const Json& document);

}  // namespace adhoc::localcloud::iam
