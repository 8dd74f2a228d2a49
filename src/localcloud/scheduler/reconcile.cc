#include "localcloud/scheduler/reconcile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace adhoc::localcloud {
namespace {

using Health = TaskView::Health;
using Phase = TaskView::Phase;

class Reconciler {
 public:
  Reconciler(const ServiceView& service, const std::vector<TaskView>& tasks, double now)
      : service_(service), tasks_(tasks), now_(now) {
    decision_.deployments = service.deployments;
    decision_.steady = service.steady;
    for (const TaskView& task : tasks) {
      if (task.live()) live_.push_back(&task);
      if (task.phase == Phase::kStopping) ++stopping_;
    }
  }

  Decision Run() {
    if (service_.draining) return Drain();
    CountFailures();
    NoticeHealth();
    if (decision_.deployments.empty()) return std::move(decision_);
    TripBreaker();
    StopNeverHealthy();
    StartTasks();
    StopOldTasks();
    StopSurplus();
    Finish();
    return std::move(decision_);
  }

 private:
  DeploymentView& primary() { return decision_.deployments.front(); }
  bool IsPrimary(const TaskView& task) { return task.deployment == primary().id; }
  DeploymentView* FindDeployment(const std::string& id) {
    auto& list = decision_.deployments;
    const auto found = std::find_if(list.begin(), list.end(), [&](const auto& d) { return d.id == id; });
    return found == list.end() ? nullptr : &*found;
  }
  int lower() const { return static_cast<int>(std::ceil(service_.desired * service_.minimum_percent / 100.0)); }
  int upper() const { return service_.desired * service_.maximum_percent / 100; }
  std::string Text(const std::string& rest) const { return "(service " + service_.name + ") " + rest; }
  void Event(const std::string& rest) { decision_.events.push_back(Text(rest)); }

  template <typename Predicate>
  int CountLive(Predicate predicate) const {
    return static_cast<int>(
        std::count_if(live_.begin(), live_.end(), [&](const TaskView* t) { return predicate(*t); }));
  }
  int HealthyTotal() const {
    return CountLive([](const TaskView& t) { return t.health == Health::kHealthy; });
  }

  void StopTask(const TaskView& task, bool failed) {
    std::string reason =
        failed ? task.unhealthy_reason : fmt::format("Scaling activity initiated by (deployment {})", primary().id);
    decision_.stops.push_back({task.id, std::move(reason), failed});
    live_.erase(std::find(live_.begin(), live_.end(), &task));
    ++stopping_;
  }

  Decision Drain() {
    const std::vector<const TaskView*> live = live_;
    const std::string id = decision_.deployments.empty() ? "" : primary().id;
    for (const TaskView* task : live) {
      decision_.stops.push_back({task->id, fmt::format("Scaling activity initiated by (deployment {})", id), false});
    }
    decision_.inactive = live.empty() && stopping_ == 0;
    if (decision_.inactive) decision_.deployments.clear();
    return std::move(decision_);
  }

  void CountFailures() {
    for (const TaskView& task : tasks_) {
      if (!task.failed || task.counted || task.live()) continue;
      decision_.counted.push_back(task.id);
      decision_.steady = false;
      if (!task.start_failure.empty()) Event("was unable to place a task. Reason: " + task.start_failure + ".");
      DeploymentView* deployment = FindDeployment(task.deployment);
      // A task that was healthy and then died is replaced at once, as AWS does.
      if (deployment == nullptr || task.was_healthy) continue;
      ++deployment->failed_tasks;
      deployment->start_after =
          std::max(deployment->start_after, task.ended_at + StartBackoff(deployment->failed_tasks));
      if (deployment->failed_tasks >= 3) Event("is unable to consistently start tasks successfully.");
    }
  }

  void NoticeHealth() {
    for (const TaskView* task : live_) {
      if (task->health != Health::kHealthy || task->was_healthy) continue;
      decision_.became_healthy.push_back(task->id);
      if (DeploymentView* deployment = FindDeployment(task->deployment)) {
        deployment->failed_tasks = 0;
        deployment->start_after = 0;
      }
    }
  }

  void TripBreaker() {
    if (!service_.breaker || primary().rollout != Rollout::kInProgress ||
        primary().failed_tasks < BreakerThreshold(service_.desired)) {
      return;
    }
    const std::string failed = primary().id;
    primary().rollout = Rollout::kFailed;
    primary().rollout_reason = "ECS deployment circuit breaker: tasks failed to start.";
    Event(fmt::format("(deployment {}) deployment failed: tasks failed to start.", failed));
    const std::string& to = service_.last_completed.id;
    if (!service_.rollback || to.empty() || to == failed) return;

    // The deployment that worked becomes PRIMARY again under its own id, so its tasks that still run are kept.
    DeploymentView again = service_.last_completed;
    if (const DeploymentView* listed = FindDeployment(to)) again = *listed;
    std::erase_if(decision_.deployments, [&](const auto& d) { return d.id == to; });
    primary().primary = false;
    again.primary = true;
    again.rollout = Rollout::kInProgress;
    again.rollout_reason = fmt::format("ECS deployment circuit breaker: rolling back to deploymentId {}.", to);
    again.failed_tasks = 0;
    again.start_after = 0;
    decision_.deployments.insert(decision_.deployments.begin(), again);
    Event(fmt::format("rolling back to deployment {}.", to));
  }

  // A task that never became healthy serves nobody; one that did keeps its place until a better one is there.
  void StopNeverHealthy() {
    const std::vector<const TaskView*> live = live_;
    for (const TaskView* task : live) {
      if (task->health == Health::kUnhealthy && !task->was_healthy) StopTask(*task, true);
    }
  }

  int StartOf(DeploymentView& deployment, int need, int room) {
    const int count = std::min(need, room);
    if (count <= 0 || deployment.rollout == Rollout::kFailed) return 0;
    if (now_ < deployment.start_after) {
      decision_.wake_at = std::min(decision_.wake_at, deployment.start_after);
      return 0;
    }
    decision_.starts.push_back({deployment.id, count});
    decision_.steady = false;
    return count;
  }

  void StartTasks() {
    const int counted_stopping = service_.maximum_percent == 100 ? stopping_ : 0;
    room_ = upper() - static_cast<int>(live_.size()) - counted_stopping;
    const auto good = [](const TaskView& t) { return t.health != Health::kUnhealthy; };
    need_ = service_.desired - CountLive([&](const TaskView& t) { return IsPrimary(t) && good(t); });
    started_ = StartOf(primary(), need_, room_);
    if (started_ > 0 || !falling_back()) return;

    // The new version doesn't start: the version that works stays at strength meanwhile.
    DeploymentView* last = FindDeployment(service_.last_completed.id);
    if (last == nullptr || last->primary) return;
    const int carried = CountLive([&](const TaskView& t) {
      return (IsPrimary(t) && t.health == Health::kHealthy) || (!IsPrimary(t) && good(t));
    });
    started_ += StartOf(*last, service_.desired - carried, room_);
  }

  bool falling_back() { return primary().failed_tasks > 0 || primary().rollout == Rollout::kFailed; }

  void StopOldTasks() {
    int to_free = std::max(0, need_ - std::max(0, room_));
    if (primary().rollout == Rollout::kFailed) to_free = 0;
    int surplus = std::max(0, HealthyTotal() - service_.desired);
    int spare = std::max(0, HealthyTotal() - lower());
    const int healthy_primary =
        CountLive([&](const TaskView& t) { return IsPrimary(t) && t.health == Health::kHealthy; });
    const bool replaced = healthy_primary >= service_.desired;

    std::vector<const TaskView*> old;
    for (const TaskView* task : live_) {
      if (!IsPrimary(*task)) old.push_back(task);
    }
    std::sort(old.begin(), old.end(), [](const TaskView* a, const TaskView* b) {
      return std::make_pair(a->health == Health::kHealthy, a->created_at) <
             std::make_pair(b->health == Health::kHealthy, b->created_at);
    });
    for (const TaskView* task : old) {
      if (task->health != Health::kHealthy) {
        const bool useless = task->health == Health::kPending && !falling_back();
        if (!useless && !replaced && to_free == 0) continue;
        to_free = std::max(0, to_free - 1);
        StopTask(*task, false);
        continue;
      }
      if (spare == 0 || (surplus == 0 && to_free == 0)) continue;
      --spare;
      surplus = std::max(0, surplus - 1);
      to_free = std::max(0, to_free - 1);
      StopTask(*task, false);
    }
  }

  void StopSurplus() {
    std::vector<const TaskView*> own;
    std::vector<const TaskView*> unhealthy;
    for (const TaskView* task : live_) {
      if (task->health == Health::kUnhealthy) {
        unhealthy.push_back(task);
      } else if (IsPrimary(*task)) {
        own.push_back(task);
      }
    }
    // Replaced, or in the way of their replacement.
    const bool replaced = HealthyTotal() >= service_.desired;
    for (const TaskView* task : unhealthy) {
      if (replaced || (IsPrimary(*task) && room_ - started_ <= 0 && need_ > started_)) StopTask(*task, true);
    }
    // Scaled down: first what isn't serving yet, then the youngest.
    std::sort(own.begin(), own.end(), [](const TaskView* a, const TaskView* b) {
      return std::make_pair(a->health == Health::kHealthy, -a->created_at) <
             std::make_pair(b->health == Health::kHealthy, -b->created_at);
    });
    for (int i = 0; i < static_cast<int>(own.size()) - service_.desired; ++i) StopTask(*own[i], false);
  }

  void Finish() {
    if (!decision_.stops.empty()) decision_.steady = false;
    std::erase_if(decision_.deployments, [&](const DeploymentView& deployment) {
      return !deployment.primary && std::none_of(live_.begin(), live_.end(), [&](const TaskView* task) {
        return task->deployment == deployment.id;
      }) && std::none_of(decision_.starts.begin(), decision_.starts.end(), [&](const auto& start) {
        return start.deployment == deployment.id;
      }) && !(falling_back() && deployment.id == service_.last_completed.id);
    });
    const int healthy = CountLive([&](const TaskView& t) { return IsPrimary(t) && t.health == Health::kHealthy; });
    // Whoever sees a completed deployment may rely on its answers.
    const bool old_one_serves =
        std::any_of(tasks_.begin(), tasks_.end(), [](const TaskView& task) { return task.serves; });
    const bool converged = healthy == service_.desired && static_cast<int>(live_.size()) == service_.desired &&
                           decision_.starts.empty() && decision_.stops.empty() && !old_one_serves;
    if (converged && primary().rollout == Rollout::kInProgress && decision_.deployments.size() == 1) {
      primary().rollout = Rollout::kCompleted;
      primary().rollout_reason = fmt::format("ECS deployment {} completed.", primary().id);
      Event(fmt::format("(deployment {}) deployment completed.", primary().id));
    }
    if (converged && !decision_.steady && primary().rollout == Rollout::kCompleted) {
      Event("has reached a steady state.");
      decision_.steady = true;
    }
    // Only old tasks are left to stop, none may be, and nothing is on its way that would change this.
    const bool waiting = CountLive([](const TaskView& t) { return t.health == Health::kPending; }) > 0 || stopping_ > 0;
    if (need_ > 0 && room_ <= 0 && decision_.starts.empty() && decision_.stops.empty() && !waiting &&
        decision_.deployments.size() > 1 && primary().rollout == Rollout::kInProgress) {
      Event(
          "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
          "Update the minimumHealthyPercent or maximumPercent value and try again.");
    }
  }

  const ServiceView& service_;
  const std::vector<TaskView>& tasks_;
  const double now_;
  Decision decision_;
  std::vector<const TaskView*> live_;
  int stopping_ = 0;
  int room_ = 0;     // tasks that may be started
  int need_ = 0;     // tasks that the primary deployment lacks
  int started_ = 0;  // now
};

}  // namespace

Decision Reconcile(const ServiceView& service, const std::vector<TaskView>& tasks, double now) {
  return Reconciler(service, tasks, now).Run();
}

int BreakerThreshold(int desired) { return std::clamp((desired + 1) / 2, 3, 200); }

double StartBackoff(int failures) { return std::min(60.0, 0.5 * std::pow(2.0, std::min(failures, 10) - 1)); }

}  // namespace adhoc::localcloud
