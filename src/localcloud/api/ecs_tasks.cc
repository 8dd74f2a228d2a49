// RunTask, StopTask, DescribeTasks, ListTasks.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "localcloud/api/ecs_internal.h"
#include "localcloud/scheduler/capacity.h"

namespace adhoc::localcloud::ecs {
namespace {

// How long a clientToken is remembered.
constexpr double kTokenSeconds = 24 * 3600;

[[noreturn]] void RefuseParameter(const std::string& message) { throw ApiError("InvalidParameterException", message); }

void CheckOverrides(const Json& definition, const Json& overrides) {
  std::set<std::string> names;
  for (const auto& container : definition.at("containerDefinitions"))
    names.insert(container.at("name").get<std::string>());
  for (const auto& item : overrides.value("containerOverrides", Json::array())) {
    const std::string name = item.value("name", "");
    if (!names.contains(name)) {
      RefuseParameter("Override for container named " + name + " is not a container in the TaskDefinition.");
    }
  }
  if (overrides.dump().size() > 8192) RefuseParameter("Container Overrides length must be at most 8192");
}

Json TaskTags(const Json& input, const Json& definition) {
  Json tags = input.value("tags", Json::array());
  if (input.value("propagateTags", "NONE") != "TASK_DEFINITION") return tags;
  std::set<std::string> keys;
  for (const auto& tag : tags) keys.insert(tag.value("key", ""));
  for (const auto& tag : definition.value("_tags", Json::array())) {
    if (!keys.contains(tag.value("key", ""))) tags.push_back(tag);
  }
  return tags;
}

Json DescribeKeys(const Store::Transaction& txn, const std::vector<std::string>& keys, const Json& input) {
  Json tasks = Json::array();
  for (const auto& key : keys) {
    if (const Json* task = txn.Find(kTasks, key)) tasks.push_back(WithTags(*task, input));
  }
  return tasks;
}

Json RunTask(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string cluster_name = ClusterName(input);
  const Json& cluster = RequireCluster(call.txn, cluster_name);
  const Json tags_included = {{"include", {"TAGS"}}};

  const std::string token = input.value("clientToken", "");
  const std::string token_key = cluster_name + "\n" + token;
  Json request = input;
  request.erase("clientToken");
  if (!token.empty()) {
    std::vector<std::string> expired;
    for (const auto& [key, made] : call.txn.All(kRunTokens)) {
      if (made.value("at", 0.0) + kTokenSeconds < cloud.Now()) expired.push_back(key);
    }
    for (const auto& key : expired) call.txn.Erase(kRunTokens, key);
    if (const Json* made = call.txn.Find(kRunTokens, token_key)) {
      std::vector<std::string> keys = made->at("tasks").get<std::vector<std::string>>();
      if (made->at("request") != request) {
        Json arns = Json::array();
        for (const auto& key : keys) arns.push_back(cloud.Arn("ecs", "task/" + key));
        throw ApiError("ConflictException", "The clientToken was used with other parameters.", {{"resourceIds", arns}});
      }
      return {{"tasks", DescribeKeys(call.txn, keys, tags_included)}, {"failures", Json::array()}};
    }
  }

  const Json& definition = RequireActiveTaskDefinition(call.txn, input["taskDefinition"]);
  const int count = input.value("count", 1);
  if (count < 1 || count > 10) RefuseParameter("count must be between 1 and 10.");
  const Launch launch = ChooseLaunch(cluster, input);
  if (definition.value("networkMode", "") != "awsvpc") {
    RefuseParameter("Task definition does not support launch_type FARGATE.");
  }
  CheckNetworkConfiguration(call.txn, input);
  const std::string started_by = input.value("startedBy", "");
  if (started_by.size() > 128) RefuseParameter("startedBy can have at most 128 characters.");
  const Json overrides = input.value("overrides", Json::object());
  CheckOverrides(definition, overrides);
  CheckExecuteCommand(definition, input.value("enableExecuteCommand", false), "task couldn't be run");

  TaskTemplate from;
  from.cluster = cluster_name;
  from.task_definition = definition;
  from.network_configuration = input["networkConfiguration"];
  from.overrides = overrides;
  from.platform_version = input.value("platformVersion", "");
  from.group = input.value("group", "family:" + definition.value("family", ""));
  from.started_by = started_by;
  from.enable_execute_command = input.value("enableExecuteCommand", false);
  from.tags = TaskTags(input, definition);

  std::vector<std::string> keys;
  Json failures = Json::array();
  std::map<std::string, int> placed;
  for (int i = 0; i < count; ++i) {
    from.capacity_provider = NextCapacityProvider(launch.strategy, placed);
    if (!HasCapacity(call.txn, from.capacity_provider)) {
      failures.push_back({{"reason", kNoCapacity}});
      continue;
    }
    ++placed[from.capacity_provider];
    Json task = NewTask(from, cloud);
    keys.push_back(KeyFromArn(task["taskArn"].get<std::string>()));
    call.txn.Put(kTasks, keys.back(), std::move(task));
  }
  if (!token.empty()) {
    call.txn.Put(kRunTokens, token_key, {{"request", std::move(request)}, {"tasks", keys}, {"at", cloud.Now()}});
  }
  return {{"tasks", DescribeKeys(call.txn, keys, tags_included)}, {"failures", std::move(failures)}};
}

Json StopTaskOperation(Cloud& cloud, Call& call) {
  const std::string cluster = ClusterName(call.input);
  RequireCluster(call.txn, cluster);
  const std::string key = TaskKey(cluster, call.input["task"]);
  if (call.txn.Find(kTasks, key) == nullptr) RefuseParameter("The referenced task was not found.");
  Json& task = call.txn.Edit(kTasks, key);
  const std::string reason = call.input.value("reason", "");
  StopTask(task, "UserInitiated", reason.empty() ? "Task stopped by user" : reason, cloud.Now());
  return {{"task", task}};
}

Json DescribeTasks(Cloud& cloud, Call& call) {
  const std::string cluster = ClusterName(call.input);
  RequireCluster(call.txn, cluster);
  if (call.input["tasks"].size() > 100) RefuseParameter("Tasks cannot have more than 100 elements");
  std::vector<std::string> found;
  Json failures = Json::array();
  for (const auto& reference : call.input["tasks"]) {
    const std::string key = TaskKey(cluster, reference);
    if (call.txn.Find(kTasks, key)) {
      found.push_back(key);
    } else {
      failures.push_back(Failure(cloud.Arn("ecs", "task/" + key), "MISSING"));
    }
  }
  return {{"tasks", DescribeKeys(call.txn, found, call.input)}, {"failures", std::move(failures)}};
}

Json ListTasks(Call& call) {
  const Json& input = call.input;
  const std::string cluster = ClusterName(input);
  RequireCluster(call.txn, cluster);
  const std::string started_by = input.value("startedBy", "");
  const std::string service = LastPart(input.value("serviceName", ""));
  if (!started_by.empty() && (!service.empty() || input.contains("family"))) {
    RefuseParameter("cannot specify startedBy with any other filter.");
  }
  if (!service.empty() && call.txn.Find(kServices, ServiceKey(cluster, service)) == nullptr) {
    throw ApiError("ServiceNotFoundException", "Service not found.");
  }
  const std::string family = input.value("family", "");
  const std::string desired = input.value("desiredStatus", "RUNNING");
  const std::string launch_type = input.value("launchType", "");
  const std::string prefix = cluster + "/";
  std::vector<std::string> arns;
  const auto& tasks = call.txn.All(kTasks);
  for (auto it = tasks.lower_bound(prefix); it != tasks.end() && it->first.starts_with(prefix); ++it) {
    const Json& task = it->second;
    if (task.value("desiredStatus", "") != desired) continue;
    if (!started_by.empty() && task.value("startedBy", "") != started_by) continue;
    if (!service.empty() && task.value("_service", "") != service) continue;
    if (!launch_type.empty() && task.value("launchType", "") != launch_type) continue;
    if (!family.empty()) {
      const std::string definition = TaskDefinitionKey(task.value("taskDefinitionArn", ""));
      if (definition.substr(0, definition.rfind(':')) != family) continue;
    }
    arns.push_back(task.at("taskArn"));
  }
  return Page("taskArns", arns, input, 100);
}

}  // namespace

void RegisterTasks(Api& api, Cloud& cloud) {
  api.On("ecs", "RunTask", [&cloud](Call& call) { return RunTask(cloud, call); });
  api.On("ecs", "StopTask", [&cloud](Call& call) { return StopTaskOperation(cloud, call); });
  api.On("ecs", "DescribeTasks", [&cloud](Call& call) { return DescribeTasks(cloud, call); });
  api.On("ecs", "ListTasks", ListTasks);
}

}  // namespace adhoc::localcloud::ecs
