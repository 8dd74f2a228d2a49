#include "localcloud/scheduler/targets.h"

#include <fmt/format.h>

#include <string>

#include "localcloud/network/vpc_network.h"
#include "localcloud/proxy/target_document.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/health_checks.h"

namespace adhoc::localcloud::ecs {
namespace {

std::string TargetKey(const Json& balancer, const Json& task) {
  return fmt::format("{}|{}|{}", balancer.value("targetGroupArn", ""), task.value("_ip", ""),
                     balancer.value("containerPort", 0));
}

void TellService(Cloud& cloud, Store::Transaction& txn, const Json& task, const std::string& text,
                 bool with_task_set = false) {
  const std::string service = task.value("_service", "");
  const std::string key = LastPart(task.at("clusterArn").get<std::string>()) + "/" + service;
  if (service.empty() || txn.Find(kServices, key) == nullptr) return;
  const std::string who = with_task_set
                              ? fmt::format("(service {}, taskSet {})", service, task.value("_deployment", ""))
                              : fmt::format("(service {})", service);
  AddServiceEvent(txn.Edit(kServices, key), who + " " + text, cloud.Now(), cloud.random);
}

// ECS tells Cloud Map the health of a task whose containers have health checks.
std::string InstanceHealth(const Store::Transaction& txn, const Json& task) {
  const Json* definition =
      txn.Find(kTaskDefinitions, TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
  if (definition == nullptr || !HasHealthCheck(*definition)) return "HEALTHY";
  return TaskHealthStatus(task, *definition) == "HEALTHY" ? "HEALTHY" : "UNHEALTHY";
}

}  // namespace

void RegisterTargets(Cloud& cloud, Store::Transaction& txn, Json& task) {
  for (const Json& balancer : task.value("_load_balancers", Json::array())) {
    const std::string group = balancer.value("targetGroupArn", "");
    const std::string key = TargetKey(balancer, task);
    if (txn.Find(kTargets, key) != nullptr || txn.Find("elbv2.targetgroups", group) == nullptr) continue;
    txn.Put(kTargets, key,
            {{"Target",
              {{"Id", task.value("_ip", "")},
               {"Port", balancer.value("containerPort", 0)},
               {"AvailabilityZone", task.value("availabilityZone", "")}}},
             {"TargetHealth",
              {{"State", "initial"},
               {"Reason", "Elb.RegistrationInProgress"},
               {"Description", "Target registration is in progress"}}},
             {"_target_group", group},
             {"_registered_at", cloud.DueAt(Slow::kTargetRegistration)}});
    TellService(cloud, txn, task, fmt::format("registered 1 targets in (target-group {})", group));
  }
}

void DrainTargets(Cloud& cloud, Store::Transaction& txn, const Json& task) {
  bool some = false;
  for (const Json& balancer : task.value("_load_balancers", Json::array())) {
    const std::string key = TargetKey(balancer, task);
    if (txn.Find(kTargets, key) == nullptr) continue;
    Json& target = txn.Edit(kTargets, key);
    if (target["TargetHealth"].value("State", "") != "draining") {
      target["TargetHealth"] = {{"State", "draining"},
                                {"Reason", "Target.DeregistrationInProgress"},
                                {"Description", "Target deregistration is in progress"}};
      target["_draining_since"] = cloud.Now();
    }
    TellService(cloud, txn, task,
                fmt::format("deregistered 1 targets in (target-group {})", balancer.value("targetGroupArn", "")));
    some = true;
  }
  if (some) TellService(cloud, txn, task, "has begun draining connections on 1 tasks.", true);
}

bool HasTargets(const Store::Transaction& txn, const Json& task) {
  for (const Json& balancer : task.value("_load_balancers", Json::array())) {
    if (txn.Find(kTargets, TargetKey(balancer, task)) != nullptr) return true;
  }
  return false;
}

bool GetsRequests(const Store::Transaction& txn, const Json& task) {
  for (const Json& balancer : task.value("_load_balancers", Json::array())) {
    const Json* target = txn.Find(kTargets, TargetKey(balancer, task));
    if (target != nullptr && !target->contains(proxy::kLetGo)) return true;
  }
  return false;
}

void RegisterInstances(const Cloud& cloud, Store::Transaction& txn, Json& task) {
  const std::string id = LastPart(task.at("taskArn").get<std::string>());
  for (const Json& registry : task.value("_registries", Json::array())) {
    const std::string service = LastPart(registry.value("registryArn", ""));
    const Json* discovery = txn.Find("servicediscovery.services", service);
    if (discovery == nullptr) continue;
    const std::string definition = TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>());
    Json attributes = {{"AWS_INSTANCE_IPV4", task.value("_ip", "")},
                       {"AVAILABILITY_ZONE", task.value("availabilityZone", "")},
                       {"REGION", cloud.settings.region},
                       {"ECS_SERVICE_NAME", task.value("_service", "")},
                       {"ECS_CLUSTER_NAME", LastPart(task.at("clusterArn").get<std::string>())},
                       {"ECS_TASK_DEFINITION_FAMILY", definition.substr(0, definition.rfind(':'))}};
    if (registry.contains("port")) attributes["AWS_INSTANCE_PORT"] = std::to_string(registry["port"].get<int>());
    if (registry.contains("containerPort")) {
      attributes["AWS_INSTANCE_PORT"] = std::to_string(registry["containerPort"].get<int>());
    }
    Json instance{{"Id", id}, {"Attributes", std::move(attributes)}};
    if (discovery->contains("HealthCheckCustomConfig")) instance["_health"] = InstanceHealth(txn, task);
    txn.Put("servicediscovery.instances", service + "/" + id, std::move(instance));
    task["_instances"].push_back(service + "/" + id);
  }
}

void UpdateInstances(Store::Transaction& txn, const Json& task) {
  for (const Json& key : task.value("_instances", Json::array())) {
    const Json* instance = txn.Find("servicediscovery.instances", key.get<std::string>());
    if (instance == nullptr || !instance->contains("_health")) continue;
    const std::string health = InstanceHealth(txn, task);
    if (instance->at("_health") == health) continue;
    txn.Edit("servicediscovery.instances", key.get<std::string>())["_health"] = health;
  }
}

void DeregisterInstances(Store::Transaction& txn, Json& task) {
  for (const Json& key : task.value("_instances", Json::array())) {
    txn.Erase("servicediscovery.instances", key.get<std::string>());
  }
  task.erase("_instances");
}

void ReleaseAddress(Store::Transaction& txn, Json& task) {
  if (!task.contains("_eni") || HasTargets(txn, task)) return;
  EraseInterface(txn, task["_eni"].get<std::string>());
  for (const Json& refused : task.value("_refused_enis", Json::array())) {
    EraseInterface(txn, refused.get<std::string>());
  }
  task.erase("_eni");
  task.erase("_refused_enis");
}

}  // namespace adhoc::localcloud::ecs
