#include "config/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "config/rules.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace {

class WorkloadReader {
 public:
  WorkloadReader(Reader& reader, bool spot_by_default)
      : reader_(reader), scope_(reader.scope()), spot_by_default_(spot_by_default) {}

  std::vector<Service> ReadServices(const YamlNode& node) {
    std::vector<Service> services;
    if (!reader_.AnyMap(node, "services")) return services;
    std::map<std::string, std::string> owners;  // of path patterns
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "services." + entry.key;
      CheckWorkloadName(entry, "service");
      const YamlNode& body = *entry.value;
      std::vector<std::string> keys = WorkloadKeys();
      keys.insert(keys.end(), {"port", "scale", "paths", "discoverable", "spot", "healthcheck", "deployment",
                               "deregistration_delay"});
      if (!reader_.Map(body, name, keys)) continue;
      Service service;
      service.name = entry.key;
      ReadWorkload(entry, name, service);
      reader_.Set(body, name, "port", service.port, 1, 65535);
      ReadScale(body, name + ".scale", service);
      reader_.Set(body, name, "discoverable", service.discoverable);
      service.spot = spot_by_default_;
      reader_.Set(body, name, "spot", service.spot);
      reader_.Set(body, name, "deregistration_delay", service.deregistration_delay, 0, 3600);
      ReadPaths(entry, name, service, owners);
      ReadHealthCheck(entry, name, service);
      ReadDeployment(entry, name, service);
      services.push_back(std::move(service));
    }
    return services;
  }

  std::vector<Task> ReadTasks(const YamlNode& node) {
    std::vector<Task> tasks;
    if (!reader_.AnyMap(node, "tasks")) return tasks;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "tasks." + entry.key;
      CheckWorkloadName(entry, "task");
      if (scope_.services.contains(entry.key)) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is already the name of a service", entry.key),
                        "services and tasks share one set of names");
      }
      std::vector<std::string> keys = WorkloadKeys();
      keys.emplace_back("when");
      if (!reader_.Map(*entry.value, name, keys)) continue;
      Task task;
      task.name = entry.key;
      ReadWorkload(entry, name, task);
      if (const YamlEntry* when = entry.value->Find("when")) {
        if (auto text = reader_.Text(*when->value, name + ".when")) {
          if (*text == "before-update") {
            task.when = Task::When::kBeforeUpdate;
          } else {
            reader_.Accept(*when->value, name + ".when", *text == "manual" ? "" : fmt::format("`{}` is unknown", *text),
                           Suggest(*text, {"before-update", "manual"}));
          }
        }
      }
      tasks.push_back(std::move(task));
    }
    return tasks;
  }

 private:
  void ReadPaths(const YamlEntry& entry, const std::string& name, Service& service,
                 std::map<std::string, std::string>& owners) {
    const YamlEntry* paths = entry.value->Find("paths");
    if (paths == nullptr) return;
    const YamlNode& node = *paths->value;
    const std::string path = name + ".paths";
    const auto texts = reader_.Texts(node, path);
    if (entry.value->Find("port") == nullptr) {
      reader_.Mistake(paths->key_range,
                      fmt::format("`{}` has paths, but no port for the load balancer to talk to", name), "add `port:`");
    }
    if (!texts) return;
    if (texts->empty()) reader_.Mistake(node.range, fmt::format("`{}` is empty", path), "leave `paths` out");
    for (std::size_t i = 0; i < texts->size(); ++i) {
      const std::string& pattern = (*texts)[i];
      const YamlNode& at = node.kind == YamlNode::Kind::kSequence ? *node.items[i] : node;
      if (!reader_.Accept(at, fmt::format("{}[{}]", path, i), PathPatternProblem(pattern))) continue;
      const auto [owner, added] = owners.emplace(pattern, entry.key);
      if (!added) {
        reader_.Mistake(
            at.range,
            owner->second == entry.key
                ? fmt::format("`{}` stands twice in `{}`", pattern, path)
                : fmt::format("two services cannot own `{}`: the service `{}` has it already", pattern, owner->second),
            "remove one of the two");
        continue;
      }
      service.paths.push_back(pattern);
    }
  }

  void ReadHealthCheck(const YamlEntry& entry, const std::string& name, Service& service) {
    const YamlEntry* block = entry.value->Find("healthcheck");
    const bool balanced = entry.value->Find("paths") != nullptr;
    if (block == nullptr) return;
    const std::string path = name + ".healthcheck";
    const YamlNode& node = *block->value;
    if (!reader_.Map(node, path,
                     {"path", "command", "interval", "timeout", "healthy_threshold", "unhealthy_threshold", "matcher",
                      "grace_period"})) {
      return;
    }
    HealthCheck& check = service.healthcheck;
    ReadHealthCommand(node, path, check);
    const bool contained = node.Find("command") != nullptr;
    if (!balanced && !contained) {
      reader_.Mistake(block->key_range,
                      fmt::format("`{}` has no effect: the service has no `paths`, so no load balancer asks it", path),
                      "add `command:` to check from inside the container, or remove it");
    } else if (!balanced) {
      for (const char* key : {"path", "matcher", "healthy_threshold"}) {
        if (const YamlEntry* unused = node.Find(key)) {
          reader_.Mistake(unused->key_range, fmt::format("`{}.{}` is for services with `paths`", path, key),
                          "remove it");
        }
      }
    }
    if (const YamlEntry* at = node.Find("path")) {
      if (auto text = reader_.Text(*at->value, path + ".path")) {
        std::string problem;
        if (!text->starts_with('/')) problem = "it has to start with `/`";
        if (text->size() > 1024) problem = "it has more than 1024 characters";
        if (reader_.Accept(*at->value, path + ".path", problem)) check.path = *text;
      }
    }
    if (const YamlEntry* matcher = node.Find("matcher")) {
      if (auto text = reader_.Text(*matcher->value, path + ".matcher")) {
        if (reader_.Accept(*matcher->value, path + ".matcher", MatcherProblem(*text))) check.matcher = *text;
      }
    }
    reader_.Set(node, path, "interval", check.interval, 5, 300);
    if (node.Find("timeout") == nullptr) check.timeout = std::min(check.timeout, check.interval - 1);
    reader_.Set(node, path, "timeout", check.timeout, 2, contained ? 60 : 120);
    if (check.timeout >= check.interval && !Unknown(*block, "interval")) {
      const YamlEntry* timeout = node.Find("timeout");
      reader_.Mistake(timeout->value->range, fmt::format("`{}.timeout` has to be less than the interval: {} ≥ {}", path,
                                                         check.timeout, check.interval));
    }
    reader_.Set(node, path, "healthy_threshold", check.healthy_threshold, 2, 10);
    reader_.Set(node, path, "unhealthy_threshold", check.unhealthy_threshold, balanced ? 2 : 1, 10);
    // ECS limits a container check's start period.
    reader_.Set(node, path, "grace_period", check.grace_period, 0, contained ? 300 : 7200);
  }

  void ReadHealthCommand(const YamlNode& node, const std::string& path, HealthCheck& check) {
    const YamlEntry* command = node.Find("command");
    if (command == nullptr) return;
    if (command->value->kind == YamlNode::Kind::kScalar && !IsSoleVariable(*command->value)) {
      if (auto text = reader_.Text(*command->value, path + ".command")) check.command = {"CMD-SHELL", std::move(*text)};
      return;
    }
    auto words = reader_.Texts(*command->value, path + ".command");
    if (!words) return;
    if (!words->empty() && (words->front() == "CMD" || words->front() == "CMD-SHELL")) {
      check.command = std::move(*words);
    } else {
      check.command = {"CMD"};
      check.command.insert(check.command.end(), words->begin(), words->end());
    }
    if (check.command.size() < 2) {
      reader_.Mistake(command->value->range, fmt::format("`{}.command` is empty", path));
    }
  }

  // A number, or {min, max, cpu}.
  void ReadScale(const YamlNode& body, const std::string& name, Service& service) {
    const YamlEntry* entry = body.Find("scale");
    if (entry == nullptr) return;
    const YamlNode& node = *entry->value;
    if (node.kind != YamlNode::Kind::kMap) {
      if (const auto number = reader_.Integer(node, name, 0, 1000)) service.scale = *number;
      return;
    }
    if (!reader_.Map(node, name, {"min", "max", "cpu"})) return;
    Autoscaling scaling;
    reader_.Set(node, name, "min", scaling.min, 1, 1000);
    scaling.max = scaling.min;
    if (node.Find("max") == nullptr) reader_.Mistake(entry->key_range, fmt::format("`{}` needs `max`", name));
    reader_.Set(node, name, "max", scaling.max, 1, 1000);
    reader_.Set(node, name, "cpu", scaling.cpu, 10, 100);
    if (scaling.max < scaling.min && !Unknown(*entry, "min") && !Unknown(*entry, "max")) {
      reader_.Mistake(entry->key_range, fmt::format("`{}` goes from {} to {}", name, scaling.min, scaling.max),
                      "`min` is the smaller number");
    }
    service.scale = scaling.min;
    service.autoscaling = scaling;
  }

  void ReadDeployment(const YamlEntry& entry, const std::string& name, Service& service) {
    const YamlEntry* block = entry.value->Find("deployment");
    if (block == nullptr) return;
    const std::string path = name + ".deployment";
    const YamlNode& node = *block->value;
    if (!reader_.Map(node, path, {"minimum_healthy_percent", "maximum_percent"})) return;
    DeploymentLimits& limits = service.deployment;
    reader_.Set(node, path, "minimum_healthy_percent", limits.minimum_healthy_percent, 0, 100);
    reader_.Set(node, path, "maximum_percent", limits.maximum_percent, 100, 200);
    // ECS rounds the lower limit up and the upper one down.
    const int lower = (service.scale * limits.minimum_healthy_percent + 99) / 100;
    const int upper = service.scale * limits.maximum_percent / 100;
    if (Unknown(entry, "scale") || Unknown(*block, "minimum_healthy_percent") || Unknown(*block, "maximum_percent"))
      return;
    if (service.scale > 0 && lower >= service.scale && upper <= service.scale) {
      reader_.Mistake(
          block->key_range,
          fmt::format("`{}` leaves no room for a new version: {} of {} tasks have to run, and no more than {} may",
                      path, lower, service.scale, upper),
          "write minimum_healthy_percent: 0 to stop the old one first, or maximum_percent: 200 to start the "
          "new one first");
    }
  }

  static std::vector<std::string> WorkloadKeys() {
    return {"image",  "entrypoint", "command",           "environment",  "environment_from", "secrets",         "cpu",
            "memory", "user",       "working_directory", "stop_timeout", "architecture",     "platform_version"};
  }

  void ReadWorkload(const YamlEntry& entry, const std::string& name, Workload& workload) {
    const YamlNode& body = *entry.value;
    if (const YamlEntry* image = body.Find("image")) {
      ReadImageSource(*image->value, name + ".image", workload.image);
    } else {
      reader_.Mistake(entry.key_range, fmt::format("`{}` has no image", name),
                      scope_.images.empty() ? "add `image:`" : "add `image:` with one of: " + Join(scope_.images));
    }
    if (const YamlEntry* words = body.Find("entrypoint")) {
      if (auto templates = reader_.Templates(*words->value, name + ".entrypoint"))
        workload.entrypoint = std::move(*templates);
    }
    if (const YamlEntry* words = body.Find("command")) {
      if (auto templates = reader_.Templates(*words->value, name + ".command"))
        workload.command = std::move(*templates);
    }
    ReadEnvironment(body, name, workload);
    ReadWorkloadSecrets(body, name, workload);
    ReadSize(entry, name, workload);
    reader_.Set(body, name, "user", workload.user);
    reader_.Set(body, name, "working_directory", workload.working_directory);
    reader_.Set(body, name, "stop_timeout", workload.stop_timeout, 2, 120);
    ReadPlatform(body, name, workload);
  }

  void ReadPlatform(const YamlNode& body, const std::string& name, Workload& workload) {
    if (const YamlEntry* architecture = body.Find("architecture")) {
      const std::string path = name + ".architecture";
      if (auto text = reader_.Text(*architecture->value, path)) {
        const bool known = *text == "arm64" || *text == "x86_64";
        reader_.Accept(*architecture->value, path, known ? "" : fmt::format("Fargate has no `{}`", *text),
                       known ? "" : "use one of: x86_64, arm64");
        workload.arm64 = *text == "arm64";
      }
    }
    if (const YamlEntry* version = body.Find("platform_version")) {
      const std::string path = name + ".platform_version";
      if (auto text = reader_.Text(*version->value, path)) {
        const std::string problem = PlatformVersionProblem(*text);
        if (reader_.Accept(*version->value, path, problem, problem.empty() ? "" : "write LATEST, or leave it out")) {
          workload.platform_version = *text;
        }
      }
    }
  }

  void ReadImageSource(const YamlNode& node, const std::string& path, ImageSource& source) {
    if (node.kind == YamlNode::Kind::kScalar && node.scalar.starts_with("${image.") && node.scalar.ends_with('}')) {
      const std::string image = node.scalar.substr(8, node.scalar.size() - 9);
      reader_.Mistake(node.range, fmt::format("`{}` takes the name of an image, not a reference to one", path),
                      "write " + image);
      return;
    }
    const auto text = reader_.Text(node, path);
    if (!text) return;
    if (std::find(scope_.images.begin(), scope_.images.end(), *text) != scope_.images.end()) {
      source.image = *text;
      return;
    }
    // A bare word is far more often a mistyped entry of `images:` than an image of somebody's default registry.
    if (text->find_first_of("/:@.") == std::string::npos) {
      const std::string nearest = Nearest(*text, scope_.images);
      reader_.Mistake(
          node.range, fmt::format("unknown image `{}`: `images:` has no such entry", *text),
          nearest.empty()
              ? fmt::format("declare it in `images:`, or write a full name such as docker.io/library/{}:latest", *text)
              : fmt::format("did you mean `{}`?", nearest));
      return;
    }
    if (reader_.Accept(node, path, ImageUriProblem(*text))) source.uri = *text;
  }

  void ReadEnvironment(const YamlNode& body, const std::string& name, Workload& workload) {
    if (const YamlEntry* environment = body.Find("environment")) {
      const std::string path = name + ".environment";
      const YamlNode& node = *environment->value;
      if (node.kind == YamlNode::Kind::kSequence) {
        reader_.Mistake(node.range, fmt::format("`{}` has to be a map, found a list", path), "write NAME: value");
      } else if (node.kind != YamlNode::Kind::kNull && reader_.AnyMap(node, path)) {
        for (const YamlEntry& variable : node.entries) {
          if (!CheckVariableName(variable, path)) continue;
          auto value = reader_.TemplateText(*variable.value, path + "." + variable.key);
          if (value) workload.environment[variable.key] = std::move(*value);
        }
      }
    }
    if (const YamlEntry* from = body.Find("environment_from")) {
      const std::string path = name + ".environment_from";
      if (from->value->kind == YamlNode::Kind::kSequence) {
        for (std::size_t i = 0; i < from->value->items.size(); ++i) {
          MergeEnvironment(*from->value->items[i], fmt::format("{}[{}]", path, i), workload);
        }
      } else {
        MergeEnvironment(*from->value, path, workload);
      }
    }
  }

  // Puts the entries of a map variable over those of `environment`.
  void MergeEnvironment(const YamlNode& node, const std::string& path, Workload& workload) {
    if (!IsSoleVariable(node)) {
      reader_.Mistake(node.range,
                      fmt::format("`{}` has to be a reference to a variable, found {}", path, DescribeYaml(node)),
                      "write \"${var.NAME}\" with a variable of type map(string)");
      return;
    }
    const VariableValue variable = EvaluateVariable(node, scope_, Allow::kVariables, reader_.diagnostics());
    if (!variable.ok) return;
    if (!variable.value.is_object() && !variable.value.is_null()) {
      reader_.Mistake(
          node.range,
          fmt::format("`{}` has to be a map, and `{}` is {}", path, node.scalar, DescribeJson(variable.value)),
          fmt::format("declare the variable `{}` with type: map(string)", variable.variable));
      return;
    }
    if (!variable.known) return;
    for (const auto& [key, value] : variable.value.items()) {
      const std::string problem = VariableNameProblem(key);
      if (!problem.empty()) {
        reader_.Mistake(node.range, fmt::format("`{}` in the variable `{}` is no name of an environment variable: {}",
                                                key, variable.variable, problem));
      } else if (value.is_structured() || value.is_null()) {
        reader_.Mistake(node.range, fmt::format("`{}` in the variable `{}` has to be a text, found {}", key,
                                                variable.variable, DescribeJson(value)));
      } else {
        workload.environment[key] = Template(JsonText(value));
      }
    }
  }

  void ReadWorkloadSecrets(const YamlNode& body, const std::string& name, Workload& workload) {
    const YamlEntry* secrets = body.Find("secrets");
    if (secrets == nullptr || secrets->value->kind == YamlNode::Kind::kNull) return;
    const std::string path = name + ".secrets";
    const YamlNode& node = *secrets->value;
    const auto add = [&](const std::string& key, const Range& range, Reference reference) {
      if (workload.environment.contains(key)) {
        reader_.Mistake(range, fmt::format("`{}` is set in `environment` and in `secrets`", key),
                        "remove one of the two");
        return;
      }
      workload.secrets.insert_or_assign(key, std::move(reference));
    };
    if (node.kind == YamlNode::Kind::kSequence) {
      // Short for NAME: "${secrets.NAME}".
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        const auto key = reader_.Text(*node.items[i], fmt::format("{}[{}]", path, i));
        if (!key) continue;
        if (std::find(scope_.secrets.begin(), scope_.secrets.end(), *key) == scope_.secrets.end()) {
          reader_.Mistake(node.items[i]->range,
                          fmt::format("unknown secret `{}`: the top-level `secrets:` has no such entry", *key),
                          scope_.secrets.empty() ? "declare it there" : Suggest(*key, scope_.secrets));
          continue;
        }
        add(*key, node.items[i]->range, Reference{Reference::Kind::kSecret, *key, node.items[i]->range});
      }
      return;
    }
    if (!reader_.AnyMap(node, path)) return;
    for (const YamlEntry& secret : node.entries) {
      if (!CheckVariableName(secret, path)) continue;
      auto reference = reader_.Secret(*secret.value, path + "." + secret.key);
      if (reference) add(secret.key, secret.key_range, std::move(*reference));
    }
  }

  void ReadSize(const YamlEntry& entry, const std::string& name, Workload& workload) {
    const YamlEntry* cpu = entry.value->Find("cpu");
    const YamlEntry* memory = entry.value->Find("memory");
    const auto cpus = cpu == nullptr ? std::nullopt : reader_.Integer(*cpu->value, name + ".cpu", 256, 16384);
    const auto size = memory == nullptr ? std::nullopt : reader_.Integer(*memory->value, name + ".memory", 512, 122880);
    // Nothing to compare when one of them is unknown or wrong by itself.
    if ((cpu != nullptr && !cpus) || (memory != nullptr && !size)) return;
    if (cpus) workload.cpu = *cpus;
    if (size) workload.memory = *size;
    if (!cpus && size) {
      const int smallest = SmallestFargateCpu(*size);
      if (smallest == 0) {
        reader_.Mistake(memory->value->range, fmt::format("`{}.memory`: Fargate has no {} MiB", name, *size),
                        "use 512, or a multiple of 1024");
        return;
      }
      workload.cpu = smallest;
    }
    if (cpus && !size) {
      const std::vector<int> memories = FargateMemories(*cpus);
      if (!memories.empty()) workload.memory = memories.front();
    }
    const std::string problem = FargateProblem(workload.cpu, workload.memory);
    if (problem.empty()) return;
    const YamlNode& at = memory != nullptr && !FargateMemories(workload.cpu).empty() ? *memory->value : *cpu->value;
    reader_.Mistake(at.range, fmt::format("the size of `{}` does not exist: {}", name, problem));
  }

  // Whether the value depends on a variable that is not known yet: rules that compare two values then have to wait.
  bool Unknown(const YamlEntry& parent, std::string_view key) const {
    const YamlEntry* entry = parent.value->Find(key);
    return scope_.variables == nullptr && entry != nullptr && entry->value->scalar.find("${") != std::string::npos;
  }

  bool CheckVariableName(const YamlEntry& entry, const std::string& path) {
    const std::string problem = VariableNameProblem(entry.key);
    if (problem.empty()) return true;
    reader_.Mistake(entry.key_range,
                    fmt::format("`{}` in `{}` is no name of an environment variable: {}", entry.key, path, problem));
    return false;
  }

  void CheckWorkloadName(const YamlEntry& entry, std::string_view what) {
    reader_.CheckName(entry, what, kMaxWorkloadName);
    const auto& roots = ReferenceRoots();
    if (std::find(roots.begin(), roots.end(), entry.key) != roots.end()) {
      reader_.Mistake(
          entry.key_range,
          fmt::format("a {} cannot be called `{}`: references of that name mean something else", what, entry.key),
          "use another name");
    }
  }

  Reader& reader_;
  const Scope& scope_;
  bool spot_by_default_;
};

}  // namespace

std::vector<Service> ReadServices(const YamlNode& node, Reader& reader, bool spot_by_default) {
  return WorkloadReader(reader, spot_by_default).ReadServices(node);
}

std::vector<Task> ReadTasks(const YamlNode& node, Reader& reader) {
  return WorkloadReader(reader, false).ReadTasks(node);
}

}  // namespace adhoc::config
