#include "localcloud/api/ecs_internal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace adhoc::localcloud {

void RegisterEcs(Api& api, Cloud& cloud) {
  ecs::RegisterClusters(api, cloud);
  ecs::RegisterTaskDefinitions(api, cloud);
  ecs::RegisterServices(api, cloud);
  ecs::RegisterTasks(api, cloud);
  ecs::RegisterExec(api, cloud);
  ecs::RegisterTags(api, cloud);
}

namespace ecs {

std::string ClusterName(const Json& input) {
  const std::string cluster = input.value("cluster", "");
  return cluster.empty() ? "default" : LastPart(cluster);
}

const Json& RequireCluster(const Store::Transaction& txn, const std::string& name) {
  const Json* cluster = txn.Find(kClusters, name);
  if (cluster == nullptr) throw ApiError("ClusterNotFoundException", "Cluster not found.");
  return *cluster;
}

std::string FindTaskDefinition(const Store::Transaction& txn, const std::string& reference) {
  const std::string key = LastPart(reference);
  if (key.find(':') != std::string::npos) return txn.Find(kTaskDefinitions, key) ? key : "";
  int latest = 0;
  const auto& definitions = txn.All(kTaskDefinitions);
  const std::string prefix = key + ":";
  for (auto it = definitions.lower_bound(prefix); it != definitions.end() && it->first.starts_with(prefix); ++it) {
    if (it->second.value("status", "") == "ACTIVE") latest = std::max(latest, it->second.value("revision", 0));
  }
  return latest == 0 ? "" : prefix + std::to_string(latest);
}

const Json& RequireActiveTaskDefinition(const Store::Transaction& txn, const std::string& reference) {
  const std::string key = FindTaskDefinition(txn, reference);
  if (key.empty()) throw ApiError("ClientException", "TaskDefinition not found.");
  const Json& definition = *txn.Find(kTaskDefinitions, key);
  if (definition.value("status", "") != "ACTIVE") throw ApiError("ClientException", "TaskDefinition is inactive");
  return definition;
}

std::string ServiceKey(const std::string& cluster, const std::string& reference) {
  return cluster + "/" + LastPart(reference);
}

std::string TaskKey(const std::string& cluster, const std::string& reference) {
  return cluster + "/" + LastPart(reference);
}

void CheckNetworkConfiguration(const Store::Transaction& txn, const Json& input) {
  const auto subnets = input.value("/networkConfiguration/awsvpcConfiguration/subnets"_json_pointer, Json::array());
  if (subnets.empty()) {
    throw ApiError("InvalidParameterException",
                   "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  }
  if (subnets.size() > 16) throw ApiError("InvalidParameterException", "subnets can have at most 16 items.");
  for (const auto& subnet : subnets) {
    if (txn.Find("ec2.subnets", subnet.get<std::string>()) == nullptr) {
      const std::string id = subnet;
      throw ApiError("InvalidParameterException",
                     fmt::format("Error retrieving subnet information for [{}]: The subnet ID '{}' does not exist "
                                 "(ErrorCode: InvalidSubnetID.NotFound)",
                                 id, id));
    }
  }
  const auto groups =
      input.value("/networkConfiguration/awsvpcConfiguration/securityGroups"_json_pointer, Json::array());
  if (groups.size() > 5) throw ApiError("InvalidParameterException", "securityGroups can have at most 5 items.");
}

Launch ChooseLaunch(const Json& cluster, const Json& input) {
  Launch launch;
  Json strategy = input.value("capacityProviderStrategy", Json::array());
  const std::string type = input.value("launchType", "");
  if (!type.empty() && !strategy.empty()) {
    throw ApiError(
        "InvalidParameterException",
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.");
  }
  if (type == "FARGATE") return launch;
  if (strategy.empty() && type.empty()) strategy = cluster.value("defaultCapacityProviderStrategy", Json::array());
  if (strategy.empty()) {
    throw ApiError("InvalidParameterException", "No Container Instances were found in your cluster.");
  }
  bool weighted = strategy.size() == 1;
  int bases = 0;
  const Json providers = cluster.value("capacityProviders", Json::array());
  for (const auto& item : strategy) {
    const std::string provider = item.value("capacityProvider", "");
    if (std::find(providers.begin(), providers.end(), provider) == providers.end()) {
      throw ApiError(
          "InvalidParameterException",
          fmt::format("The specified capacity provider '{}' is not associated with the cluster. Associate the "
                      "capacity provider with the cluster and try again.",
                      provider));
    }
    weighted = weighted || item.value("weight", 0) > 0;
    bases += item.value("base", 0) > 0 ? 1 : 0;
  }
  if (!weighted) {
    throw ApiError("InvalidParameterException", "At least one capacity provider must have a weight greater than 0.");
  }
  if (bases > 1) {
    throw ApiError("InvalidParameterException", "Only one capacity provider in a strategy can have a base defined.");
  }
  launch.strategy = std::move(strategy);
  return launch;
}

void CheckExecuteCommand(const Json& task_definition, bool enabled, std::string_view what) {
  if (!enabled || !task_definition.value("taskRoleArn", "").empty()) return;
  throw ApiError("InvalidParameterException",
                 fmt::format("The {} because a valid taskRoleArn is not being used. Specify a valid task role in your "
                             "task definition and try again.",
                             what));
}

Json WithTags(Json document, const Json& input) {
  for (const auto& field : input.value("include", Json::array())) {
    if (field == "TAGS") document["tags"] = document.value("_tags", Json::array());
  }
  return document;
}

Json Page(const std::string& name, const std::vector<std::string>& items, const Json& input, std::size_t default_size) {
  const std::string token = input.value("nextToken", "");
  std::size_t begin = 0;
  if (!token.empty()) {
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), begin);
    if (error != std::errc() || end != token.data() + token.size()) {
      throw ApiError("InvalidParameterException", "Invalid token '" + token + "'.");
    }
  }
  const std::size_t size = input.value("maxResults", default_size);
  const std::size_t end = std::min(items.size(), begin + size);
  Json page = {{name, Json::array()}};
  for (std::size_t i = begin; i < end; ++i) page[name].push_back(items[i]);
  if (end < items.size()) page["nextToken"] = std::to_string(end);
  return page;
}

Json Failure(const std::string& arn, const std::string& reason) { return {{"arn", arn}, {"reason", reason}}; }

}  // namespace ecs
}  // namespace adhoc::localcloud
