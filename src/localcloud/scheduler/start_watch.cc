#include "localcloud/scheduler/start_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr double kInterval = 0.5;
// In CPUs. An interpreter that loads modules uses all that its task has, a quarter at least; a server that waits, a
// hundredth.
constexpr double kIdleCpus = 0.08;

// Loading an application takes a CPU for a second or two; with a quarter of one, a person waits four times as long.
constexpr double kStartCpus = 1;

// False when the engine is away. One that refuses is not asked again: a limit too high does no harm.
bool LimitCpus(ContainerRuntime& runtime, const std::vector<std::string>& containers, double cpus) {
  for (const std::string& id : containers) {
    try {
      runtime.SetCpus(id, cpus);
    } catch (const RuntimeError& error) {
      if (error.kind() == RuntimeErrorKind::kUnreachable) return false;
      if (error.kind() != RuntimeErrorKind::kNotFound)
        spdlog::warn("{}; it keeps the CPUs it started with", error.what());
    }
  }
  return true;
}

}  // namespace

double StartCpus(double task_cpus) { return task_cpus == 0 ? 0 : std::max(task_cpus, kStartCpus); }

double StartWatch::Run(const std::string& key, const Json& task) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  if (task.value("_settled", false)) {
    Forget(key);
    return kNever;
  }
  const double now = cloud_.Now();
  auto watches = watches_.lock();
  auto [found, is_new] = watches->try_emplace(key);
  Watch& watch = found->second;
  if (is_new) watch.due = settle_seconds_ > 0 ? now + kInterval : now;
  if (watch.due > now) return watch.due;
  if (watch.running) return now + kInterval;
  watch.running = true;
  watch.due = now + kInterval;
  std::vector<std::string> containers;
  for (const Json& container : task.at("containers")) {
    if (container.value("lastStatus", "") == "RUNNING") containers.push_back(container.value("_id", ""));
  }
  const double ends_by = task.value("startedAt", now) + settle_seconds_;
  pool_.Submit(
      [this, key, containers, cpus = ecs::TaskCpus(task), ends_by] { Measure(key, containers, cpus, ends_by); });
  return watch.due;
}

void StartWatch::Forget(const std::string& key) { watches_.lock()->erase(key); }

void StartWatch::Measure(const std::string& key, const std::vector<std::string>& containers, double task_cpus,
                         double ends_by) {
  std::optional<double> cpu_seconds = 0;
  try {
    for (const std::string& id : containers) {
      *cpu_seconds += std::chrono::duration<double>(cloud_.runtime.Stats(id).cpu_time).count();
    }
  } catch (const RuntimeError&) {
    cpu_seconds.reset();  // it has just ended, or the engine is away
  }
  const double now = cloud_.Now();
  bool settled = false;
  {
    auto watches = watches_.lock();
    const auto found = watches->find(key);
    if (found == watches->end()) return;
    Watch& watch = found->second;
    watch.running = false;
    if (cpu_seconds) {
      const double elapsed = now - watch.measured_at;
      settled = watch.measured_at > 0 && elapsed > 0 && (*cpu_seconds - watch.cpu_seconds) / elapsed < kIdleCpus;
      watch.measured_at = now;
      watch.cpu_seconds = *cpu_seconds;
    }
  }
  if (!settled && now < ends_by) return;
  if (task_cpus < StartCpus(task_cpus) && !LimitCpus(cloud_.runtime, containers, task_cpus)) return;
  auto txn = cloud_.store.Begin();
  if (txn->Find(ecs::kTasks, key) == nullptr) return;
  txn->Edit(ecs::kTasks, key)["_settled"] = true;
  txn->Commit();
}

}  // namespace adhoc::localcloud
