// Clusters, capacity providers and account settings.
#include <fmt/format.h>

#include <algorithm>

#include "localcloud/api/ecs_internal.h"

namespace adhoc::localcloud::ecs {
namespace {

constexpr std::string_view kAccountSettings = "ecs.account_settings";

bool IsValidName(const std::string& name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

void CheckProviders(const Json& input) {
  const Json providers = input.value("capacityProviders", Json::array());
  for (const auto& provider : providers) {
    if (provider != "FARGATE" && provider != "FARGATE_SPOT") {
      throw ApiError("InvalidParameterException",
                     "The specified capacity provider is not in an ACTIVE state. Specify a valid capacity provider and "
                     "try again.");
    }
  }
  for (const auto& item : input.value("defaultCapacityProviderStrategy", Json::array())) {
    if (std::find(providers.begin(), providers.end(), item.value("capacityProvider", "")) == providers.end()) {
      throw ApiError(
          "InvalidParameterException",
          "The specified capacity provider strategy cannot contain a capacity provider that is not associated "
          "with the cluster. Associate the capacity provider with the cluster and try again.");
    }
  }
}

Json Described(const Store::Transaction& txn, const std::string& name, const Json& input) {
  Json cluster = WithTags(*txn.Find(kClusters, name), input);
  const std::string prefix = name + "/";
  int running = 0;
  int pending = 0;
  const auto& tasks = txn.All(kTasks);
  for (auto it = tasks.lower_bound(prefix); it != tasks.end() && it->first.starts_with(prefix); ++it) {
    const std::string status = it->second.value("lastStatus", "");
    running += status == "RUNNING" ? 1 : 0;
    pending += status == "PROVISIONING" || status == "PENDING" || status == "ACTIVATING" ? 1 : 0;
  }
  int services = 0;
  const auto& all = txn.All(kServices);
  for (auto it = all.lower_bound(prefix); it != all.end() && it->first.starts_with(prefix); ++it) {
    services += it->second.value("status", "") == "ACTIVE" ? 1 : 0;
  }
  cluster["runningTasksCount"] = running;
  cluster["pendingTasksCount"] = pending;
  cluster["activeServicesCount"] = services;
  return cluster;
}

Json CreateCluster(Cloud& cloud, Call& call) {
  const std::string given = call.input.value("clusterName", "");
  const std::string name = given.empty() ? "default" : given;
  if (!IsValidName(name)) {
    throw ApiError("InvalidParameterException",
                   "Name must be up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens.");
  }
  CheckProviders(call.input);
  if (call.txn.Find(kClusters, name) == nullptr) {
    call.txn.Put(
        kClusters, name,
        {{"clusterArn", cloud.Arn("ecs", "cluster/" + name)},
         {"clusterName", name},
         {"status", "ACTIVE"},
         {"registeredContainerInstancesCount", 0},
         {"statistics", Json::array()},
         {"settings",
          call.input.value("settings", Json::array({{{"name", "containerInsights"}, {"value", "disabled"}}}))},
         {"capacityProviders", call.input.value("capacityProviders", Json::array())},
         {"defaultCapacityProviderStrategy", call.input.value("defaultCapacityProviderStrategy", Json::array())},
         {"_tags", call.input.value("tags", Json::array())}});
    if (call.input.contains("configuration")) {
      call.txn.Edit(kClusters, name)["configuration"] = call.input["configuration"];
    }
  }
  return {{"cluster", Described(call.txn, name, {{"include", {"TAGS"}}})}};
}

Json DescribeClusters(Cloud& cloud, Call& call) {
  Json clusters = Json::array();
  Json failures = Json::array();
  if (call.input.value("clusters", Json::array()).size() > 100) {
    throw ApiError("InvalidParameterException", "Clusters cannot have more than 100 elements");
  }
  for (const auto& reference : call.input.value("clusters", Json::array({"default"}))) {
    const std::string name = LastPart(reference.get<std::string>());
    if (call.txn.Find(kClusters, name)) {
      clusters.push_back(Described(call.txn, name, call.input));
    } else {
      const std::string given = reference;
      failures.push_back(Failure(given.starts_with("arn:") ? given : cloud.Arn("ecs", "cluster/" + name), "MISSING"));
    }
  }
  return {{"clusters", std::move(clusters)}, {"failures", std::move(failures)}};
}

Json ListClusters(Call& call) {
  std::vector<std::string> arns;
  for (const auto& [name, cluster] : call.txn.All(kClusters)) arns.push_back(cluster.at("clusterArn"));
  return Page("clusterArns", arns, call.input, 100);
}

Json DeleteCluster(Call& call) {
  const std::string name = ClusterName(call.input);
  RequireCluster(call.txn, name);
  Json cluster = Described(call.txn, name, Json::object());
  const std::string prefix = name + "/";
  const auto& services = call.txn.All(kServices);
  for (auto it = services.lower_bound(prefix); it != services.end() && it->first.starts_with(prefix); ++it) {
    if (it->second.value("status", "") != "INACTIVE") {
      throw ApiError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.");
    }
  }
  const auto& tasks = call.txn.All(kTasks);
  std::vector<std::string> stopped;
  for (auto it = tasks.lower_bound(prefix); it != tasks.end() && it->first.starts_with(prefix); ++it) {
    if (!IsStopped(it->second)) {
      throw ApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.");
    }
    // One whose address a load balancer still drains gives it back later; the scheduler needs the task for that.
    if (!it->second.contains("_eni")) stopped.push_back(it->first);
  }
  std::vector<std::string> inactive;
  for (auto it = services.lower_bound(prefix); it != services.end() && it->first.starts_with(prefix); ++it) {
    inactive.push_back(it->first);
  }
  std::vector<std::string> tokens;
  for (const auto& [key, made] : call.txn.All(kRunTokens)) {
    if (key.starts_with(name + "\n")) tokens.push_back(key);
  }
  for (const auto& key : tokens) call.txn.Erase(kRunTokens, key);
  for (const auto& key : stopped) call.txn.Erase(kTasks, key);
  for (const auto& key : inactive) call.txn.Erase(kServices, key);
  call.txn.Erase(kClusters, name);
  cluster["status"] = "INACTIVE";
  return {{"cluster", std::move(cluster)}};
}

Json UpdateCluster(Call& call) {
  const std::string name = ClusterName(call.input);
  RequireCluster(call.txn, name);
  Json& cluster = call.txn.Edit(kClusters, name);
  for (const char* field : {"settings", "configuration", "serviceConnectDefaults"}) {
    if (call.input.contains(field)) cluster[field] = call.input[field];
  }
  return {{"cluster", Described(call.txn, name, Json::object())}};
}

Json PutClusterCapacityProviders(Call& call) {
  const std::string name = ClusterName(call.input);
  RequireCluster(call.txn, name);
  CheckProviders(call.input);
  Json& cluster = call.txn.Edit(kClusters, name);
  cluster["capacityProviders"] = call.input["capacityProviders"];
  cluster["defaultCapacityProviderStrategy"] = call.input["defaultCapacityProviderStrategy"];
  return {{"cluster", Described(call.txn, name, Json::object())}};
}

Json DescribeCapacityProviders(Cloud& cloud, Call& call) {
  Json providers = Json::array();
  const Json wanted = call.input.value("capacityProviders", Json::array({"FARGATE", "FARGATE_SPOT"}));
  Json failures = Json::array();
  for (const auto& name : wanted) {
    const std::string provider = LastPart(name.get<std::string>());
    const std::string arn = cloud.Arn("ecs", "capacity-provider/" + provider);
    if (provider == "FARGATE" || provider == "FARGATE_SPOT") {
      providers.push_back(
          {{"capacityProviderArn", arn}, {"name", provider}, {"status", "ACTIVE"}, {"tags", Json::array()}});
    } else {
      failures.push_back(Failure(arn, "MISSING"));
    }
  }
  return {{"capacityProviders", std::move(providers)}, {"failures", std::move(failures)}};
}

Json PutAccountSetting(Cloud& cloud, Call& call) {
  Json setting = {
      {"name", call.input["name"]}, {"value", call.input["value"]}, {"principalArn", cloud.GlobalArn("iam", "root")}};
  call.txn.Put(kAccountSettings, call.input["name"].get<std::string>(), setting);
  return {{"setting", std::move(setting)}};
}

Json ListAccountSettings(Cloud& cloud, Call& call) {
  std::map<std::string, std::string> values;
  if (call.input.value("effectiveSettings", false)) {
    values = {{"awsvpcTrunking", "disabled"},
              {"containerInsights", "disabled"},
              {"containerInstanceLongArnFormat", "enabled"},
              {"serviceLongArnFormat", "enabled"},
              {"taskLongArnFormat", "enabled"}};
  }
  for (const auto& [name, setting] : call.txn.All(kAccountSettings)) values[name] = setting.at("value");
  Json settings = Json::array();
  for (const auto& [name, value] : values) {
    if (call.input.contains("name") && call.input["name"] != name) continue;
    if (call.input.contains("value") && call.input["value"] != value) continue;
    settings.push_back({{"name", name}, {"value", value}, {"principalArn", cloud.GlobalArn("iam", "root")}});
  }
  return {{"settings", std::move(settings)}};
}

}  // namespace

void RegisterClusters(Api& api, Cloud& cloud) {
  api.On("ecs", "CreateCluster", [&cloud](Call& call) { return CreateCluster(cloud, call); });
  api.On("ecs", "DescribeClusters", [&cloud](Call& call) { return DescribeClusters(cloud, call); });
  api.On("ecs", "ListClusters", ListClusters);
  api.On("ecs", "DeleteCluster", DeleteCluster);
  api.On("ecs", "UpdateCluster", UpdateCluster, Effect::kRecorded);
  api.On("ecs", "UpdateClusterSettings", UpdateCluster, Effect::kRecorded);
  api.On("ecs", "PutClusterCapacityProviders", PutClusterCapacityProviders);
  api.On("ecs", "DescribeCapacityProviders", [&cloud](Call& call) { return DescribeCapacityProviders(cloud, call); });
  api.On("ecs", "ListAccountSettings", [&cloud](Call& call) { return ListAccountSettings(cloud, call); });
  api.On(
      "ecs", "PutAccountSetting", [&cloud](Call& call) { return PutAccountSetting(cloud, call); }, Effect::kRecorded);
  api.On(
      "ecs", "PutAccountSettingDefault", [&cloud](Call& call) { return PutAccountSetting(cloud, call); },
      Effect::kRecorded);
}

}  // namespace adhoc::localcloud::ecs
