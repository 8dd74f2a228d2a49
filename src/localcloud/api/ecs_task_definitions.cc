// Task definitions: their rules for Fargate, revisions, deregistration.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "localcloud/api/ecs_internal.h"

namespace adhoc::localcloud::ecs {
namespace {

[[noreturn]] void Refuse(const std::string& message) { throw ApiError("ClientException", message); }

bool IsValidName(const std::string& name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
}

// `1024`, `1 vCPU`, `.5 vCPU`; `2048`, `2 GB` (times 1024). 0 when it is none of these.
int Units(std::string text) {
  double scale = 1;
  for (const char* suffix : {"vCPU", "vcpu", "VCPU", "GB", "gb"}) {
    const auto at = text.find(suffix);
    if (at == std::string::npos) continue;
    text.erase(at);
    scale = 1024;
    break;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  return static_cast<int>(value * scale);
}

struct FargateSize {
  int cpu;
  int memory_min;
  int memory_max;
  int step;
};
constexpr FargateSize kFargateSizes[] = {
    {512, 1024, 4096, 1024},   {1024, 2048, 8192, 1024},   {2048, 4096, 16384, 1024},
    {4096, 8192, 30720, 1024}, {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192},
};

bool IsFargateSize(int cpu, int memory) {
  if (cpu == 256) return memory == 512 || memory == 1024 || memory == 2048;
  if (cpu == 32768) return memory == 60 * 1024 || memory == 120 * 1024 || memory == 244 * 1024;
  for (const auto& size : kFargateSizes) {
    if (size.cpu == cpu) {
      return memory >= size.memory_min && memory <= size.memory_max && (memory - size.memory_min) % size.step == 0;
    }
  }
  return false;
}

void CheckHealthCheck(const Json& container) {
  if (!container.contains("healthCheck")) return;
  const Json& check = container["healthCheck"];
  const Json command = check.value("command", Json::array());
  if (command.empty() || (command[0] != "CMD" && command[0] != "CMD-SHELL" && command[0] != "NONE")) {
    Refuse("Health check command must start with CMD or CMD-SHELL.");
  }
  const auto in_range = [&](const char* name, int min, int max) {
    if (check.contains(name) && (check[name] < min || check[name] > max)) {
      Refuse(fmt::format("Health check {} must be between {} and {}.", name, min, max));
    }
  };
  in_range("interval", 5, 300);
  in_range("timeout", 2, 60);
  in_range("retries", 1, 10);
  in_range("startPeriod", 0, 300);
}

void CheckLogs(const Json& container, bool fargate) {
  if (!container.contains("logConfiguration")) return;
  const Json& logs = container["logConfiguration"];
  const std::string driver = logs.value("logDriver", "");
  if (fargate && driver != "awslogs" && driver != "splunk" && driver != "awsfirelens") {
    Refuse("The log driver '" + driver + "' is not supported with Fargate. Use awslogs, splunk or awsfirelens.");
  }
  if (driver != "awslogs") return;
  const Json options = logs.value("options", Json::object());
  for (const char* name : {"awslogs-group", "awslogs-region"}) {
    if (!options.contains(name)) {
      Refuse(fmt::format("Log driver awslogs requires options: {}", name));
    }
  }
  if (fargate && !options.contains("awslogs-stream-prefix")) {
    Refuse("Log driver awslogs requires options: awslogs-stream-prefix when using the FARGATE launch type");
  }
}

void CheckDependencies(const Json& containers) {
  std::map<std::string, const Json*> by_name;
  for (const auto& container : containers) by_name[container.value("name", "")] = &container;
  std::map<std::string, std::set<std::string>> waits;
  for (const auto& container : containers) {
    const std::string name = container.value("name", "");
    for (const auto& dependency : container.value("dependsOn", Json::array())) {
      const std::string on = dependency.value("containerName", "");
      const std::string condition = dependency.value("condition", "");
      const auto found = by_name.find(on);
      if (found == by_name.end()) Refuse("Invalid 'dependsOn' setting: container '" + on + "' does not exist.");
      if (condition == "HEALTHY" && !found->second->contains("healthCheck")) {
        Refuse("Invalid 'dependsOn' setting: container '" + on + "' must have a health check for condition HEALTHY.");
      }
      if ((condition == "COMPLETE" || condition == "SUCCESS") && found->second->value("essential", true)) {
        Refuse("Invalid 'dependsOn' setting: condition " + condition +
               " cannot be used with the essential container '" + on + "'.");
      }
      waits[name].insert(on);
    }
  }
  // A container can start when everything that it waits for can; what never can is in a circle.
  std::set<std::string> startable;
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& [name, container] : by_name) {
      if (startable.contains(name)) continue;
      if (std::all_of(waits[name].begin(), waits[name].end(), [&](const auto& on) { return startable.contains(on); })) {
        startable.insert(name);
        moved = true;
      }
    }
  }
  if (startable.size() < by_name.size())
    Refuse("Invalid 'dependsOn' setting: containers depend on each other in a circle.");
}

void CheckContainers(const Json& definition, bool fargate) {
  const Json& containers = definition.at("containerDefinitions");
  if (containers.empty()) Refuse("Container list cannot be empty.");
  if (containers.size() > 10) Refuse("A task definition can have at most 10 containers.");
  std::set<std::string> names;
  bool essential = false;
  int memory = 0;
  for (const auto& container : containers) {
    const std::string name = container.value("name", "");
    if (name.empty()) Refuse("Container.name should not be null or empty.");
    if (!IsValidName(name)) {
      Refuse("Container name must be up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens.");
    }
    if (container.value("image", "").empty()) Refuse("Container.image should not be null or empty.");
    if (!names.insert(name).second) Refuse("Container names must be unique: '" + name + "' is used twice.");
    essential = essential || container.value("essential", true);
    memory += container.value("memory", 0);
    CheckHealthCheck(container);
    CheckLogs(container, fargate);
    if (!fargate) continue;
    for (const char* option : {"links", "extraHosts", "dnsServers", "dnsSearchDomains", "dockerSecurityOptions"}) {
      if (!container.value(option, Json::array()).empty()) {
        Refuse(fmt::format("'{}' setting for container is not supported for the FARGATE launch type.", option));
      }
    }
    if (container.value("privileged", false)) {
      Refuse("Fargate requires that 'privileged' is false for container '" + name + "'.");
    }
    if (container.value("stopTimeout", 0) > 120) Refuse("stopTimeout must be at most 120 seconds on Fargate.");
    for (const auto& mapping : container.value("portMappings", Json::array())) {
      const int port = mapping.value("containerPort", 0);
      if (mapping.contains("hostPort") && mapping["hostPort"] != 0 && mapping["hostPort"] != port) {
        Refuse(fmt::format("When networkMode=awsvpc, the host ports and container ports in port mappings must match."));
      }
    }
    for (const auto& capability : container.value("/linuxParameters/capabilities/add"_json_pointer, Json::array())) {
      if (capability != "SYS_PTRACE") {
        Refuse("The capability '" + capability.get<std::string>() + "' cannot be added on Fargate.");
      }
    }
  }
  if (!essential) Refuse("Task definition must have at least one essential container.");
  if (const int limit = Units(definition.value("memory", "")); limit > 0 && memory > limit) {
    Refuse("Invalid setting for container. The sum of the containers' memory must not exceed the task's memory.");
  }
  CheckDependencies(containers);
}

void Normalise(Json& container) {
  for (const char* list : {"portMappings", "environment", "mountPoints", "volumesFrom"}) {
    if (!container.contains(list)) container[list] = Json::array();
  }
  if (!container.contains("cpu")) container["cpu"] = 0;
  if (!container.contains("essential")) container["essential"] = true;
  for (Json& mapping : container["portMappings"]) {
    if (!mapping.contains("protocol")) mapping["protocol"] = "tcp";
    if (!mapping.contains("hostPort") && mapping.contains("containerPort"))
      mapping["hostPort"] = mapping["containerPort"];
  }
  if (container.contains("healthCheck")) {
    Json& check = container["healthCheck"];
    if (!check.contains("interval")) check["interval"] = 30;
    if (!check.contains("timeout")) check["timeout"] = 5;
    if (!check.contains("retries")) check["retries"] = 3;
  }
}

Json RegisterTaskDefinition(Cloud& cloud, Call& call) {
  Json definition = call.input;
  const std::string family = definition.value("family", "");
  if (!IsValidName(family)) {
    Refuse(
        "Family contains invalid characters. Use up to 255 letters (uppercase and lowercase), numbers, underscores, "
        "and hyphens.");
  }
  const Json tags = definition.value("tags", Json::array());
  definition.erase("tags");
  const Json compatibilities = definition.value("requiresCompatibilities", Json::array());
  const bool fargate = std::find(compatibilities.begin(), compatibilities.end(), "FARGATE") != compatibilities.end();
  if (fargate) {
    if (definition.value("networkMode", "") != "awsvpc") {
      Refuse("Fargate only supports network mode ‘awsvpc’.");
    }
    if (!definition.contains("cpu")) Refuse("Fargate requires that 'cpu' be defined at the task level.");
    if (!definition.contains("memory")) Refuse("Fargate requires that 'memory' be defined at the task level.");
    const int cpu = Units(definition["cpu"]);
    const int memory = Units(definition["memory"]);
    if (!IsFargateSize(cpu, memory)) {
      Refuse(
          fmt::format("No Fargate configuration exists for given values: {} CPU, {} memory. See the Amazon ECS "
                      "documentation for the valid values.",
                      definition["cpu"].get<std::string>(), definition["memory"].get<std::string>()));
    }
    definition["cpu"] = std::to_string(cpu);
    definition["memory"] = std::to_string(memory);
    if (definition.contains("ipcMode")) Refuse("ipcMode is not supported on Fargate.");
    if (definition.contains("pidMode") && definition["pidMode"] != "task") Refuse("pidMode must be task on Fargate.");
    if (const int disk = definition.value("/ephemeralStorage/sizeInGiB"_json_pointer, 20); disk < 20 || disk > 200) {
      Refuse("Ephemeral storage must be between 20 and 200 GiB.");
    }
    for (const auto& container : definition["containerDefinitions"]) {
      if (container.contains("logConfiguration") && definition.value("executionRoleArn", "").empty()) {
        Refuse("Fargate requires task definition to have execution role ARN to support log driver awslogs.");
      }
      if (!container.value("secrets", Json::array()).empty() && definition.value("executionRoleArn", "").empty()) {
        Refuse("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.");
      }
    }
  } else if (!definition.contains("memory")) {
    for (const auto& container : definition["containerDefinitions"]) {
      if (!container.contains("memory") && !container.contains("memoryReservation")) {
        Refuse("Invalid setting for container '" + container.value("name", "") +
               "'. At least one of 'memory' or 'memoryReservation' must be specified.");
      }
    }
  }
  CheckContainers(definition, fargate);
  for (Json& container : definition["containerDefinitions"]) Normalise(container);
  for (const char* list : {"volumes", "placementConstraints"}) {
    if (!definition.contains(list)) definition[list] = Json::array();
  }
  // Counted by the store, not by what exists: the number of a deleted revision never comes back.
  const auto revision = call.txn.NextNumber("ecs.taskdef." + family);
  const std::string key = family + ":" + std::to_string(revision);
  definition["revision"] = revision;
  definition["taskDefinitionArn"] = cloud.Arn("ecs", "task-definition/" + key);
  definition["status"] = "ACTIVE";
  definition["registeredAt"] = cloud.Now();
  definition["registeredBy"] = cloud.GlobalArn("iam", "root");
  definition["compatibilities"] =
      definition.value("networkMode", "") == "awsvpc" ? Json::array({"EC2", "FARGATE"}) : Json::array({"EC2"});
  definition["requiresAttributes"] = Json::array();
  Json answer = {{"taskDefinition", definition}, {"tags", tags}};
  definition["_tags"] = tags;
  call.txn.Put(kTaskDefinitions, key, std::move(definition));
  return answer;
}

Json DescribeTaskDefinition(Call& call) {
  const std::string key = FindTaskDefinition(call.txn, call.input["taskDefinition"]);
  if (key.empty()) Refuse("Unable to describe task definition.");
  const Json& definition = *call.txn.Find(kTaskDefinitions, key);
  Json answer = {{"taskDefinition", definition}};
  for (const auto& field : call.input.value("include", Json::array())) {
    if (field == "TAGS") answer["tags"] = definition.value("_tags", Json::array());
  }
  return answer;
}

Json ListTaskDefinitions(Call& call) {
  const std::string family = call.input.value("familyPrefix", "");
  const std::string status = call.input.value("status", "ACTIVE");
  std::map<std::pair<std::string, int>, std::string> sorted;
  for (const auto& [key, definition] : call.txn.All(kTaskDefinitions)) {
    if (definition.value("status", "") != status) continue;
    if (!family.empty() && definition.value("family", "") != family) continue;
    sorted[{definition.value("family", ""), definition.value("revision", 0)}] = definition.at("taskDefinitionArn");
  }
  std::vector<std::string> arns;
  for (const auto& [order, arn] : sorted) arns.push_back(arn);
  if (call.input.value("sort", "ASC") == "DESC") std::reverse(arns.begin(), arns.end());
  return Page("taskDefinitionArns", arns, call.input, 100);
}

Json ListTaskDefinitionFamilies(Call& call) {
  const std::string prefix = call.input.value("familyPrefix", "");
  const std::string status = call.input.value("status", "ACTIVE");
  std::map<std::string, bool> active;
  for (const auto& [key, definition] : call.txn.All(kTaskDefinitions)) {
    const std::string family = definition.value("family", "");
    if (family.starts_with(prefix)) active[family] = active[family] || definition.value("status", "") == "ACTIVE";
  }
  std::vector<std::string> families;
  for (const auto& [family, is_active] : active) {
    if (status == "ALL" || (status == "ACTIVE") == is_active) families.push_back(family);
  }
  return Page("families", families, call.input, 100);
}

Json DeregisterTaskDefinition(Cloud& cloud, Call& call) {
  const std::string reference = call.input["taskDefinition"];
  if (LastPart(reference).find(':') == std::string::npos) {
    throw ApiError("InvalidParameterException", "Revision is required to deregister a task definition.");
  }
  const std::string key = FindTaskDefinition(call.txn, reference);
  if (key.empty()) Refuse("The specified task definition does not exist.");
  Json& definition = call.txn.Edit(kTaskDefinitions, key);
  if (definition["status"] == "DELETE_IN_PROGRESS") Refuse("The specified task definition is being deleted.");
  if (definition["status"] == "ACTIVE") {
    definition["status"] = "INACTIVE";
    definition["deregisteredAt"] = cloud.Now();
  }
  return {{"taskDefinition", definition}};
}

Json DeleteTaskDefinitions(Call& call) {
  const Json& references = call.input["taskDefinitions"];
  if (references.size() > 10) {
    throw ApiError("InvalidParameterException", "At most 10 task definitions can be deleted at a time.");
  }
  Json deleted = Json::array();
  Json failures = Json::array();
  for (const auto& item : references) {
    const std::string reference = item;
    const std::string key = FindTaskDefinition(call.txn, reference);
    if (key.empty() || LastPart(reference).find(':') == std::string::npos) {
      failures.push_back(
          {{"arn", reference},
           {"reason",
            "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."}});
      continue;
    }
    Json& definition = call.txn.Edit(kTaskDefinitions, key);
    if (definition["status"] == "ACTIVE") {
      failures.push_back(
          {{"arn", definition["taskDefinitionArn"]},
           {"reason",
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again."}});
      continue;
    }
    definition["status"] = "DELETE_IN_PROGRESS";
    deleted.push_back(definition);
  }
  return {{"taskDefinitions", std::move(deleted)}, {"failures", std::move(failures)}};
}

}  // namespace

void RegisterTaskDefinitions(Api& api, Cloud& cloud) {
  api.On("ecs", "RegisterTaskDefinition", [&cloud](Call& call) { return RegisterTaskDefinition(cloud, call); });
  api.On("ecs", "DescribeTaskDefinition", DescribeTaskDefinition);
  api.On("ecs", "ListTaskDefinitions", ListTaskDefinitions);
  api.On("ecs", "ListTaskDefinitionFamilies", ListTaskDefinitionFamilies);
  api.On("ecs", "DeregisterTaskDefinition", [&cloud](Call& call) { return DeregisterTaskDefinition(cloud, call); });
  api.On("ecs", "DeleteTaskDefinitions", DeleteTaskDefinitions);
}

}  // namespace adhoc::localcloud::ecs
