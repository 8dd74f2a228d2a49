#include "localcloud/scheduler/containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "localcloud/network/metadata_route.h"
#include "localcloud/scheduler/documents.h"
#include "localcloud/scheduler/parameters.h"
#include "localcloud/scheduler/start_watch.h"

namespace adhoc::localcloud::ecs {
namespace {

constexpr std::int64_t kMiB = 1024 * 1024;

std::vector<std::string> Strings(const Json& document, const char* name) {
  const auto found = document.find(name);
  return found == document.end() ? std::vector<std::string>() : found->get<std::vector<std::string>>();
}

const Json* Override(const Json& task, std::string_view container) {
  const auto overrides = task.find("overrides");
  if (overrides == task.end()) return nullptr;
  const auto list = overrides->find("containerOverrides");
  if (list == overrides->end()) return nullptr;
  for (const Json& item : *list) {
    if (item.value("name", "") == container) return &item;
  }
  return nullptr;
}

Labels TaskLabels(const Settings& settings, const Json& task) {
  Labels labels;
  for (const Json& tag : task.value("_tags", Json::array())) {
    const std::string key = tag.value("key", "");
    if (key.starts_with("adhoc:")) labels["adhoc." + key.substr(6)] = tag.value("value", "");
    if (key == "env") labels["adhoc.env"] = tag.value("value", "");
  }
  labels["adhoc.instance"] = settings.instance;
  labels["adhoc.task"] = task.at("taskArn");
  labels["adhoc.cluster"] = LastPart(task.at("clusterArn").get<std::string>());
  labels["adhoc.group"] = task.value("group", "");
  return labels;
}

int Number(const std::string& text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string Short(const Json& task) { return LastPart(task.at("taskArn").get<std::string>()).substr(0, 12); }

void SetEnvironment(ContainerSpec& spec, const Json& list) {
  for (const Json& item : list) spec.environment[item.value("name", "")] = item.value("value", "");
}

// Where a container finds out about its task, and its role's credentials.
void SetTaskEndpoint(ContainerSpec& spec, const Settings& settings, const Json& task, std::string_view container,
                     const TaskNetwork& network) {
  const std::string base = network.has_route ? fmt::format("http://{}", kTaskEndpointAddress)
                                             : fmt::format("http://{}:{}", network.gateway, settings.port);
  for (const Json& entry : task.at("containers")) {
    if (entry.value("name", "") != container || !entry.contains("_metadata_id")) continue;
    const std::string id = entry["_metadata_id"];
    spec.environment["ECS_CONTAINER_METADATA_URI"] = fmt::format("{}/v3/{}", base, id);
    spec.environment["ECS_CONTAINER_METADATA_URI_V4"] = fmt::format("{}/v4/{}", base, id);
  }
  if (!network.has_route) {
    spec.environment["AWS_ACCESS_KEY_ID"] = "adhoc-task";
    spec.environment["AWS_SECRET_ACCESS_KEY"] = "adhoc-task";
  } else if (task.contains("_credentials_id")) {
    spec.environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] =
        "/v2/credentials/" + task["_credentials_id"].get<std::string>();
  }
}

void Connect(ContainerSpec& spec, const TaskNetwork& network) {
  spec.network = network.name;
  spec.ip = network.ip;
  spec.aliases = network.aliases;
  if (network.has_route) spec.dns_server = kResolverAddress;
}

std::string VolumeName(const Settings& settings, const Json& task, const std::string& volume) {
  return fmt::format("adhoc-{}-{}-{}", settings.instance, Short(task), volume);
}

}  // namespace

const Json& ContainerDefinition(const Json& task_definition, std::string_view name) {
  for (const Json& container : task_definition.at("containerDefinitions")) {
    if (container.value("name", "") == name) return container;
  }
  throw Error("the task definition has no container " + std::string(name));
}

bool NeedsPause(const Json& task_definition) { return task_definition.at("containerDefinitions").size() > 1; }

std::string ContainerName(const Settings& settings, const Json& task, std::string_view container) {
  std::string definition = TaskDefinitionKey(task.at("taskDefinitionArn").get<std::string>());
  std::replace(definition.begin(), definition.end(), ':', '-');
  return fmt::format("adhoc-{}-{}-{}-{}", settings.instance, definition, container, Short(task));
}

// No container of a task definition can have a dot in its name.
std::string PauseName(const Settings& settings, const Json& task) { return ContainerName(settings, task, ".network"); }

ContainerSpec PauseSpec(const Settings& settings, const Json& task, const TaskNetwork& network) {
  ContainerSpec spec;
  spec.name = PauseName(settings, task);
  spec.image = settings.pause_image;
  spec.labels = TaskLabels(settings, task);
  spec.labels["adhoc.container"] = ".network";
  Connect(spec, network);
  return spec;
}

ContainerSpec MakeContainerSpec(const Settings& settings, const Json& task, const Json& task_definition,
                                std::string_view container, const TaskNetwork& network, const Secrets& secrets,
                                const Folders& folders) {
  const Json& definition = ContainerDefinition(task_definition, container);
  ContainerSpec spec;
  spec.name = ContainerName(settings, task, container);
  spec.image = definition.at("image");
  spec.entrypoint = Strings(definition, "entryPoint");
  spec.command = Strings(definition, "command");
  spec.user = definition.value("user", "");
  spec.working_directory = definition.value("workingDirectory", "");
  spec.labels = TaskLabels(settings, task);
  const Json docker_labels = definition.value("dockerLabels", Json::object());
  for (const auto& [key, value] : docker_labels.items()) {
    spec.labels.emplace(key, value.get<std::string>());
  }
  spec.labels["adhoc.container"] = container;
  spec.tty = definition.value("pseudoTerminal", false);
  spec.open_stdin = definition.value("interactive", false);
  spec.read_only_root = definition.value("readonlyRootFilesystem", false);
  if (definition.contains("linuxParameters")) {
    const Json& linux_parameters = definition["linuxParameters"];
    spec.init = linux_parameters.value("initProcessEnabled", false);
    spec.add_capabilities = Strings(linux_parameters.value("capabilities", Json::object()), "add");
    spec.drop_capabilities = Strings(linux_parameters.value("capabilities", Json::object()), "drop");
    for (const Json& mount : linux_parameters.value("tmpfs", Json::array())) {
      spec.tmpfs.push_back(mount.value("containerPath", ""));
    }
  }

  // What the platform sets can be overridden by the definition, that by secrets and by RunTask.
  spec.environment = {{"AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"},
                      {"AWS_REGION", settings.region},
                      {"AWS_DEFAULT_REGION", settings.region},
                      {"AWS_ENDPOINT_URL", fmt::format("http://{}:{}", network.gateway, settings.port)}};
  SetTaskEndpoint(spec, settings, task, container, network);
  SetEnvironment(spec, definition.value("environment", Json::array()));
  if (const auto found = secrets.find(std::string(container)); found != secrets.end()) {
    for (const auto& [name, value] : found->second) spec.environment[name] = value;
  }

  // A container's cpu is a share of the task's on Fargate, not a limit; its memory is one.
  int memory = definition.value("memory", 0);
  if (const Json* given = Override(task, container)) {
    if (given->contains("command")) spec.command = Strings(*given, "command");
    SetEnvironment(spec, given->value("environment", Json::array()));
    memory = given->value("memory", memory);
  }
  const int task_memory = Number(task.value("memory", ""));
  if (task_memory > 0 && (memory == 0 || memory > task_memory)) memory = task_memory;
  spec.memory_bytes = memory * kMiB;
  spec.cpus = StartCpus(TaskCpus(task));

  std::map<std::string, std::string> volumes;
  for (const Json& volume : task_definition.value("volumes", Json::array())) {
    const std::string name = volume.value("name", "");
    volumes[name] = VolumeName(settings, task, name);
  }
  for (const Json& point : definition.value("mountPoints", Json::array())) {
    const auto volume = volumes.find(point.value("sourceVolume", ""));
    if (volume == volumes.end()) continue;
    Mount mount;
    if (const auto folder = folders.find(volume->first); folder != folders.end()) {
      mount.host_path = folder->second;
    } else {
      mount.volume = volume->second;
    }
    mount.container_path = point.value("containerPath", "");
    mount.read_only = point.value("readOnly", false);
    spec.mounts.push_back(std::move(mount));
  }

  if (NeedsPause(task_definition)) {
    spec.share_network_with = PauseName(settings, task);
  } else {
    Connect(spec, network);
    std::string host = "ip-" + network.ip;
    std::replace(host.begin(), host.end(), '.', '-');
    spec.hostname = definition.value("hostname", host);
  }
  return spec;
}

double TaskCpus(const Json& task) { return Number(task.value("cpu", "")) / 1024.0; }

std::vector<std::string> TaskVolumes(const Settings& settings, const Json& task, const Json& task_definition) {
  std::vector<std::string> names;
  for (const Json& volume : task_definition.value("volumes", Json::array())) {
    if (volume.contains("efsVolumeConfiguration")) continue;
    names.push_back(VolumeName(settings, task, volume.value("name", "")));
  }
  return names;
}

Startable CanStart(const Json& task, const Json& task_definition, std::string_view container) {
  using Answer = Startable::Answer;
  const Json& definition = ContainerDefinition(task_definition, container);
  for (const Json& dependency : definition.value("dependsOn", Json::array())) {
    const std::string on = dependency.value("containerName", "");
    const std::string condition = dependency.value("condition", "START");
    for (const Json& other : task.at("containers")) {
      if (other.value("name", "") != on) continue;
      const std::string status = other.value("lastStatus", "");
      if (status == "PENDING") return {Answer::kWait, ""};
      if (condition == "START") continue;
      if (condition == "HEALTHY") {
        if (status == "STOPPED") {
          return {Answer::kNever,
                  fmt::format("container {} waits for {} to be HEALTHY, which has ended", container, on)};
        }
        if (other.value("healthStatus", "") != "HEALTHY") return {Answer::kWait, ""};
        continue;
      }
      if (status != "STOPPED") return {Answer::kWait, ""};
      if (condition == "SUCCESS" && other.value("exitCode", 1) != 0) {
        return {Answer::kNever, fmt::format("container {} waits for {} to succeed, which exited with {}", container, on,
                                            other.contains("exitCode") ? std::to_string(other["exitCode"].get<int>())
                                                                       : std::string("no code"))};
      }
    }
  }
  return {};
}

std::vector<std::string> StartOrder(const Json& task_definition) {
  const Json& containers = task_definition.at("containerDefinitions");
  std::vector<std::string> order;
  std::set<std::string> placed;
  while (order.size() < containers.size()) {
    const std::size_t before = order.size();
    for (const Json& container : containers) {
      const std::string name = container.at("name");
      if (placed.contains(name)) continue;
      const Json dependencies = container.value("dependsOn", Json::array());
      if (std::all_of(dependencies.begin(), dependencies.end(),
                      [&](const Json& d) { return placed.contains(d.value("containerName", "")); })) {
        placed.insert(name);
        order.push_back(name);
      }
    }
    // RegisterTaskDefinition refuses circles.
    if (order.size() == before) throw Error("the containers depend on each other in a circle");
  }
  return order;
}

namespace {

[[noreturn]] void MissingSecret(const std::string& arn, const std::string& why) {
  throw Error(
      fmt::format("ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
                  "retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
                  "time(s): failed to fetch secret {} from secrets manager: {}",
                  arn, why));
}

std::vector<std::string> SplitColons(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ':') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string SecretValue(const Store::Transaction& txn, const std::string& reference) {
  if (!reference.starts_with("arn:") || reference.find(":secretsmanager:") == std::string::npos) {
    if (auto value = ParameterValue(txn, reference)) return *value;
    throw Error(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: " +
        ParseParameterReference(reference).name);
  }
  // arn:aws:secretsmanager:region:account:secret:name-suffix[:json-key:version-stage:version-id]
  const std::vector<std::string> parts = SplitColons(reference);
  const auto part = [&](std::size_t i) { return i < parts.size() ? parts[i] : std::string(); };
  std::string arn = part(0);
  for (std::size_t i = 1; i < 7; ++i) arn += ":" + part(i);
  const std::string json_key = part(7);
  const std::string stage = part(8).empty() ? "AWSCURRENT" : part(8);
  const std::string version_id = part(9);

  const Json* secret = txn.Find("secretsmanager.secrets", arn);
  if (secret == nullptr) {
    // The name without the random suffix is enough for AWS too.
    for (const auto& [key, candidate] : txn.All("secretsmanager.secrets")) {
      if (candidate.value("Name", "") == part(6)) secret = &candidate;
    }
  }
  if (secret == nullptr || secret->contains("DeletedDate")) {
    MissingSecret(arn, "ResourceNotFoundException: Secrets Manager can't find the specified secret.");
  }
  const Json versions = secret->value("_versions", Json::object());
  for (const auto& [id, version] : versions.items()) {
    const Json stages = version.value("stages", Json::array());
    if (!version_id.empty() ? id != version_id : std::find(stages.begin(), stages.end(), stage) == stages.end())
      continue;
    const std::string value = version.value("SecretString", version.value("SecretBinary", ""));
    if (json_key.empty()) return value;
    const Json object = Json::parse(value, nullptr, false);
    if (!object.is_object() || !object.contains(json_key)) {
      throw Error(fmt::format(
          "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
          "unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets "
          "Manager did not contain json key {}",
          json_key));
    }
    const Json& member = object[json_key];
    return member.is_string() ? member.get<std::string>() : member.dump();
  }
  MissingSecret(
      arn,
      "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: " + stage);
}

}  // namespace

Secrets ResolveSecrets(const Store::Transaction& txn, const Json& task_definition) {
  Secrets secrets;
  for (const Json& container : task_definition.at("containerDefinitions")) {
    for (const Json& secret : container.value("secrets", Json::array())) {
      secrets[container.at("name")][secret.at("name")] = SecretValue(txn, secret.at("valueFrom"));
    }
  }
  return secrets;
}

std::optional<LogTarget> LogTargetOf(const Json& task_definition, std::string_view container,
                                     const std::string& task_id) {
  const Json& definition = ContainerDefinition(task_definition, container);
  if (!definition.contains("logConfiguration")) return std::nullopt;
  const Json& logs = definition["logConfiguration"];
  if (logs.value("logDriver", "") != "awslogs") return std::nullopt;
  const Json options = logs.value("options", Json::object());
  LogTarget target;
  target.group = options.value("awslogs-group", "");
  const std::string prefix = options.value("awslogs-stream-prefix", "");
  target.stream = prefix.empty() ? task_id : fmt::format("{}/{}/{}", prefix, container, task_id);
  target.create_group = options.value("awslogs-create-group", "false") == "true";
  return target;
}

std::vector<std::string> HealthCommand(const Json& container_definition) {
  if (!container_definition.contains("healthCheck")) return {};
  std::vector<std::string> command = Strings(container_definition["healthCheck"], "command");
  if (command.size() < 2) return {};
  if (command[0] == "CMD-SHELL") return {"/bin/sh", "-c", command[1]};
  command.erase(command.begin());
  return command;
}

}  // namespace adhoc::localcloud::ecs
