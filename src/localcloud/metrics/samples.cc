#include "localcloud/metrics/samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

namespace adhoc::localcloud {
namespace {

std::vector<std::string_view> Split(std::string_view line, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = line.find(separator);
    parts.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return parts;
    line.remove_prefix(end + 1);
  }
}

std::int64_t NumberOf(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::vector<Measurement> ServiceMeasurements(const std::string& cluster, const std::string& service,
                                             const std::vector<TaskUse>& tasks, double time) {
  StatisticSet cpu;
  StatisticSet memory;
  for (const TaskUse& task : tasks) {
    if (task.cpu_percent >= 0) cpu.Add(StatisticSet::Of(task.cpu_percent));
    if (task.memory_percent >= 0) memory.Add(StatisticSet::Of(task.memory_percent));
  }
  std::vector<Measurement> measurements;
  const auto add = [&](const char* name, const StatisticSet& values) {
    if (values.count == 0) return;
    measurements.push_back({.metric = {"AWS/ECS", name, {{"ClusterName", cluster}, {"ServiceName", service}}},
                            .time = time,
                            .values = values,
                            .unit = "Percent"});
  };
  add("CPUUtilization", cpu);
  add("MemoryUtilization", memory);
  return measurements;
}

std::int64_t ServerCounters::requests() const {
  return std::accumulate(std::begin(responses), std::end(responses), std::int64_t{0});
}

BackendCounters ParseStat(std::string_view csv) {
  BackendCounters counters;
  std::map<std::string_view, std::size_t> columns;
  for (std::string_view line : Split(csv, '\n')) {
    if (line.starts_with("# ")) {
      const auto names = Split(line.substr(2), ',');
      for (std::size_t i = 0; i < names.size(); ++i) columns[names[i]] = i;
      continue;
    }
    const auto values = Split(line, ',');
    const auto value = [&](std::string_view name) {
      const auto column = columns.find(name);
      return column == columns.end() || column->second >= values.size() ? std::string_view() : values[column->second];
    };
    if (value("type") != "2") continue;  // no server
    ServerCounters& server = counters[std::string(value("pxname"))][std::string(value("svname"))];
    int index = 0;
    for (const std::string_view name : {"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"}) {
      server.responses[index++] = NumberOf(value(name));
    }
    server.response_milliseconds = static_cast<double>(NumberOf(value("rtime")));
  }
  return counters;
}

BackendCounters Since(const BackendCounters& now, const BackendCounters& before) {
  BackendCounters since = now;
  for (auto& [backend, servers] : since) {
    const auto old_backend = before.find(backend);
    if (old_backend == before.end()) continue;
    for (auto& [name, server] : servers) {
      const auto old = old_backend->second.find(name);
      if (old == old_backend->second.end() || old->second.requests() > server.requests()) continue;
      for (std::size_t i = 0; i < std::size(server.responses); ++i) server.responses[i] -= old->second.responses[i];
    }
  }
  return since;
}

std::vector<Measurement> BalancerMeasurements(const std::vector<TargetGroupView>& groups,
                                              const BackendCounters& counted, double time) {
  std::vector<Measurement> measurements;
  std::map<std::string, std::map<std::string, StatisticSet>> whole;  // load balancer → metric
  const auto add = [&](std::map<std::string, std::string> dimensions, const std::string& name,
                       const StatisticSet& values, const std::string& unit) {
    measurements.push_back({{"AWS/ApplicationELB", name, std::move(dimensions)}, time, values, unit});
  };
  for (const TargetGroupView& group : groups) {
    const std::map<std::string, std::string> both{{"LoadBalancer", group.load_balancer},
                                                  {"TargetGroup", group.dimension}};
    add(both, "HealthyHostCount", StatisticSet::Of(group.healthy), "Count");
    add(both, "UnHealthyHostCount", StatisticSet::Of(group.unhealthy), "Count");
    std::map<std::string, StatisticSet> of_group;  // by metric
    std::int64_t requests = 0;
    if (const auto backend = counted.find(group.backend); backend != counted.end()) {
      for (const auto& [name, server] : backend->second) {
        const std::int64_t count = server.requests();
        if (count == 0) continue;
        requests += count;
        for (int digit = 2; digit <= 5; ++digit) {
          const auto code = static_cast<double>(server.responses[digit - 1]);
          if (code > 0) of_group[fmt::format("HTTPCode_Target_{}XX_Count", digit)].Add({code, code, 1, 1});
        }
        of_group["TargetResponseTime"].Add(
            StatisticSet::Of(server.response_milliseconds / 1000, static_cast<double>(count)));
      }
    }
    if (requests > 0) {
      const auto count = static_cast<double>(requests);
      of_group["RequestCount"] = {count, count, 1, 1};
    }
    for (const auto& [name, values] : of_group) {
      add(both, name, values, name == "TargetResponseTime" ? "Seconds" : "Count");
      whole[group.load_balancer][name].Add(values);
    }
    const double targets = std::max(group.healthy, 1);
    const StatisticSet per_target = StatisticSet::Of(static_cast<double>(requests) / targets);
    add(both, "RequestCountPerTarget", per_target, "Count");
    add({{"TargetGroup", group.dimension}}, "RequestCountPerTarget", per_target, "Count");
  }
  for (const auto& [balancer, metrics] : whole) {
    for (const auto& [name, values] : metrics) {
      add({{"LoadBalancer", balancer}}, name, values, name == "TargetResponseTime" ? "Seconds" : "Count");
    }
  }
  return measurements;
}

}  // namespace adhoc::localcloud
