// What the files of the ECS API share. Only api/ecs*.cc include this.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "localcloud/api/api.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud::ecs {

// RunTask's clientTokens, by "cluster\ntoken": what each asked for and started.
inline constexpr std::string_view kRunTokens = "ecs.run_tokens";

void RegisterClusters(Api& api, Cloud& cloud);
void RegisterTaskDefinitions(Api& api, Cloud& cloud);
void RegisterServices(Api& api, Cloud& cloud);
void RegisterTasks(Api& api, Cloud& cloud);
void RegisterExec(Api& api, Cloud& cloud);
void RegisterTags(Api& api, Cloud& cloud);

// The name of the cluster that a request is about: its short name or ARN, or `default`.
std::string ClusterName(const Json& input);
// Throws ClusterNotFoundException.
const Json& RequireCluster(const Store::Transaction& txn, const std::string& name);

// The key of a task definition given as family, family:revision or ARN; empty when there is none. A family alone means
// its latest ACTIVE revision.
std::string FindTaskDefinition(const Store::Transaction& txn, const std::string& reference);
// As above for starting tasks: throws ClientException when there is none or it is not ACTIVE.
const Json& RequireActiveTaskDefinition(const Store::Transaction& txn, const std::string& reference);

// The key of a service given as name or ARN, in a cluster.
std::string ServiceKey(const std::string& cluster, const std::string& reference);
// The key of a task given as id or ARN.
std::string TaskKey(const std::string& cluster, const std::string& reference);

// Throws InvalidParameterException unless there is an awsvpc configuration whose subnets exist.
void CheckNetworkConfiguration(const Store::Transaction& txn, const Json& input);

struct Launch {
  Json strategy = Json::array();  // of capacity providers; empty: the launch type FARGATE
};
// By the request, else the cluster's default strategy. Throws InvalidParameterException.
Launch ChooseLaunch(const Json& cluster, const Json& input);

// Throws InvalidParameterException when ECS Exec is asked for and the task definition has no task role.
void CheckExecuteCommand(const Json& task_definition, bool enabled, std::string_view what);

// The document with its `_tags` as `tags` when the request's `include` has TAGS.
Json WithTags(Json document, const Json& input);

// One page of `items`, by maxResults and nextToken (the position to go on from): {<name>: [...], nextToken}.
Json Page(const std::string& name, const std::vector<std::string>& items, const Json& input, std::size_t default_size);

Json Failure(const std::string& arn, const std::string& reason);

}  // namespace adhoc::localcloud::ecs
