// The least-privilege policies of everything that acts for us in an account: the roles of tasks, the role that
// pipelines deploy with, and who makes that. Scoped to names and tags, which all resources have (env/names.h). Pure.
//
// A lifecycle test runs every command under exactly these policies, and shows that each of their actions is used and
// each of their statements needed (deploy/policies_test.cc).
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "config/config.h"

namespace adhoc::env {

// What a policy is limited to.
struct PolicyScope {
  std::string account;
  std::string region;
  std::string shared;
  std::string domain;
  std::vector<std::string> repositories = {};  // of images that the application builds
  config::Existing existing = {};              // what is not the engine's to make or change
  std::string boundary = {};                   // ARN of the policy that limits the roles of tasks, or empty
  bool makes_boundary = false;                 // that is one that `adhoc bootstrap` makes
};
PolicyScope ScopeOf(const config::Config& config);

// IAM's limit of all inline policies of a role, in characters without white space.
inline constexpr std::size_t kInlinePoliciesLimit = 10240;

// What ECS itself needs to start tasks: pull, write logs, read the secrets that a task definition names.
Json ExecutionPolicy(const PolicyScope& scope);
// What the application may do: its own bucket, and the channels of ECS Exec. `environment` may be *, for all.
Json TaskPolicy(const PolicyScope& scope, const std::string& environment, bool bucket);
// What the application of any environment may, and so the most that the role of a task ever has, whoever writes its
// policy: a permissions boundary.
Json TaskBoundary(const PolicyScope& scope);
// ARN of the boundary of the target, or empty.
std::string BoundaryArn(const config::Target& target);
// The channels of Session Manager, and nothing else: no right in the account comes with a shell on the bastion. AWS's
// own policy for this would let it read every parameter.
Json BastionPolicy();

// What pipelines need: for the shared resources, and for environments on them and their images. Together they are too
// long for one role.
Json SharedPolicy(const PolicyScope& scope);
Json EnvironmentsPolicy(const PolicyScope& scope);

// What `adhoc bootstrap` needs.
Json BootstrapPolicy(const PolicyScope& scope);

}  // namespace adhoc::env
