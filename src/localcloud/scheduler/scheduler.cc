#include "localcloud/scheduler/scheduler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/service_view.h"
#include "localcloud/scheduler/targets.h"

namespace adhoc::localcloud {

using namespace ecs;  // NOLINT(google-build-using-namespace): as in task_runner.cc

namespace {

using namespace std::chrono_literals;

constexpr double kRetrySeconds = 1;
constexpr double kInactiveServiceSeconds = 3600;
constexpr double kNever = std::numeric_limits<double>::infinity();

// The task's key from the ARN in a container's labels.
std::string TaskOf(const Labels& labels) {
  const auto found = labels.find("adhoc.task");
  return found == labels.end() ? "" : KeyFromArn(found->second);
}

}  // namespace

Scheduler::Scheduler(Cloud& cloud, SchedulerOptions options)
    : cloud_(cloud),
      options_(options),
      logs_(cloud),
      runner_(cloud, logs_, options.route_metadata),
      health_(cloud, options.health_threads),
      start_watch_(cloud, options.settle_seconds, options.health_threads),
      starts_(std::make_unique<WorkerPool>(options.start_threads)),
      stops_(std::make_unique<WorkerPool>(options.stop_threads)) {
  subscription_ = cloud_.store.Subscribe([shared = shared_](const CollectionNames& changed) {
    const bool ours = std::any_of(changed.begin(), changed.end(), [](const std::string& name) {
      return name == kTasks || name == kServices || name == kTaskDefinitions || name == kTargets;
    });
    if (!ours) return;
    shared->wakeup.lock()->woken = true;
    shared->changed.notify_all();
  });
}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::Start() {
  loop_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
  watcher_ = std::jthread([this](std::stop_token stop) { Watch(stop); });
}

void Scheduler::Stop() {
  if (loop_.joinable()) {
    loop_.request_stop();
    watcher_.request_stop();
    loop_.join();
    watcher_.join();
  }
  starts_.reset();
  stops_.reset();
}

void Scheduler::Wake() {
  shared_->wakeup.lock()->woken = true;
  shared_->changed.notify_all();
}

void Scheduler::Loop(std::stop_token stop) {
  double next_resync = 0;
  while (!stop.stop_requested()) {
    double next = 0;
    try {
      next = Pass();
    } catch (const std::exception& error) {
      spdlog::error("scheduler: {}", error.what());
      next = cloud_.Now() + kRetrySeconds;
    }
    const double now = cloud_.Now();
    if (now >= next_resync) {
      next_resync = now + options_.resync_seconds;
      shared_->wakeup.lock()->resync_wanted = true;
    }
    auto wakeup = shared_->wakeup.lock();
    if (wakeup->resync_wanted && !wakeup->resyncing) {
      wakeup->resync_wanted = false;
      wakeup->resyncing = true;
      starts_->Submit([this] {
        Resync();
        shared_->wakeup.lock()->resyncing = false;
      });
    }
    const double wait = std::clamp(std::min(next, next_resync) - now, 0.0, options_.resync_seconds);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(wait);
    wakeup.WaitUntil(shared_->changed, stop, deadline, [&] { return wakeup->woken; });
  }
}

void Scheduler::Watch(std::stop_token stop) {
  while (!stop.stop_requested()) {
    try {
      cloud_.runtime.WatchEvents(
          {{"adhoc.instance", cloud_.settings.instance}, {"adhoc.task", ""}},
          [&] {
            auto wakeup = shared_->wakeup.lock();
            wakeup->resync_wanted = wakeup->woken = true;
            shared_->changed.notify_all();
          },
          [&](const ContainerEvent& event) {
            if (event.kind == ContainerEventKind::kStarted) return;
            auto wakeup = shared_->wakeup.lock();
            wakeup->changed_tasks.insert(TaskOf(event.labels));
            wakeup->woken = true;
            shared_->changed.notify_all();
          },
          stop);
    } catch (const RuntimeError& error) {
      spdlog::warn("scheduler: {}", error.what());
    }
    if (!stop.stop_requested()) cloud_.clock.SleepFor(1s, stop);
  }
}

double Scheduler::Pass() {
  std::set<std::string> changed;
  {
    auto wakeup = shared_->wakeup.lock();
    wakeup->woken = false;
    for (const std::string& key : wakeup->changed_tasks) {
      if (!wakeup->busy.contains(key)) changed.insert(key);
    }
  }
  const double now = cloud_.Now();
  double next = kNever;
  struct Ready {
    std::string key;
    bool stopping;
    std::int64_t version;
  };
  std::vector<Ready> ready;
  {
    auto txn = cloud_.store.Begin();
    next = ReconcileServices(*txn);
    CollectGarbage(*txn);
    for (const auto& [key, task] : txn->All(kTasks)) {
      if (IsStopped(task)) continue;
      const std::string status = task.value("lastStatus", "");
      if (!IsStopping(task) && (status == "RUNNING" || status == "ACTIVATING")) {
        const Json* definition =
            txn->Find(kTaskDefinitions, TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
        if (definition != nullptr) next = std::min(next, health_.Run(key, task, *definition));
        if (status == "RUNNING") next = std::min(next, start_watch_.Run(key, task));
      }
      if (const double due = TaskRunner::DueAt(task); now < due) next = std::min(next, due);
      if (changed.contains(key) || TaskRunner::CanAdvance(*txn, task, now)) {
        ready.push_back({key, IsStopping(task), task.value("version", std::int64_t{1})});
      }
    }
    health_.Sweep();
    start_watch_.Sweep();
    txn->Commit();
  }
  for (const Ready& task : ready) {
    {
      auto wakeup = shared_->wakeup.lock();
      const auto retry = wakeup->retry_at.find(task.key);
      if (retry != wakeup->retry_at.end() && retry->second > now) {
        next = std::min(next, retry->second);
        continue;
      }
    }
    Dispatch(task.key, task.stopping, task.version);
  }
  return next;
}

double Scheduler::ReconcileServices(Store::Transaction& txn) {
  std::vector<std::string> keys;
  for (const auto& [key, service] : txn.All(kServices)) {
    if (service.value("status", "") != "INACTIVE") keys.push_back(key);
  }
  double next = kNever;
  for (const std::string& key : keys) next = std::min(next, ReconcileService(txn, key));
  return next;
}

double Scheduler::ReconcileService(Store::Transaction& txn, const std::string& key) {
  const std::string cluster = key.substr(0, key.find('/'));
  const auto task_keys = TaskKeysOf(txn, cluster, key.substr(cluster.size() + 1));
  for (const std::string& task_key : task_keys) {
    const Json& task = *txn.Find(kTasks, task_key);
    // A target that somebody took away comes back while its task runs.
    if (task.value("lastStatus", "") != "RUNNING" || IsStopping(task)) continue;
    if (!task.value("_load_balancers", Json::array()).empty()) RegisterTargets(cloud_, txn, txn.Edit(kTasks, task_key));
  }
  const Json& service = *txn.Find(kServices, key);
  const double now = cloud_.Now();
  const TaskViews views = ViewTasks(txn, service, task_keys, now, options_.settle_seconds);
  const Decision decision = Reconcile(ViewService(service), views.tasks, now);
  Apply(cloud_, txn, key, decision, views);
  // One decision can make the next one possible (a roll back, a stop that makes room): look again at once.
  const bool again = !decision.starts.empty() || !decision.stops.empty() || !decision.counted.empty();
  if (again) Wake();
  return std::min(views.wake_at, decision.wake_at);
}

void Scheduler::CollectGarbage(Store::Transaction& txn) {
  const double now = cloud_.Now();
  std::vector<std::string> expired;
  std::vector<std::string> drained;
  std::set<std::string> used;
  for (const auto& [key, task] : txn.All(kTasks)) {
    if (!IsStopped(task)) {
      used.insert(TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
      continue;
    }
    if (task.contains("_eni") && !HasTargets(txn, task)) drained.push_back(key);
    if (task.value("stoppedAt", now) + kStoppedTaskSeconds < now && !task.contains("_eni")) expired.push_back(key);
  }
  for (const std::string& key : drained) ReleaseAddress(txn, txn.Edit(kTasks, key));
  for (const std::string& key : expired) txn.Erase(kTasks, key);

  expired.clear();
  for (const auto& [key, service] : txn.All(kServices)) {
    if (service.value("status", "") == "INACTIVE") {
      if (service.value("_inactive_at", now) + kInactiveServiceSeconds < now) expired.push_back(key);
      continue;
    }
    for (const Json& deployment : service.value("deployments", Json::array())) {
      used.insert(TaskDefinitionKey(deployment.value("taskDefinition", "")));
    }
  }
  for (const std::string& key : expired) txn.Erase(kServices, key);

  expired.clear();
  for (const auto& [key, definition] : txn.All(kTaskDefinitions)) {
    if (definition.value("status", "") == "DELETE_IN_PROGRESS" && !used.contains(key)) expired.push_back(key);
  }
  for (const std::string& key : expired) txn.Erase(kTaskDefinitions, key);
}

void Scheduler::Dispatch(const std::string& key, bool stopping, std::int64_t version) {
  {
    auto wakeup = shared_->wakeup.lock();
    if (!wakeup->busy.insert(key).second) return;
  }
  (stopping ? stops_ : starts_)->Submit([this, key, version] {
    bool failed = false;
    try {
      bool observe = false;
      {
        auto wakeup = shared_->wakeup.lock();
        observe = wakeup->changed_tasks.erase(key) > 0;
      }
      if (observe) runner_.Observe(key);
      runner_.Advance(key);
    } catch (const std::exception& error) {
      spdlog::warn("task {}: {}", key, error.what());
      failed = true;
    }
    // A step that changed nothing would only be repeated at once.
    bool stuck = false;
    if (!failed) {
      auto txn = cloud_.store.Begin();
      const Json* task = txn->Find(kTasks, key);
      stuck = task != nullptr && task->value("version", std::int64_t{1}) == version &&
              TaskRunner::CanAdvance(*txn, *task, cloud_.Now());
    }
    auto wakeup = shared_->wakeup.lock();
    wakeup->busy.erase(key);
    if (failed) wakeup->changed_tasks.insert(key);
    if (failed || stuck) {
      wakeup->retry_at[key] = cloud_.Now() + kRetrySeconds;
    } else {
      wakeup->retry_at.erase(key);
    }
    wakeup->woken = true;
    shared_->changed.notify_all();
  });
}

void Scheduler::Resync() {
  std::vector<ContainerState> containers;
  try {
    containers = cloud_.runtime.List({{"adhoc.instance", cloud_.settings.instance}, {"adhoc.task", ""}});
  } catch (const RuntimeError& error) {
    spdlog::warn("scheduler: {}", error.what());
    return;
  }
  std::map<std::string, const ContainerState*> by_id;
  for (const auto& container : containers) by_id[container.id] = &container;

  struct Followed {
    std::string id;
    std::string group;
    std::string stream;
  };
  std::vector<Followed> followed;
  std::vector<std::string> orphans;
  std::set<std::string> changed;
  {
    auto txn = cloud_.store.Begin();
    for (const auto& [key, task] : txn->All(kTasks)) {
      if (IsStopped(task)) continue;
      for (const Json& container : task.at("containers")) {
        if (container.value("lastStatus", "") != "RUNNING") continue;
        const auto found = by_id.find(container.value("_id", ""));
        if (found == by_id.end() || !found->second->running()) {
          changed.insert(key);
        } else if (container.contains("_log")) {
          followed.push_back({found->first, container["_log"].at("group"), container["_log"].at("stream")});
        }
      }
      const auto pause = by_id.find(task.value("_pause", ""));
      if (task.contains("_pause") && (pause == by_id.end() || !pause->second->running())) changed.insert(key);
    }
    for (const auto& container : containers) {
      const Json* task = txn->Find(kTasks, TaskOf(container.labels));
      if (task == nullptr || IsStopped(*task)) orphans.push_back(container.id);
    }
  }
  for (const Followed& log : followed) logs_.Follow(log.id, log.group, log.stream);
  for (const std::string& id : orphans) {
    try {
      cloud_.runtime.Remove(id, true);
    } catch (const RuntimeError& error) {
      spdlog::warn("cannot remove a container that belongs to no task: {}", error.what());
    }
  }
  if (changed.empty()) return;
  auto wakeup = shared_->wakeup.lock();
  wakeup->changed_tasks.insert(changed.begin(), changed.end());
  wakeup->woken = true;
  shared_->changed.notify_all();
}

void Scheduler::Settle() {
  for (;;) {
    Resync();
    bool woken = true;
    bool acted = false;
    while (woken) {
      Pass();
      const int jobs = starts_->RunAll() + stops_->RunAll() + health_.RunAll() + start_watch_.RunAll();
      acted = acted || jobs > 0;
      woken = shared_->wakeup.lock()->woken;
    }
    if (!acted) return;
  }
}

}  // namespace adhoc::localcloud
