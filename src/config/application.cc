#include "config/application.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "config/reader.h"
#include "config/rules.h"
#include "config/variable_type.h"

namespace adhoc::config {

namespace {

// Of a service or task; with the shortest environment name it still fits everywhere.
constexpr std::size_t kMaxWorkloadName = 28;

class ApplicationReader {
 public:
  ApplicationReader(const Scope& scope, bool spot_by_default, Diagnostics& diagnostics)
      : reader_(scope, diagnostics), scope_(scope), spot_by_default_(spot_by_default) {}

  Application Read(const YamlNode& root) {
    if (const YamlEntry* entry = root.Find("images")) ReadImages(*entry->value);
    if (const YamlEntry* entry = root.Find("secrets")) ReadSecrets(*entry->value);
    if (const YamlEntry* entry = root.Find("database")) ReadDatabase(*entry->value);
    if (const YamlEntry* entry = root.Find("bucket")) ReadBucket(*entry->value);
    if (const YamlEntry* entry = root.Find("services")) ReadServices(*entry->value);
    if (const YamlEntry* entry = root.Find("tasks")) ReadTasks(*entry->value);
    return std::move(application_);
  }

 private:
  void ReadImages(const YamlNode& node) {
    if (!reader_.AnyMap(node, "images")) return;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "images." + entry.key;
      CheckName(entry, "image", kMaxWorkloadName);
      const YamlNode& body = *entry.value;
      if (!reader_.Map(body, name, {"build", "containerfile", "repository", "tag", "git", "args"})) continue;
      Image image;
      image.name = entry.key;
      image.repository = entry.key;
      Set(body, name, "build", image.build);
      Set(body, name, "containerfile", image.containerfile);
      Set(body, name, "git", image.git);
      if (const YamlEntry* repository = body.Find("repository")) {
        const std::string path = name + ".repository";
        if (auto text = reader_.Text(*repository->value, path)) {
          if (reader_.Accept(*repository->value, path, RepositoryProblem(*text))) image.repository = *text;
        }
      }
      if (const YamlEntry* tag = body.Find("tag")) {
        ReadTag(*tag->value, name + ".tag", image);
      } else {
        reader_.Mistake(entry.key_range, fmt::format("`{}` has no tag", name), "add tag: \"${var.…}\"");
      }
      if (const YamlEntry* args = body.Find("args"); args != nullptr && reader_.AnyMap(*args->value, name + ".args")) {
        for (const YamlEntry& arg : args->value->entries) {
          const std::string path = name + ".args." + arg.key;
          if (auto text = reader_.Text(*arg.value, path)) image.build_args[arg.key] = std::move(*text);
        }
      }
      application_.images.push_back(std::move(image));
    }
  }

  void ReadTag(const YamlNode& node, const std::string& path, Image& image) {
    const auto tag = reader_.Text(node, path);
    if (IsSoleVariable(node)) {
      Diagnostics reported;
      image.tag_variable = EvaluateVariable(node, scope_, Allow::kVariables, reported).variable;
      // ${var.tags.backend} is made by a part of a variable only.
      if (const auto* declaration = scope_.FindVariable(image.tag_variable);
          declaration == nullptr || node.scalar.find(image.tag_variable + ".") != std::string::npos) {
        image.tag_variable.clear();
      }
    }
    if (tag && reader_.Accept(node, path, TagProblem(*tag))) image.tag = *tag;
  }

  void ReadSecrets(const YamlNode& node) {
    if (!reader_.AnyMap(node, "secrets")) return;
    for (const YamlEntry& entry : node.entries) {
      const std::string name = "secrets." + entry.key;
      const std::string problem = VariableNameProblem(entry.key);
      if (!problem.empty()) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for a secret: {}", entry.key, problem));
      }
      const YamlNode& body = *entry.value;
      if (body.kind == YamlNode::Kind::kScalar) {
        reader_.Mistake(body.range, fmt::format("`{}` has to be a map, found a text", name),
                        "write {generate: 50} for a random value, or {value: \"${var.…}\"}");
        continue;
      }
      if (!reader_.Map(body, name, {"generate", "value"})) continue;
      Secret secret;
      secret.name = entry.key;
      const YamlEntry* generate = body.Find("generate");
      const YamlEntry* value = body.Find("value");
      if ((generate != nullptr) == (value != nullptr)) {
        reader_.Mistake(entry.key_range, fmt::format("`{}` needs either `generate` or `value`", name),
                        "write {generate: 50} for a random value, or {value: \"${var.…}\"}");
        continue;
      }
      if (generate != nullptr) {
        secret.generate = reader_.Integer(*generate->value, name + ".generate", 8, 1024).value_or(0);
      } else {
        ReadSecretValue(*value->value, name + ".value", secret);
      }
      application_.secrets.push_back(std::move(secret));
    }
  }

  void ReadSecretValue(const YamlNode& node, const std::string& path, Secret& secret) {
    if (node.kind != YamlNode::Kind::kScalar) {
      reader_.Mistake(node.range, fmt::format("`{}` has to be a text, found {}", path, DescribeYaml(node)));
      return;
    }
    const Evaluated found = Evaluate(node, scope_, Allow::kSecretValue, reader_.diagnostics());
    if (!found.ok) return;
    if (found.variables.empty()) {
      // Not shown: it may be a real one.
      Range range = node.range;
      range.source = nullptr;
      reader_.Mistake(range, fmt::format("{}: `{}` holds a secret in plain text", node.range.ToString(), path),
                      "write {generate: 50}, or take it from a variable that is set outside of git");
      return;
    }
    application_.secret_variables.insert(found.variables.begin(), found.variables.end());
    if (found.known) secret.value = found.Text();
  }

  void ReadDatabase(const YamlNode& node) {
    application_.database.emplace();
    if (node.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(node, "database", {"image", "version", "class", "storage", "seed"})) return;
    Database& database = *application_.database;
    if (const YamlEntry* image = node.Find("image")) {
      if (auto uri = reader_.Text(*image->value, "database.image")) {
        if (reader_.Accept(*image->value, "database.image", ImageUriProblem(*uri))) database.image = *uri;
      }
    }
    if (const YamlEntry* version = node.Find("version")) {
      if (auto text = reader_.Text(*version->value, "database.version")) {
        const bool valid = !text->empty() && text->find_first_not_of("0123456789.") == std::string::npos;
        if (reader_.Accept(*version->value, "database.version",
                           valid ? "" : "it is a PostgreSQL version such as 15 or 15.4")) {
          database.version = *text;
        }
      }
    }
    if (const YamlEntry* type = node.Find("class")) {
      if (auto text = reader_.Text(*type->value, "database.class")) {
        if (reader_.Accept(*type->value, "database.class", text->starts_with("db.") ? "" : "it starts with `db.`",
                           "for example db.t4g.micro")) {
          database.instance_class = *text;
        }
      }
    }
    Set(node, "database", "storage", database.storage, 20, 65536);
    Set(node, "database", "seed", database.seed);
  }

  void ReadBucket(const YamlNode& node) {
    application_.bucket.emplace();
    if (node.kind == YamlNode::Kind::kNull) return;
    if (!reader_.Map(node, "bucket", {"public"})) return;
    const YamlEntry* patterns = node.Find("public");
    if (patterns == nullptr) return;
    const auto texts = reader_.Texts(*patterns->value, "bucket.public");
    if (!texts) return;
    for (std::size_t i = 0; i < texts->size(); ++i) {
      const std::string& pattern = (*texts)[i];
      const bool listed = patterns->value->kind == YamlNode::Kind::kSequence;
      const YamlNode& at = listed ? *patterns->value->items[i] : *patterns->value;
      std::string problem;
      if (pattern.empty()) problem = "it is empty";
      if (pattern.starts_with('/')) problem = "keys do not start with `/`";
      if (pattern.size() > 512) problem = "it has more than 512 characters";
      if (reader_.Accept(at, fmt::format("bucket.public[{}]", i), problem,
                         pattern.starts_with('/') ? "write " + pattern.substr(1) : "")) {
        application_.bucket->public_patterns.push_back(pattern);
      }
    }
  }

  // ---- services and tasks

  void ReadServices(const YamlNode& node) {
    if (!reader_.AnyMap(node, "services")) return;
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
      Set(body, name, "port", service.port, 1, 65535);
      Set(body, name, "scale", service.scale, 0, 1000);
      Set(body, name, "discoverable", service.discoverable);
      service.spot = spot_by_default_;
      Set(body, name, "spot", service.spot);
      Set(body, name, "deregistration_delay", service.deregistration_delay, 0, 3600);
      ReadPaths(entry, name, service, owners);
      ReadHealthCheck(entry, name, service);
      ReadDeployment(entry, name, service);
      application_.services.push_back(std::move(service));
    }
  }

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
    std::size_t wildcards = 0;
    for (std::size_t i = 0; i < texts->size(); ++i) {
      const std::string& pattern = (*texts)[i];
      const YamlNode& at = node.kind == YamlNode::Kind::kSequence ? *node.items[i] : node;
      if (!reader_.Accept(at, fmt::format("{}[{}]", path, i), PathPatternProblem(pattern))) continue;
      wildcards += static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '*') +
                                            std::count(pattern.begin(), pattern.end(), '?'));
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
    // A listener rule has five condition values, of which the host name is one.
    if (texts->size() > 4) {
      reader_.Mistake(
          paths->key_range,
          fmt::format("`{}` has {} path patterns: a load balancer's rule has room for 4 beside the host name", path,
                      texts->size()),
          "join some of them with a wildcard");
    } else if (wildcards > 5) {
      reader_.Mistake(paths->key_range,
                      fmt::format("`{}` has {} wildcards: a load balancer's rule may have 5", path, wildcards));
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
    Set(node, path, "interval", check.interval, 5, 300);
    if (node.Find("timeout") == nullptr) check.timeout = std::min(check.timeout, check.interval - 1);
    Set(node, path, "timeout", check.timeout, 2, contained ? 60 : 120);
    if (check.timeout >= check.interval && !Unknown(*block, "interval")) {
      const YamlEntry* timeout = node.Find("timeout");
      reader_.Mistake(timeout->value->range, fmt::format("`{}.timeout` has to be less than the interval: {} ≥ {}", path,
                                                         check.timeout, check.interval));
    }
    Set(node, path, "healthy_threshold", check.healthy_threshold, 2, 10);
    Set(node, path, "unhealthy_threshold", check.unhealthy_threshold, balanced ? 2 : 1, 10);
    // ECS limits a container check's start period.
    Set(node, path, "grace_period", check.grace_period, 0, contained ? 300 : 7200);
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

  void ReadDeployment(const YamlEntry& entry, const std::string& name, Service& service) {
    const YamlEntry* block = entry.value->Find("deployment");
    if (block == nullptr) return;
    const std::string path = name + ".deployment";
    const YamlNode& node = *block->value;
    if (!reader_.Map(node, path, {"minimum_healthy_percent", "maximum_percent"})) return;
    DeploymentLimits& limits = service.deployment;
    Set(node, path, "minimum_healthy_percent", limits.minimum_healthy_percent, 0, 100);
    Set(node, path, "maximum_percent", limits.maximum_percent, 100, 200);
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

  void ReadTasks(const YamlNode& node) {
    if (!reader_.AnyMap(node, "tasks")) return;
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
      application_.tasks.push_back(std::move(task));
    }
  }

  static std::vector<std::string> WorkloadKeys() {
    return {"image", "entrypoint", "command", "environment",       "environment_from", "secrets",
            "cpu",   "memory",     "user",    "working_directory", "stop_timeout"};
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
    Set(body, name, "user", workload.user);
    Set(body, name, "working_directory", workload.working_directory);
    Set(body, name, "stop_timeout", workload.stop_timeout, 2, 120);
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

  // ---- shared by all

  void Set(const YamlNode& body, const std::string& name, const char* key, std::string& value) {
    if (const YamlEntry* entry = body.Find(key)) {
      if (auto text = reader_.Text(*entry->value, name + "." + key)) value = std::move(*text);
    }
  }
  void Set(const YamlNode& body, const std::string& name, const char* key, int& value, int low, int high) {
    if (const YamlEntry* entry = body.Find(key)) {
      if (auto number = reader_.Integer(*entry->value, name + "." + key, low, high)) value = *number;
    }
  }
  void Set(const YamlNode& body, const std::string& name, const char* key, bool& value) {
    if (const YamlEntry* entry = body.Find(key)) {
      if (auto boolean = reader_.Boolean(*entry->value, name + "." + key)) value = *boolean;
    }
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

  void CheckName(const YamlEntry& entry, std::string_view what, std::size_t max_length) {
    const std::string problem = NameProblem(entry.key, max_length);
    if (!problem.empty()) {
      reader_.Mistake(entry.key_range, fmt::format("`{}` is no name for {} {}: {}", entry.key,
                                                   what == "image" ? "an" : "a", what, problem));
    }
  }

  void CheckWorkloadName(const YamlEntry& entry, std::string_view what) {
    CheckName(entry, what, kMaxWorkloadName);
    const auto& roots = ReferenceRoots();
    if (std::find(roots.begin(), roots.end(), entry.key) != roots.end()) {
      reader_.Mistake(
          entry.key_range,
          fmt::format("a {} cannot be called `{}`: references of that name mean something else", what, entry.key),
          "use another name");
    }
  }

  Reader reader_;
  const Scope& scope_;
  bool spot_by_default_;
  Application application_;
};

}  // namespace

Scope MakeScope(const YamlNode& root, const std::vector<VariableDeclaration>& declarations,
                const std::map<std::string, Json>* variables, const EnvironmentFacts* environment) {
  Scope scope;
  scope.declarations = &declarations;
  scope.variables = variables;
  scope.environment = environment;
  scope.database = root.Find("database") != nullptr;
  scope.bucket = root.Find("bucket") != nullptr;
  const auto keys = [&](const char* section) {
    std::vector<std::string> names;
    if (const YamlEntry* entry = root.Find(section)) {
      for (const YamlEntry& item : entry->value->entries) names.push_back(item.key);
    }
    return names;
  };
  scope.images = keys("images");
  scope.secrets = keys("secrets");
  if (const YamlEntry* services = root.Find("services")) {
    for (const YamlEntry& entry : services->value->entries) {
      Scope::ServiceFacts facts;
      if (const YamlEntry* port = entry.value->Find("port")) {
        facts.port_written = true;
        // Its mistakes are reported where the service is read.
        Diagnostics reported;
        facts.port = Reader(scope, reported).Integer(*port->value, "port", 1, 65535);
      }
      if (const YamlEntry* discoverable = entry.value->Find("discoverable")) {
        // Anything but a plain false: what is wrong with it is reported where it is read.
        facts.discoverable = YamlBool(*discoverable->value).value_or(true);
      }
      scope.services[entry.key] = facts;
    }
  }
  return scope;
}

Application ReadApplication(const YamlNode& root, const Scope& scope, bool spot_by_default, Diagnostics& diagnostics) {
  return ApplicationReader(scope, spot_by_default, diagnostics).Read(root);
}

}  // namespace adhoc::config
