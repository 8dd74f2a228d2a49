#include "localcloud/scheduler/service_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "localcloud/scheduler/capacity.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/health_checks.h"
#include "localcloud/scheduler/targets.h"

namespace adhoc::localcloud::ecs {
namespace {

// AWS's scheduler tries again after growing pauses of up to some minutes.
constexpr double kCapacityRetrySeconds = 5;
constexpr const char* kRolloutNames[] = {"IN_PROGRESS", "COMPLETED", "FAILED"};

Rollout RolloutFrom(const std::string& name) {
  if (name == "COMPLETED") return Rollout::kCompleted;
  return name == "FAILED" ? Rollout::kFailed : Rollout::kInProgress;
}

DeploymentView ViewDeployment(const Json& deployment) {
  DeploymentView view;
  view.id = deployment.at("id");
  view.primary = deployment.value("status", "") == "PRIMARY";
  view.rollout = RolloutFrom(deployment.value("rolloutState", ""));
  view.rollout_reason = deployment.value("rolloutStateReason", "");
  view.failed_tasks = deployment.value("failedTasks", 0);
  view.start_after = deployment.value("_start_after", 0.0);
  return view;
}

struct HealthFinding {
  TaskView::Health health = TaskView::Health::kPending;
  std::string reason;
  std::string event;
};

// What the load balancers say about a running task. kHealthy when it has none.
HealthFinding TargetHealth(const Store::Transaction& txn, const Json& task) {
  using Health = TaskView::Health;
  HealthFinding finding{Health::kHealthy, "", ""};
  for (const Json& balancer : task.value("_load_balancers", Json::array())) {
    const std::string group = balancer.value("targetGroupArn", "");
    const int port = balancer.value("containerPort", 0);
    const Json* target = txn.Find(kTargets, fmt::format("{}|{}|{}", group, task.value("_ip", ""), port));
    const Json health = target == nullptr ? Json::object() : target->value("TargetHealth", Json::object());
    const std::string state = health.value("State", "");
    if (state == "unhealthy" || state == "draining" || state == "unhealthy.draining") {
      finding.health = Health::kUnhealthy;
      finding.reason = fmt::format("Task failed ELB health checks in (target-group {})", group);
      finding.event =
          fmt::format("(service {}) (task {}) (port {}) is unhealthy in (target-group {}) due to (reason {}).",
                      task.value("_service", ""), LastPart(task.at("taskArn").get<std::string>()), port, group,
                      health.value("Description", "Health checks failed"));
      return finding;
    }
    if (state != "healthy") finding.health = Health::kPending;
  }
  return finding;
}

HealthFinding FindHealth(const Store::Transaction& txn, const Json& service, const Json& task, double now,
                         double settle_seconds, double& wake_at) {
  using Health = TaskView::Health;
  if (task.value("lastStatus", "") != "RUNNING") return {};
  const double started = task.value("startedAt", now);
  const bool balanced = !task.value("_load_balancers", Json::array()).empty();
  const Json* definition =
      txn.Find(kTaskDefinitions, TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
  const bool checked = definition != nullptr && HasHealthCheck(*definition);

  HealthFinding finding = TargetHealth(txn, task);
  if (checked) {
    const std::string status = task.value("healthStatus", "UNKNOWN");
    if (status == "UNHEALTHY") {
      finding = {Health::kUnhealthy, "Task failed container health checks", ""};
    } else if (status != "HEALTHY" && finding.health == Health::kHealthy) {
      finding.health = Health::kPending;
    }
  }
  const bool settled = task.value("_settled", false) || task.value("_healthy", false);
  if (!balanced && !checked && !settled && now < started + settle_seconds) {
    wake_at = std::min(wake_at, started + settle_seconds);
    return {};
  }
  const double grace = started + service.value("healthCheckGracePeriodSeconds", 0);
  if (finding.health == Health::kUnhealthy && now < grace) {
    wake_at = std::min(wake_at, grace);
    return {};
  }
  return finding;
}

Json TagsFor(const Json& service, const Json& definition) {
  const std::string propagate = service.value("propagateTags", "NONE");
  Json tags = Json::array();
  if (propagate == "SERVICE") tags = service.value("_tags", Json::array());
  if (propagate == "TASK_DEFINITION") tags = definition.value("_tags", Json::array());
  if (service.value("enableECSManagedTags", false)) {
    tags.push_back({{"key", "aws:ecs:clusterName"}, {"value", LastPart(service.at("clusterArn").get<std::string>())}});
    tags.push_back({{"key", "aws:ecs:serviceName"}, {"value", service.at("serviceName")}});
  }
  return tags;
}

Json* FindDeployment(Json& list, const std::string& id) {
  for (Json& deployment : list) {
    if (deployment.value("id", "") == id) return &deployment;
  }
  return nullptr;
}

// Writes the deployments' new states; brings back the one that a roll back returns to.
void ApplyDeployments(Json& service, const Decision& decision, double now) {
  Json updated = Json::array();
  for (const DeploymentView& view : decision.deployments) {
    Json* existing = FindDeployment(service["deployments"], view.id);
    if (existing == nullptr && service.contains("_last_completed")) {
      existing = &service["_last_completed"];
      if (existing->value("id", "") != view.id) existing = nullptr;
    }
    if (existing == nullptr) continue;
    Json deployment = *existing;
    const bool promoted = view.primary && deployment.value("status", "") != "PRIMARY";
    deployment["status"] = view.primary ? "PRIMARY" : "ACTIVE";
    deployment["rolloutState"] = kRolloutNames[static_cast<int>(view.rollout)];
    deployment["rolloutStateReason"] = view.rollout_reason;
    deployment["failedTasks"] = view.failed_tasks;
    deployment["_start_after"] = view.start_after;
    if (view.primary) deployment["desiredCount"] = service["desiredCount"];
    if (deployment != *existing) deployment["updatedAt"] = now;
    if (promoted) {
      service["taskDefinition"] = deployment["taskDefinition"];
      service.erase("launchType");
      service.erase("capacityProviderStrategy");
      for (const char* name : {"networkConfiguration", "platformVersion", "launchType", "capacityProviderStrategy"}) {
        if (deployment.contains(name)) service[name] = deployment[name];
      }
      for (const char* name : {"loadBalancers", "serviceRegistries", "enableExecuteCommand"}) {
        const std::string kept = std::string("_") + name;
        if (deployment.contains(kept)) service[name] = deployment[kept];
      }
    }
    if (view.rollout == Rollout::kCompleted && view.primary) service["_last_completed"] = deployment;
    updated.push_back(std::move(deployment));
  }
  service["deployments"] = std::move(updated);
}

std::string TaskList(const std::vector<std::string>& ids) {
  std::string text;
  for (const auto& id : ids) text += fmt::format("{}(task {})", text.empty() ? "" : " ", id);
  return text;
}

void StartTasks(Cloud& cloud, Store::Transaction& txn, Json& service, const Decision& decision) {
  const std::string name = service.at("serviceName");
  std::vector<std::string> ids;
  for (const Decision::Start& start : decision.starts) {
    Json* deployment = FindDeployment(service["deployments"], start.deployment);
    if (deployment == nullptr) continue;
    const Json* definition =
        txn.Find(kTaskDefinitions, TaskDefinitionKey(deployment->at("taskDefinition").get<std::string>()));
    if (definition == nullptr) {
      AddServiceEvent(
          service,
          fmt::format("(service {}) was unable to place a task. Reason: the task definition {} does not exist.", name,
                      deployment->at("taskDefinition").get<std::string>()),
          cloud.Now(), cloud.random);
      continue;
    }
    TaskTemplate from;
    from.cluster = LastPart(service.at("clusterArn").get<std::string>());
    from.task_definition = *definition;
    from.network_configuration = deployment->value("networkConfiguration", service["networkConfiguration"]);
    from.platform_version = deployment->value("platformVersion", "");
    from.group = "service:" + name;
    from.started_by = start.deployment;
    from.enable_execute_command = service.value("enableExecuteCommand", false);
    from.tags = TagsFor(service, *definition);
    from.service = name;
    from.deployment = start.deployment;
    const Json strategy = deployment->value("capacityProviderStrategy", Json::array());
    std::map<std::string, int> placed;
    for (const std::string& key : TaskKeysOf(txn, from.cluster, name)) {
      const Json& task = *txn.Find(kTasks, key);
      if (IsStopping(task) || task.value("_deployment", "") != start.deployment) continue;
      ++placed[task.value("capacityProviderName", "")];
    }
    for (int i = 0; i < start.count; ++i) {
      from.capacity_provider = NextCapacityProvider(strategy, placed);
      if (!HasCapacity(txn, from.capacity_provider)) {
        AddServiceEvent(service, fmt::format("(service {}) was unable to place a task. Reason: {}.", name, kNoCapacity),
                        cloud.Now(), cloud.random);
        (*deployment)["_start_after"] = cloud.Now() + kCapacityRetrySeconds;
        break;
      }
      ++placed[from.capacity_provider];
      Json task = NewTask(from, cloud);
      task["_load_balancers"] = deployment->value("_loadBalancers", Json::array());
      task["_registries"] = deployment->value("_serviceRegistries", Json::array());
      const std::string arn = task["taskArn"];
      ids.push_back(LastPart(arn));
      txn.Put(kTasks, KeyFromArn(arn), std::move(task));
    }
  }
  if (ids.empty()) return;
  AddServiceEvent(service, fmt::format("(service {}) has started {} tasks: {}.", name, ids.size(), TaskList(ids)),
                  cloud.Now(), cloud.random);
}

void StopTasks(Cloud& cloud, Store::Transaction& txn, Json& service, const Decision& decision, const TaskViews& views) {
  const std::string name = service.at("serviceName");
  std::vector<std::string> ids;
  for (const Decision::Stop& stop : decision.stops) {
    Json& task = txn.Edit(kTasks, stop.task);
    StopTask(task, "ServiceSchedulerInitiated", stop.reason, cloud.Now());
    if (stop.failed) task["_failed"] = true;
    const auto event = views.unhealthy_events.find(stop.task);
    if (stop.failed && event != views.unhealthy_events.end()) {
      AddServiceEvent(service, event->second, cloud.Now(), cloud.random);
    }
    ids.push_back(LastPart(stop.task));
  }
  if (ids.empty()) return;
  AddServiceEvent(service,
                  fmt::format("(service {}) has stopped {} running tasks: {}.", name, ids.size(), TaskList(ids)),
                  cloud.Now(), cloud.random);
}

}  // namespace

ServiceView ViewService(const Json& service) {
  ServiceView view;
  view.name = service.at("serviceName");
  view.draining = service.value("status", "") == "DRAINING";
  view.desired = service.value("desiredCount", 0);
  const Json configuration = service.value("deploymentConfiguration", Json::object());
  view.minimum_percent = configuration.value("minimumHealthyPercent", 100);
  view.maximum_percent = configuration.value("maximumPercent", 200);
  view.breaker = configuration.value("/deploymentCircuitBreaker/enable"_json_pointer, false);
  view.rollback = configuration.value("/deploymentCircuitBreaker/rollback"_json_pointer, false);
  for (const Json& deployment : service.value("deployments", Json::array())) {
    view.deployments.push_back(ViewDeployment(deployment));
  }
  if (service.contains("_last_completed")) view.last_completed = ViewDeployment(service["_last_completed"]);
  view.steady = service.value("_steady", false);
  return view;
}

TaskViews ViewTasks(const Store::Transaction& txn, const Json& service, const std::vector<std::string>& keys,
                    double now, double settle_seconds) {
  TaskViews views;
  views.wake_at = std::numeric_limits<double>::infinity();
  for (const std::string& key : keys) {
    const Json& task = *txn.Find(kTasks, key);
    TaskView view;
    view.id = key;
    view.deployment = task.value("_deployment", "");
    if (IsStopped(task)) {
      view.phase = TaskView::Phase::kStopped;
    } else if (IsStopping(task)) {
      view.phase = TaskView::Phase::kStopping;
      view.serves = GetsRequests(txn, task);
    } else {
      view.phase = task.value("lastStatus", "") == "RUNNING" ? TaskView::Phase::kRunning : TaskView::Phase::kStarting;
      const HealthFinding finding = FindHealth(txn, service, task, now, settle_seconds, views.wake_at);
      view.health = finding.health;
      view.unhealthy_reason = finding.reason;
      if (!finding.event.empty()) views.unhealthy_events[key] = finding.event;
    }
    view.was_healthy = task.value("_healthy", false);
    view.failed = task.value("_failed", false);
    view.counted = task.value("_counted", false);
    if (task.value("stopCode", "") == "TaskFailedToStart") view.start_failure = task.value("stoppedReason", "");
    view.created_at = task.value("createdAt", 0.0);
    view.ended_at = task.value("stoppingAt", now);
    views.tasks.push_back(std::move(view));
  }
  return views;
}

void Apply(Cloud& cloud, Store::Transaction& txn, const std::string& service_key, const Decision& decision,
           const TaskViews& views) {
  const double now = cloud.Now();
  const Json& before = *txn.Find(kServices, service_key);
  Json service = before;
  for (const std::string& key : decision.counted) txn.Edit(kTasks, key)["_counted"] = true;
  for (const std::string& key : decision.became_healthy) txn.Edit(kTasks, key)["_healthy"] = true;
  ApplyDeployments(service, decision, now);
  StartTasks(cloud, txn, service, decision);
  StopTasks(cloud, txn, service, decision, views);
  for (const std::string& event : decision.events) AddServiceEvent(service, event, now, cloud.random);
  service["_steady"] = decision.steady;
  if (decision.inactive) {
    service["status"] = "INACTIVE";
    service["_inactive_at"] = now;
  }
  std::vector<const Json*> tasks;
  const std::string cluster = LastPart(service.at("clusterArn").get<std::string>());
  for (const std::string& key : TaskKeysOf(txn, cluster, service.at("serviceName").get<std::string>())) {
    tasks.push_back(txn.Find(kTasks, key));
  }
  CountTasks(service, tasks);
  if (service != before) txn.Put(kServices, service_key, std::move(service));
}

}  // namespace adhoc::localcloud::ecs
