#include "localcloud/scheduler/scheduler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/service_view.h"
#include "localcloud/scheduler/targets.h"

namespace adhoc::localcloud {

using namespace ecs;  // NOLINT(google-build-using-namespace): as in task_runner.cc

namespace {

using namespace std::chrono_literals;

constexpr double kRetrySeconds = 1;
constexpr int kResyncStep = 200;       // tasks
constexpr double kResyncShare = 0.02;  // of the time
constexpr double kLongestResync = 60;
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
  subscription_ = cloud_.store.Subscribe([shared = shared_](const Changes& changed) {
    auto wakeup = shared->wakeup.lock();
    bool ours = false;
    const auto note = [&](std::string_view collection, std::set<std::string>& keys) {
      const auto found = changed.find(collection);
      if (found == changed.end()) return;
      keys.insert(found->second.begin(), found->second.end());
      ours = true;
    };
    note(kServices, wakeup->dirty.services);
    note(kTasks, wakeup->dirty.tasks);
    note(kTaskDefinitions, wakeup->dirty.definitions);
    note(kTargets, wakeup->dirty.targets);
    if (!ours) return;
    wakeup->woken = true;
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
      auto wakeup = shared_->wakeup.lock();
      wakeup->resync_wanted = true;
      next_resync =
          now + std::max(options_.resync_seconds, std::min(wakeup->resync_seconds / kResyncShare, kLongestResync));
    }
    auto wakeup = shared_->wakeup.lock();
    if (wakeup->resync_wanted && !wakeup->resyncing) {
      wakeup->resync_wanted = false;
      wakeup->resyncing = true;
      starts_->Submit([this] {
        const double begin = cloud_.Now();
        Resync();
        auto done = shared_->wakeup.lock();
        done->resyncing = false;
        done->resync_seconds = cloud_.Now() - begin;
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

Scheduler::Dirty Scheduler::TakeDirty() {
  Dirty dirty;
  {
    auto wakeup = shared_->wakeup.lock();
    wakeup->woken = false;
    dirty = std::exchange(wakeup->dirty, Dirty());
    for (const std::string& key : wakeup->changed_tasks) dirty.tasks.insert(key);
  }
  const double now = cloud_.Now();
  for (const auto& [key, due] : service_due_) {
    if (due <= now) dirty.services.insert(key);
  }
  for (const auto& [key, due] : task_due_) {
    if (due <= now) dirty.tasks.insert(key);
  }
  return dirty;
}

void Scheduler::Complete(const Store::Transaction& txn, Dirty& dirty) {
  if (dirty.everything) {
    for (const auto& [key, service] : txn.All(kServices)) dirty.services.insert(key);
    for (const auto& [key, task] : txn.All(kTasks)) dirty.tasks.insert(key);
    for (const auto& [key, definition] : txn.All(kTaskDefinitions)) dirty.definitions.insert(key);
    return;
  }
  if (!dirty.targets.empty()) {
    std::set<std::string, std::less<>> addresses;  // of `<target group>|<address>|<port>`
    for (const std::string& target : dirty.targets) {
      const auto begin = target.find('|') + 1;
      addresses.insert(target.substr(begin, target.rfind('|') - begin));
    }
    for (const auto& [key, task] : txn.All(kTasks)) {
      if (addresses.contains(task.value("_ip", ""))) dirty.tasks.insert(key);
    }
  }
  for (const std::string& key : dirty.tasks) {
    const Json* task = txn.Find(kTasks, key);
    if (task == nullptr || !task->contains("_service")) continue;
    dirty.services.insert(key.substr(0, key.find('/') + 1) + task->at("_service").get<std::string>());
  }
}

double Scheduler::Pass() {
  Dirty dirty = TakeDirty();
  std::set<std::string> changed;
  {
    auto wakeup = shared_->wakeup.lock();
    for (const std::string& key : wakeup->changed_tasks) {
      if (!wakeup->busy.contains(key)) changed.insert(key);
    }
  }
  const double now = cloud_.Now();
  const auto look_again = [](std::map<std::string, double>& due, const std::string& key, double at) {
    if (at == kNever) {
      due.erase(key);
    } else {
      due.insert_or_assign(key, at);
    }
  };
  struct Ready {
    std::string key;
    bool stopping;
    std::int64_t version;
  };
  std::vector<Ready> ready;
  try {
    auto txn = cloud_.store.Begin();
    Complete(*txn, dirty);
    for (const std::string& key : dirty.services) look_again(service_due_, key, ReconcileService(*txn, key));
    for (const std::string& key : dirty.tasks) {
      const Json* task = txn->Find(kTasks, key);
      if (task == nullptr || IsStopping(*task)) {
        start_watch_.Forget(key);
        if (task != nullptr) health_.Forget(*task);
      }
      if (task == nullptr || IsStopped(*task)) {
        look_again(task_due_, key, task == nullptr ? kNever : ExpireTask(*txn, key));
        continue;
      }
      double next = kNever;
      const std::string status = task->value("lastStatus", "");
      if (!IsStopping(*task) && (status == "RUNNING" || status == "ACTIVATING")) {
        const Json* definition =
            txn->Find(kTaskDefinitions, TaskDefinitionKey(task->at("taskDefinitionArn").get<std::string>()));
        if (definition != nullptr) next = std::min(next, health_.Run(key, *task, *definition));
        if (status == "RUNNING") next = std::min(next, start_watch_.Run(key, *task));
      }
      if (const double due = TaskRunner::DueAt(*task); now < due) next = std::min(next, due);
      look_again(task_due_, key, next);
      if (changed.contains(key) || TaskRunner::CanAdvance(*txn, *task, now)) {
        ready.push_back({key, IsStopping(*task), task->value("version", std::int64_t{1})});
      }
    }
    DeleteDefinitions(*txn, dirty);
    txn->Commit();
  } catch (...) {
    shared_->wakeup.lock()->dirty.everything = true;
    throw;
  }
  for (const Ready& task : ready) {
    {
      auto wakeup = shared_->wakeup.lock();
      const auto retry = wakeup->retry_at.find(task.key);
      if (retry != wakeup->retry_at.end() && retry->second > now) {
        const double due = task_due_.try_emplace(task.key, kNever).first->second;
        task_due_[task.key] = std::min(due, retry->second);
        continue;
      }
    }
    Dispatch(task.key, task.stopping, task.version);
  }
  double next = kNever;
  for (const auto& [key, due] : service_due_) next = std::min(next, due);
  for (const auto& [key, due] : task_due_) next = std::min(next, due);
  return next;
}

double Scheduler::ReconcileService(Store::Transaction& txn, const std::string& key) {
  const Json* found = txn.Find(kServices, key);
  if (found == nullptr) return kNever;
  if (found->value("status", "") == "INACTIVE") return ExpireService(txn, key);
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
  if (!decision.starts.empty() || !decision.stops.empty() || !decision.counted.empty()) {
    auto wakeup = shared_->wakeup.lock();
    wakeup->dirty.services.insert(key);
    wakeup->woken = true;
  }
  return std::min(views.wake_at, decision.wake_at);
}

double Scheduler::ExpireService(Store::Transaction& txn, const std::string& key) {
  const double now = cloud_.Now();
  const double at = txn.Find(kServices, key)->value("_inactive_at", now) + kInactiveServiceSeconds;
  if (now < at) return at;
  txn.Erase(kServices, key);
  return kNever;
}

double Scheduler::ExpireTask(Store::Transaction& txn, const std::string& key) {
  const Json& task = *txn.Find(kTasks, key);
  if (task.contains("_eni")) {
    if (HasTargets(txn, task)) return kNever;  // until they are erased
    ReleaseAddress(txn, txn.Edit(kTasks, key));
  }
  const double now = cloud_.Now();
  const double at = task.value("stoppedAt", now) + kStoppedTaskSeconds;
  if (now < at) return at;
  txn.Erase(kTasks, key);
  return kNever;
}

void Scheduler::DeleteDefinitions(Store::Transaction& txn, const Dirty& dirty) {
  for (const std::string& key : dirty.definitions) {
    const Json* definition = txn.Find(kTaskDefinitions, key);
    if (definition != nullptr && definition->value("status", "") == "DELETE_IN_PROGRESS")
      deleted_definitions_.insert(key);
  }
  if (deleted_definitions_.empty()) return;
  std::set<std::string> used;
  for (const auto& [key, task] : txn.All(kTasks)) {
    if (!IsStopped(task)) used.insert(TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
  }
  for (const auto& [key, service] : txn.All(kServices)) {
    if (service.value("status", "") == "INACTIVE") continue;
    for (const Json& deployment : service.value("deployments", Json::array())) {
      used.insert(TaskDefinitionKey(deployment.value("taskDefinition", "")));
    }
  }
  for (auto it = deleted_definitions_.begin(); it != deleted_definitions_.end();) {
    if (used.contains(*it)) {
      ++it;
      continue;
    }
    txn.Erase(kTaskDefinitions, *it);
    it = deleted_definitions_.erase(it);
  }
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
    wakeup->dirty.tasks.insert(key);
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
  // A few at a time, so that nobody who asks for something waits for all of them.
  std::string last;
  for (bool more = true; more;) {
    auto txn = cloud_.store.Begin();
    const auto& tasks = txn->All(kTasks);
    auto next = tasks.upper_bound(last);
    for (int i = 0; i < kResyncStep && next != tasks.end(); ++i, ++next) {
      const auto& [key, task] = *next;
      last = key;
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
    more = next != tasks.end();
  }
  for (std::size_t begin = 0; begin < containers.size(); begin += kResyncStep) {
    auto txn = cloud_.store.Begin();
    const std::size_t end = std::min(containers.size(), begin + kResyncStep);
    for (std::size_t i = begin; i < end; ++i) {
      const Json* task = txn->Find(kTasks, TaskOf(containers[i].labels));
      if (task == nullptr || IsStopped(*task)) orphans.push_back(containers[i].id);
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
