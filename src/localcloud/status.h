// What a local cloud holds and runs, for a person or a program that looks: a summary of the documents, and what the
// container engine and the kernel say of memory.
#pragma once

#include "base/json.h"
#include "localcloud/runtime/runtime.h"
#include "localcloud/store/store.h"

namespace adhoc::localcloud {

// {clusters: [{name, services: [{name, status, desired, running, pending, task_definition, …}], tasks: [{id, family,
// status}]}], load_balancers: [{name, dns_name, state, listeners: [{protocol, port, url}]}], databases: [{name, status,
// engine, address, port}], buckets: [{name, objects, bytes}]}. Tasks are those that belong to no service. Each thing
// that has containers also has `containers` and `memory_bytes`, which AddMemory fills.
Json Summarize(const Store::Transaction& txn);

struct ContainerMemory {
  Labels labels;
  std::int64_t bytes = 0;
};
// Of the running ones. A container that ends meanwhile is left out.
std::vector<ContainerMemory> MeasureContainers(ContainerRuntime& runtime, const Labels& labels);

// Adds to `summary` what the containers of each service, task, load balancer and database use, and {containers,
// memory_bytes} of all.
void AddMemory(Json& summary, const std::vector<ContainerMemory>& containers);

// What the kernel holds in memory for this process.
std::int64_t ResidentBytes();

}  // namespace adhoc::localcloud
