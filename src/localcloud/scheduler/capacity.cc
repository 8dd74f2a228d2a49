#include "localcloud/scheduler/capacity.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "localcloud/scheduler/documents.h"

namespace adhoc::localcloud::ecs {
namespace {

constexpr std::string_view kExhausted = "ecs.exhausted_capacity";  // provider → {}

}  // namespace

std::string NextCapacityProvider(const Json& strategy, const std::map<std::string, int>& running) {
  std::string chosen;
  double least = 0;
  for (const Json& item : strategy) {
    const std::string provider = item.value("capacityProvider", "");
    const auto found = running.find(provider);
    const int have = found == running.end() ? 0 : found->second;
    const int base = item.value("base", 0);
    if (have < base) return provider;
    const int weight = item.value("weight", 0);
    if (weight <= 0) continue;
    const double share = static_cast<double>(have - base + 1) / weight;
    if (chosen.empty() || share < least) {
      chosen = provider;
      least = share;
    }
  }
  // A provider alone needs no weight.
  if (chosen.empty() && !strategy.empty()) chosen = strategy[0].value("capacityProvider", "");
  return chosen;
}

bool HasCapacity(const Store::Transaction& txn, std::string_view provider) {
  return txn.Find(kExhausted, provider.empty() ? "FARGATE" : provider) == nullptr;
}

void SetCapacity(Store::Transaction& txn, const std::string& provider, bool available) {
  if (provider != "FARGATE" && provider != "FARGATE_SPOT") {
    throw Error(fmt::format("there is no capacity provider {}", provider), "FARGATE or FARGATE_SPOT");
  }
  if (available) {
    txn.Erase(kExhausted, provider);
  } else {
    txn.Put(kExhausted, provider, Json::object());
  }
}

std::vector<std::string> InterruptService(Cloud& cloud, Store::Transaction& txn, const std::string& cluster,
                                          const std::string& service) {
  const Json* found = txn.Find(kServices, cluster + "/" + service);
  if (found == nullptr || found->value("status", "") == "INACTIVE") {
    throw Error(fmt::format("there is no service {} in cluster {}", service, cluster), "adhoc ls");
  }
  std::vector<std::string> spot;
  std::vector<std::string> running;
  for (const std::string& key : TaskKeysOf(txn, cluster, service)) {
    const Json& task = *txn.Find(kTasks, key);
    if (IsStopping(task) || task.value("lastStatus", "") != "RUNNING") continue;
    running.push_back(key);
    if (task.value("capacityProviderName", "") == "FARGATE_SPOT") spot.push_back(key);
  }
  if (running.empty()) throw Error(fmt::format("no task of service {} runs", service), "adhoc status");
  std::vector<std::string> arns;
  for (const std::string& key : spot.empty() ? running : spot) {
    Json& task = txn.Edit(kTasks, key);
    StopTask(task, "SpotInterruption", "Your Spot Task was interrupted.", cloud.Now());
    arns.push_back(task.at("taskArn"));
  }
  std::string tasks;
  for (const std::string& arn : arns) tasks += fmt::format("{}(task {})", tasks.empty() ? "" : " ", LastPart(arn));
  AddServiceEvent(txn.Edit(kServices, cluster + "/" + service),
                  fmt::format("(service {}) has stopped {} running tasks: {}.", service, arns.size(), tasks),
                  cloud.Now(), cloud.random);
  return arns;
}

}  // namespace adhoc::localcloud::ecs
