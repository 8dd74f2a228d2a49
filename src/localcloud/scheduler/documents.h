// The shape of the ECS documents that the API writes and the scheduler drives: how a task and a deployment begin, keys,
// identifiers, event texts. Pure functions over documents and a transaction.
//
// A task document is as DescribeTasks answers it, plus:
//   _service, _deployment           of a service's task
//   _load_balancers, _registries    what it registers with when it runs, as in its service; _instances: where it is
//   registered _subnet, _security_groups, _eni, _ip, _network, _gateway   where it is connected; _refused_enis:
//   addresses that
//                                   somebody else turned out to use
//   _failed                         it ended by itself or never became healthy; _counted: the circuit breaker knows
//   _healthy                        it has been healthy once; _settled: it has finished starting (start_watch.h)
//   _due_at                         when it may leave its lastStatus, while it starts and in DEPROVISIONING
//   _pause                          id of the container that owns the network namespace of a task with several
//   containers
//   _has_route                      whether its containers reach 169.254.170.2 (network/metadata_route.h)
//   _credentials_id, _session       of its role: the secret part of the URI that its containers read credentials from,
//                                   and what was issued last (api/task_endpoint.h)
// and each of its containers: _id (the engine's), _essential, _started and _finished (epoch seconds), _log {group,
// stream}, _metadata_id (the secret part of its metadata URI).
// A service document has _request (for idempotency), _last_completed (the deployment a roll back returns to), _steady,
// a deployment _start_after (see reconcile.h), _loadBalancers, _serviceRegistries,
// _enableExecuteCommand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "localcloud/cloud.h"

namespace adhoc::localcloud::ecs {

inline constexpr std::string_view kClusters = "ecs.clusters";
inline constexpr std::string_view kTaskDefinitions = "ecs.taskdefs";
inline constexpr std::string_view kServices = "ecs.services";
inline constexpr std::string_view kTasks = "ecs.tasks";
inline constexpr std::string_view kTargets = "elbv2.targets";
inline constexpr std::string_view kEnis = "ec2.enis";

// A stopped task stays visible for this long (DescribeTasks: at least an hour).
inline constexpr double kStoppedTaskSeconds = 3600 + 600;

std::string NewTaskId(Random& random);        // 32 hex digits
std::string NewDeploymentId(Random& random);  // ecs-svc/ and 19 digits

// The part of an ARN or a path after its last '/'.
std::string LastPart(std::string_view arn);
// `cluster/task id` from a task's ARN; `cluster/service` from a service's.
std::string KeyFromArn(std::string_view arn);
// The role that a task's containers act as; empty: none.
std::string TaskRole(const Json& task, const Json& task_definition);
// `family:revision` from a task definition's ARN.
std::string TaskDefinitionKey(std::string_view arn);

bool IsStopped(const Json& task);   // lastStatus
bool IsStopping(const Json& task);  // desiredStatus STOPPED, whether or not it has ended

// What RunTask and a service's deployment say about the tasks to start.
struct TaskTemplate {
  std::string cluster;  // name
  Json task_definition;
  Json network_configuration;  // as in RunTask
  Json overrides = Json::object();
  std::string launch_type = "FARGATE";
  std::string capacity_provider;  // instead of the launch type
  std::string platform_version = "1.4.0";
  std::string group;
  std::string started_by;
  bool enable_execute_command = false;
  Json tags = Json::array();
  std::string service;     // empty: a one-off task
  std::string deployment;  // id
};

// A task in PROVISIONING.
Json NewTask(const TaskTemplate& from, Cloud& cloud);

// Asks a task to end. The first reason stays.
void StopTask(Json& task, std::string_view code, const std::string& reason, double now);

// Newest first, at most 100; the same text as the newest is not repeated.
void AddServiceEvent(Json& service, const std::string& message, double now, Random& random);

struct DeploymentTemplate {
  std::string id;
  std::string reason;  // rolloutStateReason; empty: in progress
};
// A PRIMARY deployment made of what the service document now says. The one that was PRIMARY becomes ACTIVE.
void BeginDeployment(Json& service, const DeploymentTemplate& from, double now);

// As UpdateService's desiredCount.
void SetDesiredCount(Json& service, int desired);

// Counts a service's and its deployments' running and pending tasks from its tasks.
void CountTasks(Json& service, const std::vector<const Json*>& tasks);

// The tasks that belong to a service, in key order.
std::vector<std::string> TaskKeysOf(const Store::Transaction& txn, std::string_view cluster, std::string_view service);

}  // namespace adhoc::localcloud::ecs
