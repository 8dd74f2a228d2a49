#include "localcloud/status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <mutex>
#include <string>

#include "base/parallel.h"
#include "localcloud/api/support.h"
#include "localcloud/database/documents.h"
#include "localcloud/proxy/balancer_view.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud {
namespace {

constexpr std::size_t kThreads = 8;

Json SummarizeTask(const Json& task) {
  return {{"id", ecs::LastPart(Text(task, "taskArn"))},
          {"task_definition", ecs::TaskDefinitionKey(Text(task, "taskDefinitionArn"))},
          {"status", Text(task, "lastStatus")}};
}

Json SummarizeService(const Store::Transaction& txn, const std::string& cluster, const Json& service) {
  const std::string name = Text(service, "serviceName");
  Json tasks = Json::array();
  for (const auto& key : ecs::TaskKeysOf(txn, cluster, name)) {
    const Json& task = *txn.Find(ecs::kTasks, key);
    if (!ecs::IsStopped(task)) tasks.push_back(SummarizeTask(task));
  }
  return {{"name", name},
          {"status", Text(service, "status")},
          {"task_definition", ecs::TaskDefinitionKey(Text(service, "taskDefinition"))},
          {"desired", Number(service, "desiredCount")},
          {"running", Number(service, "runningCount")},
          {"pending", Number(service, "pendingCount")},
          {"tasks", std::move(tasks)}};
}

Json SummarizeCluster(const Store::Transaction& txn, const std::string& name) {
  const std::string prefix = name + "/";
  Json services = Json::array();
  for (const auto& [key, service] : txn.All(ecs::kServices)) {
    if (key.starts_with(prefix) && Text(service, "status") != "INACTIVE") {
      services.push_back(SummarizeService(txn, name, service));
    }
  }
  Json tasks = Json::array();
  for (const auto& [key, task] : txn.All(ecs::kTasks)) {
    if (key.starts_with(prefix) && !task.contains("_service") && !ecs::IsStopped(task)) {
      tasks.push_back(SummarizeTask(task));
    }
  }
  return {{"name", name}, {"services", std::move(services)}, {"tasks", std::move(tasks)}};
}

Json SummarizeBalancer(const Store::Transaction& txn, const std::string& arn, const Json& balancer) {
  std::map<std::int64_t, Json> listeners;
  for (const auto& [listener_arn, listener] : txn.All(proxy::kListeners)) {
    if (Text(listener, "LoadBalancerArn") != arn) continue;
    const std::int64_t port = Number(listener, "Port");
    const std::string protocol = Text(listener, "Protocol");
    listeners[port] = {{"protocol", protocol},
                       {"port", port},
                       {"url", fmt::format("{}://127.0.0.1:{}", protocol == "HTTPS" ? "https" : "http", port)}};
  }
  Json list = Json::array();
  for (auto& [port, listener] : listeners) list.push_back(std::move(listener));
  return {{"name", Text(balancer, "LoadBalancerName")},
          {"arn", arn},
          {"dns_name", Text(balancer, "DNSName")},
          {"state", Text(Fields(balancer, "State"), "Code")},
          {"listeners", std::move(list)}};
}

Json SummarizeDatabase(const std::string& id, const Json& instance) {
  const Json& endpoint = Fields(instance, "Endpoint");
  return {{"name", id},
          {"status", Text(instance, "DBInstanceStatus")},
          {"engine", Text(instance, "Engine") + " " + Text(instance, "EngineVersion")},
          {"address", Text(endpoint, "Address")},
          {"port", Number(endpoint, "Port")}};
}

Json SummarizeBuckets(const Store::Transaction& txn) {
  struct Content {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
  };
  std::map<std::string, Content> contents;
  for (const auto& [name, bucket] : txn.All("s3.buckets")) contents[name];
  for (const auto& [key, object] : txn.All("s3.objects")) {
    auto& content = contents[key.substr(0, key.find('\n'))];
    ++content.objects;
    content.bytes += Number(object, "Size");
  }
  Json buckets = Json::array();
  for (const auto& [name, content] : contents) {
    buckets.push_back({{"name", name}, {"objects", content.objects}, {"bytes", content.bytes}});
  }
  return buckets;
}

struct Use {
  std::int64_t containers = 0;
  std::int64_t bytes = 0;
  Use& operator+=(const Use& other) {
    containers += other.containers;
    bytes += other.bytes;
    return *this;
  }
};

void Write(Json& thing, const Use& use) {
  thing["containers"] = use.containers;
  thing["memory_bytes"] = use.bytes;
}

// By the value of a label.
std::map<std::string, Use> UseBy(const std::vector<ContainerMemory>& containers, const char* label) {
  std::map<std::string, Use> uses;
  for (const auto& container : containers) {
    const auto found = container.labels.find(label);
    if (found != container.labels.end()) uses[found->second] += {1, container.bytes};
  }
  return uses;
}

}  // namespace

Json Summarize(const Store::Transaction& txn) {
  Json summary{{"clusters", Json::array()}, {"load_balancers", Json::array()}, {"databases", Json::array()}};
  for (const auto& [name, cluster] : txn.All(ecs::kClusters)) {
    if (Text(cluster, "status", "ACTIVE") == "ACTIVE") summary["clusters"].push_back(SummarizeCluster(txn, name));
  }
  for (const auto& [arn, balancer] : txn.All(proxy::kLoadBalancers)) {
    summary["load_balancers"].push_back(SummarizeBalancer(txn, arn, balancer));
  }
  for (const auto& [id, instance] : txn.All(database::kInstances)) {
    summary["databases"].push_back(SummarizeDatabase(id, instance));
  }
  summary["buckets"] = SummarizeBuckets(txn);
  return summary;
}

std::vector<ContainerMemory> MeasureContainers(ContainerRuntime& runtime, const Labels& labels) {
  std::vector<ContainerMemory> measured;
  std::mutex mutex;
  ForEachParallel(runtime.List(labels), kThreads, [&](const ContainerState& container) {
    if (!container.running()) return;
    try {
      const std::int64_t bytes = runtime.Stats(container.id).memory_bytes;
      const std::lock_guard lock(mutex);
      measured.push_back({container.labels, bytes});
    } catch (const RuntimeError&) {
      // It has ended since the list was made.
    }
  });
  return measured;
}

void AddMemory(Json& summary, const std::vector<ContainerMemory>& containers) {
  std::map<std::string, Use> by_task;
  for (const auto& [arn, use] : UseBy(containers, "adhoc.task")) by_task[ecs::LastPart(arn)] += use;
  const auto add_tasks = [&](Json& tasks) {
    Use sum;
    for (Json& task : tasks) {
      Write(task, by_task[Text(task, "id")]);
      sum += by_task[Text(task, "id")];
    }
    return sum;
  };
  for (Json& cluster : summary["clusters"]) {
    for (Json& service : cluster["services"]) Write(service, add_tasks(service["tasks"]));
    add_tasks(cluster["tasks"]);
  }
  auto by_balancer = UseBy(containers, "adhoc.loadbalancer");
  for (Json& balancer : summary["load_balancers"]) Write(balancer, by_balancer[Text(balancer, "arn")]);
  auto by_database = UseBy(containers, "adhoc.database");
  for (Json& database : summary["databases"]) Write(database, by_database[Text(database, "name")]);
  Use all;
  for (const auto& container : containers) all += {1, container.bytes};
  Write(summary, all);
}

std::int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace adhoc::localcloud
