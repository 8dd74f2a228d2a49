#include "localcloud/scheduler/documents.h"

#include <fmt/format.h>

#include <algorithm>

namespace adhoc::localcloud::ecs {
namespace {

std::string Digits(Random& random, int count) {
  return random.Pick("123456789", 1) + random.Pick("0123456789", count - 1);
}

const Json* ContainerOverride(const Json& overrides, const std::string& name) {
  const auto list = overrides.find("containerOverrides");
  if (list == overrides.end()) return nullptr;
  const auto found =
      std::find_if(list->begin(), list->end(), [&](const Json& o) { return o.value("name", "") == name; });
  return found == list->end() ? nullptr : &*found;
}

}  // namespace

std::string NewTaskId(Random& random) { return random.Hex(32); }

std::string NewDeploymentId(Random& random) { return "ecs-svc/" + Digits(random, 19); }

std::string LastPart(std::string_view arn) {
  const auto slash = arn.rfind('/');
  return std::string(slash == std::string_view::npos ? arn : arn.substr(slash + 1));
}

std::string KeyFromArn(std::string_view arn) {
  const auto slash = arn.find('/');
  return std::string(slash == std::string_view::npos ? arn : arn.substr(slash + 1));
}

std::string TaskRole(const Json& task, const Json& task_definition) {
  return task.value("/overrides/taskRoleArn"_json_pointer, task_definition.value("taskRoleArn", ""));
}

std::string TaskDefinitionKey(std::string_view arn) { return LastPart(arn); }

bool IsStopped(const Json& task) { return task.value("lastStatus", "") == "STOPPED"; }

bool IsStopping(const Json& task) { return task.value("desiredStatus", "") == "STOPPED"; }

Json NewTask(const TaskTemplate& from, Cloud& cloud) {
  const Json& definition = from.task_definition;
  const std::string id = NewTaskId(cloud.random);
  const std::string arn = cloud.Arn("ecs", "task/" + from.cluster + "/" + id);

  Json overrides = from.overrides;
  Json container_overrides = Json::array();
  Json containers = Json::array();
  for (const auto& container : definition.at("containerDefinitions")) {
    const std::string name = container.at("name");
    const Json* container_override = ContainerOverride(from.overrides, name);
    container_overrides.push_back(container_override ? *container_override : Json{{"name", name}});
    Json entry = {
        {"containerArn", cloud.Arn("ecs", fmt::format("container/{}/{}/{}", from.cluster, id, cloud.random.Uuid()))},
        {"taskArn", arn},
        {"name", name},
        {"image", container.at("image")},
        {"lastStatus", "PENDING"},
        {"networkInterfaces", Json::array()},
        {"healthStatus", "UNKNOWN"},
        {"cpu", std::to_string(container.value("cpu", 0))},
        {"_essential", container.value("essential", true)}};
    if (container.contains("memory")) entry["memory"] = std::to_string(container["memory"].get<int>());
    if (from.enable_execute_command) {
      entry["managedAgents"] = Json::array({{{"name", "ExecuteCommandAgent"}, {"lastStatus", "PENDING"}}});
    }
    containers.push_back(std::move(entry));
  }
  overrides["containerOverrides"] = std::move(container_overrides);
  if (!overrides.contains("inferenceAcceleratorOverrides")) overrides["inferenceAcceleratorOverrides"] = Json::array();

  const Json subnets = from.network_configuration.value("/awsvpcConfiguration/subnets"_json_pointer, Json::array());
  const std::string subnet = subnets.empty() ? "" : subnets[cloud.random.Next() % subnets.size()].get<std::string>();
  Json task = {
      {"taskArn", arn},
      {"clusterArn", cloud.Arn("ecs", "cluster/" + from.cluster)},
      {"taskDefinitionArn", definition.at("taskDefinitionArn")},
      {"lastStatus", "PROVISIONING"},
      {"desiredStatus", "RUNNING"},
      {"platformVersion",
       from.platform_version.empty() || from.platform_version == "LATEST" ? "1.4.0" : from.platform_version},
      {"platformFamily", "Linux"},
      {"cpu", from.overrides.value("cpu", definition.value("cpu", "256"))},
      {"memory", from.overrides.value("memory", definition.value("memory", "512"))},
      {"ephemeralStorage",
       from.overrides.value("ephemeralStorage", definition.value("ephemeralStorage", Json{{"sizeInGiB", 20}}))},
      {"group", from.group},
      {"version", 1},
      {"_tags", from.tags},
      {"healthStatus", "UNKNOWN"},
      {"enableExecuteCommand", from.enable_execute_command},
      {"createdAt", cloud.Now()},
      {"_due_at", cloud.DueAt(Slow::kTaskProvisioning)},
      {"attributes", Json::array({{{"name", "ecs.cpu-architecture"}, {"value", "x86_64"}}})},
      {"overrides", std::move(overrides)},
      {"containers", std::move(containers)},
      {"inferenceAccelerators", Json::array()},
      {"attachments", Json::array({{{"id", cloud.random.Uuid()},
                                    {"type", "ElasticNetworkInterface"},
                                    {"status", "PRECREATED"},
                                    {"details", Json::array({{{"name", "subnetId"}, {"value", subnet}}})}}})},
      {"_subnet", subnet},
      {"_security_groups",
       from.network_configuration.value("/awsvpcConfiguration/securityGroups"_json_pointer, Json::array())},
  };
  if (from.capacity_provider.empty()) {
    task["launchType"] = from.launch_type;
  } else {
    task["launchType"] = "FARGATE";
    task["capacityProviderName"] = from.capacity_provider;
  }
  if (!from.started_by.empty()) task["startedBy"] = from.started_by;
  if (!from.service.empty()) task["_service"] = from.service;
  if (!from.deployment.empty()) task["_deployment"] = from.deployment;
  return task;
}

void StopTask(Json& task, std::string_view code, const std::string& reason, double now) {
  if (IsStopping(task)) return;
  task["desiredStatus"] = "STOPPED";
  task["stopCode"] = code;
  task["stoppedReason"] = reason;
  task["stoppingAt"] = now;
  task["version"] = task.value("version", 1) + 1;
}

void AddServiceEvent(Json& service, const std::string& message, double now, Random& random) {
  Json& events = service["events"];
  if (!events.is_array()) events = Json::array();
  if (!events.empty() && events[0].value("message", "") == message) return;
  events.insert(events.begin(), Json{{"id", random.Uuid()}, {"createdAt", now}, {"message", message}});
  if (events.size() > 100) events.erase(events.begin() + 100, events.end());
}

void BeginDeployment(Json& service, const DeploymentTemplate& from, double now) {
  Json& deployments = service["deployments"];
  if (!deployments.is_array()) deployments = Json::array();
  for (Json& deployment : deployments) {
    if (deployment.value("status", "") == "PRIMARY") deployment["status"] = "ACTIVE";
  }
  Json deployment = {
      {"id", from.id},
      {"status", "PRIMARY"},
      {"taskDefinition", service.at("taskDefinition")},
      {"desiredCount", service.at("desiredCount")},
      {"pendingCount", 0},
      {"runningCount", 0},
      {"failedTasks", 0},
      {"createdAt", now},
      {"updatedAt", now},
      {"rolloutState", "IN_PROGRESS"},
      {"rolloutStateReason", from.reason.empty() ? "ECS deployment " + from.id + " in progress." : from.reason}};
  for (const char* name :
       {"capacityProviderStrategy", "launchType", "platformVersion", "platformFamily", "networkConfiguration"}) {
    if (service.contains(name)) deployment[name] = service[name];
  }
  // What a roll back has to restore although a deployment does not show it.
  for (const char* name : {"loadBalancers", "serviceRegistries", "enableExecuteCommand"}) {
    if (service.contains(name)) deployment[std::string("_") + name] = service[name];
  }
  deployments.insert(deployments.begin(), std::move(deployment));
}

void SetDesiredCount(Json& service, int desired) {
  service["desiredCount"] = desired;
  for (Json& deployment : service["deployments"]) {
    if (deployment["status"] == "PRIMARY") deployment["desiredCount"] = desired;
  }
}

void CountTasks(Json& service, const std::vector<const Json*>& tasks) {
  int running = 0;
  int pending = 0;
  std::map<std::string, std::pair<int, int>> by_deployment;
  for (const Json* task : tasks) {
    const std::string status = task->value("lastStatus", "");
    const bool is_running = status == "RUNNING";
    const bool is_pending =
        !IsStopping(*task) && (status == "PROVISIONING" || status == "PENDING" || status == "ACTIVATING");
    running += is_running ? 1 : 0;
    pending += is_pending ? 1 : 0;
    auto& counts = by_deployment[task->value("_deployment", "")];
    counts.first += is_running ? 1 : 0;
    counts.second += is_pending ? 1 : 0;
  }
  service["runningCount"] = running;
  service["pendingCount"] = pending;
  for (Json& deployment : service["deployments"]) {
    const auto& counts = by_deployment[deployment.value("id", "")];
    deployment["runningCount"] = counts.first;
    deployment["pendingCount"] = counts.second;
  }
}

std::vector<std::string> TaskKeysOf(const Store::Transaction& txn, std::string_view cluster, std::string_view service) {
  std::vector<std::string> keys;
  const auto& tasks = txn.All(kTasks);
  const std::string prefix = std::string(cluster) + "/";
  for (auto it = tasks.lower_bound(prefix); it != tasks.end() && it->first.starts_with(prefix); ++it) {
    if (it->second.value("_service", "") == service) keys.push_back(it->first);
  }
  return keys;
}

}  // namespace adhoc::localcloud::ecs
