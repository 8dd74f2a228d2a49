// The names that everything of a set of shared resources or of an environment has in the cloud. They are the article's,
// so that scripts written for it find what we made; they are how the engine finds it again, too. Pure.
#pragma once

#include <string>
#include <string_view>

namespace adhoc::env {

inline std::string Join(std::string_view a, std::string_view b) { return std::string(a) + "-" + std::string(b); }

// Of an environment.
inline std::string ClusterName(std::string_view env) { return Join(env, "cluster"); }
inline std::string ServiceName(std::string_view env, std::string_view service) { return Join(env, service); }
inline std::string FamilyName(std::string_view env, std::string_view workload) { return Join(env, workload); }
inline std::string LogGroupName(std::string_view env, std::string_view workload) {
  return "/ecs/" + std::string(env) + "/" + std::string(workload);
}
inline std::string TargetGroupName(std::string_view env, std::string_view service) { return Join(env, service); }
inline std::string DatabaseName(std::string_view env) { return Join(env, "db"); }
inline std::string DatabaseUser(std::string_view env) { return std::string(env); }
inline std::string SecretName(std::string_view env, std::string_view secret) {
  return std::string(env) + "/" + std::string(secret);
}
inline std::string TaskRoleName(std::string_view env) { return Join(env, "task-role"); }
inline std::string DiscoveryName(std::string_view env, std::string_view service) { return Join(env, service); }
// Bucket names are DNS labels: the domain's dots become hyphens.
std::string BucketName(std::string_view domain, std::string_view env);

// Of shared resources.
// dev-alb, and dev-alb-2 and so on, which are opened when those before are full.
std::string LoadBalancerName(std::string_view shared, int number = 1);
inline std::string NamespaceName(std::string_view shared) { return Join(shared, "sd-ns"); }
inline std::string BastionName(std::string_view shared) { return Join(shared, "bastion"); }
// What pipelines may do in the account.
// What pipelines act as: on environments, and on the shared resources.
inline std::string DeployRoleName(std::string_view shared) { return Join(shared, "deploy-role"); }
inline std::string SharedRoleName(std::string_view shared) { return Join(shared, "shared-role"); }
// The policy that limits the roles of tasks.
inline std::string TaskBoundaryName(std::string_view shared) { return Join(shared, "task-boundary"); }
// Who GitHub's tokens are from.
inline constexpr std::string_view kGithubIssuer = "token.actions.githubusercontent.com";
inline constexpr std::string_view kGithubAudience = "sts.amazonaws.com";
// Of records and locks; one for an account and region.
inline std::string RecordsBucketName(std::string_view account, std::string_view region) {
  return Join(Join("adhoc-records", account), region);
}
inline std::string DatabaseInstanceName(std::string_view shared) { return Join(shared, "rds"); }

// The workload that makes and drops an environment's database; services and tasks may not have its name.
inline constexpr std::string_view kDatabaseWorkload = "database";

// Every resource is tagged with these at its creation.
inline constexpr std::string_view kEnvironmentTag = "env";  // the article's: the environment or the shared resources
inline constexpr std::string_view kOpenedForTag = "opened-for";  // of a further load balancer: the environment
inline constexpr std::string_view kManagedByTag = "managed-by";
inline constexpr std::string_view kManagedBy = "adhoc";

}  // namespace adhoc::env
