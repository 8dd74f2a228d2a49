#include "localcloud/scheduler/task_runner.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "localcloud/files/file_systems.h"
#include "localcloud/iam/task_roles.h"
#include "localcloud/network/vpc_network.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/targets.h"

namespace adhoc::localcloud {

using namespace ecs;  // NOLINT(google-build-using-namespace): the runner is written in the terms of ECS documents

namespace {

// How many addresses are tried when something that we don't know holds the one we picked.
constexpr int kAddressAttempts = 8;

void SetStatus(Json& task, std::string_view status) {
  task.erase("_due_at");
  task["lastStatus"] = status;
  task["version"] = task.value("version", 1) + 1;
}

// A status that takes its time.
void SetSlowStatus(const Cloud& cloud, Json& task, std::string_view status, Slow what) {
  SetStatus(task, status);
  task["_due_at"] = cloud.DueAt(what);
}

Json* FindContainer(Json& task, std::string_view name) {
  for (Json& container : task["containers"]) {
    if (container.value("name", "") == name) return &container;
  }
  return nullptr;
}

bool IsAlive(const Json& container) { return container.value("lastStatus", "") == "RUNNING"; }

bool HasAliveContainer(const Json& task) {
  const Json& containers = task.at("containers");
  return std::any_of(containers.begin(), containers.end(), IsAlive);
}

void SetAgents(Json& container, std::string_view status, double now) {
  if (!container.contains("managedAgents")) return;
  for (Json& agent : container["managedAgents"]) {
    agent["lastStatus"] = status;
    if (status == "RUNNING") agent["lastStartedAt"] = now;
  }
}

std::string TaskId(const Json& task) { return LastPart(task.at("taskArn").get<std::string>()); }

// ECR repositories of this cloud are the engine's own images: there is no registry to ask.
bool IsLocalImage(const Settings& settings, const std::string& image) {
  return image.starts_with("localhost/") || image.starts_with(settings.account + ".dkr.ecr.") ||
         image.find(".dkr.ecr.") != std::string::npos;
}

}  // namespace

std::optional<TaskRunner::Snapshot> TaskRunner::Load(const std::string& key) {
  auto txn = cloud_.store.Begin();
  const Json* task = txn->Find(kTasks, key);
  if (task == nullptr) return std::nullopt;
  const Json* definition =
      txn->Find(kTaskDefinitions, TaskDefinitionKey(task->at("taskDefinitionArn").get<std::string>()));
  if (definition == nullptr) return Snapshot{*task, Json{{"containerDefinitions", Json::array()}}};
  return Snapshot{*task, *definition};
}

double TaskRunner::DueAt(const Json& task) {
  // What is not wanted any more isn't waited for.
  if (IsStopping(task) && task.value("lastStatus", "") != "DEPROVISIONING") return 0;
  return task.value("_due_at", 0.0);
}

bool TaskRunner::CanAdvance(const Store::Transaction& txn, const Json& task, double now) {
  const std::string status = task.value("lastStatus", "");
  if (status == "STOPPED" || now < DueAt(task)) return false;
  if (IsStopping(task)) {
    return status != "DEACTIVATING" || !HasAliveContainer(task) || !HasTargets(txn, task);
  }
  if (status == "RUNNING") return false;
  if (status != "ACTIVATING") return true;
  const Json* definition =
      txn.Find(kTaskDefinitions, TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>()));
  if (definition == nullptr) return true;
  const Json& containers = task.at("containers");
  return std::any_of(containers.begin(), containers.end(), [&](const Json& container) {
    return container.value("lastStatus", "") == "PENDING" &&
           CanStart(task, *definition, container.value("name", "")).answer != Startable::Answer::kWait;
  });
}

void TaskRunner::Advance(const std::string& key) {
  while (Step(key)) {
  }
}

bool TaskRunner::Step(const std::string& key) {
  const auto now = Load(key);
  if (!now) return false;
  const std::string status = now->task.value("lastStatus", "");
  try {
    if (status == "STOPPED" || cloud_.Now() < DueAt(now->task)) return false;
    if (IsStopping(now->task)) {
      if (status == "STOPPING") return StopContainers(key, *now);
      if (status == "DEPROVISIONING") return Deprovision(key, *now);
      return Deactivate(key);
    }
    if (now->definition.at("containerDefinitions").empty()) throw Error("the task definition does not exist any more");
    if (status == "PROVISIONING") return Provision(key, *now);
    if (status == "PENDING") return Prepare(key, *now);
    if (status == "ACTIVATING") return StartContainers(key);
    return false;
  } catch (const RuntimeError& error) {
    if (error.kind() == RuntimeErrorKind::kUnreachable) throw;
    // Whatever the engine refuses while a task stops must not keep the task: what is left of it is removed as an
    // orphan.
    if (IsStopping(now->task)) throw;
    Fail(key, fmt::format("ContainerRuntimeError: {}", error.what()));
    return true;
  } catch (const Error& error) {
    if (IsStopping(now->task)) throw;
    Fail(key, error.what());
    return true;
  }
}

bool TaskRunner::Provision(const std::string& key, const Snapshot& now) {
  std::string vpc;
  {
    auto txn = cloud_.store.Begin();
    const Json* subnet = txn->Find("ec2.subnets", now.task.value("_subnet", ""));
    if (subnet != nullptr) vpc = subnet->value("VpcId", "");
  }
  // Before an address is taken: while no interface uses the VPC it can still move to a range that is free on this
  // machine.
  const VpcNetwork network = EnsureVpcNetwork(cloud_, vpc);
  const bool has_route = route_metadata_();

  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  if (IsStopping(task)) return true;
  InterfaceSpec spec;
  spec.subnet_id = task.value("_subnet", "");
  spec.security_groups = task.value("_security_groups", std::vector<std::string>());
  spec.description = cloud_.Arn("ecs", "attachment/" + task["attachments"][0]["id"].get<std::string>());
  spec.requester = "amazon-ecs";
  const Json eni = PutInterface(cloud_, *txn, spec);
  task["_eni"] = eni.at("NetworkInterfaceId");
  task["_ip"] = eni.at("PrivateIpAddress");
  task["_network"] = network.name;
  task["_gateway"] = network.gateway;
  task["_has_route"] = has_route;
  task["availabilityZone"] = eni.value("AvailabilityZone", "");
  Json& attachment = task["attachments"][0];
  attachment["status"] = "ATTACHED";
  attachment["details"] = Json::array({{{"name", "subnetId"}, {"value", spec.subnet_id}},
                                       {{"name", "networkInterfaceId"}, {"value", eni["NetworkInterfaceId"]}},
                                       {{"name", "macAddress"}, {"value", eni.value("MacAddress", "")}},
                                       {{"name", "privateDnsName"}, {"value", eni.value("PrivateDnsName", "")}},
                                       {{"name", "privateIPv4Address"}, {"value", eni["PrivateIpAddress"]}}});
  SetSlowStatus(cloud_, task, "PENDING", Slow::kTaskPending);
  txn->Commit();
  return true;
}

bool TaskRunner::Prepare(const std::string& key, const Snapshot& now) {
  auto txn = cloud_.store.Begin();
  iam::CheckExecutionRole(cloud_, *txn, now.definition, TaskId(now.task));
  ResolveSecrets(*txn, now.definition);
  for (const Json& container : now.definition.at("containerDefinitions")) {
    const auto target = LogTargetOf(now.definition, container.at("name").get<std::string>(), TaskId(now.task));
    if (!target) continue;
    if (txn->Find("logs.groups", target->group) == nullptr) {
      if (!target->create_group) {
        throw Error(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "failed "
            "to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : "
            "exit "
            "status 1 (" +
            target->group + ")");
      }
      txn->Put("logs.groups", target->group,
               {{"logGroupName", target->group},
                {"creationTime", static_cast<std::int64_t>(cloud_.Now() * 1000)},
                {"metricFilterCount", 0},
                {"storedBytes", 0},
                {"arn", cloud_.Arn("logs", "log-group:" + target->group + ":*")}});
    }
    EnsureLogStream(cloud_, *txn, target->group, target->stream);
    Json& task = txn->Edit(kTasks, key);
    (*FindContainer(task, container.at("name").get<std::string>()))["_log"] = {{"group", target->group},
                                                                               {"stream", target->stream}};
  }
  Json& task = txn->Edit(kTasks, key);
  // Nobody finds out another task's by trying.
  if (!TaskRole(task, now.definition).empty()) task["_credentials_id"] = cloud_.random.Uuid();
  for (Json& container : task["containers"]) container["_metadata_id"] = cloud_.random.Hex(32);
  task["pullStartedAt"] = cloud_.Now();
  SetSlowStatus(cloud_, task, "ACTIVATING", Slow::kTaskActivating);
  txn->Commit();
  return true;
}

TaskRunner::Image TaskRunner::EnsureImage(const std::string& image, const std::string& pinned) {
  const auto found = cloud_.runtime.FindImage(image);
  if (!pinned.empty() && (!found || found->id != pinned)) {
    if (const auto kept = cloud_.runtime.FindImage(pinned)) return {pinned, pinned, kept->digest()};
  }
  if (found) return {image, found->id, found->digest()};
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format(
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {}: {}", image,
        why));
  };
  if (IsLocalImage(cloud_.settings, image)) refuse(image + ": not found");
  try {
    cloud_.runtime.PullImage(image, "");
  } catch (const RuntimeError& error) {
    if (error.kind() == RuntimeErrorKind::kUnreachable) throw;
    refuse(error.what());
  }
  const auto pulled = cloud_.runtime.FindImage(image);
  return pulled ? Image{image, pulled->id, pulled->digest()} : Image{image, "", ""};
}

Json* TaskRunner::DeploymentOf(Store::Transaction& txn, const Json& task) {
  const std::string service = LastPart(task.at("clusterArn").get<std::string>()) + "/" + task.value("_service", "");
  if (!task.contains("_service") || txn.Find(kServices, service) == nullptr) return nullptr;
  for (Json& deployment : txn.Edit(kServices, service)["deployments"]) {
    if (deployment.value("id", "") == task.value("_deployment", "")) return &deployment;
  }
  return nullptr;
}

TaskNetwork TaskRunner::NetworkOf(const Json& task) {
  TaskNetwork network;
  network.name = task.value("_network", "");
  network.gateway = task.value("_gateway", "");
  network.has_route = task.value("_has_route", false);
  network.ip = task.value("_ip", "");
  auto txn = cloud_.store.Begin();
  for (const Json& registry : task.value("_registries", Json::array())) {
    const Json* service = txn->Find("servicediscovery.services", LastPart(registry.value("registryArn", "")));
    if (service != nullptr && service->contains("_fqdn")) network.aliases.push_back(service->at("_fqdn"));
  }
  return network;
}

Folders TaskRunner::OpenFolders(const Json& task, const Json& definition) {
  std::map<std::string, SharedFolder> shared;
  {
    auto txn = cloud_.store.Begin();
    const Json* subnet = txn->Find("ec2.subnets", task.value("_subnet", ""));
    shared = SharedFoldersOf(*txn, cloud_.settings, definition, subnet == nullptr ? "" : subnet->value("VpcId", ""));
  }
  Folders folders;
  for (const auto& [volume, folder] : shared) folders[volume] = OpenSharedFolder(cloud_.settings, folder);
  return folders;
}

void TaskRunner::MoveToAnotherAddress(const std::string& key) {
  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  InterfaceSpec spec;
  spec.subnet_id = task.value("_subnet", "");
  spec.security_groups = task.value("_security_groups", std::vector<std::string>());
  spec.requester = "amazon-ecs";
  const Json eni = PutInterface(cloud_, *txn, spec);
  // The refused address keeps its interface while the task lives, so that the next task does not try it again.
  task["_refused_enis"].push_back(task["_eni"]);
  task["_eni"] = eni.at("NetworkInterfaceId");
  task["_ip"] = eni.at("PrivateIpAddress");
  for (Json& detail : task["attachments"][0]["details"]) {
    if (detail["name"] == "networkInterfaceId") detail["value"] = eni["NetworkInterfaceId"];
    if (detail["name"] == "privateIPv4Address") detail["value"] = eni["PrivateIpAddress"];
    if (detail["name"] == "macAddress") detail["value"] = eni["MacAddress"];
  }
  txn->Commit();
}

std::string TaskRunner::CreateContainer(const std::string& key, ContainerSpec spec) {
  for (int attempt = 1;; ++attempt) {
    std::string id;
    try {
      id = cloud_.runtime.Create(spec);
    } catch (const RuntimeError& error) {
      if (error.kind() == RuntimeErrorKind::kNameInUse) {
        // We made it and were killed before we could write that down.
        const auto existing = cloud_.runtime.Inspect(spec.name);
        if (!existing || !MatchesLabels(existing->labels, {{"adhoc.task", spec.labels.at("adhoc.task")}})) throw;
        if (existing->status != ContainerStatus::kCreated) return existing->id;
        id = existing->id;
      } else if (error.kind() == RuntimeErrorKind::kImageNotFound) {
        throw Error(
            fmt::format("CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
                        "resolve ref {}: {}",
                        spec.image, error.what()));
      } else if (error.kind() != RuntimeErrorKind::kAddressInUse) {
        if (error.kind() == RuntimeErrorKind::kUnreachable) throw;
        throw Error(fmt::format("CannotCreateContainerError: {}", error.what()));
      }
    }
    try {
      if (!id.empty()) {
        cloud_.runtime.Start(id);
        return id;
      }
    } catch (const RuntimeError& error) {
      if (error.kind() == RuntimeErrorKind::kUnreachable) throw;
      if (error.kind() != RuntimeErrorKind::kAddressInUse || spec.network.empty()) {
        throw Error(fmt::format("CannotStartContainerError: {}", error.what()));
      }
      cloud_.runtime.Remove(id, true);
    }
    if (attempt == kAddressAttempts)
      throw Error("ResourceInitializationError: no free address for the task's interface");
    MoveToAnotherAddress(key);
    spec.ip = Load(key)->task.value("_ip", "");
  }
}

bool TaskRunner::StartContainers(const std::string& key) {
  auto now = Load(key);
  Json pins = Json::object();
  {
    auto txn = cloud_.store.Begin();
    if (const Json* deployment = DeploymentOf(*txn, now->task)) pins = deployment->value("_images", Json::object());
  }
  std::map<std::string, Image> images;
  for (const Json& container : now->definition.at("containerDefinitions")) {
    const std::string name = container.at("name");
    images[name] = EnsureImage(container.at("image"), pins.value(name, ""));
  }
  if (NeedsPause(now->definition) && !now->task.contains("_pause")) {
    const std::string id = CreateContainer(key, PauseSpec(cloud_.settings, now->task, NetworkOf(now->task)));
    auto txn = cloud_.store.Begin();
    txn->Edit(kTasks, key)["_pause"] = id;
    txn->Commit();
  }
  Secrets secrets;
  {
    auto txn = cloud_.store.Begin();
    secrets = ResolveSecrets(*txn, now->definition);
    Json& task = txn->Edit(kTasks, key);
    if (!task.contains("pullStoppedAt")) task["pullStoppedAt"] = cloud_.Now();
    for (Json& container : task["containers"]) container["imageDigest"] = images[container.value("name", "")].digest;
    if (Json* deployment = DeploymentOf(*txn, task)) {
      Json& pinned = (*deployment)["_images"];
      for (const auto& [name, image] : images) {
        if (!pinned.contains(name) && !image.id.empty()) pinned[name] = image.id;
      }
    }
    txn->Commit();
  }

  const Folders folders = OpenFolders(now->task, now->definition);
  for (const std::string& name : StartOrder(now->definition)) {
    now = Load(key);
    if (IsStopping(now->task)) return true;
    const Json& container = *FindContainer(now->task, name);
    if (container.value("lastStatus", "") != "PENDING") continue;
    const Startable startable = CanStart(now->task, now->definition, name);
    if (startable.answer == Startable::Answer::kWait) continue;
    if (startable.answer == Startable::Answer::kNever) {
      Fail(key, "ContainerDependencyError: " + startable.reason, name);
      return true;
    }
    std::string id;
    try {
      ContainerSpec spec =
          MakeContainerSpec(cloud_.settings, now->task, now->definition, name, NetworkOf(now->task), secrets, folders);
      spec.image = images[name].reference;
      id = CreateContainer(key, std::move(spec));
    } catch (const RuntimeError& error) {
      throw;
    } catch (const Error& error) {
      Fail(key, error.what(), name);
      return true;
    }
    RecordStart(key, name, id);
  }
  // Stays in ACTIVATING while a container waits for another one; the scheduler calls again when that changes.
  return Load(key)->task.value("lastStatus", "") != "ACTIVATING";
}

void TaskRunner::RecordStart(const std::string& key, const std::string& name, const std::string& id) {
  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  Json& container = *FindContainer(task, name);
  container["lastStatus"] = "RUNNING";
  container["_id"] = id;
  container["_started"] = cloud_.Now();
  std::uint64_t digits = 0;
  for (const char c : name) digits = digits * 131 + static_cast<unsigned char>(c);
  container["runtimeId"] = fmt::format("{}-{:010}", TaskId(task), digits % 10000000000ULL);
  container["networkInterfaces"] =
      Json::array({{{"attachmentId", task["attachments"][0]["id"]}, {"privateIpv4Address", task.value("_ip", "")}}});
  SetAgents(container, "RUNNING", cloud_.Now());
  const Json& containers = task["containers"];
  const bool all_started = std::none_of(containers.begin(), containers.end(),
                                        [](const Json& c) { return c.value("lastStatus", "") == "PENDING"; });
  if (all_started && !IsStopping(task)) {
    SetStatus(task, "RUNNING");
    task["startedAt"] = cloud_.Now();
    task["connectivity"] = "CONNECTED";
    task["connectivityAt"] = cloud_.Now();
    RegisterTargets(cloud_, *txn, task);
    RegisterInstances(cloud_, *txn, task);
  }
  const Json log = container.value("_log", Json());
  txn->Commit();
  if (log.is_object()) logs_.Follow(id, log.at("group"), log.at("stream"));
}

void TaskRunner::RecordEnd(const std::string& key, const Json& ended, const std::optional<ContainerState>& state) {
  // As Docker's log driver does it: who sees the exit code may read the whole log.
  FinishLog(ended);
  auto txn = cloud_.store.Begin();
  if (txn->Find(kTasks, key) == nullptr) return;
  Json& task = txn->Edit(kTasks, key);
  Json& container = *FindContainer(task, ended.at("name").get<std::string>());
  if (container.value("lastStatus", "") == "STOPPED") return;
  container["lastStatus"] = "STOPPED";
  container["_finished"] = cloud_.Now();
  if (state && state->exit_code) {
    container["exitCode"] = *state->exit_code;
    if (state->oom_killed) container["reason"] = "OutOfMemoryError: Container killed due to memory usage";
    if (!state->error.empty()) container["reason"] = "ContainerRuntimeError: " + state->error;
  } else {
    container["reason"] = "ContainerRuntimeError: the container does not exist any more";
  }
  SetAgents(container, "STOPPED", cloud_.Now());
  task["version"] = task.value("version", 1) + 1;
  if (container.value("_essential", true) && !IsStopping(task)) {
    StopTask(task, "EssentialContainerExited", "Essential container in task exited", cloud_.Now());
    task["_failed"] = true;
  }
  txn->Commit();
}

void TaskRunner::FinishLog(const Json& container) {
  const std::string id = container.value("_id", "");
  if (id.empty() || !container.contains("_log")) return;
  logs_.Follow(id, container["_log"].at("group"), container["_log"].at("stream"));
  logs_.Finish(id);
}

void TaskRunner::Observe(const std::string& key) {
  const auto now = Load(key);
  if (!now || IsStopped(now->task)) return;
  for (const Json& container : now->task.at("containers")) {
    if (!IsAlive(container)) continue;
    const std::string id = container.value("_id", "");
    const auto state = cloud_.runtime.Inspect(id);
    if (state && state->running()) {
      if (container.contains("_log")) logs_.Follow(id, container["_log"].at("group"), container["_log"].at("stream"));
      continue;
    }
    RecordEnd(key, container, state);
  }
  if (now->task.contains("_pause")) {
    const auto pause = cloud_.runtime.Inspect(now->task["_pause"].get<std::string>());
    if (!pause || !pause->running()) {
      auto txn = cloud_.store.Begin();
      Json& task = txn->Edit(kTasks, key);
      StopTask(task, "EssentialContainerExited", "ContainerRuntimeError: the task's network does not exist any more",
               cloud_.Now());
      task["_failed"] = true;
      txn->Commit();
    }
  }
}

void TaskRunner::Fail(const std::string& key, const std::string& reason, const std::string& container) {
  spdlog::info("task {} failed to start: {}", key, reason);
  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  if (!IsStopping(task)) {
    StopTask(task, "TaskFailedToStart", reason, cloud_.Now());
    task["_failed"] = true;
    if (Json* failed = container.empty() ? nullptr : FindContainer(task, container)) (*failed)["reason"] = reason;
  }
  txn->Commit();
}

bool TaskRunner::Deactivate(const std::string& key) {
  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  const std::string status = task.value("lastStatus", "");
  if (status != "DEACTIVATING") {
    DeregisterInstances(*txn, task);
    DrainTargets(cloud_, *txn, task);
    SetStatus(task, "DEACTIVATING");
  }
  // A task whose containers are gone has nothing to finish for the requests that drain.
  const bool waits = HasAliveContainer(task) && HasTargets(*txn, task);
  if (!waits) SetStatus(task, "STOPPING");
  txn->Commit();
  return !waits;
}

bool TaskRunner::StopContainers(const std::string& key, const Snapshot& now) {
  std::vector<std::string> order;
  if (!now.definition.at("containerDefinitions").empty()) order = StartOrder(now.definition);
  std::reverse(order.begin(), order.end());
  for (const std::string& name : order) {
    Json task = now.task;
    const Json& container = *FindContainer(task, name);
    if (!IsAlive(container)) continue;
    const std::string id = container.value("_id", "");
    const int grace = ContainerDefinition(now.definition, name).value("stopTimeout", 30);
    try {
      cloud_.runtime.Stop(id, std::chrono::seconds(grace));
    } catch (const RuntimeError& error) {
      if (error.kind() == RuntimeErrorKind::kUnreachable) throw;
      spdlog::warn("cannot stop container {} of task {}: {}", name, key, error.what());
    }
    RecordEnd(key, container, cloud_.runtime.Inspect(id));
  }
  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  task["executionStoppedAt"] = cloud_.Now();
  for (Json& container : task["containers"]) container["lastStatus"] = "STOPPED";
  SetSlowStatus(cloud_, task, "DEPROVISIONING", Slow::kTaskDeprovisioning);
  txn->Commit();
  return true;
}

bool TaskRunner::Deprovision(const std::string& key, const Snapshot& now) {
  // By label, not by what is written down: a container may have been made just before we were killed.
  const std::string arn = now.task.at("taskArn");
  auto containers = cloud_.runtime.List({{"adhoc.instance", cloud_.settings.instance}, {"adhoc.task", arn}});
  // The pause container last: the others use its network namespace.
  const std::string pause = now.task.value("_pause", "");
  std::stable_sort(containers.begin(), containers.end(),
                   [&](const auto& a, const auto& b) { return (a.id == pause) < (b.id == pause); });
  for (const auto& container : containers) cloud_.runtime.Remove(container.id, true);
  for (const std::string& volume : TaskVolumes(cloud_.settings, now.task, now.definition)) {
    cloud_.runtime.RemoveVolume(volume);
  }

  auto txn = cloud_.store.Begin();
  Json& task = txn->Edit(kTasks, key);
  for (Json& attachment : task["attachments"]) attachment["status"] = "DELETED";
  task["stoppedAt"] = cloud_.Now();
  SetStatus(task, "STOPPED");
  ReleaseAddress(*txn, task);
  txn->Commit();
  return false;
}

}  // namespace adhoc::localcloud
