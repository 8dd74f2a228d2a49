#include "localcloud/metrics/metrics_controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "base/error.h"
#include "localcloud/metrics/documents.h"
#include "localcloud/proxy/balancer_view.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/scheduler/containers.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr double kRetention = 15 * 86400;
constexpr double kBetweenForgetting = 3600;
constexpr int kTasksAtATime = 200;

double GridBefore(double now, double interval) { return std::floor(now / interval) * interval; }

// How often what the alarms of a namespace look at is to be measured: a minute, or an alarm's shorter period. By the
// value of the dimension that `name` gives.
template <typename Name>
std::map<std::string, double> Intervals(const Store::Transaction& txn, std::string_view space, Name name) {
  std::map<std::string, double> intervals;
  for (const auto& [alarm, document] : txn.All(kAlarms)) {
    const double period = document.value("Period", kMinute);
    if (period >= kMinute || document.value("Namespace", "") != space) continue;
    const auto found = intervals.try_emplace(name(MetricOf(document).dimensions), period).first;
    found->second = std::min(found->second, period);
  }
  return intervals;
}

double MemoryBytes(const Json& task) {
  const std::string text = task.value("memory", "");
  double mebibytes = 0;
  std::from_chars(text.data(), text.data() + text.size(), mebibytes);
  return mebibytes * 1024 * 1024;
}

std::string AfterColon(const std::string& arn, std::string_view prefix) {
  const auto found = arn.find(prefix);
  return found == std::string::npos ? "" : arn.substr(found + prefix.size());
}

}  // namespace

MetricsController::MetricsController(Cloud& cloud, proxy::HaproxyCli& haproxy)
    : cloud_(cloud),
      haproxy_(haproxy),
      thread_("metrics", cloud.store, {kAlarms}, [this](std::stop_token) { return Pass(); }) {}

std::chrono::milliseconds MetricsController::Pass() {
  const double now = cloud_.Now();
  double next = std::min(MeasureServices(now), MeasureBalancers(now));
  next = std::min(next, EvaluateAlarms(now));
  if (now >= forget_at_) {
    cloud_.metrics.DropBefore(now - kRetention);
    forget_at_ = now + kBetweenForgetting;
  }
  const double wait = std::max(next - cloud_.Now(), 0.0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(wait * 1000)));
}

double MetricsController::MeasureServices(double now) {
  struct Service {
    std::string cluster;
    std::string name;
    double time = 0;  // where what is measured began
    std::vector<TaskSize> tasks;
  };
  std::map<std::string, Service> due;
  double next = GridBefore(now, kMinute) + kMinute;
  std::map<std::string, double> intervals;
  {
    const auto txn = cloud_.store.Begin();
    intervals = Intervals(*txn, "AWS/ECS", [](const auto& dimensions) {
      const auto value = [&](const char* name) {
        const auto found = dimensions.find(name);
        return found == dimensions.end() ? "" : found->second;
      };
      return value("ClusterName") + "/" + value("ServiceName");
    });
  }
  const auto grid_of = [&](const std::string& key) {
    const auto found = intervals.find(key);
    const double interval = found == intervals.end() ? kMinute : found->second;
    return std::pair(GridBefore(now, interval), interval);
  };
  // A few tasks at a time, so that nobody who asks for something waits for all of them.
  std::set<std::string> seen;
  std::string last;
  for (bool more = true; more;) {
    const auto txn = cloud_.store.Begin();
    const auto& tasks = txn->All(ecs::kTasks);
    auto it = tasks.upper_bound(last);
    for (int i = 0; i < kTasksAtATime && it != tasks.end(); ++i, ++it) {
      last = it->first;
      const Json& task = it->second;
      if (task.value("lastStatus", "") != "RUNNING" || !task.contains("_service")) continue;
      const std::string cluster = last.substr(0, last.find('/'));
      const std::string name = task["_service"];
      const std::string key = cluster + "/" + name;
      const auto [grid, interval] = grid_of(key);
      next = std::min(next, grid + interval);
      seen.insert(key);
      if (const auto measured = measured_.find(key); measured != measured_.end() && measured->second >= grid) continue;
      Service& service = due.try_emplace(key, Service{cluster, name, grid - interval, {}}).first->second;
      TaskSize size{.cpus = ecs::TaskCpus(task), .memory_bytes = MemoryBytes(task), .containers = {}};
      for (const Json& container : task.at("containers")) {
        if (container.value("lastStatus", "") == "RUNNING") size.containers.push_back(container.value("_id", ""));
      }
      service.tasks.push_back(std::move(size));
    }
    more = it != tasks.end();
  }
  std::erase_if(measured_, [&](const auto& item) { return !seen.contains(item.first); });
  for (const auto& [key, service] : due) measured_[key] = grid_of(key).first;

  std::vector<Measurement> measurements;
  for (const auto& [key, service] : due) {
    std::vector<TaskUse> uses;
    for (const TaskSize& task : service.tasks) uses.push_back(Measure(task, now));
    for (auto& one : ServiceMeasurements(service.cluster, service.name, uses, service.time)) {
      measurements.push_back(std::move(one));
    }
  }
  cloud_.metrics.Append(measurements);
  // Containers that ended are measured no more.
  std::erase_if(readings_, [&](const auto& item) { return item.second.time < now - 3 * kMinute; });
  return next;
}

TaskUse MetricsController::Measure(const TaskSize& task, double now) {
  double used_cpus = 0;
  double used_memory = 0;
  bool known = false;
  try {
    for (const std::string& id : task.containers) {
      const ContainerStats stats = cloud_.runtime.Stats(id);
      const double cpu_seconds = std::chrono::duration<double>(stats.cpu_time).count();
      used_memory += static_cast<double>(stats.memory_bytes);
      const auto before = readings_.find(id);
      if (before != readings_.end() && now > before->second.time) {
        used_cpus += (cpu_seconds - before->second.cpu_seconds) / (now - before->second.time);
        known = true;
      }
      readings_[id] = {now, cpu_seconds};
    }
  } catch (const RuntimeError&) {
    return {};  // it has just ended, or the engine is away
  }
  TaskUse use;
  // A task that starts may use more than its size (start_watch.h), which no task can on Fargate.
  if (known && task.cpus > 0) use.cpu_percent = std::clamp(used_cpus / task.cpus * 100, 0.0, 100.0);
  if (task.memory_bytes > 0) use.memory_percent = used_memory / task.memory_bytes * 100;
  return use;
}

double MetricsController::MeasureBalancers(double now) {
  double interval = kMinute;
  struct Balancer {
    std::string arn;
    std::filesystem::path directory;
    std::vector<TargetGroupView> groups;
  };
  std::vector<Balancer> balancers;
  {
    const auto txn = cloud_.store.Begin();
    for (const auto& [name, shorter] :
         Intervals(*txn, "AWS/ApplicationELB", [](const auto&) { return std::string(); })) {
      interval = std::min(interval, shorter);
    }
    const double grid = GridBefore(now, interval);
    if (balancers_measured_ >= grid) return grid + interval;
    balancers_measured_ = grid;
    std::map<std::string, std::pair<int, int>> health;  // group → healthy, unhealthy targets
    for (const auto& [key, target] : txn->All(proxy::kTargets)) {
      const std::string state = target.value("/TargetHealth/State"_json_pointer, "");
      auto& [healthy, unhealthy] = health[proxy::GroupOf(key)];
      healthy += state == "healthy" ? 1 : 0;
      unhealthy += state == "unhealthy" ? 1 : 0;
    }
    for (const auto& [arn, document] : txn->All(proxy::kLoadBalancers)) {
      const std::string name = document.value("LoadBalancerName", "");
      balancers.push_back({arn, cloud_.settings.state_dir / "proxy" / (name + "-" + ecs::LastPart(arn)), {}});
    }
    for (const auto& [arn, group] : txn->All(proxy::kTargetGroups)) {
      for (const Json& used_by : group.value("LoadBalancerArns", Json::array())) {
        const auto balancer =
            std::find_if(balancers.begin(), balancers.end(), [&](const Balancer& one) { return one.arn == used_by; });
        if (balancer == balancers.end()) continue;
        const auto [healthy, unhealthy] = health[arn];
        balancer->groups.push_back({.backend = "tg-" + group.value("TargetGroupName", ""),
                                    .dimension = arn.substr(arn.rfind(':') + 1),
                                    .load_balancer = AfterColon(balancer->arn, ":loadbalancer/"),
                                    .healthy = healthy,
                                    .unhealthy = unhealthy});
      }
    }
  }
  std::map<std::string, BackendCounters> counted;
  std::vector<Measurement> measurements;
  for (const Balancer& balancer : balancers) {
    if (balancer.groups.empty()) continue;
    BackendCounters counters;
    try {
      const std::string worker = proxy::ParseWorker(haproxy_.Run(balancer.directory, "show proc"));
      if (!worker.empty())
        counters = ParseStat(haproxy_.Run(balancer.directory, fmt::format("@!{} show stat", worker)));
    } catch (const Error&) {
      continue;  // it does not run yet, or any more
    }
    // What it counted before it was first looked at belongs to no period.
    const auto before = counters_.find(balancer.arn);
    const BackendCounters since = before == counters_.end() ? BackendCounters() : Since(counters, before->second);
    for (auto& one : BalancerMeasurements(balancer.groups, since, balancers_measured_ - interval)) {
      measurements.push_back(std::move(one));
    }
    counted[balancer.arn] = std::move(counters);
  }
  counters_ = std::move(counted);
  cloud_.metrics.Append(measurements);
  return balancers_measured_ + interval;
}

double MetricsController::EvaluateAlarms(double now) {
  double next = std::numeric_limits<double>::infinity();
  std::vector<Json> due;
  {
    const auto txn = cloud_.store.Begin();
    const Collection& alarms = txn->All(kAlarms);
    for (const auto& [name, alarm] : alarms) {
      const double step = EvaluationStep(alarm.value("Period", kMinute));
      const double grid = GridBefore(now, step);
      next = std::min(next, grid + step);
      const std::pair<double, double> when{alarm.value("AlarmConfigurationUpdatedTimestamp", 0.0), grid};
      if (const auto last = evaluated_.find(name); last != evaluated_.end() && last->second == when) continue;
      evaluated_[name] = when;
      due.push_back(alarm);
    }
    std::erase_if(evaluated_, [&](const auto& item) { return !alarms.contains(item.first); });
  }
  struct Change {
    Json alarm;
    AlarmVerdict verdict;
  };
  std::vector<Change> changes;
  for (Json& alarm : due) {
    AlarmVerdict verdict = EvaluateAlarm(ReadAlarmRule(alarm), ReadPeriods(cloud_.metrics, alarm, now), now);
    if (!verdict.state || NameOf(*verdict.state) == alarm["StateValue"]) continue;
    changes.push_back({std::move(alarm), std::move(verdict)});
  }
  if (changes.empty()) return next;
  const auto txn = cloud_.store.Begin();
  for (const auto& [alarm, verdict] : changes) {
    const std::string name = alarm["AlarmName"];
    const Json* current = txn->Find(kAlarms, name);
    if (current == nullptr || *current != alarm) continue;  // looked at again at once: the change wakes us
    SetAlarmState(cloud_, *txn, name, *verdict.state, verdict.reason, verdict.data);
  }
  txn->Commit();
  return next;
}

}  // namespace adhoc::localcloud
