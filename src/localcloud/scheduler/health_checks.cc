#include "localcloud/scheduler/health_checks.h"

#include <algorithm>
#include <limits>

#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/targets.h"

namespace adhoc::localcloud {
namespace {

constexpr double kFirstSuccessInterval = 1;
constexpr double kBusyInterval = 0.2;  // when a check takes longer than its interval

}  // namespace

double HealthChecks::Run(const std::string& key, const Json& task, const Json& task_definition) {
  double next = std::numeric_limits<double>::infinity();
  const double now = cloud_.Now();
  for (const Json& container : task.at("containers")) {
    if (container.value("lastStatus", "") != "RUNNING") continue;
    const std::string name = container.at("name");
    const Json& definition = ecs::ContainerDefinition(task_definition, name);
    const auto argv = ecs::HealthCommand(definition);
    if (argv.empty()) continue;
    const std::string id = container.value("_id", "");
    const double started = container.value("_started", now);
    const Json& health_check = definition["healthCheck"];
    const double interval = health_check.value("interval", 30.0);
    auto checks = checks_.lock();
    auto [found, is_new] = checks->try_emplace(id);
    Check& check = found->second;
    if (is_new) check = {.due = now, .counted_at = started};
    if (check.due <= now && check.running) {
      next = std::min(next, now + kBusyInterval);
    } else if (check.due <= now) {
      check.running = true;
      const bool settled = container.value("healthStatus", "UNKNOWN") == "HEALTHY";
      check.due = now + (settled ? interval : std::min(interval, kFirstSuccessInterval));
      pool_.Submit(
          [this, key, name, id, health_check, argv, started] { Probe(key, name, id, health_check, argv, started); });
      next = std::min(next, check.due);
    } else {
      next = std::min(next, check.due);
    }
  }
  return next;
}

void HealthChecks::Forget(const Json& task) {
  auto checks = checks_.lock();
  for (const Json& container : task.at("containers")) checks->erase(container.value("_id", ""));
}

void HealthChecks::Probe(const std::string& key, const std::string& name, const std::string& container,
                         const Json& health_check, const std::vector<std::string>& argv, double started) {
  bool ok = false;
  bool known = true;
  try {
    ExecSpec spec;
    spec.argv = argv;
    spec.stdin_open = false;
    const ExecResult result =
        cloud_.runtime.RunExec(container, spec, std::chrono::seconds(health_check.value("timeout", 5)));
    ok = !result.timed_out && result.exit_code == 0;
  } catch (const RuntimeError&) {
    // The container has ended or the engine is away; neither says anything about health.
    known = false;
  }
  std::string status;
  {
    auto checks = checks_.lock();
    const auto found = checks->find(container);
    if (found == checks->end()) return;
    Check& check = found->second;
    check.running = false;
    if (ok) {
      check.failures = 0;
      check.counted_at = cloud_.Now();
      status = "HEALTHY";
    } else if (known) {
      const double now = cloud_.Now();
      const double interval = health_check.value("interval", 30.0);
      if (now >= started + health_check.value("startPeriod", 0) && now - check.counted_at >= interval) {
        check.counted_at = now;
        ++check.failures;
      }
      if (check.failures >= health_check.value("retries", 3)) status = "UNHEALTHY";
    }
  }
  Record(key, name, container, status);
}

void HealthChecks::Record(const std::string& key, const std::string& name, const std::string& container,
                          std::string_view status) {
  auto txn = cloud_.store.Begin();
  const Json* found = txn->Find(ecs::kTasks, key);
  if (found == nullptr) return;
  Json task = *found;
  for (Json& entry : task["containers"]) {
    if (entry.value("name", "") == name && entry.value("_id", "") == container && !status.empty()) {
      entry["healthStatus"] = status;
    }
  }
  const Json* definition =
      txn->Find(ecs::kTaskDefinitions, ecs::TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
  if (definition != nullptr) task["healthStatus"] = TaskHealthStatus(task, *definition);
  if (task == *found) return;
  ecs::UpdateInstances(*txn, task);
  txn->Put(ecs::kTasks, key, std::move(task));
  txn->Commit();
}

std::string TaskHealthStatus(const Json& task, const Json& task_definition) {
  bool some = false;
  bool unknown = false;
  for (const Json& container : task.at("containers")) {
    const Json& definition = ecs::ContainerDefinition(task_definition, container.value("name", ""));
    if (!definition.value("essential", true) || ecs::HealthCommand(definition).empty()) continue;
    some = true;
    const std::string status = container.value("healthStatus", "UNKNOWN");
    if (status == "UNHEALTHY") return "UNHEALTHY";
    unknown = unknown || status != "HEALTHY";
  }
  return some && !unknown ? "HEALTHY" : "UNKNOWN";
}

bool HasHealthCheck(const Json& task_definition) {
  const Json& containers = task_definition.at("containerDefinitions");
  return std::any_of(containers.begin(), containers.end(), [](const Json& container) {
    return container.value("essential", true) && !ecs::HealthCommand(container).empty();
  });
}

}  // namespace adhoc::localcloud
