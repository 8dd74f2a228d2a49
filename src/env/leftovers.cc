#include "env/leftovers.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "env/environment.h"
#include "env/names.h"
#include "env/placement.h"
#include "env/resources/resources.h"

namespace adhoc::env {
namespace {

using Names = std::set<std::string>;

Names IdsOf(const Resources& resources) {
  Names ids;
  for (const auto& resource : resources) ids.insert(resource->id());
  return ids;
}

// `alpha-web` → web; empty when it is not called like something of the environment.
std::string WorkloadOf(const Context& context, const std::string& name) {
  const std::string prefix = context.environment() + "-";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "";
}

Resources Services(Context& context, const Names& known) {
  const std::string& env = context.environment();
  if (ReadServices(context).is_null()) return {};  // no cluster
  Json arns = Json::array();
  try {
    arns = context.List("ecs", "ListServices", {{"cluster", ClusterName(env)}}, "serviceArns");
  } catch (const aws::AwsError& error) {
    if (error.code() != "ClusterNotFoundException") throw;
  }
  Resources found;
  for (const Json& arn : arns) {
    const std::string text = arn;
    const std::string name = text.substr(text.rfind('/') + 1);
    auto service = MakeForeignService(env, name);
    if (known.contains(service->id())) continue;
    service->DependsOn("cluster " + ClusterName(env));
    if (const std::string workload = WorkloadOf(context, name); !workload.empty()) {
      service->DependsOn("listener rule " + TargetGroupName(env, workload));
      service->DependsOn("discovery service " + DiscoveryName(env, workload));
    }
    found.push_back(std::move(service));
  }
  return found;
}

// Names of workloads that have a log group, which stays until the environment goes.
Names LoggedWorkloads(Context& context) {
  const std::string prefix = LogGroupName(context.environment(), "");
  Names names;
  for (const Json& group : LogGroupsOf(context, context.environment())) {
    names.insert(group.value("logGroupName", "").substr(prefix.size()));
  }
  return names;
}

bool IsFor(const Json& rule, const std::string& host) {
  const Json conditions = rule.value("Conditions", Json::array());
  return std::any_of(conditions.begin(), conditions.end(), [&](const Json& condition) {
    const Json values = condition.value("HostHeaderConfig", Json::object()).value("Values", Json::array());
    return std::find(values.begin(), values.end(), host) != values.end();
  });
}

// Names of workloads that the rules for the environment's host lead to.
Names RoutedWorkloads(Context& context) {
  Names names;
  const auto balancer = context.Find("load balancer " + context.load_balancer());
  if (!balancer) return names;
  for (const Json& rule : RulesOf(context, (*balancer)["arn"])) {
    if (!IsFor(rule, context.config().host)) continue;
    for (const std::string& arn : TargetGroupArns(rule)) {
      if (const std::string workload = WorkloadOf(context, TargetGroupOf(arn)); !workload.empty())
        names.insert(workload);
    }
  }
  return names;
}

void AddRouting(Context& context, const Names& known, const Names& workloads, Resources& resources) {
  for (const auto& workload : workloads) {
    config::Service service;
    service.name = workload;
    auto group = MakeTargetGroup(context.environment(), service);
    if (known.contains(group->id())) continue;
    resources.push_back(std::move(group));
    resources.push_back(MakeListenerRule(context.environment(), service, context.load_balancer()));
  }
}

ResourcePtr RecordOf(const Context& context) {
  auto record = MakeRecord(context.config().host, context.load_balancer());
  record->DependsOn("hosted zone " + context.config().target.domain);
  return record;
}

void AddNames(Context& context, const Names& known, const Names& workloads, Resources& resources) {
  for (const auto& workload : workloads) {
    auto service = MakeDiscoveryService(context.environment(), workload);
    if (known.contains(service->id())) continue;
    service->DependsOn("namespace " + NamespaceName(context.shared()));
    resources.push_back(std::move(service));
  }
}

Resources Families(Context& context, const Names& known) {
  const std::string& env = context.environment();
  const std::vector<std::string> environments = ListEnvironments(context);
  Resources found;
  for (const Json& family : context.List("ecs", "ListTaskDefinitionFamilies",
                                         {{"familyPrefix", env + "-"}, {"status", "ACTIVE"}}, "families")) {
    const std::string name = family;
    // `alpha-2-web` belongs to environment `alpha-2`, not to `alpha`.
    const bool others = std::any_of(environments.begin(), environments.end(), [&](const std::string& other) {
      return other.size() > env.size() && name.starts_with(other + "-");
    });
    if (!others && !known.contains("task definition " + name)) found.push_back(MakeForeignFamily(env, name));
  }
  return found;
}

Resources Secrets(Context& context, const Names& known) {
  const std::string prefix = SecretName(context.environment(), "");
  Resources found;
  for (const Json& secret :
       context.List("secretsmanager", "ListSecrets",
                    {{"Filters", Json::array({{{"Key", "name"}, {"Values", Json::array({prefix})}}})}}, "SecretList")) {
    const std::string name = secret.value("Name", "");
    if (!name.starts_with(prefix) || known.contains("secret " + name)) continue;
    config::Secret removed;
    removed.name = name.substr(prefix.size());
    found.push_back(MakeSecret(context.environment(), removed));
  }
  return found;
}

}  // namespace

Resources Existing(Context& context, Resources candidates) {
  Resources found;
  for (auto& resource : candidates) {
    auto observed = resource->Read(context);
    if (!observed) continue;
    context.Publish(resource->id(), std::move(*observed));
    found.push_back(std::move(resource));
  }
  return found;
}

Resources UnneededResources(Context& context, const Resources& resources) {
  const Names known = IdsOf(resources);
  Resources candidates;
  AddRouting(context, known, RoutedWorkloads(context), candidates);
  // Before the last rule goes: without rules nothing tells any more that there is a record.
  if (auto record = RecordOf(context); !candidates.empty() && !known.contains(record->id())) {
    for (const auto& candidate : candidates) record->DependsOn(candidate->id());
    candidates.push_back(std::move(record));
  }
  AddNames(context, known, LoggedWorkloads(context), candidates);
  Resources found = Existing(context, std::move(candidates));
  for (auto& service : Services(context, known)) found.push_back(std::move(service));
  return found;
}

Resources RemainingResources(Context& context, const Resources& resources) {
  const config::Config& config = context.config();
  const Names known = IdsOf(resources);
  const Names workloads = LoggedWorkloads(context);
  Resources found;
  for (const auto& workload : workloads) {
    auto group = MakeLogGroup(config.environment, workload);
    if (!known.contains(group->id())) found.push_back(std::move(group));
  }
  AddRouting(context, known, workloads, found);
  AddNames(context, known, workloads, found);
  if (auto record = RecordOf(context); !known.contains(record->id())) found.push_back(std::move(record));
  if (!config.bucket) found.push_back(MakeRemovedBucket(BucketName(config.target.domain, config.environment)));
  // Dropped by the task definition that it was made with, which is among the families.
  if (!config.database) found.push_back(MakeDatabase(config.environment));
  for (auto& service : Services(context, known)) found.push_back(std::move(service));
  for (auto& family : Families(context, known)) found.push_back(std::move(family));
  for (auto& secret : Secrets(context, known)) found.push_back(std::move(secret));
  for (auto& scaling : UnneededAutoscaling(context)) found.push_back(std::move(scaling));
  return found;
}

Resources UnneededAutoscaling(Context& context) {
  Resources candidates;
  for (const auto& service : context.config().services) {
    if (!service.autoscaling) candidates.push_back(MakeAutoscaling(context.environment(), service));
  }
  return Existing(context, std::move(candidates));
}

}  // namespace adhoc::env
