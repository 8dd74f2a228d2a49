// From a task definition to what the container engine is asked for. Pure functions over documents.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"
#include "localcloud/runtime/runtime.h"

namespace adhoc::localcloud::ecs {

// Where a task's containers are connected.
struct TaskNetwork {
  std::string name;
  std::string gateway;    // where the local cloud answers on that network
  bool has_route = true;  // whether it answers at 169.254.170.2 and 169.254.169.253, too (metadata_route.h)
  std::string ip;
  std::vector<std::string> aliases;
};

using Folders = std::map<std::string, std::string>;  // volume → directory of this machine, of those that are shared
using Secrets = std::map<std::string, std::map<std::string, std::string>>;  // container → name → value

// The definition of a container of a task definition. Throws Error when there is none.
const Json& ContainerDefinition(const Json& task_definition, std::string_view name);

// Several containers share a network namespace that a pause container owns.
bool NeedsPause(const Json& task_definition);
std::string PauseName(const Settings& settings, const Json& task);
ContainerSpec PauseSpec(const Settings& settings, const Json& task, const TaskNetwork& network);

// What the task's size gives it; 0 when it has none.
double TaskCpus(const Json& task);
std::string ContainerName(const Settings& settings, const Json& task, std::string_view container);
// Credentials come from the task's role as on Fargate, from a URI that only its containers are told. Without a route to
// 169.254.170.2, the only address that SDKs take them from, they are fixed ones that name no role.
ContainerSpec MakeContainerSpec(const Settings& settings, const Json& task, const Json& task_definition,
                                std::string_view container, const TaskNetwork& network, const Secrets& secrets,
                                const Folders& folders);
// The engine volumes behind a task's bind volumes, which live and end with it. Shared ones are not among them.
std::vector<std::string> TaskVolumes(const Settings& settings, const Json& task, const Json& task_definition);

// Whether a container that has not started may start, by its dependsOn.
struct Startable {
  enum class Answer { kYes, kWait, kNever } answer = Answer::kYes;
  std::string reason;  // of kNever
};
Startable CanStart(const Json& task, const Json& task_definition, std::string_view container);

// Names of the containers, dependencies first. Stopping goes the other way.
std::vector<std::string> StartOrder(const Json& task_definition);

// The values of the containers' `secrets`. Throws Error with the stoppedReason's text when one is missing.
Secrets ResolveSecrets(const Store::Transaction& txn, const Json& task_definition);

// The awslogs group and stream of a container, or nothing.
struct LogTarget {
  std::string group;
  std::string stream;
  bool create_group = false;
};
std::optional<LogTarget> LogTargetOf(const Json& task_definition, std::string_view container,
                                     const std::string& task_id);

// A container health check's argv for exec; empty: none, or NONE.
std::vector<std::string> HealthCommand(const Json& container_definition);

}  // namespace adhoc::localcloud::ecs
