// Services. What the API accepts is written to the service document; the scheduler makes it true.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "localcloud/api/ecs_internal.h"

namespace adhoc::localcloud::ecs {
namespace {

[[noreturn]] void Refuse(const std::string& message) { throw ApiError("InvalidParameterException", message); }

bool Forwards(const Json& actions, const std::string& target_group) {
  for (const auto& action : actions) {
    if (action.value("TargetGroupArn", "") == target_group) return true;
    for (const auto& group : action.value("/ForwardConfig/TargetGroups"_json_pointer, Json::array())) {
      if (group.value("TargetGroupArn", "") == target_group) return true;
    }
  }
  return false;
}

bool HasLoadBalancer(const Store::Transaction& txn, const std::string& target_group) {
  for (const auto& [arn, listener] : txn.All("elbv2.listeners")) {
    if (Forwards(listener.value("DefaultActions", Json::array()), target_group)) return true;
  }
  for (const auto& [arn, rule] : txn.All("elbv2.rules")) {
    if (Forwards(rule.value("Actions", Json::array()), target_group)) return true;
  }
  return false;
}

void CheckLoadBalancers(const Store::Transaction& txn, const Json& definition, const Json& balancers) {
  if (balancers.size() > 5) Refuse("load balancers can have at most 5 items.");
  for (const auto& balancer : balancers) {
    const std::string arn = balancer.value("targetGroupArn", "");
    if (arn.empty()) Refuse("Classic load balancers are not supported with network mode awsvpc.");
    const Json* group = txn.Find("elbv2.targetgroups", arn);
    if (group == nullptr) Refuse("The target group with targetGroupArn " + arn + " does not exist.");
    if (group->value("TargetType", "ip") != "ip") {
      Refuse(
          fmt::format("The provided target group {} has target type {}, which is incompatible with the awsvpc network "
                      "mode specified in the task definition.",
                      arn, group->value("TargetType", "")));
    }
    if (!HasLoadBalancer(txn, arn)) {
      Refuse("The target group with targetGroupArn " + arn + " does not have an associated load balancer.");
    }
    const std::string name = balancer.value("containerName", "");
    const int port = balancer.value("containerPort", 0);
    const Json& containers = definition.at("containerDefinitions");
    const auto container =
        std::find_if(containers.begin(), containers.end(), [&](const Json& c) { return c.value("name", "") == name; });
    if (container == containers.end()) Refuse("The container " + name + " does not exist in the task definition.");
    const Json mappings = container->value("portMappings", Json::array());
    if (std::none_of(mappings.begin(), mappings.end(),
                     [&](const Json& m) { return m.value("containerPort", 0) == port; })) {
      Refuse(fmt::format("The container {} did not have a container port {} defined.", name, port));
    }
  }
}

void CheckRegistries(const Store::Transaction& txn, const Json& registries) {
  if (registries.size() > 1) Refuse("service registries can have at most 1 items.");
  for (const auto& registry : registries) {
    const std::string arn = registry.value("registryArn", "");
    if (txn.Find("servicediscovery.services", LastPart(arn)) == nullptr) {
      Refuse("The service registry " + arn + " does not exist.");
    }
  }
}

Json DeploymentConfiguration(const Json& given) {
  Json configuration = given.is_object() ? given : Json::object();
  if (!configuration.contains("maximumPercent")) configuration["maximumPercent"] = 200;
  if (!configuration.contains("minimumHealthyPercent")) configuration["minimumHealthyPercent"] = 100;
  if (!configuration.contains("deploymentCircuitBreaker")) {
    configuration["deploymentCircuitBreaker"] = {{"enable", false}, {"rollback", false}};
  }
  const int minimum = configuration["minimumHealthyPercent"];
  const int maximum = configuration["maximumPercent"];
  if (minimum < 0 || minimum > 100) Refuse("minimumHealthyPercent must be between 0 and 100.");
  if (maximum < 100 || maximum > 200) Refuse("maximumPercent must be between 100 and 200.");
  return configuration;
}

void CheckGracePeriod(const Json& service) {
  if (service.contains("healthCheckGracePeriodSeconds") && service.value("loadBalancers", Json::array()).empty()) {
    Refuse("Health check grace period is only valid for services configured to use load balancers");
  }
}

Json& RequireActive(const Store::Transaction& txn, Call& call, const std::string& key) {
  const Json* service = txn.Find(kServices, key);
  if (service == nullptr) throw ApiError("ServiceNotFoundException", "Service not found.");
  if (service->value("status", "") != "ACTIVE") {
    throw ApiError("ServiceNotActiveException", "Service was not ACTIVE.");
  }
  return call.txn.Edit(kServices, key);
}

Json CreateService(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string cluster_name = ClusterName(input);
  const Json& cluster = RequireCluster(call.txn, cluster_name);
  const std::string name = input["serviceName"];
  if (name.empty() || name.size() > 255 || !std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
      })) {
    Refuse("Name must be up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens.");
  }
  const std::string key = ServiceKey(cluster_name, name);
  Json request = input;
  request.erase("clientToken");
  if (const Json* existing = call.txn.Find(kServices, key)) {
    const std::string status = existing->value("status", "");
    if (status == "DRAINING") Refuse("Unable to Start a service that is still Draining.");
    if (status == "ACTIVE") {
      if (existing->value("_request", Json()) != request) Refuse("Creation of service was not idempotent.");
      return {{"service", *existing}};
    }
  }
  if (!input.contains("taskDefinition")) Refuse("TaskDefinition can not be blank.");
  if (input.value("schedulingStrategy", "REPLICA") != "REPLICA") {
    Refuse("The scheduling strategy DAEMON is not supported with the FARGATE launch type.");
  }
  if (!input.contains("desiredCount")) Refuse("desiredCount is required for the REPLICA scheduling strategy.");
  if (input["desiredCount"] < 0) Refuse("desiredCount must not be negative.");
  if (const std::string type = input.value("/deploymentController/type"_json_pointer, "ECS"); type != "ECS") {
    Refuse("The deployment controller " + type + " is not supported here: only ECS is.");
  }
  const Json& definition = RequireActiveTaskDefinition(call.txn, input["taskDefinition"]);
  const Launch launch = ChooseLaunch(cluster, input);
  CheckNetworkConfiguration(call.txn, input);
  CheckLoadBalancers(call.txn, definition, input.value("loadBalancers", Json::array()));
  CheckRegistries(call.txn, input.value("serviceRegistries", Json::array()));
  CheckExecuteCommand(definition, input.value("enableExecuteCommand", false), "service couldn't be created");
  CheckGracePeriod(input);

  const double now = cloud.Now();
  Json service = {
      {"serviceArn", cloud.Arn("ecs", "service/" + key)},
      {"serviceName", name},
      {"clusterArn", cloud.Arn("ecs", "cluster/" + cluster_name)},
      {"status", "ACTIVE"},
      {"desiredCount", input["desiredCount"]},
      {"runningCount", 0},
      {"pendingCount", 0},
      {"taskDefinition", definition.at("taskDefinitionArn")},
      {"deploymentConfiguration", DeploymentConfiguration(input.value("deploymentConfiguration", Json::object()))},
      {"loadBalancers", input.value("loadBalancers", Json::array())},
      {"serviceRegistries", input.value("serviceRegistries", Json::array())},
      {"deployments", Json::array()},
      {"events", Json::array()},
      {"createdAt", now},
      {"createdBy", cloud.GlobalArn("iam", "root")},
      {"placementConstraints", Json::array()},
      {"placementStrategy", Json::array()},
      {"networkConfiguration", input["networkConfiguration"]},
      {"schedulingStrategy", "REPLICA"},
      {"deploymentController", {{"type", "ECS"}}},
      {"availabilityZoneRebalancing", input.value("availabilityZoneRebalancing", "DISABLED")},
      {"enableECSManagedTags", input.value("enableECSManagedTags", false)},
      {"propagateTags", input.value("propagateTags", "NONE")},
      {"enableExecuteCommand", input.value("enableExecuteCommand", false)},
      {"platformFamily", "Linux"},
      {"platformVersion", input.value("platformVersion", "LATEST")},
      {"_tags", input.value("tags", Json::array())},
      {"_request", std::move(request)},
  };
  if (launch.strategy.empty()) {
    service["launchType"] = "FARGATE";
  } else {
    service["capacityProviderStrategy"] = launch.strategy;
  }
  if (input.contains("healthCheckGracePeriodSeconds")) {
    service["healthCheckGracePeriodSeconds"] = input["healthCheckGracePeriodSeconds"];
  } else if (!service["loadBalancers"].empty()) {
    service["healthCheckGracePeriodSeconds"] = 0;
  }
  BeginDeployment(service, {.id = NewDeploymentId(cloud.random), .reason = ""}, now);
  call.txn.Put(kServices, key, service);
  service["tags"] = service["_tags"];
  return {{"service", std::move(service)}};
}

// What makes a new deployment when an update changes it.
constexpr const char* kRollingFields[] = {"networkConfiguration", "loadBalancers", "serviceRegistries",
                                          "platformVersion"};
// What an update changes in place.
constexpr const char* kPlainFields[] = {"healthCheckGracePeriodSeconds", "enableExecuteCommand", "enableECSManagedTags",
                                        "propagateTags", "availabilityZoneRebalancing"};

Json UpdateService(Cloud& cloud, Call& call) {
  const Json& input = call.input;
  const std::string cluster_name = ClusterName(input);
  const Json& cluster = RequireCluster(call.txn, cluster_name);
  const std::string key = ServiceKey(cluster_name, input["service"]);
  Json& service = RequireActive(call.txn, call, key);
  const double now = cloud.Now();

  bool roll = input.value("forceNewDeployment", false);
  if (input.contains("taskDefinition")) {
    const Json& definition = RequireActiveTaskDefinition(call.txn, input["taskDefinition"]);
    roll = roll || service["taskDefinition"] != definition.at("taskDefinitionArn");
    service["taskDefinition"] = definition.at("taskDefinitionArn");
  }
  const Json* definition =
      call.txn.Find(kTaskDefinitions, TaskDefinitionKey(service["taskDefinition"].get<std::string>()));
  if (definition == nullptr) throw ApiError("ClientException", "TaskDefinition not found.");
  if (input.contains("networkConfiguration")) CheckNetworkConfiguration(call.txn, input);
  if (input.contains("serviceRegistries")) CheckRegistries(call.txn, input["serviceRegistries"]);
  if (input.contains("capacityProviderStrategy")) {
    const Launch launch = ChooseLaunch(cluster, input);
    if (service.contains("launchType") && !input.value("forceNewDeployment", false)) {
      Refuse("A force new deployment is required when changing from a launch type to a capacity provider strategy.");
    }
    roll = roll || service.value("capacityProviderStrategy", Json::array()) != launch.strategy;
    service.erase("launchType");
    service["capacityProviderStrategy"] = launch.strategy;
  }
  for (const char* field : kRollingFields) {
    if (!input.contains(field)) continue;
    roll = roll || service[field] != input[field];
    service[field] = input[field];
  }
  if (roll || input.contains("loadBalancers")) CheckLoadBalancers(call.txn, *definition, service["loadBalancers"]);
  for (const char* field : kPlainFields) {
    if (input.contains(field)) service[field] = input[field];
  }
  CheckExecuteCommand(*definition, service.value("enableExecuteCommand", false), "service couldn't be updated");
  if (input.contains("healthCheckGracePeriodSeconds")) CheckGracePeriod(service);
  if (input.contains("deploymentConfiguration")) {
    Json merged = service["deploymentConfiguration"];
    merged.merge_patch(input["deploymentConfiguration"]);
    service["deploymentConfiguration"] = DeploymentConfiguration(merged);
  }
  if (input.contains("desiredCount")) {
    if (input["desiredCount"] < 0) Refuse("desiredCount must not be negative.");
    SetDesiredCount(service, input["desiredCount"]);
  }
  if (roll) BeginDeployment(service, {.id = NewDeploymentId(cloud.random), .reason = ""}, now);
  // A later CreateService with these words is no repetition of the one that made the service.
  service.erase("_request");
  return {{"service", service}};
}

Json DeleteService(Call& call) {
  const std::string cluster = ClusterName(call.input);
  RequireCluster(call.txn, cluster);
  const std::string key = ServiceKey(cluster, call.input["service"]);
  Json& service = RequireActive(call.txn, call, key);
  if (service["desiredCount"] > 0 && !call.input.value("force", false)) {
    Refuse("The service cannot be stopped while it is scaled above 0.");
  }
  service["status"] = "DRAINING";
  service["desiredCount"] = 0;
  for (Json& deployment : service["deployments"]) deployment["desiredCount"] = 0;
  return {{"service", service}};
}

Json DescribeServices(Cloud& cloud, Call& call) {
  const std::string cluster = ClusterName(call.input);
  RequireCluster(call.txn, cluster);
  if (call.input["services"].size() > 10) Refuse("Services cannot have more than 10 elements");
  Json services = Json::array();
  Json failures = Json::array();
  for (const auto& reference : call.input["services"]) {
    const std::string key = ServiceKey(cluster, reference);
    if (const Json* service = call.txn.Find(kServices, key)) {
      services.push_back(WithTags(*service, call.input));
    } else {
      failures.push_back(Failure(cloud.Arn("ecs", "service/" + key), "MISSING"));
    }
  }
  return {{"services", std::move(services)}, {"failures", std::move(failures)}};
}

Json ListServices(Call& call) {
  const std::string cluster = ClusterName(call.input);
  RequireCluster(call.txn, cluster);
  const std::string launch_type = call.input.value("launchType", "");
  const std::string prefix = cluster + "/";
  std::vector<std::string> arns;
  const auto& services = call.txn.All(kServices);
  for (auto it = services.lower_bound(prefix); it != services.end() && it->first.starts_with(prefix); ++it) {
    if (it->second.value("status", "") == "INACTIVE") continue;
    if (!launch_type.empty() && it->second.value("launchType", "") != launch_type) continue;
    arns.push_back(it->second.at("serviceArn"));
  }
  return Page("serviceArns", arns, call.input, 10);
}

}  // namespace

void RegisterServices(Api& api, Cloud& cloud) {
  api.On("ecs", "CreateService", [&cloud](Call& call) { return CreateService(cloud, call); });
  api.On("ecs", "UpdateService", [&cloud](Call& call) { return UpdateService(cloud, call); });
  api.On("ecs", "DeleteService", DeleteService);
  api.On("ecs", "DescribeServices", [&cloud](Call& call) { return DescribeServices(cloud, call); });
  api.On("ecs", "ListServices", ListServices);
}

}  // namespace adhoc::localcloud::ecs
